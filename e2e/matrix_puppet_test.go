package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// TestLoginMatrix is double puppeting by hand, where the admin has not set up the automatic one: with an access token of
// theirs, what the user writes and reads on the phone is theirs in Matrix, too, over a restart, until they take it back.
func TestLoginMatrix(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	shared := &lazyStack{t: t, setting: setting, set: map[string]string{
		"double_puppet.secrets." + string(setting.Homeserver) + ".localhost": "", // the lab's server name
	}}
	s := newStage(t, shared.get(t), whatsapp{}, "login-matrix")
	s.patient(time.Minute)
	anna, portal := s.withAnna()
	self := id.NewUserID(s.side.ghost(s.me.Person), s.stack.Homeserver.Domain)
	s.ownText(portal.Room, anna, self)

	for token, want := range map[string]string{"": "Usage", "nonsense": "Failed to enable", s.token(s.otherUser()): "does not match"} {
		answer := s.commands("login-matrix " + token)
		if !strings.Contains(answer, want) {
			t.Errorf("with the token %.4q… the bot answers %q, want %q", token, answer, want)
		}
	}
	mark := s.bot.Mark()
	token := s.token(s.user)
	if answer := s.commands("login-matrix " + token); !strings.Contains(answer, "Success") {
		t.Fatalf("with the user's token the bot answers %q", answer)
	}
	_, err := s.bot.AwaitEvent(s.ctx, mark, "the bot to take the token out of the room", func(evt *event.Event) bool {
		return evt.Type == event.EventRedaction && evt.Sender == s.stack.Bridge.Bot
	})
	s.must(err)
	s.ownText(portal.Room, anna, s.user.ID)
	s.readOnPhone(portal.Room, anna)
	s.announced = append(s.announced, "Failed to handle read receipt") // receipts are not kept over the restart
	s.restart()
	s.ownText(portal.Room, anna, s.user.ID)

	if answer := s.commands("logout-matrix"); !strings.Contains(answer, "Success") {
		t.Errorf("to logout-matrix the bot answers %q", answer)
	}
	s.ownText(portal.Room, anna, self)
}

// commands asks the bot something that may hold a secret.
func (s *stage) commands(command string) string {
	s.Helper()
	answer, err := s.openBot().Ask(s.ctx, strings.TrimSpace(command))
	s.must(err)
	return answer
}

// ownText has the user write on their phone, and wants that to come from somebody, once.
func (s *stage) ownText(portal *lab.Room, contact *person, from id.UserID) {
	s.Helper()
	text := s.text("by phone")
	s.me.writes(contact, text)
	evt, err := portal.AwaitText(s.ctx, 0, from, text)
	s.must(err)
	s.mustBeEncrypted(evt)
}

// readOnPhone has the user read on their phone, and wants Matrix to know.
func (s *stage) readOnPhone(portal *lab.Room, contact *person) {
	s.Helper()
	text := s.text("read me")
	sent := contact.sends(control.SendRequest{To: s.me.ID, Text: text})
	evt, err := portal.AwaitText(s.ctx, 0, contact.mxid, text)
	s.must(err)
	s.must(s.stack.Simulator.Receipt(s.ctx, s.side.control(), s.me.ID, control.ReceiptRequest{
		Chat: contact.ID, Sender: contact.ID, IDs: []string{sent.ID}, Type: "read",
	}))
	s.await("the user's read receipt", func(context.Context) error {
		if !portal.Receipt(evt.ID, s.user.ID) {
			return fmt.Errorf("none on %s in\n%s", evt.ID, portal.Describe())
		}
		return nil
	})
}

// otherUser is somebody else of the homeserver.
func (s *stage) otherUser() *lab.User {
	s.Helper()
	other, err := s.stack.NewUser(s.ctx, "other-"+randomHex(3), "pass"+randomHex(8))
	s.must(err)
	s.Cleanup(other.Close)
	return other
}

// token logs a user in for another access token.
func (s *stage) token(user *lab.User) string {
	s.Helper()
	client, err := mautrix.NewClient(s.stack.Homeserver.URL, "", "")
	s.must(err)
	resp, err := client.Login(s.ctx, &mautrix.ReqLogin{
		Type: mautrix.AuthTypePassword, Password: user.Password,
		Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: user.ID.Localpart()},
	})
	s.must(err)
	s.secrets = append(s.secrets, resp.AccessToken)
	return resp.AccessToken
}
