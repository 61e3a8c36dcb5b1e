package history

import (
	"context"
	"strconv"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/command"
)

// most is how many messages one command may ask for.
const most = 10000

// Client is a login whose network gives older messages of a chat when it is asked.
type Client interface {
	bridgev2.NetworkAPI
	// IsChat says whether a portal is a chat of the network, and no room of history or another kind.
	IsChat(portal *bridgev2.Portal) bool
	// FillHistory puts up to most messages that stand before all that the user has of a chat into its rooms of history,
	// oldest first. It returns how many, and the room. After an error, or if the program ends in its midst, the next call
	// begins where this one did.
	FillHistory(ctx context.Context, portal *bridgev2.Portal, most int) (count int, room id.RoomID, err error)
	// InHistory runs f in a goroutine that ends with the login, as ctx does, when no other call of it runs.
	InHistory(f func(ctx context.Context))
}

// Command is <prefix>-history, which fetches older messages; usual is how many if the user does not say.
func Command[C Client](n command.Network, usual int) *commands.FullHandler {
	name := n.Prefix + "-history"
	return &commands.FullHandler{
		Name: name,
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "In a " + n.Name + " chat: put older messages, of this chat, into a room of history",
			Args:        "[how many]",
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			wanted := usual
			if len(ce.Args) > 0 {
				number, err := strconv.Atoi(ce.Args[0])
				if err != nil || number < 1 || number > most {
					ce.Reply("Usage: `$cmdprefix %s [how many]`, at most %d", name, most)
					return
				}
				wanted = number
			}
			client, ok := command.Client[C](ce, n)
			if !ok {
				return
			}
			if ce.Portal == nil {
				ce.Reply("Your chats have all that %s brings by itself. In a chat, the same command asks for older messages.", n.Name)
				return
			}
			if !client.IsChat(ce.Portal) {
				ce.Reply("This room is no %s chat.", n.Name)
				return
			}
			ce.Reply("Asking %s for older messages of this chat.", n.Name)
			// A user's commands come one after the other, so the work has a goroutine of its own.
			client.InHistory(func(ctx context.Context) { fill(ctx, ce, client, wanted) })
		},
	}
}

func fill(ctx context.Context, ce *commands.Event, client Client, wanted int) {
	count, room, err := client.FillHistory(ctx, ce.Portal, wanted)
	switch {
	case err != nil:
		ce.Log.Warn().Err(err).Str("portal_id", string(ce.Portal.ID)).Msg("Could not put messages into a room of history")
		ce.Reply("Not all older messages came; what is missing comes when you ask again.")
	case count == 0:
		ce.Reply("There are no older messages than you have already.")
	default:
		ce.Reply("%d older messages are in [a room of their own](%s).", count,
			room.URI(ce.Bridge.Matrix.ServerName()).MatrixToURL())
	}
}
