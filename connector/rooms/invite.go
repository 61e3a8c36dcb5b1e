package rooms

import (
	"context"
	"errors"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// invites is whether a state event invites somebody.
func invites(kind event.Type, content *event.Content) bool {
	member, ok := content.Parsed.(*event.MemberEventContent)
	return ok && kind == event.StateMember && member.Membership == event.MembershipInvite
}

// refused looks why an invitation was refused. Dendrite may not yet list somebody as a member who has just come into a new
// room, so that bridgev2 invites them again, and refuses that in words that the library does not know as it knows Synapse's:
// for somebody who is in the room there is nothing to be done, and no error.
func (r *Rooms) refused(ctx context.Context, room id.RoomID, user id.UserID, refusal error) error {
	if !errors.Is(refusal, mautrix.MForbidden) || r.library == nil {
		return refusal
	}
	var now event.MemberEventContent
	err := r.library.Bot.Client.StateEvent(ctx, room, event.StateMember, user.String(), &now)
	if err != nil || now.Membership != event.MembershipJoin {
		return refusal
	}
	return r.library.Bot.StateStore.SetMembership(ctx, room, user, event.MembershipJoin)
}
