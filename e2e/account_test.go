package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// pairingCode is how the bot shows the code that is to be typed into the phone.
var pairingCode = regexp.MustCompile(`\b[1-9A-Z]{4}-[1-9A-Z]{4}\b`)

// loginCode logs in by phone number and code: first with a number that nobody has, then with the right one and a code
// that is mistyped, then well.
func loginCode(s *stage) {
	bot := s.openBot()
	_, answer := s.givesNumber("+15559999999")
	if !strings.Contains(answer, "no WhatsApp account") {
		s.Errorf("for a number without an account the bot says %q, want that there is none", answer)
	}
	from, answer := s.givesNumber("+" + s.me.Phone)
	code := pairingCode.FindString(answer)
	if code == "" {
		var err error
		code, err = bot.AwaitAnswer(s.ctx, from, "a code", pairingCode.MatchString)
		s.must(err)
		code = pairingCode.FindString(code)
	}
	s.secrets = append(s.secrets, code, strings.ReplaceAll(code, "-", ""))
	companion, err := s.stack.Simulator.EnterCode(s.ctx, s.side.control(), s.me.ID, code)
	s.must(err)
	if companion.Device < 1 {
		s.Errorf("the phone has linked device %d, want 1 or more", companion.Device)
	}
	_, err = bot.AwaitAnswer(s.ctx, from, fmt.Sprintf("a confirmation with the account's name %q", s.me.Name),
		func(body string) bool { return strings.Contains(body, s.me.Name) })
	s.must(err)
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	portal := s.greeted(anna)
	text := s.text("after a login by code")
	_, err = portal.SendText(s.ctx, text)
	s.must(err)
	anna.reads(s.me, text)
}

// givesNumber starts a login by code and gives a number; it returns the bot's next word, and where to look for more.
func (s *stage) givesNumber(number string) (from int, answer string) {
	s.Helper()
	from, err := s.bot.StartLogin(s.ctx, s.prefix(), "code")
	s.must(err)
	_, err = s.bot.AwaitAnswer(s.ctx, from, "a question for the phone number", func(body string) bool {
		return strings.Contains(body, "enter your phone number")
	})
	s.must(err)
	from = s.bot.Mark()
	_, err = s.bot.SendText(s.ctx, number)
	s.must(err)
	answer, err = s.bot.AwaitAnswer(s.ctx, from, "an answer to the phone number", func(string) bool { return true })
	s.must(err)
	return from, answer
}

// loginTwo holds two accounts at once, with a contact that both have, and one that only the second has.
func loginTwo(s *stage) {
	anna, ben := s.newPerson(control.NewPerson{Name: "Anna"}), s.newPerson(control.NewPerson{Name: "Ben"})
	first := s.me
	s.logIn()
	s.me = s.newPerson(control.NewPerson{Name: "Second " + randomHex(2)})
	second := s.me
	s.logIn()

	rooms := make(map[*person]*lab.Room)
	for _, account := range []*person{first, second} {
		text := s.text("to " + account.Name)
		anna.writes(account, text)
		rooms[account] = s.roomWith(anna, text)
		reply := s.text("from " + account.Name)
		_, err := rooms[account].SendText(s.ctx, reply)
		s.must(err)
		anna.reads(account, reply)
		account.sees(control.Match{Kind: control.KindMessage, Chat: anna.ID, Text: reply})
	}
	if rooms[first].ID == rooms[second].ID {
		s.Errorf("both accounts' chats with Anna are in room %s", rooms[first].ID)
	}
	only := s.text("for the second only")
	ben.writes(second, only)
	portal := s.portal(ben)
	_, err := portal.AwaitText(s.ctx, 0, ben.mxid, only)
	s.must(err)
	for _, account := range []*person{first, second} {
		if got := texts(rooms[account], anna.mxid); len(got) != 1 || !strings.Contains(got[0], account.Name) {
			s.Errorf("the room of %s has %q from Anna, want the one text to that account", account.Name, got)
		}
		if got := anna.textsFrom(account); len(got) != 1 || !strings.Contains(got[0], account.Name) {
			s.Errorf("Anna has %q from %s, want the one text from that account", got, account.Name)
		}
	}
	if got := first.textsFrom(ben); len(got) > 0 {
		s.Errorf("the first account's phone has %q from Ben", got)
	}
	answer, err := s.bot.Ask(s.ctx, "list-logins")
	s.must(err)
	if !strings.Contains(answer, s.side.id(first.Person)) || !strings.Contains(answer, s.side.id(second.Person)) {
		s.Errorf("the bot lists logins %q, want those of both accounts", answer)
	}
	s.me = first
}

// roomWith waits for that of the user's rooms with a contact in which the text is.
func (s *stage) roomWith(p *person, text string) (found *lab.Room) {
	s.Helper()
	s.await(fmt.Sprintf("a room with %s that has %q", p.Name, text), func(ctx context.Context) error {
		rooms, err := s.user.Portals(ctx, p.mxid)
		if err != nil {
			return err
		}
		for _, room := range rooms {
			if slices.Contains(texts(room, p.mxid), text) {
				found = room
				return nil
			}
		}
		return fmt.Errorf("none of %d rooms", len(rooms))
	})
	return found
}

