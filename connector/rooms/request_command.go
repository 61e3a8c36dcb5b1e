package rooms

import (
	"fmt"
	"strings"

	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/convert"
)

func (r *Rooms) requestCommands() []commands.CommandHandler {
	inRequest := func(name, description string, act func(*commands.Event) string) commands.CommandHandler {
		return &commands.FullHandler{
			Name:          name,
			Help:          commands.HelpMeta{Section: commands.HelpSectionChats, Description: description},
			RequiresLogin: true, RequiresPortal: true,
			Func: func(ce *commands.Event) {
				if !ce.Portal.MessageRequest {
					ce.Reply("This chat is no request. See those that are with `$cmdprefix requests`.")
				} else if answer := act(ce); answer != "" {
					ce.Reply("%s", answer)
				}
			},
		}
	}
	return []commands.CommandHandler{
		inRequest("accept", "In a request: accept it. Writing there does the same", func(ce *commands.Event) string {
			return r.accept(ce.Ctx, ce.Portal, ce.User, ce.EventID)
		}),
		inRequest("decline", "In a request: decline it; its room goes", func(ce *commands.Event) string {
			answer := r.decline(ce.Ctx, ce.Portal, ce.User.MXID)
			ce.MessageStatus.DisableMSS = answer == "" // there is no room any more to show it in
			return answer
		}),
		&commands.FullHandler{
			Name:          "requests",
			Help:          commands.HelpMeta{Section: commands.HelpSectionChats, Description: "List the chats that you have not accepted yet"},
			RequiresLogin: true,
			Func:          r.listRequests,
		},
	}
}

func (r *Rooms) listRequests(ce *commands.Event) {
	var lines []string
	seen := make(map[networkid.PortalKey]bool)
	for _, login := range ce.User.GetUserLogins() {
		places, err := r.bridge.DB.UserPortal.GetAllForLogin(ce.Ctx, login.UserLogin)
		if err != nil {
			ce.Log.Err(err).Msg("Could not list a login's chats")
			ce.Reply("The requests could not be listed; try again.")
			return
		}
		for _, place := range places {
			portal, err := r.bridge.GetExistingPortalByKey(ce.Ctx, place.Portal)
			if err != nil || portal == nil || portal.MXID == "" || !portal.MessageRequest || seen[place.Portal] {
				continue
			}
			seen[place.Portal] = true
			name := portal.Name
			if name == "" {
				name = "a chat without a name"
			}
			link := portal.MXID.URI(r.bridge.Matrix.ServerName()).MatrixToURL()
			lines = append(lines, fmt.Sprintf("* %s: %s, %s", r.networkOf(portal.ID), convert.Plain(name), link))
		}
	}
	if len(lines) == 0 {
		ce.Reply("There are no requests.")
		return
	}
	ce.Reply("%s\n\nWrite in one to accept it, or send `$cmdprefix accept` or `$cmdprefix decline` there.", strings.Join(lines, "\n"))
}
