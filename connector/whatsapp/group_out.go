package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	"crosschat/connector/meow"
)

// What the user changes of a group's room changes the group. State does not wait for a connection, since by then it may
// have changed again on either side: what WhatsApp did not take is put back in the room, and the user is told why.

var (
	_ bridgev2.RoomNameHandlingNetworkAPI   = (*Client)(nil)
	_ bridgev2.RoomTopicHandlingNetworkAPI  = (*Client)(nil)
	_ bridgev2.RoomAvatarHandlingNetworkAPI = (*Client)(nil)
	_ bridgev2.MembershipHandlingNetworkAPI = (*Client)(nil)
)

// groupPictureSide is the size of the pictures that WhatsApp's own clients give to groups.
const groupPictureSide = 640

// HandleMatrixRoomName implements bridgev2.RoomNameHandlingNetworkAPI.
func (c *Client) HandleMatrixRoomName(ctx context.Context, msg *bridgev2.MatrixRoomName) (bool, error) {
	if !isGroupPortal(msg.Portal) {
		return false, nil
	}
	portal := msg.Portal
	err := c.changeGroup(ctx, portal, func(ctx context.Context, group types.JID) error {
		if msg.Content.Name == "" {
			return ledger.Refuse("a group on WhatsApp must have a name")
		}
		return c.wa.SetGroupName(ctx, group, msg.Content.Name)
	})
	if err != nil {
		portal.NameSet = false
		c.putBack(portal, &bridgev2.ChatInfoChange{ChatInfo: &bridgev2.ChatInfo{Name: &portal.Name}})
		return false, err
	}
	portal.Name, portal.NameSet = msg.Content.Name, true
	return true, nil
}

// HandleMatrixRoomTopic implements bridgev2.RoomTopicHandlingNetworkAPI.
func (c *Client) HandleMatrixRoomTopic(ctx context.Context, msg *bridgev2.MatrixRoomTopic) (bool, error) {
	if !isGroupPortal(msg.Portal) {
		return false, nil
	}
	portal := msg.Portal
	err := c.changeGroup(ctx, portal, func(ctx context.Context, group types.JID) error {
		return c.wa.SetGroupTopic(ctx, group, "", "", msg.Content.Topic)
	})
	if err != nil {
		portal.TopicSet = false
		c.putBack(portal, &bridgev2.ChatInfoChange{ChatInfo: &bridgev2.ChatInfo{Topic: &portal.Topic}})
		return false, err
	}
	portal.Topic, portal.TopicSet = msg.Content.Topic, true
	return true, nil
}

// HandleMatrixRoomAvatar implements bridgev2.RoomAvatarHandlingNetworkAPI.
func (c *Client) HandleMatrixRoomAvatar(ctx context.Context, msg *bridgev2.MatrixRoomAvatar) (bool, error) {
	if !isGroupPortal(msg.Portal) {
		return false, nil
	}
	portal, id := msg.Portal, ""
	err := c.changeGroup(ctx, portal, func(ctx context.Context, group types.JID) error {
		picture, err := c.groupPicture(ctx, msg.Content)
		if err == nil {
			id, err = c.wa.SetGroupPhoto(ctx, group, picture)
		}
		return err
	})
	if err != nil {
		portal.AvatarSet = false
		avatar := &bridgev2.Avatar{Remove: portal.AvatarMXC == "", ID: portal.AvatarID, MXC: portal.AvatarMXC, Hash: portal.AvatarHash}
		c.putBack(portal, &bridgev2.ChatInfoChange{ChatInfo: &bridgev2.ChatInfo{Avatar: avatar}})
		return false, err
	}
	if msg.Content.URL == "" {
		id = ""
	}
	portal.AvatarID, portal.AvatarMXC, portal.AvatarHash = networkid.AvatarID(id), msg.Content.URL, [32]byte{}
	portal.AvatarSet = true
	return true, nil
}

// groupPicture makes of a room's picture one as WhatsApp wants it, nil if it is to have none.
func (c *Client) groupPicture(ctx context.Context, content *event.RoomAvatarEventContent) (picture []byte, err error) {
	if content.URL == "" {
		return nil, nil
	}
	file := &event.MessageEventContent{MsgType: event.MsgImage, URL: content.URL}
	err = c.fetch(ctx, file, maxImageSize, func(_ context.Context, file *os.File) error {
		picture, err = convert.Thumbnail(file, groupPictureSide)
		if err == nil && picture == nil {
			err = ledger.Refuse("WhatsApp takes JPEG and PNG as the picture of a group")
		}
		return err
	})
	return picture, err
}

