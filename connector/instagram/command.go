package instagram

import (
	"strconv"
	"time"

	"maunium.net/go/mautrix/bridgev2/commands"

	"crosschat/connector/command"
	"crosschat/connector/history"
	"crosschat/connector/instagram/wire"
)

// called begins and explains our commands.
var called = command.Network{Prefix: "instagram", Name: "Instagram"}

// chatCommands are the bot's commands of this network. Homeservers don't tell bridges of what a user chooses for a room in
// their account, so there are some for that.
func chatCommands() []commands.CommandHandler {
	return []commands.CommandHandler{
		names.CommandResume(resumeLogin),
		history.Command[*Client](called, mostPast),
		command.Contacts[*Client](called, "the people of your chats on Instagram"),
		command.Setting(called, "mute", "<hours|on|off>", "Mute this chat on Instagram, too, for some hours or until you say off", muteCommand),
		command.Setting(called, "pin", "<on|off>", "Pin this chat on Instagram, too", pinCommand),
	}
}

func muteCommand(c *Client, ce *commands.Event, arg string) error {
	if hours, err := strconv.ParseUint(arg, 10, 16); err == nil && hours > 0 {
		return c.mute(ce.Ctx, ce.Portal, time.Duration(hours)*time.Hour)
	}
	return command.OnOff(arg, func(on bool) error {
		span := time.Duration(0)
		if on {
			span = wire.MuteForever
		}
		return c.mute(ce.Ctx, ce.Portal, span)
	})
}

func pinCommand(c *Client, ce *commands.Event, arg string) error {
	return command.OnOff(arg, func(on bool) error { return c.pin(ce.Ctx, ce.Portal, on) })
}
