package e2e_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"google.golang.org/protobuf/proto"
	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

// messengerE2EE is the side of Messenger's encrypted plane: the same accounts, whose companions are the registered devices.
type messengerE2EE struct{ messenger }

func (messengerE2EE) network() string { return "messenger-e2ee" }
func (messengerE2EE) control() string { return "messenger-e2ee" }

func (messengerE2EE) encrypted(e control.Event) bool {
	return slices.Contains([]string{"msg", "pkmsg", "skmsg"}, e.Encrypted)
}

// keepsDevice: a further login to the same account goes on with the device that is there.
func (messengerE2EE) keepsDevice() bool { return true }

func (messengerE2EE) drops(r *rand.Rand, p control.Person) []drop {
	now := control.Fault{Kind: "close", Person: p.ID}
	fault := func(kind, stanza string) control.Fault {
		return control.Fault{Kind: kind, Person: p.ID, Stanza: stanza}
	}
	later := func(f control.Fault) control.Fault {
		f.Skip = r.IntN(3)
		return f
	}
	unanswered, broken := later(fault("withhold", "message/text")), fault("close_after", "message/text")
	broken.Skip = unanswered.Skip // of the same message
	all := []drop{
		{"in the quiet", []control.Fault{now}},
		{"before a sent message is handled", []control.Fault{later(fault("close_before", "message/text"))}},
		{"after a sent message is acknowledged", []control.Fault{later(fault("close_after", "message/text"))}},
		{"with the answer to a sent message", []control.Fault{unanswered, broken}},
		{"before a received message's receipt is handled", []control.Fault{later(fault("close_before", "receipt"))}},
		{"with a delivered message", []control.Fault{later(fault("close_before", "deliver/message/text"))}},
		{"again before success", []control.Fault{fault("close_before", "success"), now}},
		{"again after success", []control.Fault{fault("close_after", "success"), now}},
		{"again before the device is active", []control.Fault{fault("close_before", "active"), now}},
		{"because the server restarts", []control.Fault{{Kind: "stream_error", Person: p.ID, Args: map[string]string{"code": "515"}}}},
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func (messengerE2EE) refusals(p control.Person) []refusal {
	by := func(code string) control.Fault {
		return control.Fault{Kind: "ack_error", Stanza: "message", Person: p.ID, Args: map[string]string{"error": code}}
	}
	return []refusal{
		{by("403"), "Messenger refused this", event.MessageStatusFail},
		{by("479"), "try again", event.MessageStatusRetriable},
	}
}

// lostAnswers are one: the server handles the message, does not answer and breaks the connection.
func (messengerE2EE) lostAnswers(p control.Person) []control.Fault {
	return []control.Fault{{Kind: "close_before", Stanza: "answer/message", Person: p.ID}}
}

func (messengerE2EE) sendsHuge(s *stage, p *person) string {
	s.Helper()
	hash, length, path := bytes.Repeat([]byte{1}, 32), uint64(5<<30), "/v/document/huge.enc?x=1"
	document := &waMediaTransport.DocumentTransport{Integral: &waMediaTransport.DocumentTransport_Integral{Transport: &waMediaTransport.WAMediaTransport{
		Integral: &waMediaTransport.WAMediaTransport_Integral{
			DirectPath: &path, MediaKey: hash, FileSHA256: hash, FileEncSHA256: hash,
		},
		Ancillary: &waMediaTransport.WAMediaTransport_Ancillary{FileLength: &length, Mimetype: proto.String("application/zip")},
	}}}
	p.sends(control.SendRequest{To: s.me.ID, Raw: consumer(s, map[string]any{"documentMessage": map[string]any{
		"document": wrapped(s, document), "fileName": "huge.zip",
	}})})
	return "huge.enc"
}

// leftovers looks through the session's tables and whatsmeow's.
func (m messengerE2EE) leftovers(ctx context.Context, db *sql.DB, p control.Person) ([]string, error) {
	found, err := m.messenger.leftovers(ctx, db, p)
	if err != nil {
		return nil, err
	}
	tables, err := tablesOf(ctx, db, "whatsmeow_")
	if err != nil {
		return nil, err
	}
	if len(tables) == 0 {
		return nil, fmt.Errorf("the bridge's database has no whatsmeow tables: where are its devices?")
	}
	for _, table := range tables {
		n, err := countOwn(ctx, db, table, p.ID+":")
		if err != nil {
			return nil, err
		}
		if n > 0 {
			found = append(found, fmt.Sprintf("%d rows of %s", n, table))
		}
	}
	return found, nil
}

// prefix is what the bridge calls the side's network.
func (s *stage) prefix() string {
	name, _, _ := strings.Cut(s.side.network(), "-")
	return name
}

// loginRegister: the encrypted device is registered once, kept over a restart and a reconnection, and registered anew when
// the server has forgotten it. An expired token is renewed.
func loginRegister(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	before, err := s.stack.Simulator.Log(s.ctx, s.side.control(), 0)
	s.must(err)
	s.logIn()
	portal := s.greeted(anna)
	s.settled(portal.Room)
	talks := func(words string) {
		s.Helper()
		in, out := s.text(words+" in"), s.text(words+" out")
		anna.writes(s.me, in)
		_, err := portal.AwaitText(s.ctx, 0, anna.mxid, in)
		s.must(err)
		_, err = portal.SendText(s.ctx, out)
		s.must(err)
		anna.reads(s.me, out)
	}
	device := func() int {
		s.Helper()
		s.awaitCompanion()
		c := s.companions()
		if len(c) != 1 {
			s.Fatalf("the account has devices %+v, want one", c)
		}
		return c[0].Device
	}
	registrations := func() (n int) {
		s.Helper()
		logged, err := s.stack.Simulator.Log(s.ctx, s.side.control(), len(before))
		s.must(err)
		for _, entry := range logged {
			if strings.Contains(entry.Data, "/v2/fb_register_v2") {
				n++
			}
		}
		return n
	}
	first := device()
	if first < 1 || registrations() != 1 {
		s.Errorf("device %d was registered %d times, want once", first, registrations())
	}
	s.restart()
	if again := device(); again != first || registrations() != 1 {
		s.Errorf("after a restart the device is %d, after %d registrations; want %d after one", again, registrations(), first)
	}
	talks("restarted")

	s.must(s.stack.Simulator.Special(s.ctx, s.side.control(), s.me.ID, "expire_cat", nil, nil))
	s.breaks(control.Fault{Kind: "close", Person: s.me.ID})
	talks("with a new token")
	if registrations() != 1 {
		s.Errorf("an expired token led to registration %d", registrations())
	}

	s.breaks(control.Fault{Kind: "forget_device", Person: s.me.ID})
	s.await("another device", func(context.Context) error {
		for _, c := range s.companions() {
			if c.Device != first && c.Connected && c.Active {
				return nil
			}
		}
		return fmt.Errorf("devices are %+v, was %d", s.companions(), first)
	})
	talks("registered anew")
	if n := registrations(); n != 2 {
		s.Errorf("the device was registered %d times in all, want twice", n)
	}
	for _, table := range []string{"whatsmeow_device", "whatsmeow_sessions", "whatsmeow_pre_keys"} {
		if left, err := countOwn(s.ctx, s.openDatabase(), table, fmt.Sprintf("%s:%d@", s.me.ID, first)); err != nil || left > 0 {
			s.Errorf("of the forgotten device %s holds %d rows (%v)", table, left, err)
		}
	}
}

// moves implements movingSide.
func (messengerE2EE) moves(s *stage, by *person) (at func(float64, int, int), numbered bool) {
	return func(latitude float64, sequence, seconds int) {
		s.Helper()
		by.sends(control.SendRequest{To: s.me.ID, Raw: consumer(s, map[string]any{"liveLocationMessage": map[string]any{
			"location": map[string]any{"degreesLatitude": latitude, "degreesLongitude": 13}, "sequenceNumber": fmt.Sprint(sequence),
			"timeOffset": seconds, "caption": map[string]any{"text": "on my way"},
		}})})
	}, true
}

// repliesBesides implements replySide: an answer to a story says what it answers.
func (messengerE2EE) repliesBesides(s *stage, portal *roomOf, by *person) {
	s.Helper()
	text, from := s.text("what a story"), portal.Mark()
	by.sends(control.SendRequest{To: s.me.ID, Raw: armadillo(s, map[string]any{"extendedContentMessage": map[string]any{
		"targetType": "FB_STORY_REPLY", "messageText": text, "titleText": "Ben's story",
	}})})
	c := s.gets(portal, from, by, "a reply to a story", holding(text)).Content.AsMessage()
	if !strings.Contains(c.Body, "Reply to a story") || !strings.Contains(c.Body, "Ben's story") {
		s.Errorf("the reply to a story is %q", c.Body)
	}
}