// notices returns the bodies of the notices in a room, of whomever.
func notices(room *lab.Room) (bodies []string) {
	for _, evt := range room.Messages() {
		if evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgNotice {
			bodies = append(bodies, evt.Content.AsMessage().Body)
		}
	}
	return bodies
}

// loginPasskey links an account that is protected by a passkey: the step is explained, who can't do it gets away, and who
// can is let in.
func loginPasskey(s *stage) {
	credential := "credential " + randomHex(8)
	s.me.behaves(control.Behaviour{Passkey: &credential})
	bot := s.openBot()

	// Somebody who can't: the way out is named, and it works.
	from, scanned := s.scansWithPasskey()
	told, err := bot.AwaitAnswer(s.ctx, from, "an explanation of the passkey step", func(body string) bool {
		return strings.Contains(body, "protected by a passkey")
	})
	s.must(err)
	for _, word := range []string{"`cancel`", "remove the passkey", "on your phone"} {
		if !strings.Contains(told, word) {
			s.Errorf("the explanation is %q, want %q in it", told, word)
		}
	}
	s.asksForPasskey(from)
	from = bot.Mark()
	_, err = bot.SendText(s.ctx, "cancel")
	s.must(err)
	_, err = bot.AwaitAnswer(s.ctx, from, "the end of the login", func(body string) bool {
		return strings.Contains(body, "cancelled")
	})
	s.must(err)
	if err = <-scanned; err == nil {
		s.Error("the phone has linked a device whose login was cancelled")
	}

	// Nonsense is refused with the reason, and nothing is linked.
	from, scanned = s.scansWithPasskey()
	s.asksForPasskey(from)
	from = bot.Mark()
	_, err = bot.SendText(s.ctx, `{"id": "nonsense"}`)
	s.must(err)
	_, err = bot.AwaitAnswer(s.ctx, from, "word that this is no passkey", func(body string) bool {
		return strings.Contains(body, "not what the browser answers")
	})
	s.must(err)
	if err = <-scanned; err == nil {
		s.Error("the phone has linked a device that showed no passkey")
	}
	if linked := s.companions(); len(linked) > 0 {
		s.Errorf("the phone has linked devices %+v, want none", linked)
	}

	// The right answer.
	from, scanned = s.scansWithPasskey()
	challenge := s.asksForPasskey(from)
	from = bot.Mark()
	_, err = bot.SendText(s.ctx, assertion(s, credential, challenge))
	s.must(err)
	_, err = bot.AwaitAnswer(s.ctx, from, fmt.Sprintf("a confirmation with the account's name %q", s.me.Name),
		func(body string) bool { return strings.Contains(body, s.me.Name) })
	s.must(err)
	s.must(<-scanned)
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	portal := s.greeted(anna)
	text := s.text("after a login with passkey")
	_, err = portal.SendText(s.ctx, text)
	s.must(err)
	anna.reads(s.me, text)
}

// scansWithPasskey starts a login and scans its code. The scan's end comes later: it waits for the passkey.
func (s *stage) scansWithPasskey() (from int, scanned <-chan error) {
	s.Helper()
	from, err := s.bot.StartLogin(s.ctx, s.prefix(), s.side.flow())
	s.must(err)
	code, err := s.bot.AwaitQR(s.ctx, from)
	s.must(err)
	done := make(chan error, 1)
	go func() {
		_, err := s.stack.Simulator.ScanQR(s.ctx, s.side.control(), s.me.ID, code)
		done <- err
	}()
	return from, done
}

// challengeIn finds the challenge in what the bot shows of the question for the passkey.
var challengeIn = regexp.MustCompile(`"challenge": "([A-Za-z0-9_-]+)"`)

func (s *stage) asksForPasskey(from int) (challenge string) {
	s.Helper()
	told, err := s.bot.AwaitAnswer(s.ctx, from, "the question for the passkey", challengeIn.MatchString)
	s.must(err)
	if !strings.Contains(told, "https://web.whatsapp.com") {
		s.Errorf("the bot shows %q, want the page to do it on", told)
	}
	return challengeIn.FindStringSubmatch(told)[1]
}

// assertion is what a browser answers for a passkey.
func assertion(s *stage, credential, challenge string) string {
	s.Helper()
	encoded := func(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
	client, err := json.Marshal(map[string]string{"type": "webauthn.get", "challenge": challenge, "origin": "https://web.whatsapp.com"})
	s.must(err)
	id := encoded([]byte(credential))
	data, err := json.Marshal(map[string]any{
		"id": id, "rawId": id, "type": "public-key", "response": map[string]string{
			"clientDataJSON": encoded(client), "authenticatorData": encoded(make([]byte, 37)), "signature": encoded([]byte("signature")),
		},
	})
	s.must(err)
	return string(data)
}
