package instagram

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/history"
	"crosschat/connector/instagram/wire"
	"crosschat/connector/metaweb/media"
)

const (
	// lookupTimeout bounds a question to the server that a user waits for.
	lookupTimeout = 20 * time.Second
	// pictureTimeout bounds the download of a profile picture, maxPicture its size.
	pictureTimeout = 30 * time.Second
	maxPicture     = 5 << 20
)

// GetChatInfo implements bridgev2.NetworkAPI, from what is known.
func (c *Client) GetChatInfo(ctx context.Context, portal *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
	if chat, number, ok := history.Parse(portal.ID); ok {
		return c.historyInfo(ctx, chat, number)
	}
	peer, group, err := parsePortal(portal.ID)
	if err != nil {
		return nil, err
	}
	if group != 0 {
		known, _ := c.known.thread(group)
		return c.groupInfo(known), nil
	}
	info := c.chatInfo(peer)
	// A new room takes its name and picture from the ghost, so the ghost gets its own first: otherwise the room would
	// start without and change at once.
	ghost, err := c.network.bridge.GetGhostByID(ctx, info.Members.OtherUserID)
	if err != nil {
		return nil, fmt.Errorf("get ghost %q: %w", info.Members.OtherUserID, err)
	}
	ghost.UpdateInfoIfNecessary(ctx, c.login, bridgev2.RemoteEventChatResync)
	return info, nil
}

// chatInfo is a chat of two, begun or not.
func (c *Client) chatInfo(peer wire.IGID) *bridgev2.ChatInfo {
	short, _ := c.known.threadWith(peer)
	known, _ := c.known.thread(short)
	dm := database.RoomTypeDM
	info := c.commonInfo(known)
	info.Type, info.Name = &dm, bridgev2.DefaultChatName
	info.Members.OtherUserID = makeID[networkid.UserID](peer)
	info.Members.MemberMap.Set(bridgev2.ChatMember{EventSender: c.as(c.self)}).Set(bridgev2.ChatMember{EventSender: c.as(peer)})
	info.Members.TotalMemberCount = len(info.Members.MemberMap)
	return info
}

// commonInfo is what chats of any kind have.
func (c *Client) commonInfo(known thread) *bridgev2.ChatInfo {
	until, tag, pending := bridgev2.Unmuted, event.RoomTag(""), known.pending()
	if known.Muted {
		until = event.MutedForever // until when is not told
	}
	if known.Pinned {
		tag = event.RoomTagFavourite
	}
	return &bridgev2.ChatInfo{
		UserLocal:      &bridgev2.UserLocalPortalInfo{MutedUntil: &until, Tag: &tag},
		MessageRequest: &pending,
		Members:        &bridgev2.ChatMemberList{IsFull: true, MemberMap: bridgev2.ChatMemberMap{}},
	}
}

// adminLevel is the power of a group's administrators.
const adminLevel = 50

func (c *Client) groupInfo(known thread) *bridgev2.ChatInfo {
	group := database.RoomTypeDefault
	name := convert.Clean(known.Title)
	if name == "" {
		name = c.groupName(known)
	}
	info := c.commonInfo(known)
	info.Type, info.Name = &group, &name
	info.Avatar = c.avatar(known.Picture)
	for person, admin := range known.Members {
		level := 0 // said of everybody, since somebody may have been an administrator
		if admin {
			level = adminLevel
		}
		member := bridgev2.ChatMember{EventSender: c.as(person), PowerLevel: &level}
		info.Members.MemberMap.Set(member)
	}
	info.Members.TotalMemberCount = len(info.Members.MemberMap)
	return info
}

// namedMembers is how many people an unnamed group is called by.
const namedMembers = 4

// groupName calls a group without a name by its members.
func (c *Client) groupName(t thread) string {
	var called []string
	for person := range t.Members {
		if person != c.self {
			known, _ := c.known.person(person)
			called = append(called, known.name())
		}
	}
	slices.Sort(called)
	if len(called) > namedMembers {
		called = append(called[:namedMembers], "…")
	}
	return strings.Join(called, ", ")
}

// GetUserInfo implements bridgev2.NetworkAPI, from what is known. Only for somebody of whom nothing is the server is asked.
func (c *Client) GetUserInfo(ctx context.Context, ghost *bridgev2.Ghost) (*bridgev2.UserInfo, error) {
	id, err := parseID(ghost.ID)
	if err != nil {
		return nil, err
	}
	known, ok := c.known.person(id)
	if !ok && c.IsLoggedIn() && c.online.Open() {
		if known, err = c.ask(ctx, id); err != nil {
			return nil, err
		}
	}
	return c.userInfo(id, known), nil
}

// ask fetches somebody of whom nothing was told. Somebody who does not exist has no name.
func (c *Client) ask(ctx context.Context, id wire.IGID) (person, error) {
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	user, err := c.wire.Profile(ctx, id)
	if errors.Is(err, wire.ErrNotFound) {
		return person{}, nil
	} else if err != nil {
		return person{}, fmt.Errorf("look up account %d: %w", id, err)
	}
	user.IGID = id
	if _, _, err = c.known.learn(ctx, func(change *change) { change.learnUser(user) }); err != nil {
		return person{}, err
	}
	known, _ := c.known.person(id)
	return known, nil
}

func (c *Client) userInfo(id wire.IGID, known person) *bridgev2.UserInfo {
	info := &bridgev2.UserInfo{
		Identifiers: []string{"instagram:" + id.String()}, Avatar: c.avatar(known.Picture), IsBot: &known.Bot,
	}
	if known.Username != "" {
		info.Identifiers = append(info.Identifiers, "instagram:"+known.Username)
	}
	if name := convert.Clean(known.name()); name != "" {
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
	body, err := c.wire.Download(ctx, link, media.Image, most)
	if err != nil {
		return nil, fmt.Errorf("download picture: %w", err)
	}
	defer body.Close()
	return io.ReadAll(body)
}

// updateGhost gives a ghost that there is what is known of its person.
func (c *Client) updateGhost(ctx context.Context, id wire.IGID) {
	ghost, err := c.network.bridge.GetExistingGhostByID(ctx, makeID[networkid.UserID](id))
	if err != nil {
		c.log.Warn().Err(err).Msg("Could not look up a ghost to update it")
		return
	}
	if known, ok := c.known.person(id); ok && ghost != nil {
		ghost.UpdateInfo(ctx, c.userInfo(id, known))
	}
}

// GetContactList implements bridgev2.ContactListingNetworkAPI: the people of the account's chats, since Instagram has no
// list of contacts.
func (c *Client) GetContactList(context.Context) ([]*bridgev2.ResolveIdentifierResponse, error) {
	if !c.IsLoggedIn() {
		return nil, bridgev2.ErrNotLoggedIn
	}
	var list []*bridgev2.ResolveIdentifierResponse
	met := c.known.met()
	for _, id := range slices.Sorted(maps.Keys(met)) {
		if known := met[id]; id != c.self && known.name() != "" {
			list = append(list, &bridgev2.ResolveIdentifierResponse{
				UserID: makeID[networkid.UserID](id), UserInfo: c.userInfo(id, known),
				Chat: &bridgev2.CreateChatResponse{PortalKey: c.peerKey(id)},
			})
		}
	}
	slices.SortStableFunc(list, func(a, b *bridgev2.ResolveIdentifierResponse) int {
		return strings.Compare(*a.UserInfo.Name, *b.UserInfo.Name)
	})
	return list, nil
}
