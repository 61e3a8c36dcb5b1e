package e2e_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// stage is what one scenario plays on: the shared stack, and a user and people of its own. Its methods end the test when
// they fail, and are called from the test's goroutine.
type stage struct {
	*testing.T
	ctx   context.Context
	stack *lab.Stack
	side  side

	user *lab.User
	bot  *lab.Bot
	me   *person // the user's account on the network
	cast []*person

	// said is what people wrote to each other, secrets what nobody but the bridge may know: neither may be in the log.
	said, secrets []string
	logFrom       int64
	outputFrom    int64
	stops         []span   // parts of the log in which the bridge was being stopped
	announced     []string // messages of log entries that a scenario brings about, though they are errors
	excused       []string // texts within such entries
	foretold      []string // problems of phones that the scenario has made
	unexpected    int      // how many unexpected requests the simulator had seen before
}

// span is a part of the bridge's log, in bytes.
type span struct{ from, to int64 }

// restart stops the bridge and starts it again.
func (s *stage) restart() {
	s.Helper()
	s.stopBridge()()
}

// interrupted says whether a line only tells that something was cut short by a restart.
func (s *stage) interrupted(line lab.LogLine) bool {
	cut := strings.Contains(line.Raw, context.Canceled.Error()) || strings.Contains(line.Raw, "sql: database is closed")
	return cut &&
		slices.ContainsFunc(s.stops, func(stop span) bool { return line.Offset >= stop.from && line.Offset < stop.to })
}

// newStage brings the user (not logged in to the network) and their account on stage.
func newStage(t *testing.T, stack *lab.Stack, side side, name string) *stage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	s := &stage{T: t, ctx: ctx, stack: stack, side: side}
	_, end, err := stack.Bridge.Log(0)
	s.must(err)
	s.logFrom = end
	_, s.outputFrom, err = stack.Bridge.Crashes(0)
	s.must(err)
	before, err := stack.Simulator.Unexpected(ctx, side.control())
	s.must(err)
	s.unexpected = len(before)
	localpart := strings.ReplaceAll(name, ".", "-") + "-" + randomHex(3)
	s.user, err = stack.NewUser(ctx, localpart, "pass"+randomHex(8))
	s.must(err)
	s.secrets = append(s.secrets, s.user.Password)
	t.Cleanup(s.leave)
	s.me = s.newPerson(control.NewPerson{Name: "User " + randomHex(2)})
	return s
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// text makes a text that occurs nowhere else, and watches that it stays out of the log.
func (s *stage) text(words string) string {
	text := words + " " + randomHex(6)
	s.said = append(s.said, text)
	return text
}

// openBot opens the user's chat with the bridge's bot, once.
func (s *stage) openBot() *lab.Bot {
	s.Helper()
	if s.bot == nil {
		var err error
		s.bot, err = s.user.OpenBot(s.ctx, s.stack.Bridge.Bot, s.stack.Setting.Encryption != lab.EncryptionOff)
		s.must(err)
	}
	return s.bot
}

// deviceKeeper is what a side implements on which a further login to an account goes on with the device that is there.
type deviceKeeper interface{ keepsDevice() bool }

// logIn logs the user in to their account as a person does: through the bot. It returns when the account's new linked
// device takes part.
func (s *stage) logIn() {
	s.Helper()
	bot := s.openBot()
	before := s.companions()
	if keeper, ok := s.side.(deviceKeeper); ok && keeper.keepsDevice() {
		before = nil
	}
	from, err := bot.StartLogin(s.ctx, s.prefix(), s.side.flow())
	s.must(err)
	s.secrets = append(s.secrets, s.side.logIn(s, loginStep{from})...)
	_, err = bot.AwaitAnswer(s.ctx, from, fmt.Sprintf("a confirmation with the account's name %q", s.me.Name),
		func(body string) bool { return strings.Contains(body, s.me.Name) })
	s.must(err)
	s.await("the account's new device to take part", func(ctx context.Context) error {
		for _, c := range s.companions() {
			known := slices.ContainsFunc(before, func(old control.Companion) bool { return old.Device == c.Device })
			if !known && c.Connected && c.Active {
				return nil
			}
		}
		return fmt.Errorf("%s has linked devices %+v, had %+v", s.me.Name, s.companions(), before)
	})
}

func (s *stage) companions() []control.Companion {
	s.Helper()
	p, err := s.stack.Simulator.Person(s.ctx, s.side.control(), s.me.ID)
	s.must(err)
	return p.Companions
}

// loginID asks the bot for the id of the user's one login.
func (s *stage) loginID() string {
	s.Helper()
	answer, err := s.openBot().Ask(s.ctx, "list-logins")
	s.must(err)
	for _, word := range strings.FieldsFunc(answer, func(r rune) bool { return strings.ContainsRune(" `*\n", r) }) {
		if strings.HasPrefix(word, s.prefix()+"-") {
			return word
		}
	}
	s.Fatalf("the bot lists no login of %s: %q", s.side.network(), answer)
	return ""
}

// await waits for a condition that is not only about the user's rooms.
func (s *stage) await(what string, check func(context.Context) error) {
	s.Helper()
	s.must(s.user.Await(s.ctx, what, check))
}

// patient allows the waits that follow more time than a single message needs.
func (s *stage) patient(limit time.Duration) { s.user.Patience = limit }

// portal waits for the user's room with a contact.
func (s *stage) portal(p *person) *lab.Room {
	s.Helper()
	room, err := s.user.AwaitPortal(s.ctx, p.mxid)
	s.must(err)
	return room
}

