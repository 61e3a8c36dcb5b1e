package whatsapp

import (
	"context"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	crosschatdb "crosschat/database"
)

// callMark begins the id of the notice of a call; WhatsApp's message ids never do.
const callMark = "call."

// onCall leaves a notice that somebody is calling. Calls themselves are not bridged.
func (c *Client) onCall(meta types.BasicCallMeta, video bool) bool {
	chat, author, id, ok := c.callID(meta)
	if !ok {
		return true
	}
	at := meta.Timestamp
	if at.Unix() <= 0 {
		at = time.Now()
	}
	c.order.Lock()
	defer c.order.Unlock()
	err := ledger.DeliverMessage(c.ctx, c.login, simplevent.EventMeta{
		LogContext:   func(with zerolog.Context) zerolog.Context { return with.Str("call_id", meta.CallID) },
		PortalKey:    c.portalKey(chat),
		Sender:       c.as(author),
		CreatePortal: true,
		Timestamp:    at,
	}, ledger.Message{
		ID: id,
		Convert: func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			parts := notice("Incoming " + callName(video) + ". It can be answered on your phone only.")
			parts[0].DBMetadata = &crosschatdb.MessageMetadata{WhatsApp: &crosschatdb.WhatsAppMessage{Video: video}}
			return &bridgev2.ConvertedMessage{Parts: parts}, nil
		},
	})
	return c.delivered(c.log, err)
}

// onCallEnd says in the notice what became of the call.
func (c *Client) onCallEnd(meta types.BasicCallMeta, reason string) bool {
	chat, author, id, ok := c.callID(meta)
	if !ok {
		return true
	}
	c.order.Lock()
	defer c.order.Unlock()
	err := ledger.Deliver(c.ctx, c.login, simplevent.EventMeta{
		Type: bridgev2.RemoteEventEdit, PortalKey: c.portalKey(chat), Sender: c.as(author), Timestamp: time.Now(),
	}, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[string]{
			EventMeta: meta, Data: reason, TargetMessage: id,
			ConvertEditFunc: func(_ context.Context, _ *bridgev2.Portal, _ bridgev2.MatrixAPI, existing []*database.Message, reason string) (*bridgev2.ConvertedEdit, error) {
				row, ok := existing[0].Metadata.(*crosschatdb.MessageMetadata)
				call := callName(ok && row.WhatsApp != nil && row.WhatsApp.Video)
				return convert.Edit(existing, notice(callEnd(call, reason))), nil
			},
		}
	})
	return c.delivered(c.log, err)
}

func callEnd(call, reason string) string {
	switch reason {
	case "accepted_elsewhere":
		return "You took a " + call + " on another device."
	case "rejected_elsewhere":
		return "You declined a " + call + " on another device."
	default:
		return "Missed " + call + "."
	}
}

// callID is where a call is shown, by whom, and under which id. It is false for calls that are the account's own or of no
// chat that is bridged.
func (c *Client) callID(meta types.BasicCallMeta) (chat, author types.JID, id networkid.MessageID, ok bool) {
	creator, alt := meta.CallCreator, meta.CallCreatorAlt
	if creator.IsEmpty() {
		creator = meta.From
	}
	if author, ok = c.peer(c.ctx, creator, alt); !ok || author == c.self {
		return chat, author, id, false
	}
	if chat = author; isGroup(meta.GroupJID) {
		chat = meta.GroupJID
	}
	id, err := makeMessageID(messageKey{Chat: chat, Sender: author, ID: callMark + meta.CallID})
	if err != nil || meta.CallID == "" {
		c.log.Warn().Err(err).Msg("Ignored a call with a malformed id")
		return chat, author, id, false
	}
	return chat, author, id, true
}

// isVideoCall looks for the child by which an offer says that it has a picture.
func isVideoCall(offer *events.CallOffer) bool {
	if offer.Data == nil {
		return false
	}
	_, video := offer.Data.GetOptionalChildByTag("video")
	return video
}
