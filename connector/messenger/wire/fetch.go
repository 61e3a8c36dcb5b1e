package wire

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
	"crosschat/connector/metaweb/media"
)

// CreateThread makes the unencrypted thread with a person or page, or fetches the one there is. The table has its rows;
// it does not go to the Handler.
func (c *Client) CreateThread(ctx context.Context, peer int64) (*lightspeed.Table, error) {
	return c.act(ctx, task.CreateThread(peer))
}

// maxIssued bounds how many tasks the server may want run in consequence of one.
const maxIssued = 10

// CreateEncrypted makes the encrypted thread with a person, and runs the tasks that the server wants run for it. The
// tables, in order, do not go to the Handler.
func (c *Client) CreateEncrypted(ctx context.Context, peer int64) ([]*lightspeed.Table, error) {
	now := time.Now()
	table, err := c.act(ctx, task.CreateEncrypted(peer, c.NewID(), now.UnixMilli()))
	if err != nil {
		return nil, err
	}
	tables := []*lightspeed.Table{table}
	for i := 0; i < len(tables) && len(tables) <= maxIssued; i++ {
		for _, issued := range tables[i].IssuedTasks {
			if len(tables) > maxIssued {
				break
			}
			if table, err = c.Run(ctx, task.Issued(issued.Label, issued.Queue, issued.Payload)); err != nil {
				return tables, err
			}
			tables = append(tables, table)
		}
	}
	return tables, nil
}

// FetchContact asks for one person. Use what the sync brought instead where that is enough: many such requests look like
// a robot's. ErrNoAnswer if the server doesn't say.
func (c *Client) FetchContact(ctx context.Context, id int64) (*lightspeed.Contact, error) {
	table, err := c.act(ctx, task.Contact(id))
	if err != nil {
		return nil, err
	}
	for _, contact := range table.Contacts {
		if contact.ID == id {
			return &contact, nil
		}
	}
	return nil, ErrNoAnswer
}

// Search looks for people and threads by name.
func (c *Client) Search(ctx context.Context, query string) ([]lightspeed.SearchResult, error) {
	table, err := c.act(ctx, task.Search(query, time.Now().UnixMilli()))
	if err != nil {
		return nil, err
	}
	return table.SearchResults, nil
}

// MoreThreads says whether the list of threads of a group is known to go on.
func (c *Client) MoreThreads(group int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.position.ranges[int64(group)].MoreBefore
}

// FetchThreads asks for the next page of a list of threads, task.GroupMailbox or task.GroupRequests. more is false when
// there is none, or the server repeats itself. The table does not go to the Handler.
func (c *Client) FetchThreads(ctx context.Context, group int) (table *lightspeed.Table, more bool, err error) {
	c.mu.Lock()
	from, known := c.position.ranges[int64(group)]
	var cursor *string
	if group == task.GroupMailbox {
		cursor = optional(c.position.get(DatabaseMailbox).Cursor)
	}
	c.mu.Unlock()
	if !known || !from.MoreBefore {
		return nil, false, nil
	}
	if err = c.pages.Wait(ctx); err != nil {
		return nil, false, err
	}
	table, err = c.Run(ctx, task.FetchThreads(task.ThreadsPage{Parent: from.ParentThreadKey, ReferenceKey: from.MinThreadKey,
		ReferenceActivity: from.MinActivity, Cursor: cursor, SyncGroup: group}))
	if err != nil {
		return nil, true, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.position.applyRanges(table.ThreadRanges)
	now := c.position.ranges[int64(group)]
	if now.MinThreadKey == from.MinThreadKey {
		now.MoreBefore = false
		c.position.ranges[int64(group)] = now
	}
	return table, now.MoreBefore, nil
}

// Anchor is a message from which history is read backwards.
type Anchor struct {
	MessageID string
	Timestamp int64 // ms
}

// History is one page of a thread's past.
type History struct {
	// Table has the page's rows, attachments and reactions too, and possibly rows of other threads.
	Table *lightspeed.Table
	// Messages are the thread's, oldest first, without the anchor.
	Messages []lightspeed.Message
	Oldest   Anchor // to go on from
	More     bool
}

// FetchHistory asks for the messages before one. They come as a push, which the Handler gets too, with the thread among
// Delivery.Fetched. ErrNoAnswer if they don't come.
func (c *Client) FetchHistory(ctx context.Context, thread int64, before Anchor) (*History, error) {
	if err := c.pages.Wait(ctx); err != nil {
		return nil, err
	}
	found := make(chan *History, 1)
	defer c.watch(func(t *lightspeed.Table) int64 {
		h := historyIn(t, thread, before)
		if h == nil {
			return 0
		}
		select {
		case found <- h:
			return thread
		default:
			return 0
		}
	})()
	ctx, cancel := context.WithTimeout(ctx, c.cfg.HistoryTimeout)
	defer cancel()
	c.mu.Lock()
	cursor := optional(c.position.get(DatabaseMailbox).Cursor)
	c.mu.Unlock()
	// Asked twice, since the push gets lost at times.
	for try := range 2 {
		if _, err := c.Run(ctx, task.FetchMessages(thread, before.MessageID, before.Timestamp, cursor)); err != nil {
			return nil, err
		}
		wait := c.cfg.HistoryRetry
		if try == 1 {
			wait = c.cfg.HistoryTimeout
		}
		h, err := await(ctx, found, wait)
		if err == nil || !errors.Is(err, ErrNoAnswer) {
			return h, err
		}
	}
	return nil, ErrNoAnswer
}

// await waits for something, as long as the wait and the context last.
func await[T any](ctx context.Context, c <-chan T, wait time.Duration) (value T, err error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case value = <-c:
		return value, nil
	case <-timer.C:
		return value, ErrNoAnswer
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return value, ErrNoAnswer
		}
		return value, ctx.Err()
	}
}

