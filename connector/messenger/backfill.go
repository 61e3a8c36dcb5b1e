package messenger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
)

// past brings messages of before, which came in while nobody listened or stand at the end of a chat that is new here.
func (t *table) past(ctx context.Context) error {
	byThread := make(map[int64][]lightspeed.Message)
	var keys []int64
	for _, m := range t.History {
		if slices.Contains(t.fetched, m.ThreadKey) {
			continue // whoever asked for it has it
		}
		if byThread[m.ThreadKey] == nil {
			keys = append(keys, m.ThreadKey)
		}
		byThread[m.ThreadKey] = append(byThread[m.ThreadKey], m)
	}
	for _, key := range keys {
		sortMessages(byThread[key])
	}
	keys, err := t.admitted(ctx, keys, byThread)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err = t.bringPast(ctx, key, byThread[key], false); err != nil {
			return err
		}
	}
	return nil
}

// bringPast brings messages of one chat, and what stands before them. With first it does so only if the chat has no room
// by then.
func (t *table) bringPast(ctx context.Context, key int64, messages []lightspeed.Message, first bool) error {
	last := &page{messages: messages, attachments: t.attachments, reactions: t.reactionsTo(messages)}
	pages, err := t.c.earlier(ctx, key, len(messages), t.rangeOf(key), t.origin)
	if err != nil {
		return err
	}
	t.c.opening.Lock()
	defer t.c.opening.Unlock()
	if first {
		if has, err := t.c.hasRoom(ctx, key); has || err != nil {
			return err
		}
	}
	for _, p := range append(pages, last) {
		if err = t.c.bring(ctx, p); err != nil {
			return err
		}
	}
	return t.c.noteOpened(ctx, key)
}

// page is messages of one chat, oldest first, with what belongs to them.
type page struct {
	messages    []lightspeed.Message
	attachments map[string]*lightspeed.Attachments
	reactions   []lightspeed.Reaction
}

func sortMessages(messages []lightspeed.Message) {
	slices.SortStableFunc(messages, func(a, b lightspeed.Message) int {
		return cmp.Or(cmp.Compare(a.PrimarySortKey, b.PrimarySortKey), cmp.Compare(a.SecondarySortKey, b.SecondarySortKey),
			cmp.Compare(a.Timestamp, b.Timestamp))
	})
}

func (t *table) rangeOf(key int64) *lightspeed.MessageRange {
	for i, r := range t.MessageRanges {
		if r.ThreadKey == key {
			return &t.MessageRanges[i]
		}
	}
	return nil
}

func (t *table) reactionsTo(messages []lightspeed.Message) (found []lightspeed.Reaction) {
	for _, r := range t.Reactions {
		if slices.ContainsFunc(messages, func(m lightspeed.Message) bool { return m.ID == r.MessageID }) {
			found = append(found, r)
		}
	}
	return found
}

// earlier asks for what stands before the beginning of a range, oldest page first: up to a message that is here already,
// or, in a chat that is new here, as many as the config wants besides those that came.
func (c *Client) earlier(ctx context.Context, key int64, have int, from *lightspeed.MessageRange, origin wire.Origin) ([]*page, error) {
	if from == nil || !from.MoreBefore || from.MinMessageID == "" || origin == wire.FromSync {
		return nil, nil // while the sync runs nothing can be asked for
	}
	known, _ := c.known.thread(key)
	portal, err := c.network.bridge.GetExistingPortalByKey(ctx, c.portalKey(key))
	if err != nil {
		return nil, fmt.Errorf("get portal of thread %d: %w", key, err)
	}
	if known.hidden() || known.Pending {
		return nil, nil
	}
	isNew := portal == nil || portal.MXID == ""
	limit := c.network.Config.HistoryMessages
	anchor := wire.Anchor{MessageID: from.MinMessageID, Timestamp: from.MinTimestamp}
	var pages []*page
	for count := have; count < limit; {
		if !isNew {
			if row, err := c.row(ctx, anchor.MessageID); err != nil {
				return nil, err
			} else if row != nil {
				break
			}
		}
		history, err := c.fetchHistory(ctx, key, anchor)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		} else if err != nil {
			c.log.Warn().Err(err).Int64("thread_key", key).Msg("Could not fetch history")
			break
		}
		messages := history.Messages
		if excess := count + len(messages) - limit; excess > 0 {
			messages = messages[excess:]
		}
		fetched := &table{Table: history.Table, c: c}
		pages = append(pages, &page{messages, history.Table.Attachments(), fetched.reactionsTo(messages)})
		count += len(messages)
		if !history.More || len(messages) == 0 || history.Oldest == anchor {
			break
		}
		anchor = history.Oldest
	}
	slices.Reverse(pages)
	return pages, nil
}

// bring brings a page of the past.
func (c *Client) bring(ctx context.Context, p *page) error {
	for _, m := range p.messages {
		if err := c.message(ctx, m, p.attachments[m.ID]); err != nil {
			return err
		}
	}
	for _, r := range p.reactions {
		if err := c.reaction(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
