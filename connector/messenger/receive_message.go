package messenger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	"crosschat/connector/messenger/wire/lightspeed"
	crosschatdb "crosschat/database"
)

// live brings new messages.
func (t *table) live(ctx context.Context) error {
	for _, m := range t.Messages {
		if err := t.c.openBefore(ctx, m.ThreadKey); err != nil {
			return err
		}
		t.c.opening.Lock()
		err := t.c.message(ctx, m, t.attachments[m.ID])
		t.c.opening.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// row is the first part of a message, nil if it is not here.
func (c *Client) row(ctx context.Context, mid string) (*database.Message, error) {
	id, err := makeMessageID(mid)
	if err != nil {
		return nil, nil
	}
	row, err := c.network.bridge.DB.Message.GetFirstPartByID(ctx, c.login.ID, id)
	if err != nil {
		return nil, fmt.Errorf("look for message %q: %w", id, err)
	}
	return row, nil
}

// message brings one message, or takes away one that was unsent.
func (c *Client) message(ctx context.Context, m lightspeed.Message, attached *lightspeed.Attachments) error {
	id, err := makeMessageID(m.ID)
	if err != nil {
		c.log.Warn().Err(err).Msg("Ignored a message with a strange id")
		return nil
	}
	known, _ := c.known.thread(m.ThreadKey)
	switch {
	case known.hidden():
		return nil
	case m.Unsent:
		return c.unsent(ctx, m.ThreadKey, m.ID, m.Sender, false)
	}
	if moved, err := c.notePlain(ctx, m); err != nil {
		return err
	} else if moved {
		c.relabel(m.ThreadKey)
	}
	meta := c.meta(bridgev2.RemoteEventMessage, m.ThreadKey, m.Sender, m.Timestamp)
	meta.CreatePortal = true
	msg := ledger.Message{
		ID: id,
		Convert: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			if settled, err := c.settle(ctx, portal, id, m); err != nil {
				return nil, err
			} else if settled {
				return nil, bridgev2.ErrIgnoringRemoteEvent
			}
			return c.toMatrix(ctx, portal, intent, m, attached)
		},
	}
	if m.Sender == c.self && m.OTID != "" {
		msg.TransactionID = networkid.TransactionID(m.OTID)
	}
	if err = ledger.DeliverMessage(ctx, c.login, meta, msg); err != nil || m.Sender != c.self {
		return err
	}
	return c.setTime(ctx, m)
}

// settle recognises a message that Matrix sent and whose answer was lost.
func (c *Client) settle(ctx context.Context, portal *bridgev2.Portal, id networkid.MessageID, m lightspeed.Message) (bool, error) {
	if m.Sender != c.self || m.OTID == "" {
		return false, nil
	}
	row := &database.Message{ID: id, SenderID: c.GetUserID(), Timestamp: time.UnixMilli(m.Timestamp)}
	return ledger.Settle(ctx, c.login, portal, row, func(evt *event.Event) bool {
		return strconv.FormatInt(outgoingID(c.login.ID, evt.ID, evt.Timestamp), 10) == m.OTID
	})
}

// setTime gives a message that Matrix sent the network's time, by which receipts name it.
func (c *Client) setTime(ctx context.Context, m lightspeed.Message) error {
	row, err := c.row(ctx, m.ID)
	at := time.UnixMilli(m.Timestamp)
	// Also within a millisecond: the bridge's own time would be behind that of a receipt.
	if err != nil || row == nil || m.Timestamp <= 0 || row.Timestamp.Equal(at) {
		return err
	}
	row.Timestamp = at
	if err = c.network.bridge.DB.Message.Update(ctx, row); err != nil {
		return fmt.Errorf("set time of message %q: %w", row.ID, err)
	}
	return nil
}

// whenThere does something that is about a message, perhaps later: what is delivered out of order may overtake it.
func (c *Client) whenThere(ctx context.Context, mid string, do func(context.Context) error) error {
	id, err := makeMessageID(mid)
	if err != nil {
		return nil // such a message is never here
	}
	return ledger.WhenThere(ctx, c.login, id, do)
}

// edits changes texts.
func (t *table) edits(ctx context.Context) error {
	for _, e := range t.Edits {
		if err := t.c.whenThere(ctx, e.MessageID, func(ctx context.Context) error { return t.c.edited(ctx, e) }); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) edited(ctx context.Context, e lightspeed.Edit) error {
	row, err := c.row(ctx, e.MessageID)
	if err != nil || row == nil || int64(row.EditCount) >= e.Count {
		return err
	}
	author, err := parseID(row.SenderID)
	if err != nil {
		return nil
	}
	meta := c.meta(bridgev2.RemoteEventEdit, 0, author, 0)
	meta.PortalKey = row.Room
	return c.deliver(ctx, fmt.Sprintf("edit %s %d", e.MessageID, e.Count), meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[lightspeed.Edit]{
			EventMeta: meta, Data: e, TargetMessage: row.ID,
			ConvertEditFunc: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, existing []*database.Message, e lightspeed.Edit) (*bridgev2.ConvertedEdit, error) {
				edit, err := c.convertEdit(ctx, portal, intent, existing, e)
				return edit, ledger.Unconverted(ctx, err)
			},
		}
	})
}

