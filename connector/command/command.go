// Package command is what the bot's commands of the networks have in common: finding the account that a command is about,
// and the commands that only differ in a network's name. It knows no network. bridgev2 calls the handlers from its command
// goroutines, those of one user one after the other.
package command

import (
	"errors"
	"fmt"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
)

// Network is how a network is called.
type Network struct {
	Prefix string // begins its commands
	Name   string // for texts
}

// ErrUsage is the error of a command with arguments that make no sense.
var ErrUsage = errors.New("wrong arguments")

// Client is the client that a command is about. In a room of the network it is that of the account by which the user takes
// part there, and no other: who was invited to somebody else's chat can't act on it, nor on their own chat with the same
// people by mistake. Elsewhere it is that of the user's first login to the network that is logged in. If there is none, the
// user is told, and ok is false.
func Client[C bridgev2.NetworkAPI](ce *commands.Event, n Network) (client C, ok bool) {
	if inChat(ce, n) {
		return ofChat[C](ce, n)
	}
	for _, login := range ce.User.GetUserLogins() {
		if client, ok = login.Client.(C); ok && client.IsLoggedIn() {
			return client, true
		}
	}
	ce.Reply("You are not logged in to %s.", n.Name)
	return client, false
}

// inChat is whether a command was given in a room of the network.
func inChat(ce *commands.Event, n Network) bool {
	return ce.Portal != nil && strings.HasPrefix(string(ce.Portal.ID), n.Prefix+"-")
}

// ofChat is the client of the account that Login finds.
func ofChat[C bridgev2.NetworkAPI](ce *commands.Event, n Network) (client C, ok bool) {
	login, ok := Login(ce)
	if !ok {
		return client, false
	}
	if client, ok = login.Client.(C); !ok {
		ce.Reply("Your account of this chat is not logged in to %s.", n.Name)
	}
	return client, ok
}

// Login is the account by which the user takes part in the chat in whose room a command was given. If there is none, the
// user is told, and ok is false. It must be a portal.
func Login(ce *commands.Event) (login *bridgev2.UserLogin, ok bool) {
	login, _, err := ce.Portal.FindPreferredLogin(ce.Ctx, ce.User, false)
	switch {
	case err == nil && login != nil:
		return login, true
	case login != nil && login.UserMXID == ce.User.MXID:
		ce.Reply("Your account of this chat is not logged in: log in again.")
	case errors.Is(err, bridgev2.ErrNotLoggedIn):
		ce.Reply("This chat is not one of your accounts'. Only those whose account it belongs to can do that.")
	default:
		ce.Log.Err(err).Msg("Could not look up whose chat a room is")
		ce.Reply("That could not be looked up; try again.")
	}
	return nil, false
}

// Setting is a command with one argument that changes something of the chat in whose room it is given. f's error is
// ErrUsage, or is logged.
func Setting[C bridgev2.NetworkAPI](n Network, name, args, what string, f func(client C, ce *commands.Event, arg string) error) *commands.FullHandler {
	name = n.Prefix + "-" + name
	return &commands.FullHandler{
		Name:           name,
		Help:           commands.HelpMeta{Section: commands.HelpSectionChats, Description: what, Args: args},
		RequiresLogin:  true,
		RequiresPortal: true,
		Func: func(ce *commands.Event) {
			if !inChat(ce, n) {
				ce.Reply("This room is no %s chat.", n.Name)
				return
			}
			client, ok := ofChat[C](ce, n)
			if !ok {
				return
			}
			err := ErrUsage
			if len(ce.Args) == 1 {
				err = f(client, ce, ce.Args[0])
			}
			switch {
			case errors.Is(err, ErrUsage):
				ce.Reply("Usage: `$cmdprefix %s %s`", name, args)
			case err != nil:
				ce.Log.Warn().Err(err).Msg("Could not change a chat's settings")
				ce.Reply("%s did not take that; try again later.", n.Name)
			default:
				ce.Reply("Done.")
			}
		},
	}
}

// OnOff reads an argument that is on or off.
func OnOff(arg string, f func(bool) error) error {
	if arg != "on" && arg != "off" {
		return ErrUsage
	}
	return f(arg == "on")
}

// mostListed is how many contacts one answer shows: events have a limit of 64 kB.
const mostListed = 300

// lister is a client that knows the account's contacts.
type lister interface {
	bridgev2.NetworkAPI
	bridgev2.ContactListingNetworkAPI
}

// Contacts lists the account's contacts, with what begins a chat with each. whose says whose contacts they are.
func Contacts[C lister](n Network, whose string) *commands.FullHandler {
	return &commands.FullHandler{
		Name: n.Prefix + "-contacts",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "List " + whose,
			Args:        "[_part of a name_]",
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			client, ok := Client[C](ce, n)
			if !ok {
				return
			}
			contacts, err := client.GetContactList(ce.Ctx)
			if err != nil {
				ce.Log.Err(err).Msg("Could not list the contacts")
				ce.Reply("The contacts could not be listed; try again.")
				return
			}
			reply(ce, contacts, strings.ToLower(strings.Join(ce.Args, " ")))
		},
	}
}

func reply(ce *commands.Event, contacts []*bridgev2.ResolveIdentifierResponse, wanted string) {
	var lines []string
	for _, contact := range contacts {
		if name := *contact.UserInfo.Name; strings.Contains(strings.ToLower(name), wanted) {
			lines = append(lines, fmt.Sprintf("* %s: `%s`", plain(name), contact.UserID))
		}
	}
	switch more := len(lines) - mostListed; {
	case len(lines) == 0:
		ce.Reply("There is nobody like that among your contacts.")
	case more > 0:
		ce.Reply("%s\n\nand %d more: name a part of the name after the command.", strings.Join(lines[:mostListed], "\n"), more)
	default:
		ce.Reply("%s\n\nWrite to one with `$cmdprefix start-chat` and the id behind the name.", strings.Join(lines, "\n"))
	}
}

// plain takes away what Markdown would read into a name.
func plain(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "'", "[", `\[`, "<", "‹", ">", "›", "$", "＄", "\n", " ").Replace(name)
}
