package messenger

import (
	"context"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	crosschatdb "crosschat/database"
)

// EndToEnd says how a chat is encrypted on the network, for the room's security label: those on the encrypted plane are. It
// is asked from goroutines that may not look into the portal itself.
func (c *Client) EndToEnd(portal *bridgev2.Portal) string {
	key, err := parseID(portal.ID)
	if err != nil {
		return ""
	}
	known, _ := c.known.thread(key)
	if known.encrypted() {
		return "signal"
	} else if known.PlainAgain {
		return ""
	}
	// An earlier login may have seen it, see onEncrypted.
	bridge := c.network.bridge
	row, err := bridge.DB.Portal.GetByKey(bridge.BackgroundCtx, portal.PortalKey)
	if err != nil || row == nil {
		return ""
	}
	if meta, ok := row.Metadata.(*crosschatdb.PortalMetadata); ok && meta.Messenger != nil && meta.Messenger.Encrypted {
		return "signal"
	}
	return ""
}

// relabel has a chat's room say on which plane the chat is now. A chat without a room says so when it gets one.
func (c *Client) relabel(key int64) {
	c.login.QueueRemoteEvent(&simplevent.ChatInfoChange{
		EventMeta: c.meta(bridgev2.RemoteEventChatInfoChange, key, c.self, 0),
		ChatInfoChange: &bridgev2.ChatInfoChange{ChatInfo: &bridgev2.ChatInfo{
			ExtraUpdates: func(context.Context, *bridgev2.Portal) bool { return true },
		}},
	})
}

// noted stores that the chat of a message is on the encrypted plane, and has its room say so if that is new.
func (e *encrypted) noted(p placed) error {
	moved, err := e.c.noteEncrypted(e.c.ctx, p.chat)
	if moved {
		e.c.relabel(p.key.Chat)
	}
	return err
}
