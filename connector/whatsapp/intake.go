package whatsapp

import (
	"slices"

	"go.mau.fi/whatsmeow/types"

	"crosschat/connector/intake"
)

var _ intake.Filler = (*Client)(nil)

// FillChats implements intake.Filler.
func (c *Client) FillChats() { c.fillSoon(0) }

// admitted leaves of the chats that are due, the one with the newest message last, those that have a room and as many of
// the others as the user wants to have. The user is told of the rest, once. c.filling is held.
func (c *Client) admitted(due []types.JID) ([]types.JID, error) {
	slices.Reverse(due)
	admitted, refused, err := intake.Admit(c.ctx, c.network.intake, c.login, due, c.portalKey)
	if err != nil {
		return nil, err
	}
	slices.Reverse(admitted) // oldest first again, so that the newest chat has the newest room
	if refused != c.roomless {
		c.roomless = refused
		c.network.intake.Tell(c.ctx, c.login, "WhatsApp", refused, false)
	}
	return admitted, nil
}
