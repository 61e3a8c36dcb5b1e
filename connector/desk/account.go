package desk

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/provisionutil"
	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/convert"
)

// accounts are a user's logins in the order in which they are numbered.
func accounts(user *bridgev2.User) []*bridgev2.UserLogin {
	logins := user.GetUserLogins()
	slices.SortFunc(logins, func(a, b *bridgev2.UserLogin) int { return cmp.Compare(a.ID, b.ID) })
	return logins
}

// describe is a login on one line.
func (d *Desk) describe(login *bridgev2.UserLogin) string {
	network, _ := d.nameOf(string(login.ID))
	name := login.RemoteName
	if name == "" {
		name = "an account without a name"
	}
	return fmt.Sprintf("%s: %s (`%s`), %s", network.DisplayName, convert.Plain(name), login.ID, inWords(login.BridgeState.GetPrev()))
}

// inWords says how a login is.
func inWords(state status.BridgeState) string {
	said := map[status.BridgeStateEvent]string{
		status.StateConnected:           "connected",
		status.StateConnecting:          "connecting",
		status.StateBackfilling:         "connected, fetching history",
		status.StateTransientDisconnect: "not connected just now; it is being tried again",
		status.StateBadCredentials:      "logged out by the network: log in again",
		status.StateLoggedOut:           "logged out",
		status.StateUnknownError:        "in trouble",
	}[state.StateEvent]
	if said == "" {
		said = "not connected yet"
	}
	if state.Message != "" && state.StateEvent != status.StateConnected {
		said += " (" + convert.Plain(state.Message) + ")"
	}
	return said
}

func (d *Desk) list(user *bridgev2.User) string {
	var lines []string
	for i, login := range accounts(user) {
		lines = append(lines, fmt.Sprintf("%d. %s", i+1, d.describe(login)))
	}
	return strings.Join(lines, "\n")
}

// commandLogin takes the place of the library's where that only lists the ways to log in.
func (d *Desk) commandLogin() *commands.FullHandler {
	handler := *commands.CommandLogin
	handler.Func = func(ce *commands.Event) {
		flows := ce.Bridge.Network.GetLoginFlows()
		if len(ce.Args) > 0 || len(flows) < 2 || ce.User.HasTooManyLogins() || commands.LoadCommandState(ce.User) != nil {
			commands.CommandLogin.Func(ce)
			return
		}
		var lines, each []string
		for i, flow := range flows {
			lines = append(lines, fmt.Sprintf("%d. `%s` - %s", i+1, flow.ID, flow.Description))
			each = append(each, "login "+flow.ID)
		}
		d.offer(ce.Ctx, ce.OrigRoomID, ce.User, fmt.Sprintf("Please specify a login flow: click its number, or send for example `$cmdprefix login %s`.\n\n%s",
			flows[0].ID, strings.Join(lines, "\n")), numbered(each))
	}
	return &handler
}

const noAccount = "You are not logged in to anything. Send `$cmdprefix login` to begin."

func (d *Desk) commandList() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "list", Aliases: []string{"logins", "accounts"},
		Help: commands.HelpMeta{Section: commands.HelpSectionAuth, Description: "List your accounts, and say how each is"},
		Func: func(ce *commands.Event) {
			if text := d.list(ce.User); text != "" {
				ce.Reply("%s", text)
				return
			}
			ce.Reply(noAccount)
		},
	}
}

// commandLogout takes the place of the library's, which wants the id of a login.
func (d *Desk) commandLogout() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "logout",
		Help: commands.HelpMeta{Section: commands.HelpSectionAuth, Description: "Log out of an account, by its number in the list or its id", Args: "<_number_|_login ID_>"},
		Func: func(ce *commands.Event) {
			logins := accounts(ce.User)
			switch {
			case len(logins) == 0:
				ce.Reply(noAccount)
				return
			case len(ce.Args) != 1:
				var each []string
				for _, login := range logins {
					each = append(each, "logout "+string(login.ID))
				}
				d.offer(ce.Ctx, ce.OrigRoomID, ce.User, "Which account? Click its number, or send `$cmdprefix logout` with it:\n\n"+d.list(ce.User), numbered(each))
				return
			}
			login := chosen(logins, ce.Args[0])
			if login == nil {
				ce.Reply("You have no account %s. Your accounts are:\n\n%s", convert.Plain(ce.Args[0]), d.list(ce.User))
				return
			}
			login.Logout(ce.Ctx)
			ce.Reply("Logged out")
		},
	}
}

// chosen finds a login by its number in the list or its id.
func chosen(logins []*bridgev2.UserLogin, said string) *bridgev2.UserLogin {
	if n, err := strconv.Atoi(said); err == nil && n >= 1 && n <= len(logins) {
		return logins[n-1]
	}
	for _, login := range logins {
		if string(login.ID) == said {
			return login
		}
	}
	return nil
}

// mostFound bounds an answer: events have a limit of 64 kB.
const mostFound = 100

// commandSearch takes the place of the library's, which asks one login only, be its network able to search or not.
func (d *Desk) commandSearch() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "search", Aliases: []string{"find"},
		Help:          commands.HelpMeta{Section: commands.HelpSectionChats, Description: "Search people by name, on all networks that can", Args: "<_name_>"},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			if len(ce.Args) == 0 {
				ce.Reply("Usage: `$cmdprefix search <name>`, for example `$cmdprefix search Anna`")
				return
			}
			var lines, each, failed []string
			asked := 0
			for _, login := range accounts(ce.User) {
				if _, can := login.Client.(bridgev2.UserSearchingNetworkAPI); !can {
					continue
				}
				asked++
				network, _ := d.nameOf(string(login.ID))
				resp, err := provisionutil.SearchUsers(ce.Ctx, login, strings.Join(ce.Args, " "))
				if err != nil {
					failed = append(failed, network.DisplayName+" could not be searched; try again later.")
					continue
				}
				for _, found := range resp.Results {
					line := fmt.Sprintf("%d. %s: %s, `%s`", len(lines)+1, network.DisplayName, convert.Plain(found.Name), found.ID)
					if found.Portal != nil && found.Portal.MXID != "" {
						line += fmt.Sprintf(" - [the chat](%s)", found.Portal.MXID.URI(d.bridge.Matrix.ServerName()).MatrixToURL())
					}
					lines = append(lines, line)
					each = append(each, fmt.Sprintf("start-chat %s %s", login.ID, found.ID))
				}
			}
			switch {
			case asked == 0:
				ce.Reply("None of your networks can be searched. Start a chat by phone number or id: `$cmdprefix start-chat +49 151 2345678`")
			case len(lines) == 0:
				ce.Reply("%s", strings.Join(append(failed, "Nobody was found."), "\n"))
			default:
				lines = lines[:min(len(lines), mostFound)]
				d.offer(ce.Ctx, ce.OrigRoomID, ce.User, fmt.Sprintf("Search results:\n\n%s\n\n"+
					"Click a number to write to one, or send `$cmdprefix start-chat` with the id behind the name.\n%s",
					strings.Join(lines, "\n"), strings.Join(failed, "\n")), numbered(each))
			}
		},
	}
}