// HandleMatrixMembership implements bridgev2.MembershipHandlingNetworkAPI: who is invited is added, who is thrown out or
// whose invitation is taken back is removed, and who leaves leaves. What Matrix users without WhatsApp do is their own.
func (c *Client) HandleMatrixMembership(ctx context.Context, msg *bridgev2.MatrixMembershipChange) (*bridgev2.MatrixMembershipResult, error) {
	if !isGroupPortal(msg.Portal) {
		return nil, nil
	}
	target, ok := memberOf(msg.Target)
	if !ok {
		return nil, nil
	}
	var change whatsmeow.ParticipantChange
	before := event.MembershipLeave
	switch msg.Type {
	case bridgev2.Leave:
		return nil, c.changeGroup(ctx, msg.Portal, c.wa.LeaveGroup)
	case bridgev2.Invite:
		change = whatsmeow.ParticipantChangeAdd
	case bridgev2.Kick, bridgev2.BanJoined:
		change, before = whatsmeow.ParticipantChangeRemove, event.MembershipJoin
	case bridgev2.RevokeInvite, bridgev2.BanInvited:
		change = whatsmeow.ParticipantChangeRemove
	default:
		return nil, nil
	}
	err := c.changeGroup(ctx, msg.Portal, func(ctx context.Context, group types.JID) error {
		return c.changeMember(ctx, group, target, change)
	})
	after := before
	switch {
	case err == nil && change == whatsmeow.ParticipantChangeAdd:
		after = event.MembershipJoin
	case err == nil:
		after = event.MembershipLeave
	}
	// Either way the room is to show what is so now: an invitation that WhatsApp took is accepted, one it refused is void.
	c.putBack(msg.Portal, &bridgev2.ChatInfoChange{MemberChanges: &bridgev2.ChatMemberList{MemberMap: bridgev2.ChatMemberMap{}.
		Set(bridgev2.ChatMember{EventSender: c.as(target), Membership: after}),
	}})
	return nil, err
}

// memberOf is the address of who a membership is about; it is false if they are not on WhatsApp.
func memberOf(target bridgev2.GhostOrUserLogin) (types.JID, bool) {
	var raw networkid.UserID
	switch t := target.(type) {
	case *bridgev2.Ghost:
		raw = t.ID
	case *bridgev2.UserLogin:
		raw = networkid.UserID(t.ID)
	}
	jid, err := parseID(raw)
	return jid, err == nil
}

// changeMember adds somebody to a group or removes them.
func (c *Client) changeMember(ctx context.Context, group, who types.JID, change whatsmeow.ParticipantChange) error {
	answers, err := c.wa.UpdateGroupParticipants(ctx, group, []types.JID{who}, change)
	if err != nil {
		return err
	}
	for _, answer := range answers {
		if why := memberRefusal(answer.Error, change == whatsmeow.ParticipantChangeAdd); why != "" {
			return ledger.Refuse(why)
		}
	}
	return nil
}

// memberRefusal explains why somebody was not added or removed, "" if they were, or need not be.
func memberRefusal(code int, add bool) string {
	switch {
	case code == 0, add && code == http.StatusConflict, !add && code == http.StatusNotFound:
		return ""
	case add && code == http.StatusForbidden:
		return "WhatsApp does not let you add this person to groups; send them the group's link from your phone"
	case add && code == http.StatusRequestTimeout:
		return "this person has left the group a short while ago and can't be added again yet"
	case add && code == http.StatusNotFound:
		return "this person is not on WhatsApp any more"
	default:
		return fmt.Sprintf("WhatsApp refused the change of members (error %d)", code)
	}
}

func isGroupPortal(portal *bridgev2.Portal) bool {
	chat, err := parseChat(portal.ID)
	return err == nil && chat.Server == types.GroupServer
}

// changeGroup does something to the group of a portal. The error is ready for bridgev2.
func (c *Client) changeGroup(ctx context.Context, portal *bridgev2.Portal, do func(context.Context, types.JID) error) error {
	group, done, err := c.beginSend(portal)
	if err != nil {
		return err
	}
	defer done()
	if !c.online.Open() {
		return groupError(whatsmeow.ErrNotConnected)
	}
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	if err = do(ctx, group); err != nil && meow.BrokenOff(ctx, err) {
		err = whatsmeow.ErrNotConnected
	}
	return groupError(err)
}

// groupError says what a user can make of a change of a group that failed.
func groupError(err error) error {
	status := bridgev2.WrapErrorInStatus(err).WithSendNotice(true).WithIsCertain(true).WithStatus(event.MessageStatusFail)
	code := refusalCode(err)
	switch {
	case err == nil, errors.As(err, new(bridgev2.MessageStatus)):
		return err
	case errors.Is(err, whatsmeow.ErrInvalidImageFormat):
		return ledger.Refuse("WhatsApp does not take this picture")
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return status.WithMessage("WhatsApp does not let you change this: only the group's admins may")
	case code == http.StatusNotAcceptable, code == http.StatusBadRequest:
		return status.WithMessage("WhatsApp does not take this; it may be too long")
	case code != 0:
		return status.WithMessage(fmt.Sprintf("WhatsApp refused the change (error %d); try again later", code))
	case meow.ConnectionLost(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return status.WithErrorReason(event.MessageStatusNetworkError).
			WithMessage("WhatsApp can't be reached, so the group was not changed; try again when it is back")
	default:
		return status.WithMessage("the group could not be changed")
	}
}

// putBack makes a room show what is so on WhatsApp, after what is being handled now.
func (c *Client) putBack(portal *bridgev2.Portal, change *bridgev2.ChatInfoChange) {
	c.login.QueueRemoteEvent(&simplevent.ChatInfoChange{
		EventMeta: simplevent.EventMeta{
			Type:      bridgev2.RemoteEventChatInfoChange,
			PortalKey: portal.PortalKey,
			Timestamp: time.Now(),
		},
		ChatInfoChange: change,
	})
}
