package messenger

import (
	"strconv"
	"time"

	"go.mau.fi/whatsmeow"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/command"
	"crosschat/connector/history"
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
		names.CommandResume(resumeLogin), commandMedia(), history.Command[*Client](called, mostPast),
		command.Contacts[*Client](called, "the people whom Messenger lists as your contacts"),
		command.Setting(called, "disappear", "<24h|7d|90d|off>", "Let the messages of this encrypted Messenger chat disappear after a while", disappearCommand),
		commandReceipts(),
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

// disappearCommand sets the timer from a client that has no button for it.
func disappearCommand(c *Client, ce *commands.Event, arg string) error {
	timer, ok := whatsmeow.ParseDisappearingTimerString(arg)
	if !ok {
		return command.ErrUsage
	}
	setting := database.DisappearingSetting{Type: event.DisappearingTypeAfterSend, Timer: timer}.Normalize()
	if err := c.setTimer(ce.Ctx, ce.Portal, setting, ce.EventID, time.Now().UnixMilli()); err != nil {
		return err
	}
	ce.Portal.UpdateDisappearingSetting(ce.Ctx, setting, bridgev2.UpdateDisappearingSettingOpts{Save: true, SendNotice: true})
	return nil
}

// commandReceipts switches read receipts on and off. Whether the network itself keeps those of encrypted chats back, where
// the account's setting says so, is not known.
func commandReceipts() *commands.FullHandler {
	return &commands.FullHandler{
		Name: called.Prefix + "-receipts",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "Tell people on Messenger what you have read in Matrix, or tell nobody",
			Args:        "<on|off>",
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			if len(ce.Args) != 1 || ce.Args[0] != "on" && ce.Args[0] != "off" {
				ce.Reply("Usage: `$cmdprefix messenger-receipts <on|off>`")
				return
			}
			c, ok := clientOf(ce)
			if !ok {
				return
			}
			off := ce.Args[0] == "off"
			loginMeta(c.login.UserLogin).HideReads = off
			if err := c.login.Save(ce.Ctx); err != nil {
				ce.Log.Err(err).Msg("Could not store whether read receipts are sent")
				ce.Reply("That could not be stored; try again.")
				return
			}
			if off {
				ce.Reply("Nobody on Messenger will be told what you have read in Matrix.")
			} else {
				ce.Reply("People on Messenger will be told what you have read in Matrix.")
			}
		},
	}
}