// convertEdit puts a new text into the place of the old one.
func (c *Client) convertEdit(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, existing []*database.Message, e lightspeed.Edit) (*bridgev2.ConvertedEdit, error) {
	parts := c.textParts(ctx, portal, e.Text, nil)
	if existing = convert.InOrder(existing); hasFile(existing[0]) {
		var err error
		if parts, err = c.captioned(ctx, portal, intent, existing[0], e); err != nil {
			return nil, err
		}
	}
	edit := convert.Edit(existing, parts)
	for _, part := range edit.ModifiedParts {
		part.Part.EditCount = int(max(e.Count, int64(part.Part.EditCount)+1))
	}
	return edit, nil
}

func hasFile(row *database.Message) bool {
	meta, ok := row.Metadata.(*crosschatdb.MessageMetadata)
	return ok && meta.Messenger != nil && meta.Messenger.File
}

// captioned converts a message with files anew, with another text. An edit does not tell the files, so the message is asked
// for again; without an answer the edit is not shown.
func (c *Client) captioned(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, row *database.Message, e lightspeed.Edit) ([]*bridgev2.ConvertedMessagePart, error) {
	key, err := parseID(portal.ID)
	if err != nil {
		return nil, err
	}
	at := row.Timestamp.UnixMilli()
	m, attached, err := c.refetch(ctx, key, e.MessageID, at)
	if err != nil {
		c.log.Warn().Err(err).Str("message_id", e.MessageID).Msg("Could not ask for a message whose caption was edited")
		return nil, bridgev2.ErrIgnoringRemoteEvent
	}
	if attached == nil {
		return nil, bridgev2.ErrIgnoringRemoteEvent
	}
	m.Text = e.Text
	return c.contentToMatrix(ctx, portal, intent, m, attached)
}

// removals takes away what was unsent or deleted.
func (t *table) removals(ctx context.Context) error {
	for _, m := range t.Replaced {
		if !m.Unsent {
			continue
		}
		err := t.c.whenThere(ctx, m.ID, func(ctx context.Context) error { return t.c.unsent(ctx, m.ThreadKey, m.ID, m.Sender, false) })
		if err != nil {
			return err
		}
	}
	for _, d := range t.MessageDeletes {
		err := t.c.whenThere(ctx, d.MessageID, func(ctx context.Context) error {
			return t.c.unsent(ctx, d.ThreadKey, d.MessageID, t.c.self, true)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) unsent(ctx context.Context, key int64, mid string, by int64, onlyForMe bool) error {
	row, err := c.row(ctx, mid)
	if err != nil || row == nil {
		return err
	}
	meta := c.meta(bridgev2.RemoteEventMessageRemove, key, by, 0)
	meta.PortalKey = row.Room
	return c.deliver(ctx, "remove "+mid, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.MessageRemove{EventMeta: meta, TargetMessage: row.ID, OnlyForMe: onlyForMe}
	})
}

// reactions brings reactions to messages that are here. Those to messages of the past came with them.
func (t *table) reactions(ctx context.Context) error {
	for _, r := range t.Reactions {
		if slices.ContainsFunc(t.History, func(m lightspeed.Message) bool { return m.ID == r.MessageID }) {
			continue
		}
		if err := t.c.whenThere(ctx, r.MessageID, func(ctx context.Context) error { return t.c.reaction(ctx, r) }); err != nil {
			return err
		}
	}
	return nil
}
