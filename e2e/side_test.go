package e2e_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"crosschat/simulator/control"
)

// side is a simulated network as the scenarios see it. What people do on a network goes through the simulator's control
// API, which is the same for all; a side holds what differs.
type side interface {
	// network is the column of the conformance table.
	network() string
	// control is the network's name in the control API.
	control() string
	// protocol is what the portal's m.bridge has as the protocol's id and name.
	protocol() (id, name string)
	// ghost is the localpart of the person's ghost.
	ghost(control.Person) string
	// flow is part of the id of the login flow that logIn goes through.
	flow() string
	// logIn does on the network what the bot's first login step asks for, and returns texts that must stay secret.
	logIn(*stage, loginStep) (secrets []string)
	// encrypted says whether the event's message came with the encryption that the network promises.
	encrypted(control.Event) bool
	// drops are ten ways to break a person's connection, chosen by the generator.
	drops(*rand.Rand, control.Person) []drop
	// traits are what the network has, or does its own way.
	traits() traits
	// identifiers are what starts a chat with somebody; there are two at least.
	identifiers(control.Person) []string
	// id is the network's part of a person's id in Matrix.
	id(control.Person) string
	// marks are texts with the network's marks. written are what HTML becomes there, beside what is the same everywhere.
	marks() []marked
	written() []marked
	// mention is what stands in a text of the user for somebody who is mentioned, after the @.
	mention(*stage, *person) string
	// links are messages with the text, each with a preview of https://example.org/a?b=c by the title "A title", about "What
	// it is about". If the network has pictures of such previews, it is the given one, of 64x48.
	links(s *stage, text string, picture []byte) []json.RawMessage
	// calls are those that the network tells of.
	calls() []call
	// unknowns are messages of kinds that the bridge does not know.
	unknowns(*stage) []unknown
	// expiring is how the servers do not give a file.
	expiring() expiring
	// deafness is how a connection of the person looks alive and delivers nothing.
	deafness(control.Person) deafness
	// refusals are ways in which the network does not take a message of the person.
	refusals(control.Person) []refusal
	// lostAnswers are faults each of which takes the answer to a message of the person away.
	lostAnswers(control.Person) []control.Fault
	// sendsHuge has somebody send the user a file that is larger than any homeserver allows. If the message says so, it
	// returns a word that is in the file's address only.
	sendsHuge(*stage, *person) (word string)
	// hang are faults by which the network stands still for a person's account without going away.
	hang() []control.Fault
	// leftovers lists what the bridge's database still holds of a session that should be gone.
	leftovers(context.Context, *sql.DB, control.Person) ([]string, error)
}

// loginStep is where the bot's first step of a login is to be found: in its room, from a position on.
type loginStep struct{ from int }

// drop is one way to lose a connection.
type drop struct {
	name   string
	faults []control.Fault
}

// whatsapp is the WhatsApp side.
type whatsapp struct{}

func (whatsapp) network() string             { return "whatsapp" }
func (whatsapp) control() string             { return "whatsapp" }
func (whatsapp) protocol() (id, name string) { return "whatsapp", "WhatsApp" }
func (whatsapp) flow() string                { return "qr" }

func (whatsapp) ghost(p control.Person) string { return "crosschat_whatsapp-lid-" + p.LID }

func (w whatsapp) logIn(s *stage, step loginStep) []string {
	s.Helper()
	code, err := s.bot.AwaitQR(s.ctx, step.from)
	s.must(err)
	companion, err := s.stack.Simulator.ScanQR(s.ctx, w.control(), s.me.ID, code)
	s.must(err)
	if companion.Device < 1 {
		s.Errorf("the phone has linked device %d, want 1 or more", companion.Device)
	}
	// Of the code's parts two are secret: the server's reference and the key that the phone proves itself with.
	_, parts, _ := strings.Cut(code, "#")
	keys := strings.Split(parts, ",")
	if len(keys) != 5 {
		s.Fatalf("the QR code has %d parts, want 5", len(keys))
	}
	return []string{keys[0], keys[3]}
}

func (whatsapp) encrypted(e control.Event) bool {
	return e.Encrypted == "msg" || e.Encrypted == "pkmsg"
}

func (whatsapp) drops(r *rand.Rand, p control.Person) []drop {
	now := control.Fault{Kind: "close", Person: p.ID}
	at := func(kind, point string) control.Fault {
		f := control.Fault{Kind: kind, Args: map[string]string{"point": point}, Person: p.ID}
		if point == "server_hello" || point == "client_finish" {
			f.Person = "" // the server does not know yet who it is
		}
		return f
	}
	later := func(f control.Fault) control.Fault {
		f.Skip = r.IntN(3)
		return f
	}
	flush := at("close_after", "offline_flush")
	flush.Args["after"] = strconv.Itoa(1 + r.IntN(2))
	all := []drop{
		{"in the quiet", []control.Fault{now}},
		{"before a sent message is acknowledged", []control.Fault{later(at("close_before", "message_ack"))}},
		{"after a sent message is acknowledged", []control.Fault{later(at("close_after", "message_ack"))}},
		{"before a received message's receipt is handled", []control.Fault{later(control.Fault{Kind: "close_before", Stanza: "receipt", Person: p.ID})}},
		{"again before the server hello", []control.Fault{at("close_before", "server_hello"), now}},
		{"again after the client finish", []control.Fault{at("close_before", "client_finish"), now}},
		{"again before success", []control.Fault{at("close_before", "success"), now}},
		{"again after success", []control.Fault{at("close_after", "success"), now}},
		{"again before the device is active", []control.Fault{at("close_before", "active"), now}},
		// The refused upgrade keeps the client away long enough for messages to queue.
		{"again while queued messages are delivered", []control.Fault{flush, {Kind: "http_status"}, now}},
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// leftovers looks through whatsmeow's tables, which hold all of a session's keys. The map of phone numbers to hidden ids
// is no secret.
func (whatsapp) leftovers(ctx context.Context, db *sql.DB, p control.Person) ([]string, error) {
	tables, err := tablesOf(ctx, db, "whatsmeow_")
	if err != nil {
		return nil, err
	}
	if len(tables) == 0 {
		return nil, fmt.Errorf("the bridge's database has no whatsmeow tables: where are its sessions?")
	}
	var found []string
	for _, table := range tables {
		if table == "whatsmeow_lid_map" || table == "whatsmeow_version" {
			continue
		}
		n, err := countOwn(ctx, db, table, p.Phone, p.LID)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			found = append(found, fmt.Sprintf("%d rows of %s", n, table))
		}
	}
	return found, nil
}
