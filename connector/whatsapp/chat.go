package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/convert"
	"crosschat/connector/history"
)

// lookupTimeout bounds a question to the server that a user waits for.
const lookupTimeout = 20 * time.Second

// GetChatInfo implements bridgev2.NetworkAPI.
func (c *Client) GetChatInfo(ctx context.Context, portal *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
	if c.wa == nil {
		return nil, bridgev2.ErrNotLoggedIn
	}
	if chat, number, ok := history.Parse(portal.ID); ok {
		return c.historyInfo(ctx, chat, number)
	}
	chat, err := parseChat(portal.ID)
	switch {
	case err != nil:
		return nil, err
	case chat.Server == types.GroupServer:
		return c.groupInfo(ctx, chat, portal.AvatarID), nil
	case chat == types.StatusBroadcastJID:
		return c.statusInfo(), nil
	}
	info := c.chatInfo(ctx, chat)
	info.MessageRequest = c.isRequest(ctx, portal, chat)
	// A new room takes its name and picture from the ghost, so the ghost gets its own first: otherwise the room would
	// start without and change at once.
	ghost, err := c.network.bridge.GetGhostByID(ctx, info.Members.OtherUserID)
	if err != nil {
		return nil, fmt.Errorf("get ghost %q: %w", info.Members.OtherUserID, err)
	}
	ghost.UpdateInfoIfNecessary(ctx, c.login, bridgev2.RemoteEventChatResync)
	return info, nil
}

func (c *Client) chatInfo(ctx context.Context, chat types.JID) *bridgev2.ChatInfo {
	dm := database.RoomTypeDM
	other := mustID[networkid.UserID](chat)
	members := bridgev2.ChatMemberMap{}.
		Set(bridgev2.ChatMember{EventSender: c.sender(chat, true)}).
		Set(bridgev2.ChatMember{EventSender: c.sender(chat, chat == c.self)})
	return &bridgev2.ChatInfo{
		Name:         c.roomName(ctx, chat),
		Type:         &dm,
		CanBackfill:  true,
		ExtraUpdates: c.settingsAtFirst(chat),
		Members: &bridgev2.ChatMemberList{
			IsFull:           true,
			TotalMemberCount: len(members),
			OtherUserID:      other,
			MemberMap:        members,
		},
	}
}

// roomName is the contact's name in the user's own address book. It names the user's own room only; the ghost, which
// all users of the bridge see, bears the public name.
func (c *Client) roomName(ctx context.Context, chat types.JID) *string {
	for _, jid := range c.addresses(ctx, chat) {
		contact, err := c.wa.Store.Contacts.GetContact(ctx, jid)
		if err == nil && contact.FullName != "" {
			name := convert.Clean(contact.FullName)
			return &name
		}
	}
	return bridgev2.DefaultChatName
}

// onContact is a change in the user's address book.
func (c *Client) onContact(evt *events.Contact) {
	c.learnContact(evt)
	if chat, ok := c.peer(c.ctx, evt.JID, types.EmptyJID); ok {
		c.renameRoom(chat, evt.Timestamp)
		if c.isContact(c.ctx, chat) {
			c.endRequest(chat)
		}
	}
}

// onContacts is the address book as a whole, after linking: rooms may have been made before it came.
func (c *Client) onContacts() {
	portals, err := c.network.bridge.DB.UserPortal.GetAllForLogin(c.ctx, c.login.UserLogin)
	if err != nil {
		c.fault(err, "Could not list the rooms to name them after the address book")
		return
	}
	for _, portal := range portals {
		if chat, err := parseID(portal.Portal.ID); err == nil {
			c.renameRoom(chat, time.Now())
		}
	}
}

// renameRoom gives the room of a chat, if there is one, the name that it should have.
func (c *Client) renameRoom(chat types.JID, at time.Time) {
	c.login.QueueRemoteEvent(&simplevent.ChatInfoChange{
		EventMeta: simplevent.EventMeta{
			Type:      bridgev2.RemoteEventChatInfoChange,
			PortalKey: c.portalKey(chat),
			Timestamp: at,
		},
		ChatInfoChange: &bridgev2.ChatInfoChange{ChatInfo: &bridgev2.ChatInfo{Name: c.roomName(c.ctx, chat)}},
	})
}

