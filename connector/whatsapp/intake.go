package whatsapp

import (
	"fmt"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/event"

	"crosschat/connector/intake"
)

var _ intake.Filler = (*Client)(nil)

// FillChats implements intake.Filler.
func (c *Client) FillChats() { c.fillSoon(0) }

// admitted leaves of the chats that are due, the one with the newest message last, those that have a room and as many of
// the others as the user wants to have. The user is told of the rest, once.
func (c *Client) admitted(due []types.JID) ([]types.JID, error) {
	left, err := c.network.intake.Left(c.ctx, c.login)
	if err != nil {
		return nil, err
	}
	var admitted []types.JID
	refused := 0
	for i := len(due) - 1; i >= 0; i-- {
		portal, err := c.network.bridge.GetExistingPortalByKey(c.ctx, c.portalKey(due[i]))
		if err != nil {
			return nil, fmt.Errorf("get portal of a chat: %w", err)
		}
		if portal == nil || portal.MXID == "" {
			if left == 0 {
				refused++
				continue
			}
			left--
		}
		admitted = append(admitted, due[i])
	}
	// Oldest first again, so that the newest chat has the newest room.
	for i, j := 0, len(admitted)-1; i < j; i, j = i+1, j-1 {
		admitted[i], admitted[j] = admitted[j], admitted[i]
	}
	c.tellRefused(refused)
	return admitted, nil
}

// tellRefused says how many chats have no room yet. c.filling is held.
func (c *Client) tellRefused(count int) {
	if count == c.roomless {
		return
	}
	c.roomless = count
	if count == 0 {
		return
	}
	room, err := c.login.User.GetManagementRoom(c.ctx)
	if err != nil {
		c.log.Debug().Err(err).Msg("No management room to tell of chats without rooms")
		return
	}
	body := fmt.Sprintf("%d older WhatsApp chats get a room when somebody writes in them. `%s chats all` brings all of them now.",
		count, c.network.bridge.Config.CommandPrefix)
	content := &event.Content{Parsed: &event.MessageEventContent{MsgType: event.MsgNotice, Body: body, Mentions: &event.Mentions{}}}
	if _, err = c.network.bridge.Bot.SendMessage(c.ctx, room, event.EventMessage, content, nil); err != nil {
		c.log.Warn().Err(err).Msg("Could not tell of chats without rooms")
	}
}
