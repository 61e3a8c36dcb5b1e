package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
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
		t.Skip("this is about encryption")
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

// botDevice waits until the bridge's bot has one device, which it has signed, and returns it.
func (s *stage) botDevice() (only id.DeviceID) {
	s.Helper()
	s.await("the bot to have one device, signed by it", func(ctx context.Context) error {
		signed, err := s.user.DevicesOf(ctx, s.stack.Bridge.Bot)
		if err != nil {
			return err
		}
		names := slices.Collect(maps.Keys(signed))
		if len(names) != 1 || !signed[names[0]] {
			return fmt.Errorf("its devices are %v (true: signed)", signed)
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
	s := keysStage(t, "lost-keys")
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	s.talk(portal.Room, anna)
	old := s.botDevice()

	_, from, err := s.stack.Bridge.Log(0)
	s.must(err)
	s.must(s.stack.Bridge.Stop())
	_, to, err := s.stack.Bridge.Log(0)
	s.must(err)
	s.stops = append(s.stops, span{from, to})
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

	if renewed := s.botDevice(); renewed == old {
		t.Errorf("the bot still has device %s, whose keys are lost", old)
	}
	_, err = s.bot.AwaitAnswer(s.ctx, botFrom, "word that keys were lost", func(body string) bool {
		return strings.Contains(body, "had lost its encryption keys")
	})
	s.must(err)
	notice := s.tells(portal, roomFrom, "was not bridged", "did not get the key")
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

// TestKeyRequests asks the bridge for the key of a message: it gives it to a device that its user has signed, if that user is
// in the room, though they administer nothing, and says no to all others.
func TestKeyRequests(t *testing.T) {
	s := keysStage(t, "key-requests")
	recovery, err := s.user.SignDevice(s.ctx)
	s.must(err)
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
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
		s.must(who.AskForKey(s.ctx, s.stack.Bridge.Bot, portal.ID, session))
		s.must(who.Await(s.ctx, "the bridge's no", func(ctx context.Context) error {
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
