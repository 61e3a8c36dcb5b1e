package messenger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/history"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/metaweb/media"
	"crosschat/connector/remoteid"
)

const (
	// lookupTimeout bounds a question to the server that a user waits for.
	lookupTimeout = 20 * time.Second
	// pictureTimeout bounds the download of a profile picture, maxPicture its size.
	pictureTimeout = 30 * time.Second
	maxPicture     = 5 << 20
)

// GetChatInfo implements bridgev2.NetworkAPI, from what the sync told.
func (c *Client) GetChatInfo(ctx context.Context, portal *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
	if chat, number, ok := history.Parse(portal.ID); ok {
		return c.historyInfo(ctx, chat, number)
	}
	key, err := parseID(portal.ID)
	if err != nil {
		return nil, err
	}
	info := c.chatInfo(key)
	if info.Members.OtherUserID == "" {
		return info, nil
	}
	// A new room takes its name and picture from the ghost, so the ghost gets its own first: otherwise the room would
	// start without and change at once.
	ghost, err := c.network.bridge.GetGhostByID(ctx, info.Members.OtherUserID)
	if err != nil {
		return nil, fmt.Errorf("get ghost %q: %w", info.Members.OtherUserID, err)
	}
	ghost.UpdateInfoIfNecessary(ctx, c.login, bridgev2.RemoteEventChatResync)
	return info, nil
}

func (c *Client) chatInfo(key int64) *bridgev2.ChatInfo {
	known, _ := c.known.thread(key)
	info := &bridgev2.ChatInfo{
		UserLocal:      newLocal(known),
		MessageRequest: &known.Pending,
		Members:        &bridgev2.ChatMemberList{IsFull: true, MemberMap: bridgev2.ChatMemberMap{}},
	}
	if known.encrypted() {
		info.ExtraUpdates = markEncrypted
	}
	if !known.group() {
		dm := database.RoomTypeDM
		info.Type, info.Name, info.Topic = &dm, bridgev2.DefaultChatName, c.topic(key, known)
		info.Members.OtherUserID = makeID[networkid.UserID](key)
		info.Members.MemberMap.Set(bridgev2.ChatMember{EventSender: c.as(c.self)}).Set(bridgev2.ChatMember{EventSender: c.as(key)})
		info.Members.TotalMemberCount = len(info.Members.MemberMap)
		return info
	}
	group := database.RoomTypeDefault
	name := convert.Clean(known.Name)
	info.Type, info.Name = &group, &name
	info.Topic = c.topic(key, known)
	info.Avatar = c.avatar(known.Picture)
	for person, admin := range known.Members {
		level := 0
		if admin {
			level = adminLevel
		}
		info.Members.MemberMap.Set(bridgev2.ChatMember{EventSender: c.as(person), PowerLevel: &level})
	}
	if len(known.Members) == 0 {
		info.Members.MemberMap.Set(bridgev2.ChatMember{EventSender: c.as(c.self)})
	}
	if name == "" {
		*info.Name = c.groupName(known)
	}
	info.Members.TotalMemberCount = len(info.Members.MemberMap)
	return info
}

// topic says what a chat is, where that is not a person or what its people call it.
func (c *Client) topic(key int64, known thread) *string {
	about := convert.Clean(known.About)
	other, _ := c.known.contact(key)
	switch {
	case known.Type == lightspeed.ThreadAIBot || key == metaAI:
		about = "An AI of Meta on Messenger, not a person. Meta reads what is written here."
	case known.Type == lightspeed.ThreadMarketplace:
		about = "A chat about something on Facebook Marketplace."
	case !known.group() && other.Page:
		about = "A page on Facebook, not a person: several people may read and write there."
	}
	return &about
}

// metaAI is the account of Meta's AI (protocol notes, section 7).
const metaAI = 156025504001094

// adminLevel is the power of a group's administrators.
const adminLevel = 50

// namedMembers is how many people an unnamed group is called by.
const namedMembers = 4

// groupName calls a group without a name by its members.
func (c *Client) groupName(t thread) string {
	var names []string
	for person := range t.Members {
		if person != c.self {
			names = append(names, c.nameOf(person))
		}
	}
	slices.Sort(names)
	if len(names) > namedMembers {
		names = append(names[:namedMembers], "…")
	}
	return strings.Join(names, ", ")
}

