package instagram

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/intake"
)

var _ intake.Filler = (*Client)(nil)

// FillChats implements intake.Filler.
func (c *Client) FillChats() {
	if c.toFill.CompareAndSwap(false, true) {
		c.goDo("chats", c.fillChats)
	}
}

// fillChats makes the rooms that may be made by now.
func (c *Client) fillChats() {
	c.filling.Lock() // whoever holds it ends with the login
	defer c.filling.Unlock()
	c.toFill.Store(false)
	if err := c.fill(c.ctx); err != nil && c.ctx.Err() == nil {
		c.log.Warn().Err(err).Msg("Could not make rooms of all chats; the next connection goes on")
	}
}

// fill lists as much of the inbox as the rooms need that may be made by now, makes them, and then lists the rest, which may
// be long.
func (c *Client) fill(ctx context.Context) error {
	if err := c.online.Wait(ctx); err != nil {
		return err
	}
	list := c.newListing()
	left, err := c.network.intake.Left(ctx, c.login)
	if err != nil {
		return err
	}
	for len(c.known.owed()) < left && list.more() {
		if err = list.next(ctx); err != nil {
			return err
		}
	}
	if _, err = c.fillOwed(ctx); err != nil {
		return err
	}
	for list.more() {
		if err = list.next(ctx); err != nil {
			return err
		}
	}
	refused, err := c.fillOwed(ctx)
	if err != nil {
		return err
	}
	if err = list.done(ctx); err != nil {
		return err
	}
	if refused != c.roomless {
		c.roomless = refused
		c.network.intake.Tell(ctx, c.login, "Instagram", refused, false)
	}
	return nil
}

// fillOwed makes the rooms of the chats that are known, oldest first, so that the newest chat has the newest room. It
// answers how many chats have to wait.
func (c *Client) fillOwed(ctx context.Context) (refused int, err error) {
	admitted, refused, err := intake.Admit(ctx, c.network.intake, c.login, c.known.owed(), func(short wire.ShortID) networkid.PortalKey {
		known, _ := c.known.thread(short)
		key, _ := c.portalKey(short, known)
		return key
	})
	if err != nil {
		return 0, err
	}
	for _, short := range slices.Backward(admitted) {
		if err = c.bring(ctx, short, nil, wire.FromInbox, time.Time{}); err != nil && !errors.Is(err, errNoThread) {
			return 0, fmt.Errorf("bring thread %d: %w", short, err)
		}
	}
	return refused, nil
}

// mostListed bounds how many pages of the inbox are listed, of 15 threads each.
const mostListed = 200

// listing goes through the inbox once in a login's life.
type listing struct {
	c     *Client
	page  *wire.Inbox // the last one, nil before the first
	pages int
	all   bool
}

func (c *Client) newListing() *listing {
	page := c.wire.Listed() // its threads are known
	return &listing{c: c, page: page, all: loginMeta(c.login.UserLogin).ChatsListed || page != nil && !page.More}
}

func (l *listing) more() bool { return !l.all && l.pages < mostListed }

// next lists one more page.
func (l *listing) next(ctx context.Context) (err error) {
	if l.page == nil {
		l.page, err = l.c.wire.Inbox(ctx)
	} else {
		l.page, err = l.c.wire.InboxPage(ctx, l.page)
	}
	if err != nil {
		return fmt.Errorf("list chats: %w", err)
	}
	for i := range l.page.Threads {
		if _, err = l.c.listed(ctx, &l.page.Threads[i], wire.FromInbox); err != nil {
			return err
		}
	}
	l.pages++
	l.all = !l.page.More
	return nil
}

// done remembers that there is nothing more to list.
func (l *listing) done(ctx context.Context) error {
	meta := loginMeta(l.c.login.UserLogin)
	if meta.ChatsListed {
		return nil
	}
	meta.ChatsListed = true
	if err := l.c.login.Save(ctx); err != nil {
		return fmt.Errorf("store that chats are listed: %w", err)
	}
	return nil
}

// listed learns a thread of a list. It answers whether bringing it up to date can wait: it was there before the login, and
// nobody has written in it since.
func (c *Client) listed(ctx context.Context, t *wire.Thread, source wire.Source) (waits bool, err error) {
	known, was := c.known.thread(t.IDs.Short)
	if source == wire.FromInbox {
		if waits, err = c.waits(ctx, t, known, was); err != nil {
			return false, err
		}
	}
	return waits, c.learn(ctx, func(change *change) {
		change.learnThread(t)
		if waits {
			change.thread(t.IDs.Short, func(known *thread) { known.Owed = true })
		}
	})
}

func (c *Client) waits(ctx context.Context, t *wire.Thread, known thread, was bool) (bool, error) {
	if listed := loginMeta(c.login.UserLogin).ChatsListed; listed && !was || was && t.LastActivity.UnixMilli() > known.Last {
		return false, nil // somebody has written
	}
	if !was || known.Owed {
		return true, nil
	}
	key, ok := c.portalKey(t.IDs.Short, known)
	if !ok {
		return false, nil
	}
	portal, err := c.network.bridge.GetExistingPortalByKey(ctx, key)
	if err != nil {
		return false, fmt.Errorf("get portal %q: %w", key.ID, err)
	}
	return portal == nil || portal.MXID == "", nil
}

// bring brings the room of a thread up to date, one thread of the login at a time, so that nobody comes in between. t is the
// thread as it was just fetched or listed; without one it is fetched, unless its room is up to date meanwhile. If the thread
// is not there any more, nothing is owed, and the error is errNoThread. heard is as in catchUp.
func (c *Client) bring(ctx context.Context, short wire.ShortID, t *wire.Thread, source wire.Source, heard time.Time) error {
	select {
	case c.bringing <- struct{}{}:
		defer func() { <-c.bringing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	known, _ := c.known.thread(short)
	if t == nil && !known.Owed {
		return nil
	}
	var err error
	if t == nil {
		if t, err = c.fetchThread(ctx, short); err != nil && !errors.Is(err, errNoThread) {
			return err
		}
	}
	if err == nil {
		if err = c.catchUp(ctx, t, source, heard); err != nil {
			return err
		}
	}
	_, _, learning := c.known.learn(ctx, func(change *change) {
		if known, ok := c.known.thread(short); ok && known.Owed {
			change.thread(short, func(t *thread) { t.Owed = false })
		}
	})
	return errors.Join(err, learning)
}
