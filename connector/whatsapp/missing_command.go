package whatsapp

import (
	"errors"

	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"

	"crosschat/connector/command"
)

// searchedMessages is how far back the command looks for files to ask for.
const searchedMessages = 100

// commandMedia is the bot command that asks the phone for missing files, for clients in which reacting is hard.
func commandMedia() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "whatsapp-media",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "Ask your phone for a file that is no longer on WhatsApp's servers: as a reply to its placeholder, or alone for all among the chat's last messages",
		},
		RequiresPortal: true,
		RequiresLogin:  true,
		Func:           askByCommand,
	}
}

func askByCommand(ce *commands.Event) {
	login, ok := command.Login(ce)
	if !ok {
		return
	}
	c, ok := login.Client.(*Client)
	if !ok {
		ce.Reply("This chat is not one of WhatsApp.")
		return
	}
	if !c.IsLoggedIn() || !c.work.Begin() {
		ce.Reply("WhatsApp is not connected. Try again later.")
		return
	}
	defer c.work.Done()
	rows, err := askedRows(ce)
	if err != nil {
		ce.Log.Err(err).Msg("Could not look for placeholders of missing files")
		ce.Reply("The bridge's database could not be read. Try again later.")
		return
	}
	asked := 0
	for _, row := range rows {
		switch err := c.askForMedia(ce.Ctx, row); {
		case err == nil:
			asked++
		case !errors.Is(err, errNotMissing):
			ce.Log.Warn().Err(err).Msg("Could not ask for a missing file")
			ce.Reply("Your phone could not be asked: WhatsApp is not connected. Try again later.")
			return
		}
	}
	switch asked {
	case 0:
		ce.Reply("No file is missing there.")
	case 1:
		ce.Reply("Your phone was asked for the file. It replaces the placeholder when it comes; the phone must be on.")
	default:
		ce.Reply("Your phone was asked for %d files. They replace their placeholders when they come; the phone must be on.", asked)
	}
}

// askedRows are the messages that the command is about.
func askedRows(ce *commands.Event) ([]*database.Message, error) {
	if ce.ReplyTo == "" {
		return ce.Bridge.DB.Message.GetLastNInPortal(ce.Ctx, ce.Portal.PortalKey, searchedMessages)
	}
	row, err := ce.Bridge.DB.Message.GetPartByMXID(ce.Ctx, ce.ReplyTo)
	if err != nil || row == nil || row.Room != ce.Portal.PortalKey {
		return nil, err
	}
	return []*database.Message{row}, nil
}
