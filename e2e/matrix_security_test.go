package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// label is what a room's security label has, of what tests look at.
type label struct {
	ContactToBridge leg    `json:"contact_to_bridge"`
	BridgeToUser    leg    `json:"bridge_to_user"`
	SeesPlainText   bool   `json:"bridge_sees_plain_text"`
	Text            string `json:"text"`
}

type leg struct {
	EndToEnd bool   `json:"end_to_end"`
	Protocol string `json:"protocol"`
}

// awaitLabel waits until a room's security label says that of its two legs.
func (s *stage) awaitLabel(room *lab.Room, contact, user leg) label {
	s.Helper()
	var got label
	s.await("the room's security label to be true", func(ctx context.Context) error {
		var raw json.RawMessage
		err := s.user.Client.StateEvent(ctx, room.ID, event.Type{Type: "app.crosschat.security", Class: event.StateEventType}, "", &raw)
		if err != nil {
			return fmt.Errorf("read label: %w", err)
		}
		got = label{}
		if err = json.Unmarshal(raw, &got); err != nil {
			return fmt.Errorf("read label %s: %w", raw, err)
		}
		if got.ContactToBridge != contact || got.BridgeToUser != user || !got.SeesPlainText || got.Text == "" {
			return fmt.Errorf("it is %s, want %+v and %+v", raw, contact, user)
		}
		return nil
	})
	return got
}

// The legs that there are.
var (
	plainLeg  = leg{}
	signalLeg = leg{EndToEnd: true, Protocol: "signal"}
	megolmLeg = leg{EndToEnd: true, Protocol: string(id.AlgorithmMegolmV1)}
)

// TestSecurityLabel shows the label of rooms on each network, and the command that tells it.
func TestSecurityLabel(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	shared := &lazyStack{t: t, setting: setting}
	toUser := megolmLeg
	if setting.Encryption == lab.EncryptionOff {
		toUser = plainLeg
	}
	for side, contact := range map[side]leg{whatsapp{}: signalLeg, messenger{}: plainLeg, messengerE2EE{}: signalLeg, instagram{}: plainLeg} {
		t.Run(side.network(), func(t *testing.T) {
			s := newStage(t, shared.get(t), side, "security")
			s.logIn()
			portal := s.greeted(s.newPerson(control.NewPerson{Name: "Anna"}))
			want := s.awaitLabel(portal.Room, contact, toUser)
			answer := s.asks(portal.Room, "security")
			if answer != want.Text {
				t.Errorf("the bot answers %q, want what the label says, %q", answer, want.Text)
			}
		})
	}
}

// asks sends a command in a room that is not the bot's, and returns the bot's next text there.
func (s *stage) asks(room *lab.Room, command string) string {
	s.Helper()
	from := room.Mark()
	_, err := room.SendText(s.ctx, "!cc "+command)
	s.must(err)
	evt, err := room.AwaitEvent(s.ctx, from, fmt.Sprintf("the bot's answer to %q", command), func(evt *event.Event) bool {
		return evt.Sender == s.stack.Bridge.Bot && evt.Type == event.EventMessage
	})
	s.must(err)
	return evt.Content.AsMessage().Body
}

// TestEncryptLater shows a room that was made in the clear and is encrypted by a command: what comes after is, both ways,
// and the label says so.
func TestEncryptLater(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	if setting.Encryption == lab.EncryptionOff {
		t.Skip("this is about encryption") // which this setting has switched off by choice; by default it is on
	}
	shared := &lazyStack{t: t, setting: setting, set: map[string]string{"encryption.default": "false"}}
	s := newStage(t, shared.get(t), whatsapp{}, "encrypt")
	anna, portal := s.withAnna()
	if evt := portal.greeting; evt.Mautrix.EventSource&event.SourceDecrypted != 0 {
		t.Fatalf("the room is encrypted although new rooms should not be: %s", evt.ID)
	}
	s.awaitLabel(portal.Room, signalLeg, plainLeg)
	if answer := s.asks(portal.Room, "encrypt"); !strings.Contains(answer, "encrypted from now on") {
		t.Errorf("the bot answers %q", answer)
	}
	s.await("the room to be encrypted", func(ctx context.Context) error {
		encrypted, err := portal.Encrypted(ctx)
		if err == nil && !encrypted {
			err = errors.New("it is not")
		}
		return err
	})
	s.awaitLabel(portal.Room, signalLeg, megolmLeg)
	text := s.text("in secret")
	anna.writes(s.me, text)
	evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
	s.mustBeEncrypted(evt)
	reply := s.text("me too")
	_, err = portal.SendText(s.ctx, reply)
	s.must(err)
	anna.reads(s.me, reply)
	if answer := s.asks(portal.Room, "encrypt"); !strings.Contains(answer, "already") {
		t.Errorf("asked again, the bot answers %q", answer)
	}

	// In their client users can't: portals are the bot's.
	ben := s.newPerson(control.NewPerson{Name: "Ben"})
	portal = s.greeted(ben)
	_, err = s.user.Client.SendStateEvent(s.ctx, portal.ID, event.StateEncryption, "", &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1})
	if !errors.Is(err, mautrix.MForbidden) {
		t.Errorf("a user without power encrypts a portal: %v, want that it is forbidden", err)
	}
}
