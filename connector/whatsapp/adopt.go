package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/id"

	crosschatdb "crosschat/database"
)

// nameTimeout bounds the wait for the account's name, which the phone sends after linking.
const nameTimeout = 8 * time.Second

// adopt makes a paired device a login and connects it. If the user is logged in to the account already, login and rooms
// stay and the device is exchanged: the old one is unlinked. It returns the account's name and number, too.
func (n *Network) adopt(ctx context.Context, user *bridgev2.User, device *store.Device) (*bridgev2.UserLogin, string, error) {
	loginID, err := makeLoginID(device)
	if err != nil {
		return nil, "", err
	}
	var old *Client
	if existing := n.bridge.GetCachedUserLoginByID(loginID); existing != nil {
		old, _ = existing.Client.(*Client)
	}
	login, err := user.NewLogin(ctx, &database.UserLogin{
		ID:            loginID,
		RemoteName:    accountName(device),
		RemoteProfile: accountProfile(device),
		Metadata: &crosschatdb.UserLoginMetadata{
			WhatsApp: &crosschatdb.WhatsAppUserLogin{Device: device.GetJID().String()},
		},
	}, nil)
	if err != nil {
		return nil, "", fmt.Errorf("store login: %w", err)
	}
	client, ok := login.Client.(*Client)
	if !ok {
		return nil, "", fmt.Errorf("login got a client of type %T", login.Client)
	}
	if old != nil {
		old.retire(ctx, device)
	}
	client.Connect(login.Log.WithContext(n.bridge.BackgroundCtx))
	ctx, cancel := client.bound(ctx, nameTimeout)
	defer cancel()
	if client.named.Wait(ctx) != nil {
		client.log.Debug().Msg("The account's name did not come in time for the end of the login")
	}
	client.profile.Lock()
	defer client.profile.Unlock()
	if name, phone := login.RemoteName, login.RemoteProfile.Phone; name != phone {
		return login, fmt.Sprintf("%s (%s)", name, phone), nil
	}
	return login, login.RemoteName, nil
}

// retire ends a client whose login has got another device.
func (c *Client) retire(ctx context.Context, replacement *store.Device) {
	if c.device == replacement.GetJID() {
		c.Disconnect()
		return
	}
	c.LogoutRemote(ctx)
}

// What a user is told when a login fails: what is wrong, then what to do.
var (
	errLoginUnreachable = loginError("UNREACHABLE", "WhatsApp can't be reached. Check the bridge's internet connection and try again.")
	errLoginTimedOut    = loginError("TIMED_OUT", "the code was not used in time. Start the login again.")
	errLoginCancelled   = loginError("CANCELLED", "the login was cancelled.")
	errLoginRefused     = loginError("REFUSED", "WhatsApp refused the login. Start it again; if that does not help, look for a message in WhatsApp on your phone.")
	errLoginLost        = loginError("CONNECTION_LOST", "the connection to WhatsApp was lost. Start the login again.")
	errLoginOutdated    = loginError("OUTDATED", "WhatsApp wants a newer version of the bridge. Update it, then log in again.")
	errLoginBanned      = loginError("BANNED", "WhatsApp has locked this account for a while. Open WhatsApp on your phone to see why.")
	errLoginOldApp      = loginError("OLD_APP", "WhatsApp on your phone can't link this kind of device. Update it, then log in again.")
	errLoginTampered    = loginError("TAMPERED", "the phone's answer does not fit the QR code. Start the login again and scan the newest code with the phone's own WhatsApp.")
	errLoginNotStored   = loginError("NOT_STORED", "the bridge could not store the login and has undone it. Try again; if it fails again, ask the bridge's administrator to look into the log.")
)

func errLoginTaken(by id.UserID) bridgev2.RespError {
	return loginError("TAKEN", fmt.Sprintf("this account is already logged in for %s. It must be logged out there first.", by))
}

func loginError(code, text string) bridgev2.RespError {
	return bridgev2.RespError{ErrCode: "CROSSCHAT.WHATSAPP.LOGIN_" + code, Err: text, StatusCode: http.StatusBadRequest}
}

// pairError explains why a pairing failed on our side.
func (l *qrLogin) pairError(err error) error {
	l.lock.Lock()
	refusal := l.refusal
	l.lock.Unlock()
	l.log.Warn().Err(err).AnErr("refusal", refusal).Msg("Pairing failed")
	switch {
	case errors.As(refusal, new(bridgev2.RespError)):
		return refusal
	case refusal != nil, errors.As(err, new(*whatsmeow.PairDatabaseError)):
		return errLoginNotStored
	case errors.Is(err, whatsmeow.ErrPairInvalidDeviceIdentityHMAC), errors.Is(err, whatsmeow.ErrPairInvalidDeviceSignature):
		return errLoginTampered
	default:
		return errLoginRefused
	}
}

// connectionError explains an event that ends a login before pairing. The server hangs up when the last code is stale.
func connectionError(raw any, codesLeft int) error {
	switch evt := raw.(type) {
	case *events.Disconnected:
		if codesLeft > 0 {
			return errLoginLost
		}
		return errLoginTimedOut
	case *events.ClientOutdated:
		return errLoginOutdated
	case *events.TemporaryBan:
		if evt.Expire > 0 {
			return errLoginBanned.WithMessage("WhatsApp has locked this account until %s (%s). Open WhatsApp on your phone to see more.",
				moment(time.Now().Add(evt.Expire)), evt.Code)
		}
		return errLoginBanned
	case *events.ConnectFailure:
		return errLoginRefused.WithMessage("WhatsApp refused the login (%s). Start it again; if that does not help, look for a message in WhatsApp on your phone.",
			strings.TrimSpace(evt.Reason.String()+" "+evt.Message))
	case *events.StreamError:
		return errLoginLost
	default:
		return errLoginRefused
	}
}
