package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// neighbour is one of two users of the same bridge, with a chat with somebody whom both know.
type neighbour struct {
	*stage
	anna *person // the same as the other's
	pet  string  // what they call her in their address book
	room *roomOf
}

// neighbours brings two users on stage who know each other and share a contact.
func neighbours(t *testing.T, stack *lab.Stack, side side) (alice, bob *neighbour) {
	t.Helper()
	alice = &neighbour{stage: newStage(t, stack, side, "alice")}
	bob = &neighbour{stage: newStage(t, stack, side, "bob")}
	alice.anna = alice.newPerson(control.NewPerson{Name: "Anna " + randomHex(2)})
	bob.anna = &person{Person: alice.anna.Person, s: bob.stage, mxid: alice.anna.mxid}
	for _, n := range []*neighbour{alice, bob} {
		n.pet = "Auntie " + randomHex(3)
		n.must(stack.Simulator.SetContact(n.ctx, side.control(), n.me.ID, control.Contact{ID: n.anna.ID, Name: n.pet}))
		n.logIn()
		n.room = n.greeted(n.anna)
		n.settled(n.room.Room)
	}
	return alice, bob
}

// TestNeighbours shows that users of one bridge keep to themselves whom they know, how they call them, and which accounts
// they have; and that they can't act on each other's chats, even where they were invited.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	shared := &lazyStack{t: t, setting: settingFromEnv(t)}
	for _, side := range []side{whatsapp{}, messenger{}, instagram{}} {
		t.Run(side.network(), func(t *testing.T) {
			alice, bob := neighbours(t, shared.get(t), side)
			alice.mustBeStrangerTo(bob)
			bob.mustBeStrangerTo(alice)
			bob.writesTo(alice)
			bob.mustHaveOneAccount()
			bob.mustNotTell(alice)
			bob.triesAPI(alice)
			bob.triesToTake(alice)
			bob.intrudes(alice)
			alice.mustTalk()
			bob.mustTalk()
		})
	}
}

// mustBeStrangerTo checks that nothing of what a neighbour can see in their rooms is about this one.
func (n *neighbour) mustBeStrangerTo(other *neighbour) {
	n.Helper()
	if n.room.ID == other.room.ID {
		n.Fatalf("both users' chats with %s are in room %s", n.anna.Name, n.room.ID)
	}
	if name, err := n.room.Name(n.ctx); err != nil || n.side.traits().addressBook && name != n.pet {
		n.Errorf("the room of %s is named %q, want %q (%v)", n.user.ID, name, n.pet, err)
	}
	state, err := other.user.Client.State(other.ctx, other.room.ID)
	n.must(err)
	seen, err := json.Marshal(state)
	n.must(err)
	profile, err := other.user.Client.GetProfile(other.ctx, n.anna.mxid)
	n.must(err)
	if profile.DisplayName != n.anna.Name {
		n.Errorf("all users see %s as %q, want the public name %q", n.anna.mxid, profile.DisplayName, n.anna.Name)
	}
	for _, private := range []string{n.pet, n.me.ID, n.me.Phone, n.me.LID, string(n.user.ID)} {
		if private != "" && strings.Contains(string(seen), private) {
			n.Errorf("the state of the other user's room has %q: %s", private, seen)
		}
	}
}

// writesTo has this user's account write to the other's: each meets the other's ghost, and not the other's Matrix account.
func (n *neighbour) writesTo(other *neighbour) {
	n.Helper()
	met := &person{Person: other.me.Person, s: n.stage, mxid: other.me.mxid}
	text := n.text("it is me")
	n.me.writes(met, text)
	there, here := other.portal(n.me), n.portal(met)
	_, err := there.AwaitText(other.ctx, 0, n.me.mxid, text)
	n.must(err)
	_, err = here.AwaitText(n.ctx, 0, n.user.ID, text)
	n.must(err)
	other.awaitMembers(there, n.me.mxid, other.user.ID)
	n.awaitMembers(here, met.mxid, n.user.ID)
}