// newLocal is what the user's Matrix account is to show of a chat that it does not know: only what is set.
func newLocal(t thread) *bridgev2.UserLocalPortalInfo {
	local := &bridgev2.UserLocalPortalInfo{}
	if t.MuteExpires != 0 {
		local.MutedUntil = mutedUntil(t.MuteExpires)
	}
	if t.archived() {
		local.Tag = archiveTag(true)
	}
	return local
}

// archiveTag is how Matrix marks what is put away.
func archiveTag(archived bool) *event.RoomTag {
	var tag event.RoomTag
	if archived {
		tag = event.RoomTagLowPriority
	}
	return &tag
}

// mutedUntil reads the network's time: negative is for ever, 0 is not muted.
func mutedUntil(expires int64) *time.Time {
	at := bridgev2.Unmuted
	switch {
	case expires < 0:
		at = event.MutedForever
	case expires > 0:
		at = time.UnixMilli(expires)
	}
	return &at
}

// GetUserInfo implements bridgev2.NetworkAPI, from what the sync told. Only for somebody of whom it told nothing the server
// is asked.
func (c *Client) GetUserInfo(ctx context.Context, ghost *bridgev2.Ghost) (*bridgev2.UserInfo, error) {
	person, err := parseID(ghost.ID)
	if err != nil {
		return nil, err
	}
	known, ok := c.known.contact(person)
	if !ok && c.IsLoggedIn() && c.online.Open() {
		if known, err = c.ask(ctx, person); err != nil {
			return nil, err
		}
	}
	return c.userInfo(person, known), nil
}

// ask fetches somebody of whom the sync told nothing.
func (c *Client) ask(ctx context.Context, person int64) (contact, error) {
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	row, err := c.wire.FetchContact(ctx, person)
	if err != nil {
		var rejected *wire.RejectedError
		if errors.Is(err, wire.ErrNoAnswer) || errors.As(err, &rejected) {
			return contact{}, nil // nobody whom this account may see
		}
		return contact{}, fmt.Errorf("look up person %d: %w", person, err)
	}
	var known contact
	learnContact(&known, *row)
	change := c.known.begin()
	change.contact(person, func(old *contact) {
		known.Listed = old.Listed
		*old = known
	})
	_, _, err = change.commit(ctx)
	return known, err
}

func (c *Client) userInfo(person int64, known contact) *bridgev2.UserInfo {
	bot := known.Page || person == metaAI
	info := &bridgev2.UserInfo{
		Identifiers: []string{"messenger:" + strconv.FormatInt(person, 10)}, Avatar: c.avatar(known.Picture), IsBot: &bot,
	}
	if known.Username != "" {
		info.Identifiers = append(info.Identifiers, "messenger:"+known.Username)
	}
	if name := convert.Clean(known.Name); name != "" {
		info.Name = &name
	}
	return info
}

// pictureID is what stays of a picture when its link is signed anew.
func pictureID(link string) networkid.AvatarID { return networkid.AvatarID(media.PictureID(link)) }

// avatar is a picture behind a link, nil if there is none.
func (c *Client) avatar(link string) *bridgev2.Avatar {
	id := pictureID(link)
	if id == "" {
		return nil
	}
	return &bridgev2.Avatar{ID: id, Get: func(ctx context.Context) ([]byte, error) {
		if c.wire == nil {
			return nil, bridgev2.ErrNotLoggedIn
		}
		return c.picture(ctx, link, maxPicture)
	}}
}

// picture downloads a picture of at most so many bytes.
func (c *Client) picture(ctx context.Context, link string, most int64) ([]byte, error) {
	ctx, cancel := c.bound(ctx, pictureTimeout)
	defer cancel()
	body, err := c.wire.OpenLink(ctx, link, media.Image, most)
	if err != nil {
		return nil, fmt.Errorf("download picture: %w", err)
	}
	defer body.Close()
	return io.ReadAll(body)
}

// updateGhost gives a ghost that there is what the sync told of its person.
func (c *Client) updateGhost(ctx context.Context, person int64) {
	ghost, err := c.network.bridge.GetExistingGhostByID(ctx, makeID[networkid.UserID](person))
	if err != nil {
		c.log.Warn().Err(err).Msg("Could not look up a ghost to update it")
		return
	}
	if known, ok := c.known.contact(person); ok && ghost != nil {
		ghost.UpdateInfo(ctx, c.userInfo(person, known))
	}
}

