package intake

import (
	"context"
	"fmt"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
)

// Admit leaves of a login's chats, the one with the newest message first, those that have a room and as many of the others
// as the user wants to have. refused is how many are left out. portal is where a chat's room is.
func Admit[Chat any](ctx context.Context, i *Intake, login *bridgev2.UserLogin, chats []Chat, portal func(Chat) networkid.PortalKey) (admitted []Chat, refused int, err error) {
	left, err := i.Left(ctx, login)
	if err != nil {
		return nil, 0, err
	}
	for _, chat := range chats {
		key := portal(chat)
		has, err := i.bridge.GetExistingPortalByKey(ctx, key)
		if err != nil {
			return nil, 0, fmt.Errorf("get portal %q: %w", key.ID, err)
		}
		if has == nil || has.MXID == "" {
			if left == 0 {
				refused++
				continue
			}
			left--
		}
		admitted = append(admitted, chat)
	}
	return admitted, refused, nil
}

// Tell says in a user's chat with the bot how many chats of a login have no room, if that is any. network is the network's
// name; more says that there are others beyond these.
func (i *Intake) Tell(ctx context.Context, login *bridgev2.UserLogin, network string, refused int, more bool) {
	if refused == 0 {
		return
	}
	room, err := login.User.GetManagementRoom(ctx)
	if err != nil {
		login.Log.Debug().Err(err).Msg("No management room to tell of chats without rooms")
		return
	}
	body := fmt.Sprintf("%d older %s chats get a room when somebody writes in them. `%s chats all` brings all of them now.",
		refused, network, i.bridge.Config.CommandPrefix)
	if more {
		body = "More than " + body
	}
	content := &event.Content{Parsed: &event.MessageEventContent{MsgType: event.MsgNotice, Body: body, Mentions: &event.Mentions{}}}
	if _, err = i.bridge.Bot.SendMessage(ctx, room, event.EventMessage, content, nil); err != nil {
		login.Log.Warn().Err(err).Msg("Could not tell of chats without rooms")
	}
}
