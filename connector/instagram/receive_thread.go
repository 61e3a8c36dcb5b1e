package instagram

import (
	"context"
	"errors"
	"time"

	"crosschat/connector/instagram/wire"
)

// changeThread follows a change of a thread itself.
func (c *Client) changeThread(ctx context.Context, short wire.ShortID, event wire.Event) error {
	var edit func(*thread)
	switch e := event.(type) {
	case wire.FolderChanged:
		return c.moved(ctx, short, e.Folder)
	case wire.MuteChanged:
		edit = func(t *thread) { t.Muted = e.Muted }
	case wire.ThreadPinned:
		edit = func(t *thread) { t.Pinned = e.Pinned }
	case wire.ThreadRenamed:
		edit = func(t *thread) { t.Title = e.Name }
	case wire.ThreadPictured:
		edit = func(t *thread) { t.Picture = e.ImageURL }
	case wire.MembersAdded:
		return c.membersAdded(ctx, short, e.Users)
	case wire.MemberLeft:
		person, ok := c.known.personByFBID(e.Left)
		if !ok {
			if e.Left != c.wire.FBID() {
				return c.refetch(ctx, short)
			}
			person = c.self
		}
		edit = func(t *thread) { delete(t.Members, person) }
	case wire.AdminsChanged:
		edit = func(t *thread) {
			for member := range t.Members {
				t.Members[member] = false
			}
			for _, admin := range e.Admins {
				if _, in := t.Members[admin]; in {
					t.Members[admin] = true
				}
			}
		}
	default:
		c.log.Debug().Type("event_type", event).Msg("Ignored an event of a kind that is not bridged")
		return nil
	}
	return c.learn(ctx, func(change *change) { change.thread(short, edit) })
}

// membersAdded gets all members of a group, but not who its administrators are.
func (c *Client) membersAdded(ctx context.Context, short wire.ShortID, users []wire.User) error {
	if len(users) == 0 {
		return c.refetch(ctx, short)
	}
	return c.learn(ctx, func(change *change) {
		for _, u := range users {
			change.learnUser(u)
		}
		change.thread(short, func(t *thread) {
			members := map[wire.IGID]bool{c.self: t.Members[c.self]}
			for _, u := range users {
				if u.IGID != 0 {
					members[u.IGID] = t.Members[u.IGID]
				}
			}
			t.Members = members
		})
	})
}

// moved follows a thread into another folder: a request was accepted, or a chat is a request from now on.
func (c *Client) moved(ctx context.Context, short wire.ShortID, folder wire.Folder) error {
	old, _ := c.known.thread(short)
	if folder == "" || folder == old.Folder {
		return nil
	}
	err := c.learn(ctx, func(change *change) {
		change.thread(short, func(t *thread) { t.Folder = folder })
		if old.Peer != 0 && !folder.Request() {
			change.person(old.Peer, func(p *person) { p.Met = true })
		}
	})
	if err != nil || !old.Folder.Request() || folder == wire.FolderSpam {
		return err
	}
	// While it was a request nothing was told of it.
	fetched, err := c.fetchThread(ctx, short)
	if errors.Is(err, errNoThread) {
		return nil
	} else if err != nil {
		return err
	}
	return c.bring(ctx, short, fetched, sourceEvent, time.Time{})
}

// refetch asks for a thread when an event does not say enough.
func (c *Client) refetch(ctx context.Context, short wire.ShortID) error {
	_, err := c.fetchThread(ctx, short)
	if errors.Is(err, errNoThread) {
		return nil
	}
	return err
}
