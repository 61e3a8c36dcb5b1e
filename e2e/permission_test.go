package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// TestPermissions shows what somebody may do whom the config does not let use the bridge, lets only be relayed, lets give
// commands, or lets use it; and that relaying is off until it is allowed and somebody has lent their account to it.
func TestPermissions(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	domain := string(setting.Homeserver) + ".localhost"
	set := make(map[string]string)
	for _, level := range []string{"block", "relay", "commands"} {
		set["bridge.permissions."+string(id.NewUserID(level, domain))] = level
	}
	stack := (&lazyStack{t: t, setting: setting, set: set}).get(t)
	s := newStage(t, stack, whatsapp{}, "permissions")
	blocked, relayed, clerk := s.alsoUser("block"), s.alsoUser("relay"), s.alsoUser("commands")
	s.mustBeDeclined(blocked, "permission to interact")
	s.mustBeDeclined(relayed, "permission to send commands")
	s.mustOnlyCommand(clerk)
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	room := s.greeted(anna)
	s.settled(room.Room)
	for command, want := range map[string]string{
		"delete-all-portals": "administrators", "sudo " + string(clerk.ID) + " list": "administrators", "help": "set-relay",
	} {
		if answer, err := s.bot.Ask(s.ctx, command); err != nil || !strings.Contains(answer, want) {
			t.Errorf("to %q of a user the bot answers %q, want %q in it (%v)", command, answer, want, err)
		}
	}
	s.relays(room, anna, relayed, blocked)
}

// alsoUser makes one more user of the homeserver.
func (s *stage) alsoUser(localpart string) *lab.User {
	s.Helper()
	user, err := s.stack.NewUser(s.ctx, localpart, "pass"+randomHex(8))
	s.must(err)
	s.secrets = append(s.secrets, user.Password)
	s.Cleanup(user.Close)
	return user
}

// mustBeDeclined checks that the bot declines a user's invitation, and says why.
func (s *stage) mustBeDeclined(user *lab.User, why string) {
	s.Helper()
	created, err := user.Client.CreateRoom(s.ctx, &mautrix.ReqCreateRoom{
		Preset: "trusted_private_chat", IsDirect: true, Invite: []id.UserID{s.stack.Bridge.Bot},
	})
	s.must(err)
	s.must(user.Await(s.ctx, "the bot to decline", func(ctx context.Context) error {
		var left event.MemberEventContent
		if err := user.Client.StateEvent(ctx, created.RoomID, event.StateMember, string(s.stack.Bridge.Bot), &left); err != nil {
			return err
		}
		if left.Membership != event.MembershipLeave || !strings.Contains(left.Reason, why) {
			return fmt.Errorf("the bot's membership is %q with the reason %q, want it to leave with %q", left.Membership, left.Reason, why)
		}
		return nil
	}))
	if err = s.stack.Bridge.Provision(s.ctx, user.ID, http.MethodPost, "/login/start/whatsapp-qr", nil, nil); err == nil {
		s.Errorf("%s may log in through the API", user.ID)
	}
}

// mustOnlyCommand checks that a user may talk with the bot, and not log in.
func (s *stage) mustOnlyCommand(user *lab.User) {
	s.Helper()
	bot, err := user.OpenBot(s.ctx, s.stack.Bridge.Bot, s.stack.Setting.Encryption != lab.EncryptionOff)
	s.must(err)
	for command, want := range map[string]string{"list": "not logged in", "login whatsapp-qr": "permission"} {
		if answer, err := bot.Ask(s.ctx, command); err != nil || !strings.Contains(answer, want) {
			s.Errorf("to %q of somebody who may only give commands the bot answers %q, want %q in it (%v)", command, answer, want, err)
		}
	}
	if err = s.stack.Bridge.Provision(s.ctx, user.ID, http.MethodPost, "/login/start/whatsapp-qr", nil, nil); err == nil {
		s.Errorf("%s may log in through the API", user.ID)
	}
}