// mustHaveOneAccount checks that the bot's list has this user's account only.
func (n *neighbour) mustHaveOneAccount() {
	n.Helper()
	answer, err := n.openBot().Ask(n.ctx, "list")
	n.must(err)
	if strings.Count(answer, n.prefix()+"-") != 1 || !strings.Contains(answer, n.me.Name) {
		n.Errorf("the bot lists %q, want the one account of %s", answer, n.me.Name)
	}
}

// mustNotTell names the other's login to the bot, and one that there is not: both get the same answers.
func (n *neighbour) mustNotTell(other *neighbour) {
	n.Helper()
	login := other.loginID()
	nobody := login[:len(login)-4] + "0000"
	for _, command := range []string{
		"logout %s", "relogin %s", "create-portal %s whatsapp-lid-1", "bridge %s whatsapp-lid-1", "set-preferred-login %s",
		"set-relay %s", "doin " + n.room.ID.String() + " set-relay %s", "doin " + n.room.ID.String() + " set-preferred-login %s",
	} {
		var answers []string
		for _, id := range []string{login, nobody} {
			answer, err := n.openBot().Ask(n.ctx, fmt.Sprintf(command, id))
			n.must(err)
			answers = append(answers, strings.ReplaceAll(answer, id, "…"))
		}
		if answers[0] != answers[1] {
			n.Errorf("to %q the bot answers %q of somebody else's login, %q of one that there is not", command, answers[0], answers[1])
		}
	}
}

// triesAPI tries to reach the other's account through the provisioning API.
func (n *neighbour) triesAPI(other *neighbour) {
	n.Helper()
	login := other.loginID()
	var logins struct {
		IDs []string `json:"login_ids"`
	}
	n.must(n.stack.Bridge.Provision(n.ctx, n.user.ID, http.MethodGet, "/logins", nil, &logins))
	if len(logins.IDs) != 1 || logins.IDs[0] == login {
		n.Errorf("the API lists %q, want the user's own login", logins.IDs)
	}
	for _, call := range []struct{ method, path string }{
		{http.MethodPost, "/logout/" + login},
		{http.MethodGet, "/contacts?login_id=" + login},
		{http.MethodGet, "/resolve_identifier/1?login_id=" + login},
		{http.MethodPost, "/create_dm/1?login_id=" + login},
		{http.MethodPost, "/login/start/" + n.prefix() + "-" + n.side.flow() + "?login_id=" + login},
	} {
		err := n.stack.Bridge.Provision(n.ctx, n.user.ID, call.method, call.path, nil, nil)
		if err == nil || !strings.Contains(err.Error(), "404") {
			n.Errorf("%s %s as %s: %v, want not found", call.method, call.path, n.user.ID, err)
		}
	}
	// With their own token they are nobody else.
	for user, want := range map[id.UserID]bool{n.user.ID: true, other.user.ID: false} {
		if status := n.asksWithToken(user); (status == http.StatusOK) != want {
			n.Errorf("with the token of %s the API answers for %s with status %d", n.user.ID, user, status)
		}
	}
}

