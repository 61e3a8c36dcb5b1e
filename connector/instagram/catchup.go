package instagram

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/instagram/wire"
)

// mostMissed bounds how many messages a room is brought that it has missed: each 20 of them are a request.
const mostMissed = 1000

// catchUp brings a thread's messages as far as its room lacks them: of one that is new here as many as the config wants, of
// one that is known all since the last one that is here. heard is when the message was sent by which the thread is heard of,
// if it is: events about what follows that come behind it, so all of it is brought now, or it would end up behind newer ones.
// t is learnt already.
func (c *Client) catchUp(ctx context.Context, t *wire.Thread, source wire.Source, heard time.Time) error {
	short := t.IDs.Short
	known, _ := c.known.thread(short)
	key, ok := c.portalKey(short, known)
	if !ok || known.hidden() {
		return nil
	}
	first, err := c.network.bridge.DB.Message.GetFirstPortalMessage(ctx, key)
	if err != nil {
		return fmt.Errorf("find first message of portal %q: %w", key.ID, err)
	}
	isNew, limit := first == nil, mostMissed
	if isNew {
		limit = c.network.Config.HistoryMessages
		if source == wire.FromRequests {
			limit = max(limit, 1) // so that there is a room to accept it in
		}
	} else if source == wire.FromRequests {
		if latest, err := c.hasLatest(ctx, t); err != nil || latest {
			return err
		}
	}
	if limit == 0 {
		return nil
	}
	if t.Stubs {
		if t, err = c.fetchThread(ctx, short); errors.Is(err, errNoThread) {
			return nil
		} else if err != nil {
			return err
		}
	}
	messages, err := c.missed(ctx, t, isNew, limit, heard)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if err = c.past(ctx, key, known, m); err != nil {
			return err
		}
	}
	if !isNew {
		if err = c.compare(ctx, key, known, t.Messages); err != nil {
			return err
		}
	}
	return c.receipts(ctx, key, known, t)
}

// hasLatest says whether a thread's newest message is here.
func (c *Client) hasLatest(ctx context.Context, t *wire.Thread) (bool, error) {
	if len(t.Messages) == 0 {
		return true, nil
	}
	row, _, err := c.row(ctx, t.Messages[len(t.Messages)-1].ID)
	return row != nil, err
}

// missed are the messages that a room lacks, oldest first.
func (c *Client) missed(ctx context.Context, t *wire.Thread, isNew bool, limit int, heard time.Time) (missed []wire.Message, err error) {
	page := &wire.Page{Messages: t.Messages, Cursor: t.Older, More: t.More}
	for {
		from := 0
		if !isNew {
			if from, err = c.firstMissed(ctx, page.Messages); err != nil {
				return nil, err
			}
		}
		from = max(from, cut(page.Messages, limit-len(missed), heard))
		missed = append(slices.Clone(page.Messages[from:]), missed...)
		enough := len(missed) >= limit && (heard.IsZero() || missed[0].Time.Before(heard))
		if from > 0 || !page.More || enough || len(missed) >= mostMissed {
			return missed, nil
		}
		cursor := page.Cursor
		if page, err = c.wire.History(ctx, t.IDs.Short, "", cursor); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			// What is there is worth more than nothing: older ones can be asked for.
			c.log.Warn().Err(err).Stringer("thread", t.IDs.Short).Msg("Could not fetch history")
			return missed, nil
		}
		if len(page.Messages) == 0 || page.More && page.Cursor == cursor {
			return missed, nil
		}
	}
}

// cut is the index behind the messages that are too many: those before the last limit ones, and before heard unless it is
// zero.
func cut(messages []wire.Message, limit int, heard time.Time) int {
	from := max(0, len(messages)-max(0, limit))
	for !heard.IsZero() && from > 0 && !messages[from-1].Time.Before(heard) {
		from--
	}
	return from
}

// firstMissed is the index behind the last message of a page that is here.
func (c *Client) firstMissed(ctx context.Context, messages []wire.Message) (int, error) {
	for i, m := range slices.Backward(messages) {
		if row, _, err := c.row(ctx, m.ID); err != nil {
			return 0, err
		} else if row != nil {
			return i + 1, nil
		}
	}
	return 0, nil
}

// past brings a message of before, with the reactions that it has by now.
func (c *Client) past(ctx context.Context, key networkid.PortalKey, t thread, m wire.Message) error {
	if err := c.message(ctx, key, t, m); err != nil {
		return err
	}
	for _, r := range m.Reactions {
		if err := c.reacted(ctx, t, m.ID, r); err != nil {
			return err
		}
	}
	return nil
}

// compare finds what happened to messages that are here while nobody told: edits, reactions, and that they were unsent.
func (c *Client) compare(ctx context.Context, key networkid.PortalKey, t thread, messages []wire.Message) error {
	there := make(map[networkid.MessageID]bool)
	for _, m := range messages {
		row, caption, err := c.row(ctx, m.ID)
		if err != nil {
			return err
		}
		if id, err := makeMessageID(m.ID); err == nil {
			there[id] = true
		}
		if row == nil {
			continue
		}
		if len(m.Edits) > row.EditCount {
			at := max(m.Edits[len(m.Edits)-1].Time.UnixMilli(), messageMeta(row).EditedAt+1) // when exactly is not told
			if err = c.edited(ctx, m.ID, m.Text, time.UnixMilli(at)); err != nil {
				return err
			}
		}
		if !caption {
			if err = c.syncReactions(ctx, t, row, m.Reactions); err != nil {
				return err
			}
		}
	}
	if len(messages) < 2 {
		return nil
	}
	oldest, newest := messages[0].Time, messages[len(messages)-1].Time
	rows, err := c.network.bridge.DB.Message.GetMessagesBetweenTimeQuery(ctx, key, oldest, newest)
	if err != nil {
		return fmt.Errorf("look for messages of portal %q: %w", key.ID, err)
	}
	for _, row := range rows {
		if there[row.ID] || row.Timestamp.Equal(newest) {
			continue
		}
		if mid, err := parseMessageID(row.ID); err == nil {
			if err = c.unsent(ctx, mid); err != nil {
				return err
			}
		}
	}
	return nil
}

// syncReactions makes a message have just these reactions.
func (c *Client) syncReactions(ctx context.Context, t thread, row *database.Message, reactions []wire.Reaction) error {
	users := make(map[networkid.UserID]*bridgev2.ReactionSyncUser)
	for _, r := range reactions {
		sender, err := c.sender(ctx, t, r.Sender, nil)
		if err != nil {
			return err
		}
		emoji, ok := reactionEmoji(r.Emoji)
		if !ok || sender.Sender == "" {
			continue
		}
		users[sender.Sender] = &bridgev2.ReactionSyncUser{
			HasAllReactions: true,
			Reactions:       []*bridgev2.BackfillReaction{{Timestamp: r.Time, Sender: sender, Emoji: emoji}},
		}
	}
	meta := c.meta(bridgev2.RemoteEventReactionSync, row.Room, bridgev2.EventSender{}, time0)
	return c.deliver(ctx, "", meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.ReactionSync{
			EventMeta: meta, TargetMessage: row.ID, Reactions: &bridgev2.ReactionSyncData{Users: users, HasAllUsers: true},
		}
	})
}

// receipts moves everybody's read receipts to where a query says they are.
func (c *Client) receipts(ctx context.Context, key networkid.PortalKey, t thread, from *wire.Thread) error {
	for _, r := range from.Receipts {
		if r.Reader == c.wire.FBID() && from.MarkedUnread {
			continue
		}
		if err := c.read(ctx, key, t, r); err != nil {
			return err
		}
	}
	return nil
}