// settled waits until the bridge has done with making a portal: last it puts the room into the login's space, and that
// fails if the login is gone by then. No person is that quick.
func (s *stage) settled(portal *lab.Room) {
	s.Helper()
	s.await("the portal to be in the user's space", func(ctx context.Context) error {
		in, err := portal.InSpace(ctx)
		if err == nil && !in {
			err = fmt.Errorf("no space of %s has %s", s.user.ID, portal.ID)
		}
		return err
	})
}

// mustBeEncrypted fails if an event of a portal came in the clear although the setting encrypts.
func (s *stage) mustBeEncrypted(evt *event.Event) {
	s.Helper()
	encrypted := evt.Mautrix.EventSource&event.SourceDecrypted != 0
	if want := s.stack.Setting.Encryption != lab.EncryptionOff; encrypted != want {
		s.Errorf("event %s of %s: encrypted is %t, want %t", evt.ID, evt.Sender, encrypted, want)
	}
}

// notDecrypted stands for the text of a message whose key has not come.
const notDecrypted = "(not decrypted)"

// texts returns the bodies of all messages of a sender in a room, in order. What can't be decrypted stands there too.
func texts(room *lab.Room, sender id.UserID) []string {
	var bodies []string
	for _, evt := range room.Messages() {
		if evt.Sender != sender {
			continue
		}
		body := notDecrypted
		if evt.Type != event.EventEncrypted {
			body = evt.Content.AsMessage().Body
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// leave checks, after the scenario, what every scenario promises, and sends its user home.
func (s *stage) leave() {
	s.Helper()
	// The scenario's own time may be over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 30*time.Second)
	defer cancel()
	if err := s.user.Failure(); err != nil {
		s.Error(err)
	}
	s.user.Close()
	for _, p := range s.cast {
		events, err := s.stack.Simulator.Timeline(ctx, s.side.control(), p.ID, 0)
		if err != nil {
			s.Error(err)
		}
		for _, e := range events {
			if e.Kind == control.KindProblem && !slices.Contains(s.foretold, e.Text) {
				s.Errorf("the phone of %s met a problem: %s", p.Name, e.Text)
			}
		}
	}
	unexpected, err := s.stack.Simulator.Unexpected(ctx, s.side.control())
	if err != nil {
		s.Error(err)
	}
	for _, u := range unexpected[min(s.unexpected, len(unexpected)):] {
		s.Errorf("the simulator met a request that it does not know: %s", u.What)
	}
	s.checkLog()
	s.endLogins(ctx)
}

// gone has the ids of the users, logins and rooms whose scenarios are over.
var gone sync.Map

// endLogins logs the user's accounts out: each start of the bridge in a later scenario would take them up again. What the
// bridge is still doing for them may fail by that, so the log has been looked at before.
func (s *stage) endLogins(ctx context.Context) {
	s.Helper()
	if s.stack.Bridge.Ended() != nil {
		return // checkLog has told
	}
	gone.Store(string(s.user.ID), true)
	for _, room := range s.user.KnownRooms() {
		gone.Store(string(room.ID), true)
	}
	var logins matrix.RespGetLogins
	if err := s.stack.Bridge.Provision(ctx, s.user.ID, http.MethodGet, "/logins", nil, &logins); err != nil {
		s.Error(err)
		return
	}
	for _, login := range logins.LoginIDs {
		gone.Store(string(login), true)
	}
	if err := s.stack.Bridge.Provision(ctx, s.user.ID, http.MethodPost, "/logout/all", nil, nil); err != nil {
		s.Error(err)
	}
}

// ofOthers says whether a line is about a user whose scenario is over.
func ofOthers(line lab.LogLine) bool {
	found := false
	gone.Range(func(id, _ any) bool {
		found = strings.Contains(line.Raw, strconv.Quote(id.(string)))
		return !found
	})
	return found
}

// checkLog looks at what the bridge logged during the scenario.
func (s *stage) checkLog() {
	s.Helper()
	if err := s.stack.Bridge.Ended(); err != nil {
		s.Error(err)
	}
	crashes, _, err := s.stack.Bridge.Crashes(s.outputFrom)
	if err != nil {
		s.Error(err)
	}
	for _, crash := range crashes {
		s.Errorf("the bridge crashed:\n%s", crash)
	}
	lines, _, err := s.stack.Bridge.Log(s.logFrom)
	if err != nil {
		s.Error(err)
	}
	for _, line := range lines {
		excused := slices.ContainsFunc(s.excused, func(text string) bool { return strings.Contains(line.Raw, text) })
		if line.Severe() && !s.interrupted(line) && !slices.Contains(s.announced, line.Message) && !excused && !ofOthers(line) {
			s.Errorf("the bridge logged an error: %s", shortened(line.Raw))
		}
	}
	for _, line := range lab.Leaks(lines, slices.Concat(s.said, s.secrets)) {
		s.Errorf("a message text or a secret is in the log: %s", shortened(line.Raw))
	}
	if !s.Failed() {
		return
	}
	var last []string
	for _, line := range lines {
		if line.Level != "trace" {
			last = append(last, shortened(line.Raw))
		}
	}
	s.Logf("the end of the bridge's log:\n%s", strings.Join(last[max(0, len(last)-25):], "\n"))
	if os.Getenv("CROSSCHAT_KEEP") == "" {
		s.Log("set CROSSCHAT_KEEP to a folder to keep all logs")
	}
}

// shortened leaves of a long log line its start, with where it belongs, and its end, with the message.
func shortened(line string) string {
	const part = 250
	if len(line) > 2*part {
		return line[:part] + " … " + line[len(line)-part:]
	}
	return line
}
