package wire

import (
	"context"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	waLog "go.mau.fi/whatsmeow/util/log"

	"crosschat/connector/messenger/wire/e2ee"
)

// Register makes a device of whatsmeow's store one of the account's, for encrypted chats. It is done once; the caller
// saves the device and keeps its id with the login. It needs a page: see Load. Errors: ErrNoCAT and those of
// e2ee.Register.
func (c *Client) Register(ctx context.Context, device *store.Device) error {
	token, err := c.CAT()
	if err != nil {
		return err
	}
	c.mu.Lock()
	s := c.site
	c.mu.Unlock()
	if s == nil {
		return ErrNoCAT
	}
	return e2ee.Register(ctx, e2ee.Registration{
		Web: c.web, Config: c.cfg.E2EE, Site: c.cfg.Site, FBID: c.ID(), AppID: s.info.MessengerAppID, CAT: token,
		Device: device,
	})
}

// NewEncrypted makes the client of the encrypted socket for a registered device, which presents itself as this session
// does and gets its tokens from it. See e2ee.NewClient.
func (c *Client) NewEncrypted(device *store.Device, log waLog.Logger) *whatsmeow.Client {
	return e2ee.NewClient(e2ee.Options{
		Config: c.cfg.E2EE, Site: c.cfg.Site, FBID: c.ID(), Identity: c.identity, Transports: c.transports, Device: device,
		Tokens: c, Log: log,
	})
}
