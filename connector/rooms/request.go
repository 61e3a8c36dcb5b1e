package rooms

import (
	"context"
	"fmt"
	"strings"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// A request is a portal that its network calls one (ChatInfo.MessageRequest). It stands in its user's space of requests
// until the user has accepted it: by writing, by a reaction to the notice that asks, by a command, or on the network.

const (
	acceptKey  = "✅"
	declineKey = "❌"
)

// divert is the space in which a portal is to stand that bridgev2 puts into another; empty leaves it at that.
func (r *Rooms) divert(ctx context.Context, space, room id.RoomID) (id.RoomID, error) {
	portal, err := r.bridge.GetPortalByMXID(ctx, room)
	if err != nil || portal == nil || !portal.MessageRequest {
		return "", err
	}
	for _, login := range r.bridge.GetAllCachedUserLogins() {
		if login.SpaceRoom != space {
			continue
		}
		requests, err := r.requestSpace(ctx, login.User)
		if err != nil {
			return "", err
		}
		if !r.note(placement{room, login.UserMXID}, true) {
			r.askLater(login, portal.PortalKey, room)
		}
		return requests, nil
	}
	return "", nil
}

// note remembers whether a room stands among the requests, and answers what was known before.
func (r *Rooms) note(p placement, among bool) (before bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	before = r.asked[p]
	r.asked[p] = among
	return before
}

// amongRequests is whether a portal stands among a user's requests.
func (r *Rooms) amongRequests(ctx context.Context, p placement) (bool, error) {
	r.lock.Lock()
	among, loaded := r.asked[p], r.loaded[p.user]
	r.lock.Unlock()
	if among || loaded || r.library == nil {
		return among, nil
	}
	space, err := r.spaceIfAny(ctx, p.user, kindRequests)
	if err != nil {
		return false, err
	}
	children := make(map[id.RoomID]bool)
	if space != "" {
		state, err := r.library.Bot.State(ctx, space)
		if err != nil {
			return false, fmt.Errorf("read the requests of %s: %w", p.user, err)
		}
		for room, evt := range state[event.StateSpaceChild] {
			children[id.RoomID(room)] = len(evt.Content.AsSpaceChild().Via) > 0
		}
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	for room, in := range children {
		if _, known := r.asked[placement{room, p.user}]; !known {
			r.asked[placement{room, p.user}] = in
		}
	}
	r.loaded[p.user] = true
	return r.asked[p], nil
}

// replace moves a login's portal to where it belongs, if it stands elsewhere.
func (r *Rooms) replace(ctx context.Context, seen look, login *bridgev2.UserLogin) error {
	if login.SpaceRoom == "" || seen.inside {
		return nil // bridgev2 will put it into its first place
	}
	p := placement{seen.room, login.UserMXID}
	among, err := r.amongRequests(ctx, p)
	if err != nil {
		return err
	}
	if among == seen.request {
		r.note(p, among)
		return nil
	}
	requests, err := r.requestSpace(ctx, login.User)
	if err != nil {
		return err
	}
	from, to := requests, login.SpaceRoom
	if seen.request {
		from, to = to, from
	}
	if err = r.setChild(ctx, to, seen.room, true); err != nil {
		return err
	}
	if err = r.setChild(ctx, from, seen.room, false); err != nil {
		return err
	}
	switch before := r.note(p, seen.request); {
	case before == seen.request: // bridgev2 was quicker to put it there, see divert
	case seen.request:
		r.askLater(login, seen.key, seen.room)
	default:
		r.say(ctx, seen.room, "This chat is accepted. It is now among your chats on "+r.networkOf(seen.key.ID)+".")
	}
	return nil
}

// askLater puts the question when the portal's loop is through with what it does now. bridgev2 fills spaces while it still
// makes the room, before its people are known to be in it, and what is encrypted then can't be read by all of them.
func (r *Rooms) askLater(login *bridgev2.UserLogin, key networkid.PortalKey, room id.RoomID) {
	login.QueueRemoteEvent(&simplevent.EventMeta{
		Type:      bridgev2.RemoteEventUnknown,
		PortalKey: key,
		LogContext: func(with zerolog.Context) zerolog.Context {
			r.running.Add(1)
			go func() {
				defer r.running.Done()
				r.ask(r.ctx, key.ID, room)
			}()
			return with
		},
	})
}

// ask puts the question whether a chat is wanted into its room, with two reactions to click.
func (r *Rooms) ask(ctx context.Context, portal networkid.PortalID, room id.RoomID) {
	notice := r.say(ctx, room, fmt.Sprintf("This is a request: somebody whom you have not written with wants to talk to you on %s. "+
		"Nothing is marked as read there before you accept. Write here or click %s to accept, click %s to decline "+
		"(or send `%s accept` or `%s decline`).", r.networkOf(portal), acceptKey, declineKey,
		r.bridge.Config.CommandPrefix, r.bridge.Config.CommandPrefix))
	if notice == "" {
		return
	}
	for _, key := range []string{acceptKey, declineKey} {
		content := &event.ReactionEventContent{RelatesTo: event.RelatesTo{Type: event.RelAnnotation, EventID: notice, Key: key}}
		if _, err := r.bot.SendMessage(ctx, room, event.EventReaction, &event.Content{Parsed: content}, nil); err != nil {
			r.log.Warn().Err(err).Stringer("room_id", room).Msg("Could not offer a reaction to click")
		}
	}
}

// say sends a notice as the bot. It is a courtesy: a failure is logged only.
func (r *Rooms) say(ctx context.Context, room id.RoomID, text string) id.EventID {
	content := &event.MessageEventContent{MsgType: event.MsgNotice, Body: text, Mentions: &event.Mentions{}}
	resp, err := r.bot.SendMessage(ctx, room, event.EventMessage, &event.Content{Parsed: content}, nil)
	if err != nil {
		r.log.Warn().Err(err).Stringer("room_id", room).Msg("Could not send a notice about a request")
		return ""
	}
	return resp.EventID
}

func (r *Rooms) networkOf(portal networkid.PortalID) string {
	name, _ := r.nameOf(string(portal))
	return name.DisplayName
}

// onReaction is called before the library handles a reaction. One to the question of a request, which is no bridged
// message, becomes what the library has for it.
func (r *Rooms) onReaction(ctx context.Context, evt *event.Event) {
	content, ok := evt.Content.Parsed.(*event.ReactionEventContent)
	if !ok || evt.Sender == r.bot.GetMXID() || r.bridge.IsGhostMXID(evt.Sender) {
		return
	}
	key := strings.TrimRight(content.RelatesTo.Key, "\ufe0f")
	if key != acceptKey && key != declineKey {
		return
	}
	portal, err := r.bridge.GetPortalByMXID(ctx, evt.RoomID)
	if err != nil || portal == nil || !portal.MessageRequest {
		return
	}
	row, err := r.bridge.DB.Message.GetPartByMXID(ctx, content.RelatesTo.EventID)
	if err != nil || row != nil {
		return
	}
	if key == acceptKey {
		evt.Type = event.BeeperAcceptMessageRequest
		evt.Content = event.Content{Parsed: &event.BeeperAcceptMessageRequestEventContent{}}
		return
	}
	// The library tells nobody of the outcome of a deletion, and the ledger would wait for it.
	evt.Type = event.Type{Type: "app.crosschat.declined", Class: event.EphemeralEventType}
	evt.Mautrix.EventSource |= event.SourceEphemeral // so the portal ignores it, without looking for a login
	r.running.Add(1)
	go func() {
		defer r.running.Done()
		if answer := r.decline(r.ctx, portal, evt.Sender); answer != "" {
			r.say(r.ctx, evt.RoomID, answer)
		}
	}()
}

// loginFor is the login by which a user takes part in a portal, nil if there is none.
func loginFor(ctx context.Context, portal *bridgev2.Portal, user *bridgev2.User) *bridgev2.UserLogin {
	login, _, err := portal.FindPreferredLogin(ctx, user, false)
	if err != nil {
		return nil
	}
	return login
}

// decline declines a request; its network tells, like of any chat that is deleted there, that the room is to go. It answers
// what to tell the user if that failed.
func (r *Rooms) decline(ctx context.Context, portal *bridgev2.Portal, sender id.UserID) string {
	user, err := r.bridge.GetExistingUserByMXID(ctx, sender)
	if err != nil || user == nil {
		return "You can't decline this: you are not logged in."
	}
	login := loginFor(ctx, portal, user)
	if login == nil {
		return "You can't decline this: the chat belongs to another login, or yours has ended."
	}
	api, ok := login.Client.(bridgev2.DeleteChatHandlingNetworkAPI)
	if !ok {
		return "This can't be declined: " + r.networkOf(portal.ID) + " has no way to delete a chat."
	}
	if err = api.HandleMatrixDeleteChat(ctx, &bridgev2.MatrixDeleteChat{
		Content: &event.BeeperChatDeleteEventContent{FromMessageRequest: true}, Portal: portal,
	}); err != nil {
		return failure("declined", r.networkOf(portal.ID), err)
	}
	r.log.Info().Object("portal_key", portal.PortalKey).Msg("A request was declined")
	return ""
}

// accept accepts a request. It answers what to tell the user if that failed.
func (r *Rooms) accept(ctx context.Context, portal *bridgev2.Portal, user *bridgev2.User, cause id.EventID) string {
	login := loginFor(ctx, portal, user)
	if login == nil {
		return "You can't accept this: the chat belongs to another login, or yours has ended."
	}
	evt := &event.Event{
		Type: event.BeeperAcceptMessageRequest, ID: cause, RoomID: portal.MXID, Sender: user.MXID,
		Content: event.Content{Parsed: &event.BeeperAcceptMessageRequestEventContent{}},
	}
	//lint:ignore SA1019 only this handler asks for the outcome, and a queued event would tell of it to nobody
	if result := portal.Internal().HandleMatrixAcceptMessageRequest(ctx, login, nil, evt); result.Error != nil {
		return failure("accepted", r.networkOf(portal.ID), result.Error)
	}
	return ""
}

func failure(what, network string, err error) string {
	status := bridgev2.WrapErrorInStatus(err)
	reason := status.Message
	if reason == "" || status.Status == event.MessageStatusPending {
		reason = network + " can't be reached or did not take it; try again later"
	}
	return fmt.Sprintf("The request could not be %s: %s.", what, strings.TrimSuffix(reason, "."))
}