// asksWithToken asks the provisioning API for a user's logins with the Matrix token of this one.
func (n *neighbour) asksWithToken(user id.UserID) (status int) {
	n.Helper()
	address := fmt.Sprintf("http://127.0.0.1:%d/_matrix/provision/v3/logins?user_id=%s", n.stack.Bridge.Port, user)
	req, err := http.NewRequestWithContext(n.ctx, http.MethodGet, address, nil)
	n.must(err)
	req.Header.Set("Authorization", "Bearer "+n.user.Client.AccessToken)
	resp, err := http.DefaultClient.Do(req)
	n.must(err)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// triesToTake links a device to the other's account on WhatsApp: who can do that is told for whom it is logged in, and gets
// nothing. On the other networks a scenario of logins with cookies shows it.
func (n *neighbour) triesToTake(other *neighbour) {
	n.Helper()
	if n.prefix() != (whatsapp{}).network() {
		return
	}
	from, err := n.openBot().StartLogin(n.ctx, n.prefix(), n.side.flow())
	n.must(err)
	code, err := n.openBot().AwaitQR(n.ctx, from)
	n.must(err)
	if _, err = n.stack.Simulator.ScanQR(n.ctx, n.side.control(), other.me.ID, code); err == nil {
		n.Errorf("the phone of %s has linked a device for %s", other.me.Name, n.user.ID)
	}
	_, err = n.openBot().AwaitAnswer(n.ctx, from, "that the account is logged in already", func(body string) bool {
		return strings.Contains(body, "already logged in for "+string(other.user.ID))
	})
	n.must(err)
	n.mustHaveOneAccount()
}

// refusedCommands are what somebody else in a room may want, and words of the refusals.
var refusedCommands = map[string]string{
	"delete-chat": "not one of your accounts'", "mute": "not one of your accounts'", "encrypt": "can encrypt",
	"unbridge": "permission", "delete-portal": "don't know", "set-relay": "relay", "sync-portal": "not logged in",
	"accept": "no request", "bridge x": "room admin",
	"whatsapp-mute on": "not one of your accounts'", "whatsapp-disappear 7d": "not one of your accounts'",
	"whatsapp-history": "not one of your accounts'", "whatsapp-media": "not one of your accounts'", "whatsapp-contacts": "not one of your accounts'",
	"messenger-mute on": "not one of your accounts'", "messenger-history": "not one of your accounts'",
	"messenger-contacts": "not one of your accounts'", "messenger-media": "not one of your accounts'",
	"instagram-mute on": "not one of your accounts'", "instagram-contacts": "not one of your accounts'",
}

// intrudes is in the other's chat, by invitation: nothing that this user does there goes to the network, or changes the chat.
func (n *neighbour) intrudes(other *neighbour) {
	n.Helper()
	n.announced = append(n.announced, "Failed to get user login to handle Matrix event", "Failed to find login for sync", "Failed to get member event target")
	other.announced = append(other.announced, n.announced...)
	_, err := other.user.Client.InviteUser(other.ctx, other.room.ID, &mautrix.ReqInviteUser{UserID: n.user.ID})
	n.must(err)
	here := &lab.Bot{Room: n.user.Room(other.room.ID), MXID: n.stack.Bridge.Bot}
	_, err = here.AwaitEvent(n.ctx, 0, "being in the room", func(evt *event.Event) bool {
		return evt.Type == event.StateMember && evt.GetStateKey() == n.user.ID.String() && evt.Content.AsMember().Membership == event.MembershipJoin
	})
	n.must(err)
	text := n.text("me too")
	said, err := here.SendText(n.ctx, text)
	n.must(err)
	status := n.awaitStatus(&roomOf{Room: here.Room}, said, event.MessageStatusFail)
	if status.Reason != event.MessageStatusNoPermission || !strings.Contains(status.Message, "belongs to an account of "+string(other.user.ID)) {
		n.Errorf("the status of a text in somebody else's chat is %+v, want that it belongs to %s", status, other.user.ID)
	}
	_, err = here.AwaitAnswer(n.ctx, 0, "a notice that says so", func(body string) bool { return strings.Contains(body, status.Message) })
	n.must(err)
	for command, want := range refusedCommands {
		if network, _, ok := strings.Cut(command, "-"); ok && slices.Contains([]string{"whatsapp", "messenger", "instagram"}, network) && network != n.prefix() {
			continue
		}
		answer, err := here.Ask(n.ctx, "!cc "+command)
		n.must(err)
		if !strings.Contains(answer, want) {
			n.Errorf("to %q in somebody else's chat the bot answers %q, want %q in it", command, answer, want)
		}
	}
	other.await("the chat to be as it was", func(context.Context) error {
		if got := other.anna.textsFrom(other.me); slices.Contains(got, text) {
			return errors.New("the text of somebody else was sent in the user's name")
		}
		if got := n.anna.textsFrom(n.me); slices.Contains(got, text) {
			return errors.New("the text went out through the intruder's own account")
		}
		return nil
	})
	_, err = n.user.Client.LeaveRoom(n.ctx, other.room.ID)
	n.must(err)
}

// mustTalk shows that the user's own chat works.
func (n *neighbour) mustTalk() {
	n.Helper()
	out, in := n.text("out"), n.text("in")
	_, err := n.room.SendText(n.ctx, out)
	n.must(err)
	n.anna.reads(n.me, out)
	n.anna.writes(n.me, in)
	_, err = n.room.AwaitText(n.ctx, 0, n.anna.mxid, in)
	n.must(err)
}
