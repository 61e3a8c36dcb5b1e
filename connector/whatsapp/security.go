package whatsapp

import "maunium.net/go/mautrix/bridgev2"

// EndToEnd says how a chat is encrypted on the network, for the room's security label: all of them are.
func (c *Client) EndToEnd(*bridgev2.Portal) string { return "signal" }
