package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"

	"crosschat/connector/convert"
)

// mostListed is how many contacts one answer shows: events have a limit of 64 kB.
const mostListed = 300

// commandContacts lists the address book in the chat with the bot.
func commandContacts() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "whatsapp-contacts",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "List the contacts in your phone's address book that have WhatsApp",
			Args:        "[_part of a name_]",
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			c := clientOf(ce)
			if c == nil {
				return
			}
			contacts, err := c.GetContactList(ce.Ctx)
			if err != nil {
				ce.Log.Err(err).Msg("Could not list the contacts")
				ce.Reply("The contacts could not be listed; try again.")
				return
			}
			wanted := strings.ToLower(strings.Join(ce.Args, " "))
			var lines []string
			for _, contact := range contacts {
				name := *contact.UserInfo.Name
				if strings.Contains(strings.ToLower(name), wanted) {
					lines = append(lines, fmt.Sprintf("* %s: `%s`", convert.Plain(name), contact.UserID))
				}
			}
			switch more := len(lines) - mostListed; {
			case len(lines) == 0:
				ce.Reply("There is nobody like that in your address book.")
			case more > 0:
				ce.Reply("%s\n\nand %d more: name a part of the name after the command.", strings.Join(lines[:mostListed], "\n"), more)
			default:
				ce.Reply("%s\n\nWrite to one with `$cmdprefix start-chat` and the id behind the name.", strings.Join(lines, "\n"))
			}
		},
	}
}

// accountCommands are those about the account and its chats' settings.
func accountCommands() []commands.CommandHandler {
	return append(settingCommands(), commandContacts(), commandPresence(), commandRequests())
}

// learnContact keeps which LID belongs to a phone number, as an entry of the address book says.
func (c *Client) learnContact(evt *events.Contact) {
	lid, err := types.ParseJID(evt.Action.GetLidJID())
	if err != nil {
		return
	}
	lid, lidOK := person(lid)
	pn, pnOK := person(evt.JID)
	if !lidOK || !pnOK || lid.Server != types.HiddenUserServer || pn.Server != types.DefaultUserServer {
		return
	}
	if err = c.wa.Store.LIDs.PutLIDMapping(c.ctx, lid, pn); err != nil {
		c.fault(err, "Could not store the LID of a contact")
		return
	}
	c.rekey(lid, pn, types.EmptyJID)
}

// resolveID is somebody by one of our own ids. Who was never heard of is looked up: an id can be made up.
func (c *Client) resolveID(ctx context.Context, jid types.JID) (*bridgev2.ResolveIdentifierResponse, error) {
	if !c.IsLoggedIn() {
		return nil, bridgev2.ErrNotLoggedIn
	}
	peer, ok := c.peer(ctx, jid, types.EmptyJID)
	if !ok {
		return nil, fmt.Errorf("resolve %q: %w", jid, errNotAUser)
	}
	if peer.Server == types.DefaultUserServer {
		return c.resolveNumber(ctx, peer.User)
	}
	portal, err := c.network.bridge.GetExistingPortalByKey(ctx, c.portalKey(peer))
	if err != nil {
		return nil, fmt.Errorf("look for a chat with %q: %w", peer, err)
	}
	if portal != nil || len(c.addresses(ctx, peer)) > 1 || peer == c.self {
		return c.resolved(ctx, peer)
	}
	asked, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	if err = c.online.Wait(asked); err != nil {
		return nil, errors.New("WhatsApp can't be reached; try again later")
	}
	found, err := c.wa.GetUserInfo(asked, []types.JID{peer})
	if err != nil {
		return nil, fmt.Errorf("look up %q: %w", peer, lookupError(asked, err))
	}
	if _, ok = found[peer]; !ok {
		return nil, fmt.Errorf("%s is not on WhatsApp", peer.User)
	}
	return c.resolved(ctx, peer)
}
