package connector

import (
	"maunium.net/go/mautrix/bridgev2"
)

// GetCapabilities implements bridgev2.NetworkConnector: answers that are one for the whole process.
func (c *Connector) GetCapabilities() *bridgev2.NetworkGeneralCapabilities {
	return &bridgev2.NetworkGeneralCapabilities{
		// For WhatsApp's sake, which tells of new names only with the next message: a member's GetUserInfo is asked
		// often and must answer from a cache.
		AggressiveUpdateInfo: true,
		// Starts the loop that deletes what is due. A network without timers never puts anything into it.
		DisappearingMessages: true,
	}
}

// GetBridgeInfoVersion implements bridgev2.NetworkConnector. A higher number makes bridgev2 send m.bridge (info) or the
// room features (capabilities) again to all rooms: raise it whenever a member changes its answers.
func (c *Connector) GetBridgeInfoVersion() (info, capabilities int) {
	return 1, 3
}
