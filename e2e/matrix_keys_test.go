package e2e_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// keysStage is a user whose client excludes unverified devices, on a stack of the test's own.
func keysStage(t *testing.T, name string) *stage {
	t.Helper()
	setting := settingFromEnv(t)
	if setting.Encryption == lab.EncryptionOff {
		t.Skip("this is about encryption") // which this setting has switched off by choice; by default it is on
	}
	shared := &lazyStack{t: t, setting: setting}
	s := newStage(t, shared.get(t), whatsapp{}, name)
	s.user.ExcludeUnverified()
	s.patient(time.Minute)
	return s
}

// changeDatabase changes the bridge's database while the bridge is down.
func (s *stage) changeDatabase(change func(*sql.DB) error) {
	s.Helper()
	driver, uri := "sqlite3", s.stack.DatabaseURI()
	if strings.HasPrefix(uri, "postgres:") {
		driver = "postgres"
	}
	db, err := sql.Open(driver, uri)
	s.must(err)
	defer db.Close()
	s.must(change(db))
}

// botDevice waits until the bridge's bot has one device, which it has signed and which is not the one whose keys are lost, and
// returns it.
func (s *stage) botDevice(lost id.DeviceID) (only id.DeviceID) {
	s.Helper()
	s.await("the bot to have one device, signed by it", func(ctx context.Context) error {
		signed, err := s.user.DevicesOf(ctx, s.stack.Bridge.Bot)
		if err != nil {
			return err
		}
		names := slices.Collect(maps.Keys(signed))
		if len(names) != 1 || !signed[names[0]] || names[0] == lost {
			return fmt.Errorf("its devices are %v (true: signed), want one other than %q", signed, lost)
		}
		only = names[0]
		return nil
	})
	return only
}

// talk has a contact and the user write to each other.
func (s *stage) talk(portal *lab.Room, contact *person) {
	s.Helper()
	in, out := s.text("in"), s.text("out")
	contact.writes(s.me, in)
	evt, err := portal.AwaitText(s.ctx, 0, contact.mxid, in)
	s.must(err)
	s.mustBeEncrypted(evt)
	_, err = portal.SendText(s.ctx, out)
	s.must(err)
	contact.reads(s.me, out)
}

// TestLostKeys takes the bridge's encryption keys away: it has a new device then, signed by the same identity, so that a
// client that excludes unverified devices goes on. What was written meanwhile is said not to have arrived.
func TestLostKeys(t *testing.T) {
	t.Parallel()
	s := keysStage(t, "lost-keys")
	anna, portal := s.withAnna()
	s.talk(portal.Room, anna)
	old := s.botDevice("")

	s.stopBridge()
	s.changeDatabase(func(db *sql.DB) error {
		tables, err := tablesOf(s.ctx, db, "crypto_")
		for _, table := range tables {
			if err == nil && table != "crypto_version" {
				_, err = db.ExecContext(s.ctx, "DELETE FROM "+table)
			}
		}
		return err
	})
	botFrom, roomFrom := s.bot.Mark(), portal.Mark()
	unread := s.text("while keys were lost")
	s.announced = append(s.announced, "Failed to decrypt event")
	lost, err := portal.SendText(s.ctx, unread)
	s.must(err)
	s.must(s.stack.Bridge.Start(s.ctx))

	s.botDevice(old)
	_, err = s.bot.AwaitAnswer(s.ctx, botFrom, "word that keys were lost", func(body string) bool {
		return strings.Contains(body, "had lost its encryption keys")
	})
	s.must(err)
	notice := s.tells(portal, roomFrom, "was not bridged", "the key to decrypt it")
	if got := notice.Content.AsMessage().RelatesTo.GetReplyTo(); got != lost {
		t.Errorf("the notice is about %s, want %s", got, lost)
	}
	s.talk(portal.Room, anna)
	if got := anna.textsFrom(s.me); slices.Contains(got, unread) {
		t.Errorf("Anna got %q, which nobody could read", unread)
	}

	// It is told once: not again after another start.
	botFrom = s.bot.Mark()
	s.restart()
	s.talk(portal.Room, anna)
	_, err = s.bot.Ask(s.ctx, "help")
	s.must(err)
	for _, evt := range s.bot.Timeline()[botFrom:] {
		if evt.Type == event.EventMessage && strings.Contains(evt.Content.AsMessage().Body, "had lost its encryption keys") {
			t.Error("the bot tells again that keys were lost")
		}
	}
}

