package whatsapp

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"

	"crosschat/connector/meow"
	"crosschat/connector/waglobals"
)

// clearDevice makes room for a newly paired device, or says why it may not be paired. A device with the same address
// that we still know was unlinked without our noticing; its keys would mix with the new ones.
func (n *Network) clearDevice(ctx context.Context, user *bridgev2.User, jid types.JID) error {
	for _, login := range n.bridge.GetAllCachedUserLogins() {
		if old := deviceOf(login.UserLogin); old.User == jid.User && old.Server == jid.Server && login.UserMXID != user.MXID {
			return errLoginTaken(login.UserMXID)
		}
		if client, ok := login.Client.(*Client); ok && deviceOf(login.UserLogin) == jid {
			client.Disconnect()
		}
	}
	stale, err := n.db.WhatsAppStore().GetDevice(ctx, jid)
	if err == nil && stale != nil {
		err = stale.Delete(ctx)
	}
	if err != nil {
		return fmt.Errorf("clear device %s: %w", jid, err)
	}
	return nil
}

// unlinkDevice removes a device that no login has taken, from the phone's list as far as the network can be reached, and
// always from our store.
func (n *Network) unlinkDevice(log zerolog.Logger, device *store.Device) {
	ctx, cancel := context.WithTimeout(log.WithContext(context.WithoutCancel(n.bridge.BackgroundCtx)), unlinkTimeout)
	defer cancel()
	waglobals.Mortal(device) // the phone sends a new device what makes the library save it, and may be at it
	wa := whatsmeow.NewClient(device, meow.NewLog(log))
	n.equip(wa, nil)
	wa.EnableAutoReconnect = false
	wa.BackgroundEventCtx = ctx
	connected := make(chan struct{}, 1)
	wa.AddEventHandler(func(evt any) {
		if _, ok := evt.(*events.Connected); ok {
			connected <- struct{}{}
		}
	})
	err := wa.ConnectContext(ctx)
	if err == nil {
		select {
		case <-connected:
			err = wa.Logout(ctx)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		log.Warn().Err(err).Msg("Could not unlink a device without a login: the phone lists it until it is removed there")
	}
	wa.Disconnect()
	if device.Deleted {
		return
	}
	if err := device.Delete(context.WithoutCancel(ctx)); err != nil {
		log.Err(err).Msg("Could not delete a device without a login")
	}
}

// forgetOrphans deletes devices that belong to no login: the process ended between pairing and storing the login.
func (n *Network) forgetOrphans(ctx context.Context) error {
	devices, err := n.db.WhatsAppStore().GetAllDevices(ctx)
	if err != nil {
		return fmt.Errorf("list devices: %w", err)
	}
	for _, device := range devices {
		if device.ID.Server != types.DefaultUserServer {
			continue // Messenger keeps its encrypted device in the same store
		}
		login, err := n.loginOf(ctx, device)
		if err != nil {
			return fmt.Errorf("find login of device %s: %w", device.ID, err)
		}
		if login != nil && deviceOf(login) == *device.ID {
			continue
		}
		jid := *device.ID // Delete forgets it
		if err := device.Delete(ctx); err != nil {
			return fmt.Errorf("delete device %s: %w", jid, err)
		}
		zerolog.Ctx(ctx).Info().Stringer("device", jid).Msg("Deleted a device without a login")
	}
	return nil
}

// loginOf finds the login that a device's account has, or nil.
func (n *Network) loginOf(ctx context.Context, device *store.Device) (*database.UserLogin, error) {
	id, err := makeLoginID(device)
	if err != nil {
		return nil, nil //nolint:nilerr // a device without an account has no login either
	}
	return n.bridge.DB.UserLogin.GetByID(ctx, id)
}