// ResolveIdentifier implements bridgev2.IdentifierResolvingNetworkAPI for phone numbers and our own user ids.
func (c *Client) ResolveIdentifier(ctx context.Context, identifier string, _ bool) (*bridgev2.ResolveIdentifierResponse, error) {
	if jid, err := parseID(networkid.UserID(identifier)); err == nil {
		return c.resolveID(ctx, jid)
	}
	number, ok := phoneNumber(identifier)
	if !ok {
		return nil, fmt.Errorf("%q is no phone number: %w", identifier, bridgev2.ErrResolveIdentifierTryNext)
	}
	return c.resolveNumber(ctx, number)
}

// resolveNumber asks the server who has a phone number.
func (c *Client) resolveNumber(ctx context.Context, number string) (*bridgev2.ResolveIdentifierResponse, error) {
	if !c.IsLoggedIn() {
		return nil, bridgev2.ErrNotLoggedIn
	}
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	if err := c.online.Wait(ctx); err != nil {
		return nil, errors.New("WhatsApp can't be reached; try again later")
	}
	answers, err := c.wa.IsOnWhatsApp(ctx, []string{"+" + number})
	if err != nil {
		return nil, fmt.Errorf("look up phone number: %w", lookupError(ctx, err))
	}
	for _, answer := range answers {
		if !answer.IsIn {
			continue
		}
		if jid, ok := c.peer(ctx, answer.JID, types.EmptyJID); ok {
			return c.resolved(ctx, jid)
		}
	}
	return nil, fmt.Errorf("+%s is not on WhatsApp", number)
}

// phoneNumber reads an international number, with the usual separators; it needs the plus sign or the form of digits
// only.
func phoneNumber(text string) (digits string, ok bool) {
	text = strings.TrimSpace(strings.TrimPrefix(text, "tel:"))
	digits = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "").Replace(strings.TrimPrefix(text, "+"))
	return digits, isNumber(digits) && len(digits) >= 7 && digits[0] != '0'
}

func (c *Client) resolved(ctx context.Context, jid types.JID) (*bridgev2.ResolveIdentifierResponse, error) {
	if c.wa == nil {
		return nil, bridgev2.ErrNotLoggedIn
	}
	id := mustID[networkid.UserID](jid)
	ghost, err := c.network.bridge.GetGhostByID(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("get ghost %q: %w", id, err)
	}
	info, err := c.GetUserInfo(ctx, ghost)
	if err != nil {
		return nil, err
	}
	return &bridgev2.ResolveIdentifierResponse{
		Ghost:    ghost,
		UserID:   id,
		UserInfo: info,
		Chat:     &bridgev2.CreateChatResponse{PortalKey: c.portalKey(jid), PortalInfo: c.chatInfo(ctx, jid)},
	}, nil
}

// GetContactList implements bridgev2.ContactListingNetworkAPI: the people in the phone's address book, from our store.
func (c *Client) GetContactList(ctx context.Context) ([]*bridgev2.ResolveIdentifierResponse, error) {
	if !c.IsLoggedIn() {
		return nil, bridgev2.ErrNotLoggedIn
	}
	contacts, err := c.wa.Store.Contacts.GetAllContacts(ctx)
	if err != nil {
		return nil, fmt.Errorf("list contacts: %w", err)
	}
	found := make(map[networkid.UserID]*bridgev2.ResolveIdentifierResponse)
	for jid, contact := range contacts {
		peer, ok := c.peer(ctx, jid, types.EmptyJID)
		if !ok || contact.FullName == "" {
			continue
		}
		id, name := mustID[networkid.UserID](peer), convert.Clean(contact.FullName)
		found[id] = &bridgev2.ResolveIdentifierResponse{
			UserID:   id,
			UserInfo: &bridgev2.UserInfo{Name: &name, Identifiers: c.identifiers(ctx, peer)},
			Chat:     &bridgev2.CreateChatResponse{PortalKey: c.portalKey(peer)},
		}
	}
	list := make([]*bridgev2.ResolveIdentifierResponse, 0, len(found))
	for _, contact := range found {
		list = append(list, contact)
	}
	slices.SortFunc(list, func(a, b *bridgev2.ResolveIdentifierResponse) int {
		return strings.Compare(*a.UserInfo.Name, *b.UserInfo.Name)
	})
	return list, nil
}