// ResolveIdentifier implements bridgev2.IdentifierResolvingNetworkAPI, see personOf.
func (c *Client) ResolveIdentifier(ctx context.Context, identifier string, createChat bool) (*bridgev2.ResolveIdentifierResponse, error) {
	if !c.IsLoggedIn() {
		return nil, fmt.Errorf("%w: %w", bridgev2.ErrNotLoggedIn, bridgev2.ErrResolveIdentifierTryNext)
	}
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	person, err := c.personOf(ctx, identifier)
	if err != nil {
		return nil, err
	}
	known, ok := c.known.contact(person)
	if !ok {
		if err = c.online.Wait(ctx); err != nil {
			return nil, errors.New("can't reach Messenger; try again later")
		}
		if known, err = c.ask(ctx, person); err != nil {
			return nil, err
		} else if known.Name == "" {
			return nil, unknownPerson(identifier)
		}
	}
	if createChat {
		if err = c.createThread(ctx, person); err != nil {
			return nil, err
		}
	}
	return c.resolved(ctx, person, known)
}

// createThread makes sure that there is a thread with somebody.
func (c *Client) createThread(ctx context.Context, person int64) error {
	if known, ok := c.known.thread(person); ok && !known.group() {
		return nil
	}
	if err := c.online.Wait(ctx); err != nil {
		return errors.New("can't reach Messenger; try again later")
	}
	created, err := c.wire.CreateThread(ctx, person)
	if err != nil {
		return sendError(err)
	}
	tables := []*lightspeed.Table{created}
	kind := lightspeed.ThreadOneToOne
	if c.encrypted.reaches(ctx, person) {
		// New chats are encrypted today, where both sides can (protocol notes, section 5.8).
		more, err := c.wire.CreateEncrypted(ctx, person)
		if err != nil {
			return sendError(err)
		}
		tables, kind = append(tables, more...), lightspeed.ThreadEncryptedOneToOne
	}
	change := c.known.begin()
	for _, table := range tables {
		table = c.known.renamed(table)
		change.hybrids(table.HybridThreads)
		for _, row := range table.Threads {
			change.thread(row.Key, func(known *thread) { learnThread(known, row) })
		}
	}
	change.thread(person, func(known *thread) { known.setType(kind) })
	_, _, err = change.commit(ctx)
	return err
}

func (c *Client) resolved(ctx context.Context, person int64, known contact) (*bridgev2.ResolveIdentifierResponse, error) {
	id := makeID[networkid.UserID](person)
	ghost, err := c.network.bridge.GetGhostByID(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("get ghost %q: %w", id, err)
	}
	return &bridgev2.ResolveIdentifierResponse{
		Ghost: ghost, UserID: id, UserInfo: c.userInfo(person, known),
		Chat: &bridgev2.CreateChatResponse{PortalKey: c.portalKey(person), PortalInfo: c.chatInfo(person)},
	}, nil
}

// GetContactList implements bridgev2.ContactListingNetworkAPI, from what the sync told.
func (c *Client) GetContactList(ctx context.Context) ([]*bridgev2.ResolveIdentifierResponse, error) {
	if !c.IsLoggedIn() {
		return nil, bridgev2.ErrNotLoggedIn
	}
	var list []*bridgev2.ResolveIdentifierResponse
	for person, known := range c.known.listed() {
		if person == c.self || known.Name == "" {
			continue
		}
		list = append(list, &bridgev2.ResolveIdentifierResponse{
			UserID: makeID[networkid.UserID](person), UserInfo: c.userInfo(person, known),
			Chat: &bridgev2.CreateChatResponse{PortalKey: c.portalKey(person)},
		})
	}
	slices.SortFunc(list, func(a, b *bridgev2.ResolveIdentifierResponse) int {
		return strings.Compare(*a.UserInfo.Name, *b.UserInfo.Name)
	})
	return list, nil
}

// SearchUsers implements bridgev2.UserSearchingNetworkAPI.
func (c *Client) SearchUsers(ctx context.Context, query string) ([]*bridgev2.ResolveIdentifierResponse, error) {
	if !c.IsLoggedIn() {
		return nil, bridgev2.ErrNotLoggedIn
	}
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	if err := c.online.Wait(ctx); err != nil {
		return nil, errors.New("can't reach Messenger; try again later")
	}
	results, err := c.wire.Search(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("search people: %w", err)
	}
	var found []*bridgev2.ResolveIdentifierResponse
	for _, result := range results {
		person, ok := remoteid.Number(result.ID)
		if !ok || person == c.self || result.ThreadType != 0 && !result.ThreadType.OneToOne() {
			continue
		}
		answer, err := c.resolved(ctx, person, contact{Name: result.Name, Picture: result.PictureURL})
		if err != nil {
			return nil, err
		}
		found = append(found, answer)
	}
	return found, nil
}
