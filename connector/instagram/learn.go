package instagram

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/instagram/wire"
)

// learnUser notes what a thread, a message or a search says of somebody. What it does not say stays.
func (c *change) learnUser(u wire.User) {
	if u.IGID == 0 {
		return
	}
	c.person(u.IGID, func(p *person) {
		if u.FBID != 0 {
			p.FBID = u.FBID
		}
		if u.Username != "" {
			p.Username, p.FullName = u.Username, u.FullName
			p.Bot = p.Bot || u.Bot
		}
		if u.PictureURL != "" {
			p.Picture = u.PictureURL
		}
	})
}

// learnThread notes what a query says of a thread.
func (c *change) learnThread(t *wire.Thread) {
	c.learnUser(t.Viewer)
	for _, u := range t.Users {
		c.learnUser(u)
	}
	peer, isDM := t.Peer()
	if isDM {
		c.person(peer.IGID, func(p *person) { p.Met = p.Met || !t.Folder.Request() })
	}
	c.thread(t.IDs.Short, func(known *thread) {
		known.Key, known.Group, known.Title, known.Picture = t.IDs.Key, t.Group, t.Title, t.ImageURL
		if t.IDs.Long != "" {
			known.Long = t.IDs.Long
		}
		if t.Folder != "" {
			known.Folder = t.Folder
		}
		if t.Muted != nil {
			known.Muted = *t.Muted
		}
		if t.Pinned != nil {
			known.Pinned = *t.Pinned
		}
		if last := t.LastActivity.UnixMilli(); last > 0 {
			known.Last = last
		}
		known.Unread, known.ReadOnly = t.MarkedUnread, t.InputMode != 0
		if isDM {
			known.Peer = peer.IGID
		}
		if t.Group {
			known.learnMembers(t)
		}
	})
}

// learnMembers notes who is in a group. Listings don't say who its administrators are.
func (t *thread) learnMembers(from *wire.Thread) {
	members := make(map[wire.IGID]bool, len(from.Users)+1)
	for _, u := range append([]wire.User{from.Viewer}, from.Users...) {
		if u.IGID != 0 {
			members[u.IGID] = t.Members[u.IGID] && !from.AdminsKnown
		}
	}
	for _, admin := range from.Admins {
		if _, in := members[admin]; in {
			members[admin] = true
		}
	}
	t.Members = members
}

// learn makes changes, and brings ghosts and rooms up to date.
func (c *Client) learn(ctx context.Context, edit func(*change)) error {
	people, threads, err := c.known.learn(ctx, edit)
	if err != nil {
		return err
	}
	for _, id := range people {
		c.updateGhost(ctx, id)
	}
	for _, id := range threads {
		if err = c.resync(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// resync brings a chat's room, if there is one, up to date with what is known.
func (c *Client) resync(ctx context.Context, short wire.ShortID) error {
	known, ok := c.known.thread(short)
	if !ok {
		return nil
	}
	key, ok := c.portalKey(short, known)
	if !ok {
		return nil
	}
	portal, err := c.network.bridge.GetExistingPortalByKey(ctx, key)
	if err != nil {
		return fmt.Errorf("get portal %q: %w", key.ID, err)
	}
	if portal == nil || portal.MXID == "" {
		return nil
	}
	meta := c.meta(bridgev2.RemoteEventChatResync, key, bridgev2.EventSender{}, time0)
	return c.deliver(ctx, "", meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.ChatResync{EventMeta: meta, GetChatInfoFunc: c.GetChatInfo}
	})
}

// portalKey is where a thread's portal is; false if it can't have one. One of two people is the login's own.
func (c *Client) portalKey(short wire.ShortID, t thread) (networkid.PortalKey, bool) {
	switch {
	case t.Group:
		return networkid.PortalKey{ID: makeGroupID(short)}, true
	case t.Peer != 0:
		return c.peerKey(t.Peer), true
	default:
		return networkid.PortalKey{}, false
	}
}

// peerKey is the portal of the chat with somebody.
func (c *Client) peerKey(peer wire.IGID) networkid.PortalKey {
	return networkid.PortalKey{ID: makeID[networkid.PortalID](peer), Receiver: c.login.ID}
}

// errNoThread is a thread that the account does not have any more, or never had.
var errNoThread = errors.New("there is no such thread")

// fetchThread asks for a thread and learns it, with its newest messages.
func (c *Client) fetchThread(ctx context.Context, short wire.ShortID) (*wire.Thread, error) {
	t, err := c.wire.Thread(ctx, short)
	if errors.Is(err, wire.ErrNotFound) {
		return nil, errNoThread
	} else if err != nil {
		return nil, fmt.Errorf("fetch thread %d: %w", short, err)
	}
	return t, c.learn(ctx, func(change *change) { change.learnThread(t) })
}

// sender is who did something in a thread. Somebody of whom nobody has told is asked for; the answer's Sender is empty if
// that leads nowhere.
func (c *Client) sender(ctx context.Context, t thread, id wire.FBID, author *wire.User) (bridgev2.EventSender, error) {
	if id == 0 {
		return bridgev2.EventSender{}, nil
	}
	if author != nil && author.IGID != 0 && (author.FBID == 0 || author.FBID == id) {
		user := *author
		user.FBID = id
		if err := c.learn(ctx, func(change *change) { change.learnUser(user) }); err != nil {
			return bridgev2.EventSender{}, err
		}
		return c.as(user.IGID), nil
	}
	if person, ok := c.known.personByFBID(id); ok {
		return c.as(person), nil
	}
	if id == c.wire.FBID() {
		return c.as(c.self), nil
	}
	if !t.Group && t.Peer != 0 && t.Peer != c.self {
		return c.as(t.Peer), nil // nobody else is there
	}
	user, err := c.wire.User(ctx, id)
	switch {
	case errors.Is(err, wire.ErrNotFound) || err == nil && user.IGID == 0:
		c.log.Warn().Stringer("fbid", id).Msg("Nobody knows the account with this messaging id")
		return bridgev2.EventSender{}, nil
	case err != nil:
		return bridgev2.EventSender{}, fmt.Errorf("look up account with messaging id %d: %w", id, err)
	}
	user.FBID = id
	if err = c.learn(ctx, func(change *change) { change.learnUser(user) }); err != nil {
		return bridgev2.EventSender{}, err
	}
	return c.as(user.IGID), nil
}

// as is a person as the sender of something. In a group that may be another user of the bridge, who then acts themself.
func (c *Client) as(id wire.IGID) bridgev2.EventSender {
	return bridgev2.EventSender{
		Sender: makeID[networkid.UserID](id), SenderLogin: makeID[networkid.UserLoginID](id), IsFromMe: id == c.self,
	}
}
