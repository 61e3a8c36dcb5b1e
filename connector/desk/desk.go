// Package desk is where users meet the bot: it answers unknown commands with what may have been meant, explains commands
// with examples, and has those that concern all of a user's accounts, whatever the network. Everything else about commands
// is bridgev2's, or their owners'. bridgev2 calls it from a goroutine for each command.
package desk

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/nearest"
)

// NameOf answers the name of the network that an id belongs to.
type NameOf func(id string) (bridgev2.BridgeName, bool)

// Desk implements bridgev2.CommandProcessor over bridgev2's own. Attach makes one.
type Desk struct {
	*commands.Processor
	bridge *bridgev2.Bridge
	nameOf NameOf
	offers offers
}

// Attach adds commands to the bridge's processor. It answers nil if that is not the library's, as in tests. It is called
// while bridgev2 initialises its network; Open makes the desk the bridge's processor. library is the bridge's Matrix side,
// nil over any other.
func Attach(bridge *bridgev2.Bridge, library *matrix.Connector, nameOf NameOf) *Desk {
	processor, ok := bridge.Commands.(*commands.Processor)
	if !ok {
		return nil
	}
	d := &Desk{Processor: processor, bridge: bridge, nameOf: nameOf}
	if library != nil {
		library.EventProcessor.PrependHandler(event.EventReaction, d.onReaction)
	}
	processor.AddHandlers(d.commandHelp(), d.commandLogin(), d.commandList(), d.commandLogout(), d.commandSearch(), d.commandLoginMatrix())
	processor.AddHandlers(d.commandsOnOwn()...)
	return d
}

// Open is called when all commands are added: until then the library wants to find its own processor.
func (d *Desk) Open() {
	if d != nil {
		d.bridge.Commands = d
	}
}

// Handle implements bridgev2.CommandProcessor.
func (d *Desk) Handle(ctx context.Context, room id.RoomID, evt id.EventID, user *bridgev2.User, message string, replyTo id.EventID) {
	message = d.choose(room, user, message, replyTo)
	answer := d.conceal(ctx, room, evt, user, message)
	var choices []choice
	if answer == "" {
		if meant := d.correct(ctx, room, user, message); meant != "" {
			said := strings.Fields(message)
			answer = fmt.Sprintf("I don't know the command `%s`. Did you mean `%s`? Click %s for yes. `help` lists all, `help %s` explains that one.",
				strings.ReplaceAll(said[0], "`", "'"), meant, meantKey, meant)
			choices = []choice{{meantKey, strings.Join(append([]string{meant}, said[1:]...), " ")}}
		}
	}
	if answer != "" {
		d.offer(ctx, room, user, answer, choices)
		d.bridge.Matrix.SendMessageStatus(ctx,
			&bridgev2.MessageStatus{Step: status.MsgStepCommand, Status: event.MessageStatusSuccess},
			&bridgev2.MessageStatusEventInfo{RoomID: room, SourceEventID: evt, EventType: event.EventMessage, Sender: user.MXID})
		return
	}
	d.Processor.Handle(ctx, room, evt, user, message, replyTo)
}

// correct is the command that was meant by one that there is not; empty if there is one, or the message answers a question,
// or nothing like it is known.
func (d *Desk) correct(ctx context.Context, room id.RoomID, user *bridgev2.User, message string) string {
	words := strings.Fields(message)
	if state := commands.LoadCommandState(user); len(words) == 0 || state != nil && state.Next != nil {
		return ""
	}
	said := strings.ToLower(words[0])
	known := d.helps(&commands.Event{Bridge: d.bridge, Processor: d.Processor, RoomID: room, User: user, Ctx: ctx})
	if _, ok := known[said]; ok || slices.Contains(aliases, said) {
		return ""
	}
	var names []string
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	return nearest.To(said, names)
}

// aliases are names of commands that help doesn't list. A test holds them against the library's.
var aliases = []string{
	"pm", "create", "unmute", "doas", "do-as", "runas", "run-as", "do-in", "runin", "run-in", "prefer", "discard-session",
	"set-power-level", "enable-encryption", "logins", "accounts", "find",
}

// helpLine is a command in the library's list.
var helpLine = regexp.MustCompile(`(?m)^\*\*([a-z0-9-]+)\*\*(.*?) - (.*)$`)

// help is what the list says of a command.
type help struct{ args, description string }

// helps are the commands that a user may see, by name, from the library's list: its processor keeps them to itself.
func (d *Desk) helps(ce *commands.Event) map[string]help {
	found := make(map[string]help)
	for _, line := range helpLine.FindAllStringSubmatch(commands.FormatHelp(ce), -1) {
		found[line[1]] = help{strings.TrimSpace(line[2]), line[3]}
	}
	return found
}

func (d *Desk) commandHelp() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "help",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionGeneral,
			Description: "Show this list, or what a command does and how to write it",
			Args:        "[_command_]",
		},
		Func: func(ce *commands.Event) {
			if len(ce.Args) == 0 {
				ce.Reply("%s", commands.FormatHelp(ce))
				return
			}
			name := strings.ToLower(ce.Args[0])
			known := d.helps(ce)
			what, ok := known[name]
			if !ok {
				ce.Reply("There is no command of that name. `$cmdprefix help` lists all.")
				return
			}
			answer := fmt.Sprintf("**%s** %s\n\n%s.", name, what.args, strings.TrimSuffix(what.description, "."))
			if examples := examplesOf[name]; len(examples) > 0 {
				answer += "\n\nFor example:\n"
				for _, example := range examples {
					answer += fmt.Sprintf("\n* `%s %s`", d.bridge.Config.CommandPrefix, example)
				}
			}
			ce.Reply("%s", answer)
		},
	}
}

// examplesOf are examples of commands that take arguments.
var examplesOf = map[string][]string{
	"login":              {"login", "login whatsapp-qr", "login messenger-cookies"},
	"logout":             {"logout 1", "logout whatsapp-lid-123456789"},
	"list":               {"list"},
	"mute":               {"mute", "mute 8h"},
	"search":             {"search Anna"},
	"start-chat":         {"start-chat +49 151 2345678", "start-chat messenger-100001234567890"},
	"resolve-identifier": {"resolve-identifier +49 151 2345678"},
	"chats":              {"chats", "chats 50", "chats all", "chats none"},
	"outbox":             {"outbox"},
	"whatsapp-mute":      {"whatsapp-mute 8", "whatsapp-mute on", "whatsapp-mute off"},
	"whatsapp-disappear": {"whatsapp-disappear 7d", "whatsapp-disappear off"},
	"whatsapp-history":   {"whatsapp-history", "whatsapp-history 500"},
	"whatsapp-requests":  {"whatsapp-requests on"},
	"whatsapp-presence":  {"whatsapp-presence on"},
	"whatsapp-contacts":  {"whatsapp-contacts", "whatsapp-contacts anna"},
	"login-matrix":       {"login-matrix syt_YWxpY2U_…"},
	"help":               {"help chats"},
}
