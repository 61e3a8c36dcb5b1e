package messenger

import (
	"strconv"
	"time"

	"maunium.net/go/mautrix/bridgev2/commands"

	"crosschat/connector/command"
	"crosschat/connector/messenger/wire/task"
)

// called begins and explains our commands.
var called = command.Network{Prefix: "messenger", Name: "Messenger"}

// clientOf is the client that a command is about; without one the user has been told.
func clientOf(ce *commands.Event) (*Client, bool) { return command.Client[*Client](ce, called) }

// chatCommands are the bot's commands of this network. Homeservers don't tell bridges of what a user chooses for a room in
// their account, so there is one for muting.
func chatCommands() []commands.CommandHandler {
	return []commands.CommandHandler{
		names.CommandResume(resumeLogin), commandMedia(), commandHistory(),
		command.Contacts[*Client](called, "the people whom Messenger lists as your contacts"),
		command.Setting(called, "mute", "<hours|on|off>", "Mute this chat on Messenger, too, for some hours or until you say off", muteCommand),
	}
}

func muteCommand(c *Client, ce *commands.Event, arg string) error {
	if hours, err := strconv.ParseUint(arg, 10, 16); err == nil && hours > 0 {
		return c.muteUntil(ce.Ctx, ce.Portal, time.Now().Add(time.Duration(hours)*time.Hour).UnixMilli())
	}
	return command.OnOff(arg, func(on bool) error {
		until := int64(0)
		if on {
			until = task.Forever
		}
		return c.muteUntil(ce.Ctx, ce.Portal, until)
	})
}
