package whatsapp

import (
	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/command"
	"crosschat/connector/ledger"
	crosschatdb "crosschat/database"

	"crosschat/connector/history"
)

// Status updates are messages to the address status@broadcast. They show in one room of the user's own, which they can
// only read; off unless the user switches them on.

// showsStatus is whether the user wants status updates.
func (c *Client) showsStatus() bool {
	return c.status.Load()
}

func (c *Client) statusInfo() *bridgev2.ChatInfo {
	name, topic := "WhatsApp status updates", "What your contacts post as status on WhatsApp. Nothing written here goes there."
	kind := database.RoomTypeDefault
	return &bridgev2.ChatInfo{
		Name:  &name,
		Topic: &topic,
		Type:  &kind,
		Members: &bridgev2.ChatMemberList{
			MemberMap:   bridgev2.ChatMemberMap{}.Set(bridgev2.ChatMember{EventSender: c.as(c.self)}),
			PowerLevels: history.ReadOnly(c.login.UserMXID),
		},
	}
}

// isReadOnly is whether nothing that the user does in a portal may reach WhatsApp: not even that they have read it, which
// people who post a status could see.
func isReadOnly(id networkid.PortalID) bool {
	chat, err := parseChat(id)
	return err != nil || chat == types.StatusBroadcastJID
}

func errReadOnly() error {
	return ledger.Refuse("this room can only be read: nothing written here goes to WhatsApp")
}

// commandStatus switches status updates on and off.
func commandStatus() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "whatsapp-status",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "Show WhatsApp status updates of your contacts in a room of their own, or stop it",
			Args:        "<on|off>",
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			if len(ce.Args) != 1 || ce.Args[0] != "on" && ce.Args[0] != "off" {
				ce.Reply("Usage: `$cmdprefix whatsapp-status <on|off>`")
				return
			}
			c := clientOf(ce)
			if c == nil {
				return
			}
			on := ce.Args[0] == "on"
			c.status.Store(on)
			if err := c.remember(func(meta *crosschatdb.WhatsAppUserLogin) { meta.ShowStatus = on }); err != nil {
				ce.Log.Err(err).Msg("Could not store whether status updates are shown")
				ce.Reply("That could not be stored; try again.")
				return
			}
			if on {
				ce.Reply("Status updates will show in a room of their own.")
			} else {
				ce.Reply("Status updates will not be shown any more. The room stays until you leave it.")
			}
		},
	}
}

// clientOf is the client that a command is about; nil if there is none, and the user has been told.
func clientOf(ce *commands.Event) *Client {
	c, _ := command.Client[*Client](ce, called)
	return c
}