// TestLostDatabase takes the bridge its whole database: it does not start, and says why, until an admin orders new keys. The
// user logs in again then, in new rooms, and their client goes on once they have accepted the bot's new identity.
func TestLostDatabase(t *testing.T) {
	t.Parallel()
	skipBeyondDendrite(t, settingFromEnv(t).Homeserver)
	s := keysStage(t, "lost-database")
	if s.stack.Setting.Database != "sqlite" {
		t.Skip("this takes the file away") // SQLite's, which is the default; a lost PostgreSQL database looks the same to the bridge
	}
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	s.settled(s.greeted(anna).Room)
	old := s.botDevice("")

	if said, err := s.stack.Bridge.Run(s.ctx, "new-keys"); err == nil || !strings.Contains(said, "Stop the bridge first") {
		t.Errorf("while the bridge runs new-keys says %q, %v", said, err)
	}
	s.stopBridge()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(s.stack.DatabaseURI() + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	err := s.stack.Bridge.Start(s.ctx)
	if err == nil || !strings.Contains(err.Error(), "signed its keys with another database") || !strings.Contains(err.Error(), "crosschat new-keys") {
		t.Fatalf("the start without the database: %v, want why not and what to do", err)
	}
	said, err := s.stack.Bridge.Run(s.ctx, "new-keys")
	if err != nil {
		t.Fatalf("new-keys: %v: %s", err, said)
	}
	s.must(s.stack.Bridge.Start(s.ctx))
	s.botDevice(old)

	s.must(s.user.AcceptIdentity(s.ctx, s.stack.Bridge.Bot))
	s.bot = nil
	s.openBot()
	s.logIn()
	text := s.text("after the loss")
	anna.writes(s.me, text)
	portal := s.portalWith(anna, text)
	s.talk(portal, anna)
}

// portalWith waits for the room in which a contact's text is: there may be others that the bridge no longer knows.
func (s *stage) portalWith(contact *person, text string) (portal *lab.Room) {
	s.Helper()
	s.await(fmt.Sprintf("a room with %q", text), func(ctx context.Context) error {
		rooms, err := s.user.Portals(ctx, contact.mxid)
		for _, room := range rooms {
			if slices.Contains(texts(room, contact.mxid), text) {
				portal = room
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("none of the %d rooms with %s has it", len(rooms), contact.mxid))
	})
	return portal
}

// TestKeyRequests asks the bridge for the key of a message: it gives it to a device that its user has signed, if that user is
// in the room, though they administer nothing, and says no to all others.
func TestKeyRequests(t *testing.T) {
	t.Parallel()
	s := keysStage(t, "key-requests")
	recovery, err := s.user.SignDevice(s.ctx)
	s.must(err)
	_, portal := s.withAnna()
	s.settled(portal.Room)
	session := s.sessionOf(portal.Room, portal.greeting.ID)

	own := s.secondDevice("own")
	stranger, err := s.stack.NewUser(s.ctx, "stranger-"+randomHex(3), "pass"+randomHex(8))
	s.must(err)
	t.Cleanup(stranger.Close)
	_, err = stranger.SignDevice(s.ctx)
	s.must(err)
	refused := func(who *lab.User, code event.RoomKeyWithheldCode) {
		t.Helper()
		before := len(who.Withheld(session))
		s.must(who.Await(s.ctx, "the bridge's no", func(ctx context.Context) error {
			// Again and again: Synapse loses a to-device message to an appservice that comes at the same time as one to others.
			if err := who.AskForKey(ctx, s.stack.Bridge.Bot, portal.ID, session); err != nil {
				return err
			}
			if has, err := who.HasKey(ctx, portal.ID, session); err != nil || has {
				return fmt.Errorf("the client has the key: %t, %w", has, err)
			}
			if said := who.Withheld(session); len(said) == before || said[len(said)-1].Code != code {
				return fmt.Errorf("it was told %+v, want %s", said, code)
			}
			return nil
		}))
	}
	refused(stranger, event.RoomKeyWithheldUnauthorized)
	refused(own, event.RoomKeyWithheldUnverified)

	s.must(own.VerifyDevice(s.ctx, recovery))
	s.must(own.Await(s.ctx, "the key", func(ctx context.Context) error {
		// The bridge learns of the signature in its own time.
		if err := own.AskForKey(ctx, s.stack.Bridge.Bot, portal.ID, session); err != nil {
			return err
		}
		has, err := own.HasKey(ctx, portal.ID, session)
		if err == nil && !has {
			err = fmt.Errorf("it did not come; the client was told %+v", own.Withheld(session))
		}
		return err
	}))
	refused(stranger, event.RoomKeyWithheldUnauthorized)
}

// sessionOf is the key that an event is encrypted with, as the homeserver has it.
func (s *stage) sessionOf(room *lab.Room, evt id.EventID) id.SessionID {
	s.Helper()
	raw, err := s.user.Client.GetEvent(s.ctx, room.ID, evt)
	s.must(err)
	s.must(raw.Content.ParseRaw(raw.Type))
	return raw.Content.AsEncrypted().SessionID
}

// secondDevice logs the user in on another device.
func (s *stage) secondDevice(name string) *lab.User {
	s.Helper()
	localpart := s.user.ID.Localpart()
	other, err := s.stack.Homeserver.Login(s.ctx, localpart, s.user.Password, filepath.Join(s.stack.Dir, "users", name))
	s.must(err)
	s.Cleanup(other.Close)
	return other
}
