package keys

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	_ "go.mau.fi/util/dbutil/litestream" // the SQLite driver

	"go.mau.fi/util/dbutil"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

const (
	room     = id.RoomID("!portal:hs.test")
	elsewhen = id.RoomID("!other:hs.test")
	alice    = id.UserID("@alice:hs.test")
	bob      = id.UserID("@bob:hs.test")
	stranger = id.UserID("@eve:hs.test")
)

// members stands for what the bridge knows of who is in which room.
type members struct {
	joined map[id.RoomID][]id.UserID
	err    error
}

func (m members) GetMembership(_ context.Context, room id.RoomID, user id.UserID) (event.Membership, error) {
	for _, member := range m.joined[room] {
		if member == user {
			return event.MembershipJoin, m.err
		}
	}
	return event.MembershipLeave, m.err
}

// newMachine makes a keeper of keys like the library's, whose homeserver knows nobody.
func newMachine(t *testing.T) *crypto.OlmMachine {
	t.Helper()
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	t.Cleanup(hs.Close)
	client, err := mautrix.NewClient(hs.URL, "@crosschat:hs.test", "")
	if err != nil {
		t.Fatal(err)
	}
	client.DeviceID = "BOT"
	db, err := dbutil.NewWithDialect("file:"+filepath.Join(t.TempDir(), "keys.db")+"?_txlock=immediate", "sqlite3-fk-wal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store := crypto.NewSQLCryptoStore(db, dbutil.NoopLogger, "", "BOT", []byte("pickle"))
	if err = store.DB.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	machine := crypto.NewOlmMachine(client, nil, store, nil)
	if err = machine.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return machine
}

// addDevice stores a device as known, signed by its user's keys or not.
func addDevice(t *testing.T, store crypto.Store, user id.UserID, name string, signed bool) *id.Device {
	t.Helper()
	device := &id.Device{
		UserID: user, DeviceID: id.DeviceID(name),
		IdentityKey: id.Curve25519(name + "-identity"), SigningKey: id.Ed25519(name + "-signing"),
	}
	master, self := id.Ed25519(user+"-master"), id.Ed25519(user+"-self")
	ctx := t.Context()
	err := errors.Join(
		store.PutDevice(ctx, user, device),
		store.PutCrossSigningKey(ctx, user, id.XSUsageMaster, master),
		store.PutCrossSigningKey(ctx, user, id.XSUsageSelfSigning, self),
		store.PutSignature(ctx, user, self, user, master, "signature"),
	)
	if signed {
		err = errors.Join(err, store.PutSignature(ctx, user, device.SigningKey, user, self, "signature"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return device
}

// addSession stores a key of a room as made by a device.
func addSession(t *testing.T, store crypto.Store, maker id.Curve25519, source id.KeySource) id.SessionID {
	t.Helper()
	out, err := crypto.NewOutboundGroupSession(room, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	session, err := crypto.NewInboundGroupSession(maker, "signing", room, out.Internal.Key(), 0, 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	session.KeySource = source
	if err = store.PutGroupSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	return session.ID()
}

func TestJudge(t *testing.T) {
	machine := newMachine(t)
	store := machine.CryptoStore
	phone, laptop := addDevice(t, store, alice, "PHONE", true), addDevice(t, store, alice, "LAPTOP", false)
	bobs, eves := addDevice(t, store, bob, "BOB", true), addDevice(t, store, stranger, "EVE", true)
	barred := addDevice(t, store, alice, "BARRED", true)
	barred.Trust = id.TrustStateBlacklisted
	reset := addDevice(t, store, bob, "RESET", true)
	bridges := addSession(t, store, machine.OwnIdentity().IdentityKey, id.KeySourceDirect)
	fromPhone := addSession(t, store, phone.IdentityKey, id.KeySourceDirect)
	saidFromPhone := addSession(t, store, phone.IdentityKey, id.KeySourceForward)
	both := members{joined: map[id.RoomID][]id.UserID{room: {alice, bob}, elsewhen: {stranger}}}

	for _, test := range []struct {
		name    string
		device  *id.Device
		session id.SessionID
		change  func(*judge, *event.RequestedKeyInfo)
		want    *crypto.KeyShareRejection
	}{
		{name: "a signed device wants what the bridge wrote", device: phone, session: bridges},
		{name: "another member does", device: bobs, session: bridges},
		{name: "a signed device wants what its user wrote", device: phone, session: fromPhone},
		{name: "another member wants what the user wrote", device: bobs, session: fromPhone, want: &notMadeHere},
		{name: "a key that is only said to be the user's", device: phone, session: saidFromPhone, want: &notMadeHere},
		{name: "a device that is not signed", device: laptop, session: bridges, want: &crypto.KeyShareRejectUnverified},
		{name: "the same where that is enough", device: laptop, session: bridges,
			change: func(j *judge, _ *event.RequestedKeyInfo) { j.level = id.TrustStateUnset }},
		{name: "signed, where more is wanted", device: phone, session: bridges,
			change: func(j *judge, _ *event.RequestedKeyInfo) { j.level = id.TrustStateCrossSignedVerified }, want: &crypto.KeyShareRejectUnverified},
		{name: "a barred device", device: barred, session: bridges, want: &crypto.KeyShareRejectBlacklisted},
		{name: "a stranger", device: eves, session: bridges, want: &notMember},
		{name: "a stranger who names a room of their own", device: eves, session: bridges,
			change: func(_ *judge, asked *event.RequestedKeyInfo) { asked.RoomID = elsewhen }}, // where there is no such key
		{name: "a stranger asks for a key that is not there", device: eves, session: "unknown", want: &notMember},
		{name: "a member asks for a key that is not there", device: phone, session: "unknown"},
		{name: "switched off", device: phone, session: bridges,
			change: func(j *judge, _ *event.RequestedKeyInfo) { j.allowed = false }, want: &crypto.KeyShareRejectNoResponse},
		{name: "the database is away", device: phone, session: bridges,
			change: func(j *judge, _ *event.RequestedKeyInfo) { j.rooms = members{err: errors.New("gone")} }, want: &crypto.KeyShareRejectNoResponse},
		{name: "a user who has made new signing keys", device: reset, session: bridges,
			change: func(*judge, *event.RequestedKeyInfo) {
				if err := store.PutCrossSigningKey(t.Context(), bob, id.XSUsageMaster, "another"); err != nil {
					t.Fatal(err)
				}
			}, want: &crypto.KeyShareRejectUnverified},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := judge{allowed: true, level: id.TrustStateCrossSignedTOFU, rooms: both, machine: machine}
			asked := event.RequestedKeyInfo{Algorithm: id.AlgorithmMegolmV1, RoomID: room, SessionID: test.session}
			if test.change != nil {
				test.change(&j, &asked)
			}
			got := j.judge(t.Context(), test.device, asked)
			if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
				t.Errorf("answer %+v, want %+v", got, test.want)
			}
		})
	}
	// What the library does where the judge says yes: a key is looked for in the room that was named.
	if found, err := store.GetGroupSession(t.Context(), elsewhen, bridges); found != nil || err != nil {
		t.Errorf("the key is found by another room's id: %v, %v", found, err)
	}
}
