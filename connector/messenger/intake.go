package messenger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"crosschat/connector/intake"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
)

// Of the chats that a first login tells of only some get a room, the newest first; what is known of the others is where
// their messages end. They get theirs when somebody writes in them, or when the user wants more. Then the list of chats is
// read on, page by page.

var _ intake.Filler = (*Client)(nil)

// FillChats implements intake.Filler.
func (c *Client) FillChats() { c.goDo("chats without rooms", c.fillChats) }

func (c *Client) fillChats() {
	c.listing.Lock()
	defer c.listing.Unlock()
	if c.network.intake == nil || c.online.Wait(c.ctx) != nil {
		return
	}
	if err := c.fillWaiting(c.ctx); err != nil && c.ctx.Err() == nil {
		c.fillAgain.Store(true)
		c.log.Warn().Err(err).Msg("Could not go through all chats; the next connection goes on")
	}
}

// fillWaiting makes the rooms that may be made by now, of chats that are known and then of those that are not yet.
func (c *Client) fillWaiting(ctx context.Context) error {
	for _, key := range c.known.unopened() {
		if left, err := c.network.intake.Left(ctx, c.login); err != nil {
			return err
		} else if left == 0 {
			break
		}
		if err := c.open(ctx, key); err != nil {
			return err
		}
	}
	meta := loginMeta(c.login.UserLogin)
	for more := c.wire.MoreThreads(task.GroupMailbox); more && !meta.Listed; {
		if left, err := c.network.intake.Left(ctx, c.login); err != nil {
			return err
		} else if left == 0 {
			break
		}
		var fetched *lightspeed.Table
		var err error
		if fetched, more, err = c.wire.FetchThreads(ctx, task.GroupMailbox); err != nil {
			return fmt.Errorf("fetch threads: %w", err)
		}
		if err = c.listed(ctx, fetched); err != nil {
			return err
		}
		if !more {
			meta.Listed = true
			if err = c.login.Save(ctx); err != nil {
				return fmt.Errorf("note that all threads are known: %w", err)
			}
		}
	}
	return c.tellRoomless(ctx)
}

