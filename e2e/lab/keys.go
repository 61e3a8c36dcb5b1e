package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// ExcludeUnverified has the client do what MSC4153 asks for: it gives its keys to devices only that their user has signed.
// To be called before the user writes.
func (u *User) ExcludeUnverified() {
	u.crypto.Machine().SendKeysMinTrust = id.TrustStateCrossSignedTOFU
}

// SignDevice makes the user's signing keys and signs this device with them. The recovery key lets the user's other devices
// do so, too.
func (u *User) SignDevice(ctx context.Context) (recoveryKey string, err error) {
	machine := u.crypto.Machine()
	recoveryKey, _, err = machine.GenerateAndUploadCrossSigningKeysWithPassword(ctx, u.Password, "")
	if err != nil {
		return "", fmt.Errorf("make signing keys of %s: %w", u.ID, err)
	}
	if err = machine.SignOwnDevice(ctx, machine.OwnIdentity()); err == nil {
		err = machine.SignOwnMasterKey(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("sign the device of %s: %w", u.ID, err)
	}
	return recoveryKey, nil
}

// VerifyDevice signs this device with the keys that another device of the user has made.
func (u *User) VerifyDevice(ctx context.Context, recoveryKey string) error {
	if err := u.crypto.Machine().VerifyWithRecoveryKey(ctx, recoveryKey); err != nil {
		return fmt.Errorf("sign device %s of %s: %w", u.Client.DeviceID, u.ID, err)
	}
	return nil
}

// DevicesOf asks the homeserver for somebody's devices, and says of each whether its user has signed it.
func (u *User) DevicesOf(ctx context.Context, whose id.UserID) (map[id.DeviceID]bool, error) {
	machine := u.crypto.Machine()
	devices, err := machine.FetchKeys(ctx, []id.UserID{whose}, true)
	if err != nil {
		return nil, fmt.Errorf("ask for the devices of %s: %w", whose, err)
	}
	signed := make(map[id.DeviceID]bool)
	for name, device := range devices[whose] {
		trust, err := machine.ResolveTrustContext(ctx, device)
		if err != nil {
			return nil, fmt.Errorf("check device %s of %s: %w", name, whose, err)
		}
		signed[name] = trust >= id.TrustStateCrossSignedUntrusted
	}
	return signed, nil
}

// AcceptIdentity trusts the signing key that somebody has now: what a person does whose client says that it has changed.
func (u *User) AcceptIdentity(ctx context.Context, whose id.UserID) error {
	machine := u.crypto.Machine()
	if _, err := machine.FetchKeys(ctx, []id.UserID{whose}, true); err != nil {
		return fmt.Errorf("ask for the identity of %s: %w", whose, err)
	}
	keys, err := machine.CryptoStore.GetCrossSigningKeys(ctx, whose)
	if err != nil {
		return fmt.Errorf("read the identity of %s: %w", whose, err)
	}
	return machine.CryptoStore.ResetMasterKeyTOFU(ctx, whose, keys[id.XSUsageMaster].Key)
}

// HasKey says whether the client has the key of an encrypted message.
func (u *User) HasKey(ctx context.Context, room id.RoomID, session id.SessionID) (bool, error) {
	found, err := u.crypto.Machine().CryptoStore.GetGroupSession(ctx, room, session)
	var withheld *event.RoomKeyWithheldEventContent
	if errors.As(err, &withheld) {
		return false, nil
	}
	return found != nil, err
}

// AskForKey asks all devices of somebody for a key.
func (u *User) AskForKey(ctx context.Context, whose id.UserID, room id.RoomID, session id.SessionID) error {
	content := &event.Content{Parsed: &event.RoomKeyRequestEventContent{
		Action: event.KeyRequestActionRequest, RequestingDeviceID: u.Client.DeviceID, RequestID: u.Client.TxnID(),
		Body: event.RequestedKeyInfo{Algorithm: id.AlgorithmMegolmV1, RoomID: room, SessionID: session},
	}}
	_, err := u.Client.SendToDevice(ctx, event.ToDeviceRoomKeyRequest, &mautrix.ReqSendToDevice{
		Messages: map[id.UserID]map[id.DeviceID]*event.Content{whose: {"*": content}},
	})
	if err != nil {
		return fmt.Errorf("ask %s for a key: %w", whose, err)
	}
	return nil
}

// Withheld is what the client was told of a key that it was refused.
func (u *User) Withheld(session id.SessionID) []event.RoomKeyWithheldEventContent {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(u.withheld), func(c event.RoomKeyWithheldEventContent) bool { return c.SessionID != session })
}

func (u *User) onWithheld(_ context.Context, evt *event.Event) {
	if content, ok := evt.Content.Parsed.(*event.RoomKeyWithheldEventContent); ok {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.withheld = append(u.withheld, *content)
		u.announce()
	}
}
