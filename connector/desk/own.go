package desk

import (
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/command"
	"crosschat/connector/convert"
)

// Users of a bridge do not learn of each other's accounts from the bot, nor act on each other's chats. Where the library's
// commands would let them, ours take their place.

// commandsOnOwn are the library's commands that name a login, and those that act on the chat in whose room they are given.
func (d *Desk) commandsOnOwn() []commands.CommandHandler {
	first := func(ce *commands.Event) string {
		if len(ce.Args) == 0 {
			return ""
		}
		return ce.Args[0]
	}
	firstOfTwo := func(ce *commands.Event) string {
		words := slices.DeleteFunc(slices.Clone(ce.Args), func(word string) bool { return strings.HasPrefix(word, "--") })
		if len(words) != 2 {
			return ""
		}
		return words[0]
	}
	return []commands.CommandHandler{
		d.namingOwn(commands.CommandRelogin, first), lendingOwn(d.namingOwn(commands.CommandSetRelay, first)),
		takingBack(commands.CommandUnsetRelay),
		d.namingOwn(commands.CommandBridge, firstOfTwo), d.namingOwn(commands.CommandCreatePortal, firstOfTwo),
		commandMute(), commandDeleteChat(),
	}
}

// namingOwn is a command that tells its user nothing of logins that are not theirs: the library answers otherwise to those
// of others than to those that there are not, and goes on with some. named is the login that the command names, if any.
func (d *Desk) namingOwn(library *commands.FullHandler, named func(*commands.Event) string) *commands.FullHandler {
	handler := *library
	run := handler.Func
	handler.Func = func(ce *commands.Event) {
		if login := named(ce); login != "" && !mayName(ce, networkid.UserLoginID(login)) {
			ce.Reply("You have no account %s. Your accounts are:\n\n%s", convert.Plain(login), d.list(ce.User))
			return
		}
		run(ce)
	}
	return &handler
}

// lendingOwn lets users lend their account to a chat that is theirs alone, where the config lets them do so anywhere: the
// library asks for power over the room, which in a chat of two only the bridge's bot has.
func lendingOwn(library *commands.FullHandler) *commands.FullHandler {
	handler := *library
	handler.Func = func(ce *commands.Event) {
		allowed := ce.Bridge.Config.Relay.Enabled && (ce.User.Permissions.Admin || !ce.Bridge.Config.Relay.AdminOnly)
		mine := accounts(ce.User)
		i := slices.IndexFunc(mine, func(login *bridgev2.UserLogin) bool { return login.ID == ce.Portal.Receiver })
		if !allowed || !ce.User.Permissions.ManageRelay || i < 0 {
			library.Func(ce)
			return
		}
		if err := ce.Portal.SetRelay(ce.Ctx, mine[i]); err != nil {
			ce.Log.Err(err).Msg("Could not store a chat's relay")
			ce.Reply("That could not be stored; try again.")
			return
		}
		ce.Reply("What people write here who are not logged in goes out through your account from now on, with their names before it. " +
			"`$cmdprefix unset-relay` ends that.")
	}
	return &handler
}

// takingBack ends the relaying in a chat of one user's: the library panics there (Portal.SetRelay with nil, mautrix v0.31.0).
func takingBack(library *commands.FullHandler) *commands.FullHandler {
	handler := *library
	handler.Func = func(ce *commands.Event) {
		relay := ce.Portal.Relay
		if relay == nil || ce.Portal.Receiver == "" {
			library.Func(ce)
			return
		}
		if relay.UserMXID != ce.User.MXID && !ce.User.Permissions.Admin {
			ce.Reply("This chat goes through an account of somebody else's, and only they can end that.")
			return
		}
		ce.Portal.Relay, ce.Portal.RelayLoginID = nil, ""
		if err := ce.Portal.Save(ce.Ctx); err != nil {
			ce.Log.Err(err).Msg("Could not store that a chat has no relay")
			ce.Reply("That could not be stored; try again.")
			return
		}
		ce.Reply("What people write here who are not logged in goes nowhere from now on.")
	}
	return &handler
}

// mayName is whether a user may name a login in a command: their own, those that the config offers to all as relays, and
// admins any.
func mayName(ce *commands.Event, login networkid.UserLoginID) bool {
	return ce.User.Permissions.Admin || slices.Contains(ce.User.GetUserLoginIDs(), login) ||
		ce.Bridge.Config.Relay.Enabled && slices.Contains(ce.Bridge.Config.Relay.DefaultRelays, login)
}

// commandMute takes the place of the library's, which has the user's first login mute, be the chat one of its or not.
func commandMute() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "mute", Aliases: []string{"unmute"},
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "Mute this chat on its network, too, for a time such as 8h or until you `unmute` it",
			Args:        "[_time_]",
		},
		RequiresPortal: true,
		Func: func(ce *commands.Event) {
			until := int64(-1) // for ever
			if ce.Command == "unmute" {
				until = 0
			} else if len(ce.Args) > 0 {
				span, err := time.ParseDuration(ce.Args[0])
				if err != nil || span <= 0 {
					ce.Reply("Usage: `$cmdprefix mute [time]`, for example `$cmdprefix mute 8h`")
					return
				}
				until = time.Now().Add(span).UnixMilli()
			}
			onChat(ce, "muted", func(api bridgev2.MuteHandlingNetworkAPI) error {
				return api.HandleMute(ce.Ctx, &bridgev2.MatrixMute{
					MatrixEventBase: bridgev2.MatrixEventBase[*event.BeeperMuteEventContent]{
						Content: &event.BeeperMuteEventContent{MutedUntil: until}, Portal: ce.Portal,
					},
				})
			})
		},
	}
}

// commandDeleteChat takes the place of the library's, which has the user's first login delete, be the chat one of its or
// not, and so lets anybody in a room delete it.
func commandDeleteChat() *commands.FullHandler {
	return &commands.FullHandler{
		Name: commands.CommandDeleteChat.Name, Help: commands.CommandDeleteChat.Help, RequiresPortal: true,
		Func: func(ce *commands.Event) {
			onChat(ce, "deleted", func(api bridgev2.DeleteChatHandlingNetworkAPI) error {
				return api.HandleMatrixDeleteChat(ce.Ctx, &bridgev2.MatrixDeleteChat{
					Content: &event.BeeperChatDeleteEventContent{
						DeleteForEveryone:  slices.Contains(ce.Args, "--for-everyone"),
						FromMessageRequest: ce.Portal.MessageRequest,
					},
					Portal: ce.Portal,
				})
			})
		},
	}
}

// onChat has the account of a command's chat do something with it. done is what was to become of the chat.
func onChat[C any](ce *commands.Event, done string, do func(C) error) {
	login, ok := command.Login(ce)
	if !ok {
		return
	}
	api, ok := login.Client.(C)
	if !ok {
		ce.Reply("Chats of this network can't be %s from here.", done)
		return
	}
	if err := do(api); err != nil {
		ce.Log.Warn().Err(err).Msg("Could not do with a chat what its user wants")
		reason := bridgev2.WrapErrorInStatus(err).Message
		if reason == "" {
			reason = "its network did not take that; try again later"
		}
		ce.Reply("The chat could not be %s: %s.", done, strings.TrimSuffix(reason, "."))
		return
	}
	ce.React("✅️")
}