// listed takes a page of the list of chats.
func (c *Client) listed(ctx context.Context, fetched *lightspeed.Table) error {
	t := &table{Table: c.known.renamed(fetched), c: c, origin: wire.FromFetch}
	for _, step := range []func(context.Context) error{t.learn, t.unite, t.past} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// tellRoomless tells the user how many chats have no room yet, unless they know.
func (c *Client) tellRoomless(ctx context.Context) error {
	count := 0
	for _, key := range c.known.unopened() {
		if has, err := c.hasRoom(ctx, key); err != nil {
			return err
		} else if !has {
			count++
		}
	}
	meta := loginMeta(c.login.UserLogin)
	if count == meta.Roomless {
		return nil
	}
	meta.Roomless = count
	if err := c.login.Save(ctx); err != nil {
		return fmt.Errorf("note of how many chats the user was told: %w", err)
	}
	c.network.intake.Tell(ctx, c.login, "Messenger", count, !meta.Listed && c.wire.MoreThreads(task.GroupMailbox))
	return nil
}

// hasRoom says whether a chat has a room.
func (c *Client) hasRoom(ctx context.Context, key int64) (bool, error) {
	portal, err := c.network.bridge.GetExistingPortalByKey(ctx, c.portalKey(key))
	if err != nil {
		return false, fmt.Errorf("get portal of thread %d: %w", key, err)
	}
	return portal != nil && portal.MXID != "", nil
}

// admitted answers those of a table's chats whose messages of before may be brought, and in which order: so that the
// newest has the newest room. Where the messages of the others end is noted.
func (t *table) admitted(ctx context.Context, keys []int64, messages map[int64][]lightspeed.Message) ([]int64, error) {
	newest := func(key int64) lightspeed.Message { return messages[key][len(messages[key])-1] }
	slices.SortStableFunc(keys, func(a, b int64) int { return cmp.Compare(newest(b).Timestamp, newest(a).Timestamp) })
	since := loginMeta(t.c.login.UserLogin).Since
	var old []int64
	for _, key := range keys {
		if is, err := t.isOld(ctx, key, newest(key), since); err != nil {
			return nil, err
		} else if is {
			old = append(old, key)
		}
	}
	var wanted []int64
	if len(old) > 0 {
		var err error
		if wanted, _, err = intake.Admit(ctx, t.c.network.intake, t.c.login, old, t.c.portalKey); err != nil {
			return nil, err
		}
	}
	passed := slices.DeleteFunc(old, func(key int64) bool { return slices.Contains(wanted, key) })
	admitted := slices.DeleteFunc(slices.Clone(keys), func(key int64) bool { return slices.Contains(passed, key) })
	slices.Reverse(admitted)
	change := t.c.known.begin()
	for _, key := range passed {
		m := newest(key)
		change.thread(key, func(known *thread) {
			if m.Timestamp > known.LatestAt {
				known.Latest, known.LatestAt = m.ID, m.Timestamp
			}
		})
	}
	_, _, err := change.commit(ctx)
	return admitted, err
}

// isOld says whether a chat has no room and nothing in it was written since the login.
func (t *table) isOld(ctx context.Context, key int64, newest lightspeed.Message, since int64) (bool, error) {
	known, _ := t.c.known.thread(key)
	if t.c.network.intake == nil || known.hidden() || newest.Timestamp > since {
		return false, nil
	}
	has, err := t.c.hasRoom(ctx, key)
	return !has, err
}

// openBefore makes the room of a chat that was passed over, with what was said before, as somebody writes in it.
func (c *Client) openBefore(ctx context.Context, key int64) error {
	known, _ := c.known.thread(key)
	if known.Latest == "" || known.hidden() {
		return nil
	}
	if has, err := c.hasRoom(ctx, key); has || err != nil {
		return err
	}
	err := c.open(ctx, key)
	if err != nil && ctx.Err() == nil && !errors.Is(err, errNotBrought) {
		c.log.Warn().Err(err).Int64("thread_key", key).Msg("Could not ask what was said before in a chat")
		return nil // what is said now is worth more
	}
	return err
}

// errNotBrought is a failure on the Matrix side, after which another try helps.
var errNotBrought = errors.New("could not bring messages of before")

// open makes the room of a chat that was passed over.
func (c *Client) open(ctx context.Context, key int64) error {
	known, _ := c.known.thread(key)
	history, err := c.fetchHistory(ctx, key, wire.Anchor{MessageID: known.Latest, Timestamp: known.LatestAt + 1})
	if errors.Is(err, wire.ErrNoAnswer) {
		c.log.Warn().Int64("thread_key", key).Msg("The server does not tell what was said in a chat")
		return c.noteOpened(ctx, key)
	} else if err != nil {
		return fmt.Errorf("fetch messages of thread %d: %w", key, err)
	}
	t := &table{Table: history.Table, c: c, origin: wire.FromFetch, attachments: history.Table.Attachments()}
	var messages []lightspeed.Message // with the one that was asked from
	for _, m := range t.History {
		if m.ThreadKey == key {
			messages = append(messages, m)
		}
	}
	sortMessages(messages)
	if err = t.bringPast(ctx, key, messages, true); err != nil {
		return errors.Join(errNotBrought, err)
	}
	return nil
}

// noteOpened forgets where a chat's messages ended when it had no room.
func (c *Client) noteOpened(ctx context.Context, key int64) error {
	if known, _ := c.known.thread(key); known.Latest == "" {
		return nil
	}
	change := c.known.begin()
	change.thread(key, func(known *thread) { known.Latest, known.LatestAt = "", 0 })
	_, _, err := change.commit(ctx)
	return err
}