// historyIn takes a thread's history before an anchor out of a table; nil if it isn't there.
func historyIn(t *lightspeed.Table, thread int64, before Anchor) *History {
	for _, end := range t.RangeEnds {
		if end.ThreadKey == thread && end.Timestamp == before.Timestamp {
			return &History{Table: t, Oldest: before}
		}
	}
	for _, r := range t.MessageRanges {
		if r.ThreadKey != thread || r.MaxTemplate > before.Timestamp {
			continue
		}
		h := &History{Table: t, Oldest: Anchor{r.MinMessageID, r.MinTimestamp}, More: r.MoreBefore}
		for _, m := range t.History {
			// The anchor is told by its id: others may have its millisecond.
			if m.ThreadKey == thread && m.ID != before.MessageID {
				h.Messages = append(h.Messages, m)
			}
		}
		slices.SortStableFunc(h.Messages, func(a, b lightspeed.Message) int {
			return cmp.Or(cmp.Compare(a.PrimarySortKey, b.PrimarySortKey), cmp.Compare(a.SecondarySortKey, b.SecondarySortKey))
		})
		h.Messages = slices.CompactFunc(h.Messages, func(a, b lightspeed.Message) bool { return a.ID == b.ID })
		return h
	}
	return nil
}

// Attachment names media of a message, well enough to ask for its link again.
type Attachment struct {
	ThreadKey int64
	MessageID string
	Timestamp int64 // of the message, ms
	FBID      string
	Index     int64
	Link      lightspeed.Link
	Kind      media.Kind
}

// Open starts the download of an attachment. A link that has expired is asked for again, once. See media.Fetcher.Fetch
// for limit and errors.
func (c *Client) Open(ctx context.Context, a Attachment, limit int64) (*media.Body, error) {
	expires := media.Expiry(a.Link.URL, a.Link.Expires)
	if expires.IsZero() || expires.After(time.Now()) {
		body, err := c.fetcher.Fetch(ctx, a.Link.URL, a.Kind, limit)
		if !errors.Is(err, media.ErrExpired) || a.MessageID == "" {
			return body, err
		}
	} else if a.MessageID == "" {
		return nil, media.ErrExpired
	}
	link, err := c.refresh(ctx, a)
	if err != nil {
		return nil, errors.Join(media.ErrExpired, err)
	}
	return c.fetcher.Fetch(ctx, link, a.Kind, limit)
}

// OpenLink starts the download of something without a message, for example an avatar.
func (c *Client) OpenLink(ctx context.Context, link string, kind media.Kind, limit int64) (*media.Body, error) {
	return c.fetcher.Fetch(ctx, link, kind, limit)
}

// refresh asks for a message again and answers its attachment's new link.
func (c *Client) refresh(ctx context.Context, a Attachment) (string, error) {
	h, err := c.FetchHistory(ctx, a.ThreadKey, Anchor{a.MessageID, a.Timestamp + 1})
	if err != nil {
		return "", err
	}
	attachments := h.Table.Attachments()[a.MessageID]
	if attachments == nil {
		return "", ErrNoAnswer
	}
	candidates := attachments.Links()
	for _, sameFBID := range []bool{true, false} {
		for _, candidate := range candidates {
			if link := candidate.Best(); link != "" && (candidate.FBID == a.FBID && sameFBID ||
				candidate.Index == a.Index && !sameFBID) {
				return link, nil
			}
		}
	}
	return "", ErrNoAnswer
}
