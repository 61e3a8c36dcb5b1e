package instagram

import (
	"context"
	"fmt"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/ledger"
	crosschatdb "crosschat/database"
)

// row is the first part of a message, nil if it is not here. A text that belongs to a file as its caption answers the
// file's row, and true.
func (c *Client) row(ctx context.Context, mid wire.MessageID) (row *database.Message, caption bool, err error) {
	id, err := makeMessageID(mid)
	if err != nil {
		return nil, false, nil
	}
	row, err = c.network.bridge.DB.Message.GetFirstPartByID(ctx, c.login.ID, id)
	if err != nil {
		return nil, false, fmt.Errorf("look for message %q: %w", id, err)
	}
	if row == nil || messageMeta(row).CaptionOf == "" {
		return row, false, nil
	}
	row, _, err = c.row(ctx, wire.MessageID(messageMeta(row).CaptionOf))
	return row, true, err
}

// messageMeta is our part of a row's metadata, made if need be.
func messageMeta(row *database.Message) *crosschatdb.InstagramMessage {
	meta, ok := row.Metadata.(*crosschatdb.MessageMetadata)
	if !ok {
		meta = &crosschatdb.MessageMetadata{}
		row.Metadata = meta
	}
	if meta.Instagram == nil {
		meta.Instagram = &crosschatdb.InstagramMessage{}
	}
	return meta.Instagram
}

// message brings one message.
func (c *Client) message(ctx context.Context, key networkid.PortalKey, t thread, m wire.Message) error {
	id, err := makeMessageID(m.ID)
	if err != nil {
		c.log.Warn().Err(err).Msg("Ignored a message with a strange id")
		return nil
	}
	if admin, ok := m.Content.(wire.AdminContent); t.hidden() || ok && admin.ReactionLog {
		return nil
	}
	sender, err := c.sender(ctx, t, m.Sender, m.Author)
	if err != nil {
		return err
	}
	meta := c.meta(bridgev2.RemoteEventMessage, key, sender, m.Time)
	meta.CreatePortal = true
	msg := ledger.Message{
		ID: id,
		Convert: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			if settled, err := c.settle(ctx, portal, id, m); err != nil {
				return nil, err
			} else if settled {
				return nil, bridgev2.ErrIgnoringRemoteEvent
			}
			return c.toMatrix(ctx, portal, intent, m)
		},
	}
	if sender.IsFromMe && m.OTID != 0 {
		msg.TransactionID = networkid.TransactionID(m.OTID.String())
	}
	return ledger.DeliverMessage(ctx, c.login, meta, msg)
}

// settle recognises a message that Matrix sent and whose answer was lost. Of a file with a caption both halves have to be
// there, so that is left to the next try, which gets the same ids.
func (c *Client) settle(ctx context.Context, portal *bridgev2.Portal, id networkid.MessageID, m wire.Message) (bool, error) {
	if m.OTID == 0 || m.Sender != c.wire.FBID() {
		return false, nil
	}
	if file, err := c.captioned(ctx, portal.PortalKey, m); err != nil {
		return false, err
	} else if file != nil {
		c.keepCaption(ctx, file, wire.Sent{ID: m.ID, Time: m.Time})
		return true, nil
	}
	for _, half := range []half{fileOfTwo, captionOfTwo} {
		waits, err := ledger.Waits(ctx, c.login, portal, func(evt *event.Event) bool {
			return outgoingID(c.login.ID, evt.ID, evt.Timestamp, half) == m.OTID
		})
		if err != nil || waits {
			return waits, err
		}
	}
	row := &database.Message{ID: id, SenderID: c.GetUserID(), Timestamp: m.Time}
	return ledger.Settle(ctx, c.login, portal, row, func(evt *event.Event) bool {
		return outgoingID(c.login.ID, evt.ID, evt.Timestamp, whole) == m.OTID
	})
}

// captionWithin is how long before its caption a file may have been sent.
const captionWithin = 5 * time.Minute

// captioned is the file whose caption a text is, if nothing of that was stored but the file's row: the program ended in that
// moment.
func (c *Client) captioned(ctx context.Context, key networkid.PortalKey, m wire.Message) (*database.Message, error) {
	rows, err := c.network.bridge.DB.Message.GetMessagesBetweenTimeQuery(ctx, key, m.Time.Add(-captionWithin), m.Time.Add(captionWithin))
	if err != nil {
		return nil, fmt.Errorf("look for the file of caption %q: %w", m.ID, err)
	}
	for _, row := range rows {
		if messageMeta(row).Caption == string(m.ID) {
			return row, nil
		}
	}
	return nil, nil
}

// whenThere does something that is about a message, perhaps later: what is delivered out of order may overtake it.
func (c *Client) whenThere(ctx context.Context, mid wire.MessageID, do func(context.Context) error) error {
	id, err := makeMessageID(mid)
	if err != nil {
		return nil // such a message is never here
	}
	return ledger.WhenThere(ctx, c.login, id, do)
}

// edited changes a text. An edit of the user's own that Matrix made comes back, too.
func (c *Client) edited(ctx context.Context, mid wire.MessageID, text string, at time.Time) error {
	row, caption, err := c.row(ctx, mid)
	if err != nil || row == nil {
		return err
	}
	if at.UnixMilli() <= messageMeta(row).EditedAt || c.edits.ours(mid, text) {
		return nil
	}
	author, err := parseID(row.SenderID)
	if err != nil {
		return nil
	}
	meta := c.meta(bridgev2.RemoteEventEdit, row.Room, c.as(author), at)
	return c.deliver(ctx, fmt.Sprintf("edit %s %d", mid, at.UnixMilli()), meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[string]{
			EventMeta: meta, Data: text, TargetMessage: row.ID,
			ConvertEditFunc: func(ctx context.Context, portal *bridgev2.Portal, _ bridgev2.MatrixAPI, existing []*database.Message, text string) (*bridgev2.ConvertedEdit, error) {
				for _, part := range existing {
					messageMeta(part).EditedAt = at.UnixMilli()
				}
				if caption {
					return c.editCaption(existing[0], text)
				}
				return c.editText(ctx, portal, existing, text)
			},
		}
	})
}

// unsent takes a message away.
func (c *Client) unsent(ctx context.Context, mid wire.MessageID) error {
	row, caption, err := c.row(ctx, mid)
	if err != nil || row == nil {
		return err
	}
	author, err := parseID(row.SenderID) // nobody else can unsend it
	if err != nil {
		return nil
	}
	if caption {
		return c.captionUnsent(ctx, row, author)
	}
	meta := c.meta(bridgev2.RemoteEventMessageRemove, row.Room, c.as(author), time0)
	return c.deliver(ctx, "remove "+string(mid), meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.MessageRemove{EventMeta: meta, TargetMessage: row.ID}
	})
}
