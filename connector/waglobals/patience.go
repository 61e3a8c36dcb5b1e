package waglobals

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"crosschat/database/outage"
)

// Patient makes encryption and decryption wait while the database is away or its disk is full. whatsmeow takes an error of
// its store for a message that can't be decrypted: it acknowledges the message, and if the sender does not send it again, it
// is lost. And a device for which an error keeps it from encrypting it leaves out: the message counts as sent, and does not
// arrive. The secrets with which edits, reactions and votes on a message are encrypted, and the phone numbers that LIDs stand
// for, it goes on without. It is called before anything else is put around a device's stores; a second time does nothing.
func Patient(device *store.Device) {
	if _, already := device.EventBuffer.(patientBuffer); already {
		return
	}
	device.EventBuffer = patientBuffer{device.EventBuffer}
	device.Identities = patientIdentities{device.Identities}
	device.Sessions = patientSessions{device.Sessions}
	device.MsgSecrets = patientSecrets{device.MsgSecrets}
	device.LIDs = patientLIDs{device.LIDs}
}

type patientBuffer struct{ store.EventBuffer }

// GetBufferedEvent implements store.EventBuffer: decryption begins with it.
func (p patientBuffer) GetBufferedEvent(ctx context.Context, hash [32]byte) (event *store.BufferedEvent, err error) {
	err = patiently(ctx, func() error {
		event, err = p.EventBuffer.GetBufferedEvent(ctx, hash)
		return err
	})
	return event, err
}

// inTransaction marks contexts of decryption, in which there is no point in repeating one statement.
type inTransaction struct{}

// DoDecryptionTxn implements store.EventBuffer. What a try has changed is rolled back when it fails.
func (p patientBuffer) DoDecryptionTxn(ctx context.Context, decrypt func(context.Context) error) error {
	return patiently(ctx, func() error {
		return p.EventBuffer.DoDecryptionTxn(ctx, func(ctx context.Context) error {
			return decrypt(context.WithValue(ctx, inTransaction{}, true))
		})
	})
}

// patientIdentities and patientSessions wait in what encryption for a device asks for.
type patientIdentities struct{ store.IdentityStore }

// PutIdentity implements store.IdentityStore.
func (p patientIdentities) PutIdentity(ctx context.Context, address string, key [32]byte) error {
	return patiently(ctx, func() error { return p.IdentityStore.PutIdentity(ctx, address, key) })
}

// IsTrustedIdentity implements store.IdentityStore.
func (p patientIdentities) IsTrustedIdentity(ctx context.Context, address string, key [32]byte) (trusted bool, err error) {
	err = patiently(ctx, func() error {
		trusted, err = p.IdentityStore.IsTrustedIdentity(ctx, address, key)
		return err
	})
	return trusted, err
}

type patientSessions struct{ store.SessionStore }

// GetSession implements store.SessionStore.
func (p patientSessions) GetSession(ctx context.Context, address string) (session []byte, err error) {
	err = patiently(ctx, func() error {
		session, err = p.SessionStore.GetSession(ctx, address)
		return err
	})
	return session, err
}

// HasSession implements store.SessionStore.
func (p patientSessions) HasSession(ctx context.Context, address string) (has bool, err error) {
	err = patiently(ctx, func() error {
		has, err = p.SessionStore.HasSession(ctx, address)
		return err
	})
	return has, err
}

// PutSession implements store.SessionStore.
func (p patientSessions) PutSession(ctx context.Context, address string, session []byte) error {
	return patiently(ctx, func() error { return p.SessionStore.PutSession(ctx, address, session) })
}

type patientSecrets struct{ store.MsgSecretStore }

// PutMessageSecrets implements store.MsgSecretStore.
func (p patientSecrets) PutMessageSecrets(ctx context.Context, inserts []store.MessageSecretInsert) error {
	return patiently(ctx, func() error { return p.MsgSecretStore.PutMessageSecrets(ctx, inserts) })
}

// PutMessageSecret implements store.MsgSecretStore.
func (p patientSecrets) PutMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID, secret []byte) error {
	return patiently(ctx, func() error { return p.MsgSecretStore.PutMessageSecret(ctx, chat, sender, id, secret) })
}

// GetMessageSecret implements store.MsgSecretStore.
func (p patientSecrets) GetMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID) (secret []byte, author types.JID, err error) {
	err = patiently(ctx, func() error {
		secret, author, err = p.MsgSecretStore.GetMessageSecret(ctx, chat, sender, id)
		return err
	})
	return secret, author, err
}

type patientLIDs struct{ store.LIDStore }

// GetPNForLID implements store.LIDStore.
func (p patientLIDs) GetPNForLID(ctx context.Context, lid types.JID) (pn types.JID, err error) {
	err = patiently(ctx, func() error {
		pn, err = p.LIDStore.GetPNForLID(ctx, lid)
		return err
	})
	return pn, err
}

// GetLIDForPN implements store.LIDStore.
func (p patientLIDs) GetLIDForPN(ctx context.Context, pn types.JID) (lid types.JID, err error) {
	err = patiently(ctx, func() error {
		lid, err = p.LIDStore.GetLIDForPN(ctx, pn)
		return err
	})
	return lid, err
}

// GetManyLIDsForPNs implements store.LIDStore.
func (p patientLIDs) GetManyLIDsForPNs(ctx context.Context, pns []types.JID) (lids map[types.JID]types.JID, err error) {
	err = patiently(ctx, func() error {
		lids, err = p.LIDStore.GetManyLIDsForPNs(ctx, pns)
		return err
	})
	return lids, err
}

const firstPause, longestPause = 200 * time.Millisecond, 10 * time.Second

// patiently repeats do as long as the database is at fault, until ctx ends; then the error is that of ctx, which whatsmeow
// takes for the end of the connection.
func patiently(ctx context.Context, do func() error) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := do()
		if err == nil || !outage.Is(err) || ctx.Value(inTransaction{}) != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
