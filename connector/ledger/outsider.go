package ledger

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

// An outsider is in a room without an account that takes part in its chat: somebody whom its user has invited, or who shares
// a group's room. What they write goes nowhere, unless the room has a relay.

// toOutsider puts the failure of an outsider's event into words: the library names the login that is missing, and calls
// retriable what can't succeed. Members who are not bridged are no failure at all, so nobody is told of those.
func (l *Ledger) toOutsider(ctx context.Context, status *bridgev2.MessageStatus, info *bridgev2.MessageStatusEventInfo) *bridgev2.MessageStatus {
	if !errors.Is(status.InternalError, bridgev2.ErrNotLoggedIn) {
		return status
	}
	if info.EventType == event.StateMember {
		quiet := status.WithSendNotice(false).WithIsCertain(true)
		quiet.DisableMSS = true
		return &quiet
	}
	portal, err := l.bridge.GetPortalByMXID(ctx, info.RoomID)
	if err != nil || portal == nil {
		return status
	}
	because := "none of your accounts takes part in this chat"
	if portal.Receiver != "" {
		login, err := l.bridge.GetExistingUserLoginByID(ctx, portal.Receiver)
		if err != nil || login == nil || login.UserMXID == info.Sender {
			return status
		}
		because = fmt.Sprintf("this chat belongs to an account of %s, and only what they write here goes there", login.UserMXID)
	} else if user, err := l.bridge.GetExistingUserByMXID(ctx, info.Sender); err != nil || user != nil && user.GetDefaultLogin() != nil {
		return status // they may have been logged out of this one
	}
	told := status.WithMessage(because).WithStatus(event.MessageStatusFail).WithErrorReason(event.MessageStatusNoPermission).WithIsCertain(true)
	return &told
}