// relays lets somebody without an account write in a chat of the user's: not before the config allows that and the user
// has lent their account to it, nor after they took it back.
func (s *stage) relays(room *roomOf, anna *person, guests ...*lab.User) {
	s.Helper()
	s.announced = append(s.announced, "Failed to get user login to handle Matrix event", "Failed to get member event target")
	portal := &lab.Bot{Room: room.Room, MXID: s.stack.Bridge.Bot}
	asks := func(command, want string) {
		s.Helper()
		if answer, err := portal.Ask(s.ctx, "!cc "+command); err != nil || !strings.Contains(answer, want) {
			s.Fatalf("to %q the bot answers %q, want %q in it (%v)", command, answer, want, err)
		}
	}
	var in []*lab.Room
	for _, guest := range guests {
		_, err := s.user.Client.InviteUser(s.ctx, room.ID, &mautrix.ReqInviteUser{UserID: guest.ID})
		s.must(err)
		there := guest.Room(room.ID)
		_, err = there.AwaitEvent(s.ctx, 0, "being in the room", func(evt *event.Event) bool {
			return evt.Type == event.StateMember && evt.GetStateKey() == guest.ID.String() && evt.Content.AsMember().Membership == event.MembershipJoin
		})
		s.must(err)
		in = append(in, there)
	}
	relayed, blocked := in[0], in[1]
	refused := func() {
		s.Helper()
		text := s.text("may I")
		said, err := relayed.SendText(s.ctx, text)
		s.must(err)
		s.awaitStatus(&roomOf{Room: relayed}, said, event.MessageStatusFail)
		own := s.text("in between")
		_, err = room.SendText(s.ctx, own)
		s.must(err)
		anna.reads(s.me, own)
		for _, got := range anna.textsFrom(s.me) {
			if strings.Contains(got, text) {
				s.Errorf("Anna's phone has %q of somebody who is not relayed", got)
			}
		}
	}
	asks("set-relay", "does not allow relay mode")
	refused()
	_, err := s.stack.Bridge.Configure(map[string]string{"bridge.relay.enabled": "true"})
	s.must(err)
	s.restart()
	asks("set-relay", "don't have permission")
	refused()
	_, err = s.stack.Bridge.Configure(map[string]string{"bridge.relay.admin_only": "false"})
	s.must(err)
	s.restart()
	refused() // nobody has lent an account yet
	asks("set-relay", "through your account")
	s.relayed(anna, relayed, blocked)
	asks("unset-relay", "goes nowhere")
	refused()
}

// relayed has a guest write, change and delete what they wrote, and react; who is blocked writes in vain.
func (s *stage) relayed(anna *person, guest, blocked *lab.Room) {
	s.Helper()
	nothing := s.text("let me in")
	_, err := blocked.SendText(s.ctx, nothing)
	s.must(err)
	text := s.text("as a guest")
	said, err := guest.SendText(s.ctx, text)
	s.must(err)
	name := guest.User.ID.Localpart()
	sent := anna.sees(control.Match{Kind: control.KindMessage, Sender: s.me.ID, Text: "*" + name + "*: " + text})[0]
	s.awaitStatus(&roomOf{Room: guest}, said, event.MessageStatusSuccess)
	for _, notice := range notices(guest) { // what is bridged of a room is bridged in order
		if strings.Contains(notice, "key") {
			s.Errorf("the room is told %q of a message that was not to be bridged", notice)
		}
	}
	changed := s.text("a better word")
	_, err = guest.Edit(s.ctx, said, changed)
	s.must(err)
	anna.sees(control.Match{Kind: control.KindEdit, Sender: s.me.ID, Ref: sent.ID, Text: "*" + name + "*: " + changed})
	_, err = guest.React(s.ctx, said, "👍")
	s.must(err)
	s.must(guest.Redact(s.ctx, said))
	anna.sees(control.Match{Kind: control.KindRevoke, Sender: s.me.ID, Ref: sent.ID})
	for _, e := range anna.timeline() {
		if e.Kind == control.KindReaction || strings.Contains(e.Text, nothing) {
			s.Errorf("Anna's phone has %s %q, which the guest may not send in the user's name", e.Kind, e.Text)
		}
	}
}
