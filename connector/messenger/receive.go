package messenger

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/ledger"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/metalogin"
	"crosschat/connector/metaweb/web"
)

// receiver takes what the wire brings to a login, in the wire's goroutines, one table at a time.
type receiver struct{ c *Client }

var _ wire.Handler = (*receiver)(nil)

// Connected implements wire.Handler.
func (r *receiver) Connected(context.Context) {
	r.c.online.Set(true)
	r.c.report()
	if r.c.fillAgain.Swap(false) {
		r.c.FillChats()
	}
}

// CaughtUp implements wire.Handler.
func (r *receiver) CaughtUp(context.Context) { r.c.current.Store(true) }

// SaveState implements wire.Handler.
func (r *receiver) SaveState(ctx context.Context, state wire.State) error {
	return metalogin.StoreState(ctx, r.c.network.db.Messenger(), r.c.login.ID, state)
}

// CookiesChanged implements wire.Handler.
func (r *receiver) CookiesChanged(*web.Cookies) {
	c := r.c
	if err := metalogin.StoreCredentials(context.WithoutCancel(c.ctx), c.network.db.Messenger(), c.login.ID, c.session.credentials); err != nil {
		c.log.Error().Err(err).Msg("Could not store changed cookies")
	}
}

// HandleTable implements wire.Handler: it returns nil when everything in the table is in Matrix or in our database, so that
// the server may be told that the table was received.
func (r *receiver) HandleTable(ctx context.Context, d wire.Delivery) error {
	c := r.c
	if !c.work.Begin() {
		return errNobody
	}
	defer c.work.Done()
	t := &table{Table: c.known.renamed(d.Table), c: c, origin: d.Origin}
	for _, key := range d.Fetched {
		t.fetched = append(t.fetched, c.known.ownKey(key))
	}
	// The order is that of the protocol notes, section 3.9.
	for _, step := range []func(context.Context) error{
		t.learn, t.unite, t.past, t.chats, t.live, t.places, t.edits, t.reads, t.typing, t.removals, t.reactions, t.leave,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if d.Origin == wire.FromFetch { // the last of what comes by itself
		c.FillChats()
	}
	return nil
}

// table is one table on its way to Matrix.
type table struct {
	*lightspeed.Table
	c       *Client
	fetched []int64
	origin  wire.Origin

	attachments map[string]*lightspeed.Attachments
	changed     []int64          // chats of which something is new
	before      map[int64]thread // what was known of them
}

// learn stores what the table tells of people and chats, and updates the ghosts.
func (t *table) learn(ctx context.Context) error {
	t.attachments = t.Attachments()
	change := t.c.known.begin()
	for _, row := range t.Contacts {
		change.contact(row.ID, func(known *contact) { learnContact(known, row) })
	}
	change.hybrids(t.HybridThreads)
	for _, row := range t.KnownThreads {
		change.thread(row.Key, func(known *thread) {
			known.setType(row.Type)
			known.Parent = row.ParentKey
			known.setFolder(row.Folder)
		})
	}
	for _, row := range t.Threads {
		change.thread(row.Key, func(known *thread) { learnThread(known, row) })
	}
	for _, row := range t.Participants {
		change.thread(row.ThreadKey, func(known *thread) {
			if known.Members == nil {
				known.Members = make(map[int64]bool)
			}
			known.Members[row.Contact] = row.Admin
		})
	}
	for _, row := range t.AdminStatuses {
		change.thread(row.ThreadKey, func(known *thread) {
			if _, in := known.Members[row.Contact]; in {
				known.Members[row.Contact] = row.Admin
			}
		})
	}
	for _, row := range t.Departures {
		change.thread(row.ThreadKey, func(known *thread) { delete(known.Members, row.Contact) })
	}
	t.learnSettings(change)
	var gone []networkid.PortalKey
	for _, key := range t.Gone() {
		gone = append(gone, t.c.portalKey(key)) // while it is known whether it is a group
		change.forget(key)
	}
	before := change.before()
	contacts, threads, err := change.commit(ctx)
	if err != nil {
		return err
	}
	t.changed, t.before = threads, before
	for _, id := range contacts {
		t.c.updateGhost(ctx, id)
	}
	for _, key := range gone {
		if err = t.c.dropRoom(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// dropRoom takes the room of a chat from the user that they have no longer.
func (c *Client) dropRoom(ctx context.Context, key networkid.PortalKey) error {
	meta := c.meta(bridgev2.RemoteEventChatDelete, 0, c.self, 0)
	meta.PortalKey = key
	return c.deliver(ctx, "", meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.ChatDelete{EventMeta: meta, OnlyForMe: true}
	})
}

// leave takes the rooms of groups from the user that they are not in any more. It comes last, since what else the table
// has of a group was before.
func (t *table) leave(ctx context.Context) error {
	for _, row := range t.Departures {
		known, ok := t.c.known.thread(row.ThreadKey)
		if _, in := known.Members[t.c.self]; !ok || in || row.Contact != t.c.self {
			continue
		}
		key := t.c.portalKey(row.ThreadKey)
		change := t.c.known.begin()
		change.forget(row.ThreadKey)
		if _, _, err := change.commit(ctx); err != nil {
			return err
		}
		if err := t.c.dropRoom(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) learnSettings(change *change) {
	for _, row := range t.Mutes {
		change.thread(row.ThreadKey, func(known *thread) { known.MuteExpires = row.Expires })
	}
	for _, row := range t.ThreadMoves {
		change.thread(row.ThreadKey, func(known *thread) { known.setFolder(row.To) })
	}
	for _, row := range t.ThreadNames {
		change.thread(row.ThreadKey, func(known *thread) { known.Name = row.Name })
	}
	for _, row := range t.ThreadPictures {
		change.thread(row.ThreadKey, func(known *thread) { known.Picture = row.URL })
	}
	for _, row := range t.Requests {
		change.thread(row.ThreadKey, func(known *thread) { known.Pending = row.Status == 1 })
	}
	for _, row := range t.ReadOnly {
		change.thread(row.ThreadKey, func(known *thread) { known.ReadOnly = row.Reason != "" })
	}
}

// setFolder moves a chat; an empty folder is none that is told.
func (t *thread) setFolder(folder string) {
	if folder == "" {
		return
	}
	if folder == lightspeed.FolderCutOver {
		t.Encrypted, t.PlainAgain = true, false
		return
	}
	t.Folder, t.Pending = folder, folder == lightspeed.FolderPending
}

// typeOfPage is the contact type of pages (protocol notes, section 7).
const typeOfPage = 2

func learnContact(known *contact, row lightspeed.Contact) {
	if row.Name != "" {
		known.Name = row.Name
	}
	if row.Username != "" {
		known.Username = row.Username
	}
	if url, expires := row.Avatar(); url != "" {
		known.Picture, known.PictureExpires = url, expires
	}
	if row.Type != 0 {
		known.Page = row.Type == typeOfPage || row.PageType != 0
	}
	if row.CanMessage && !row.Self {
		known.Listed = true
	}
}

func learnThread(known *thread, row lightspeed.Thread) {
	known.setType(row.Type)
	known.Parent, known.Name, known.Picture = row.ParentKey, row.Name, row.PictureURL
	known.MuteExpires, known.About = row.MuteExpires, row.Description
	known.ReadOnly = row.CannotReply != 0 || row.ComposerOff
	known.Members = nil // its participants follow
	known.setFolder(row.Folder)
}

// chats brings the rooms of changed chats up to date, and makes those of new groups.
func (t *table) chats(ctx context.Context) error {
	for _, key := range t.changed {
		portal, err := t.c.network.bridge.GetExistingPortalByKey(ctx, t.c.portalKey(key))
		if err != nil {
			return fmt.Errorf("get portal of thread %d: %w", key, err)
		}
		// A portal without a room may be about to get one, for a message of the encrypted plane: then this waits behind it.
		isNew := t.isNewGroup(key)
		if portal == nil && !isNew {
			continue
		}
		err = t.c.deliver(ctx, "", t.c.meta(bridgev2.RemoteEventChatResync, key, t.c.self, 0), func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
			meta.Sender, meta.CreatePortal = bridgev2.EventSender{}, isNew
			return &simplevent.ChatResync{EventMeta: meta, GetChatInfoFunc: t.c.GetChatInfo}
		})
		if err == nil && portal != nil {
			err = t.settings(ctx, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isNewGroup says whether the user has just come into a group. What the first sync tells of is not new; its rooms are made
// when there is something in them.
func (t *table) isNewGroup(key int64) bool {
	now, _ := t.c.known.thread(key)
	old := t.before[key]
	_, was := old.Members[t.c.self]
	_, is := now.Members[t.c.self]
	return t.origin == wire.FromPush && now.group() && is && !was
}

// settings has the user's Matrix account follow what they chose for a chat on Messenger. What they choose in Matrix alone
// stays, until they change it there.
func (t *table) settings(ctx context.Context, key int64) error {
	now, _ := t.c.known.thread(key)
	old := t.before[key]
	local := &bridgev2.UserLocalPortalInfo{}
	if now.MuteExpires != old.MuteExpires {
		local.MutedUntil = mutedUntil(now.MuteExpires)
	}
	if now.archived() != old.archived() {
		local.Tag = archiveTag(now.archived())
	}
	if local.MutedUntil == nil && local.Tag == nil {
		return nil
	}
	return t.c.deliver(ctx, "", t.c.meta(bridgev2.RemoteEventChatInfoChange, key, t.c.self, 0), func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.ChatInfoChange{EventMeta: meta, ChatInfoChange: &bridgev2.ChatInfoChange{
			ChatInfo: &bridgev2.ChatInfo{UserLocal: local},
		}}
	})
}

// reads moves the read receipts of others and of the user.
func (t *table) reads(ctx context.Context) error {
	type read struct{ thread, reader, watermark int64 }
	var all []read
	for _, row := range t.Reads {
		all = append(all, read{row.ThreadKey, row.Contact, row.Watermark})
	}
	for _, row := range t.OwnReads {
		all = append(all, read{row.ThreadKey, t.c.self, row.Watermark})
	}
	for _, row := range all {
		if row.watermark <= 0 {
			continue
		}
		meta := t.c.meta(bridgev2.RemoteEventReadReceipt, row.thread, row.reader, row.watermark)
		err := t.c.deliver(ctx, "", meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
			return &simplevent.Receipt{EventMeta: meta, ReadUpTo: time.UnixMilli(row.watermark)}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// typingShown is how long one notice counts; it is repeated every three seconds (protocol notes, section 3).
const typingShown = 5 * time.Second

// typing is not kept by anyone: it is queued and forgotten. What the sync brings late means nothing.
func (t *table) typing(context.Context) error {
	if t.origin != wire.FromPush {
		return nil
	}
	for _, row := range t.Typing {
		if row.Sender == t.c.self {
			continue
		}
		typing := &simplevent.Typing{EventMeta: t.c.meta(bridgev2.RemoteEventTyping, row.ThreadKey, row.Sender, 0)}
		if row.Active {
			typing.Timeout = typingShown
		}
		t.c.login.QueueRemoteEvent(typing)
	}
	return nil
}

// portalKey is where a thread's portal is. One with a single other person is the login's own.
func (c *Client) portalKey(key int64) networkid.PortalKey {
	portal := networkid.PortalKey{ID: makeID[networkid.PortalID](key)}
	if known, _ := c.known.thread(key); !known.group() {
		portal.Receiver = c.login.ID
	}
	return portal
}

// as is a person as the sender of something. In a group that may be another user of the bridge, who then acts themself.
func (c *Client) as(id int64) bridgev2.EventSender {
	return bridgev2.EventSender{
		Sender: makeID[networkid.UserID](id), SenderLogin: makeID[networkid.UserLoginID](id), IsFromMe: id == c.self,
	}
}

// meta is the head of an event. at is in Unix milliseconds; 0 is now.
func (c *Client) meta(kind bridgev2.RemoteEventType, key, sender, at int64) simplevent.EventMeta {
	when := time.Now()
	if at > 0 {
		when = time.UnixMilli(at)
	}
	return simplevent.EventMeta{
		Type: kind, PortalKey: c.portalKey(key), Sender: c.as(sender), Timestamp: when,
		LogContext: func(log zerolog.Context) zerolog.Context { return log.Int64("thread_key", key) },
	}
}

// deliver is the ledger's, for events that need not be shown in chats that make no room. key is that of
// ledger.DeliverOnce, empty for what sends no event.
func (c *Client) deliver(ctx context.Context, key string, meta simplevent.EventMeta, build func(simplevent.EventMeta) bridgev2.RemoteEvent) error {
	if id, err := parseID(meta.PortalKey.ID); err != nil {
		return nil
	} else if known, _ := c.known.thread(id); known.hidden() {
		return nil
	}
	return ledger.DeliverOnce(ctx, c.login, key, meta, build)
}
