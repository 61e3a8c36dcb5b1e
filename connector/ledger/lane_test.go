package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/util/configupgrade"

	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
	"crosschat/database"
)

const (
	patience = 20 * time.Second
	alice    = "@alice:" + fakematrix.Server
	chatRoom = "!room:" + fakematrix.Server
)

// wire is a network with one login and one chat that does with messages what a test says.
type wire struct {
	bridgev2.NetworkConnector
	bridgev2.NetworkAPI

	lock   sync.Mutex
	online chan struct{} // closed when messages can be sent
	send   func(text string) error
	saved  func(context.Context, *bridgedb.Message)
	sent   []string
}

func newWire() *wire {
	w := &wire{online: make(chan struct{})}
	close(w.online)
	return w
}

func (*wire) Init(*bridgev2.Bridge)                            {}
func (*wire) Start(context.Context) error                      { return nil }
func (*wire) GetName() bridgev2.BridgeName                     { return bridgev2.BridgeName{NetworkID: "test"} }
func (*wire) GetDBMetaTypes() bridgedb.MetaTypes               { return bridgedb.MetaTypes{} }
func (*wire) GetBridgeInfoVersion() (int, int)                 { return 1, 1 }
func (*wire) GetConfig() (string, any, configupgrade.Upgrader) { return "", nil, nil }
func (w *wire) LoadUserLogin(_ context.Context, login *bridgev2.UserLogin) error {
	login.Client = client{w}
	return nil
}

func (*wire) GetCapabilities() *bridgev2.NetworkGeneralCapabilities {
	return &bridgev2.NetworkGeneralCapabilities{}
}

func (w *wire) setOnline(online bool) {
	w.lock.Lock()
	defer w.lock.Unlock()
	select {
	case <-w.online:
		if !online {
			w.online = make(chan struct{})
		}
	default:
		if online {
			close(w.online)
		}
	}
}

func (w *wire) texts() []string {
	w.lock.Lock()
	defer w.lock.Unlock()
	return slices.Clone(w.sent)
}

type client struct{ *wire }

func (client) Connect(context.Context)                               {}
func (client) Disconnect()                                           {}
func (client) IsLoggedIn() bool                                      { return true }
func (client) IsThisUser(_ context.Context, u networkid.UserID) bool { return u == "me" }
func (client) GetCapabilities(context.Context, *bridgev2.Portal) *event.RoomFeatures {
	return &event.RoomFeatures{}
}

func (client) GetUserInfo(context.Context, *bridgev2.Ghost) (*bridgev2.UserInfo, error) {
	return &bridgev2.UserInfo{}, nil
}

func (client) GetChatInfo(context.Context, *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
	return &bridgev2.ChatInfo{Members: &bridgev2.ChatMemberList{
		IsFull: true, MemberMap: bridgev2.ChatMemberMap{"anna": {EventSender: bridgev2.EventSender{Sender: "anna"}}},
	}}, nil
}

func (c client) AwaitConnection(ctx context.Context) error {
	c.lock.Lock()
	online := c.online
	c.lock.Unlock()
	select {
	case <-online:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c client) HandleMatrixMessage(_ context.Context, msg *bridgev2.MatrixMessage) (*bridgev2.MatrixMessageResponse, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.send != nil {
		if err := c.send(msg.Content.Body); err != nil {
			return nil, err
		}
	}
	c.sent = append(c.sent, msg.Content.Body)
	return &bridgev2.MatrixMessageResponse{DB: &bridgedb.Message{ID: networkid.MessageID(msg.Event.ID), SenderID: "me"}, PostSave: c.saved}, nil
}

// scene is a bridge with a ledger, a login and a portal.
type scene struct {
	*testing.T
	ledger *Ledger
	matrix *fakematrix.Matrix
	wire   *wire
	user   *bridgev2.User
	away   atomic.Bool // the homeserver
}

// mustSet starts a bridge in a folder: a second one there is the first restarted. Start of the ledger is left to the test.
func mustSet(t *testing.T, dir string, wire *wire) *scene {
	t.Helper()
	s := &scene{T: t, matrix: fakematrix.New(), wire: wire}
	s.matrix.Intercept = func(context.Context, fakematrix.Call) error {
		if s.away.Load() {
			return errors.New("connection refused")
		}
		return nil
	}
	bridge := fakematrix.NewBridge(t, s.matrix, wire, dir, func(message string) bool { return strings.Contains(message, "Failed to") })
	config := &Config{ExpireAfter: time.Hour, NoticeAfter: 50 * time.Millisecond, KeepFailed: time.Hour}
	s.ledger = Attach(bridge, database.New(bridge.DB.Database, zerolog.Nop()).Ledger(), config)
	t.Cleanup(s.ledger.Stop)
	fakematrix.MustStart(t, bridge)
	var err error
	s.user, err = bridge.GetUserByMXID(t.Context(), alice)
	s.must(err)
	if s.user.GetDefaultLogin() == nil {
		_, err = s.user.NewLogin(t.Context(), &bridgedb.UserLogin{ID: "login"}, nil)
		s.must(err)
	}
	portal, err := bridge.GetPortalByKey(t.Context(), networkid.PortalKey{ID: "anna", Receiver: "login"})
	s.must(err)
	if portal.MXID == "" {
		s.must(portal.UpdateMatrixRoomID(t.Context(), chatRoom, bridgev2.UpdateMatrixRoomIDParams{}))
	}
	return s
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) start() {
	s.Helper()
	s.must(s.ledger.Start(s.Context()))
}

// hand gives the ledger a transaction of events.
func (s *scene) hand(txnID string, events ...string) {
	s.Helper()
	txn := &transaction{}
	for _, evt := range events {
		txn.Events = append(txn.Events, json.RawMessage(evt))
	}
	s.must(s.ledger.accept(s.Context(), txnID, txn))
}

func message(eventID, text string) string {
	return fmt.Sprintf(`{"type":"m.room.message","event_id":%q,"room_id":%q,"sender":%q,"content":{"msgtype":"m.text","body":%q}}`, eventID, chatRoom, alice, text)
}

func redaction(eventID, target string) string {
	return fmt.Sprintf(`{"type":"m.room.redaction","event_id":%q,"room_id":%q,"sender":%q,"redacts":%q,"content":{}}`, eventID, chatRoom, alice, target)
}

func (s *scene) await(what string, done func() bool) {
	s.Helper()
	s.must(s.matrix.Await(patience, what, done))
}

func (s *scene) awaitTexts(want ...string) {
	s.Helper()
	s.await(fmt.Sprintf("%q to be sent (sent are %q)", want, s.wire.texts()), func() bool { return slices.Equal(s.wire.texts(), want) })
}

// empty waits until nothing waits, and returns what has failed.
func (s *scene) empty() []database.Outgoing {
	s.Helper()
	s.await("an empty ledger", func() bool {
		waiting, err := s.ledger.store.Waiting(s.Context())
		return err == nil && len(waiting) == 0
	})
	failed, err := s.ledger.store.Failed(s.Context())
	s.must(err)
	return failed
}

func (s *scene) notices() (bodies []string) {
	for _, call := range s.matrix.Calls("SendMessage") {
		if content, ok := call.Content.(*event.MessageEventContent); ok && content.MsgType == event.MsgNotice {
			if !slices.Contains(bodies, content.Body) { // the homeserver would know the transaction id
				bodies = append(bodies, content.Body)
			}
		}
	}
	return bodies
}

func TestMessagesGoOutOnceAndInOrder(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.start()
	s.hand("1", message("$1", "a"), message("$2", "b"))
	s.hand("1", message("$1", "a"), message("$2", "b")) // the answer was lost
	s.hand("2", message("$2", "b"), message("$3", "c")) // of a homeserver that packs anew
	s.awaitTexts("a", "b", "c")
	if failed := s.empty(); len(failed) != 0 {
		t.Errorf("failed are %+v", failed)
	}
	s.hand("1", message("$4", "d")) // of a homeserver that was set up anew
	s.awaitTexts("a", "b", "c", "d")
	s.empty()
	counts, err := s.ledger.Counts(t.Context())
	if err != nil || counts.Accepted != 4 || counts.Sent != 4 || counts.Deduplicated != 3 {
		t.Errorf("counts are %+v (%v)", counts, err)
	}
}

func TestWhatWasAcceptedBeforeTheStartIsSentAfterIt(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.hand("1", message("$1", "a"))
	s.hand("2", message("$2", "b"))
	s.start()
	s.hand("3", message("$3", "c"))
	s.awaitTexts("a", "b", "c")
}

func TestMessagesWaitForTheNetworkOverARestart(t *testing.T) {
	dir, wire := t.TempDir(), newWire()
	wire.setOnline(false)
	first := mustSet(t, dir, wire)
	first.start()
	first.hand("1", message("$1", "a"), message("$2", "taken back"), message("$3", "b"))
	first.await("word that messages wait", func() bool { return len(first.notices()) == 1 })
	first.await("the messages to be pending", func() bool { return len(first.matrix.Statuses()) == 3 })
	for _, status := range first.matrix.Statuses() {
		if status.Status != event.MessageStatusPending {
			t.Errorf("status %q, want pending", status.Status)
		}
	}
	first.hand("2", redaction("$4", "$2"))
	first.await("the redacted one to be gone", func() bool {
		entries, err := first.ledger.Outbox(t.Context(), first.user)
		return err == nil && len(entries) == 2
	})
	first.ledger.Stop()
	first.ledger.bridge.Stop()
	if got := wire.texts(); len(got) != 0 {
		t.Fatalf("sent %q although the network is away", got)
	}
	second := mustSet(t, dir, wire)
	second.start()
	second.hand("3", message("$5", "c"))
	wire.setOnline(true)
	second.awaitTexts("a", "b", "c")
	if failed := second.empty(); len(failed) != 0 {
		t.Errorf("failed are %+v", failed)
	}
	if got := second.notices(); len(got) != 0 {
		t.Errorf("told %q, want nothing", got)
	}
}

func TestMessagesExpire(t *testing.T) {
	wire := newWire()
	wire.setOnline(false)
	s := mustSet(t, t.TempDir(), wire)
	s.ledger.config.ExpireAfter = 300 * time.Millisecond
	s.start()
	s.hand("1", message("$1", "a"))
	if failed := s.empty(); len(failed) != 1 {
		t.Fatalf("failed are %+v", failed)
	}
	s.await("word of it", func() bool {
		return slices.ContainsFunc(s.notices(), func(body string) bool { return strings.Contains(body, "has expired") })
	})
	wire.setOnline(true)
	s.ledger.config.ExpireAfter = time.Hour
	s.resend()
	s.awaitTexts("a")
	if failed := s.empty(); len(failed) != 0 {
		t.Errorf("failed are %+v", failed)
	}
}

// resend sends the only entry of the list again.
func (s *scene) resend() {
	s.Helper()
	entries, err := s.ledger.Outbox(s.Context(), s.user)
	if err != nil || len(entries) != 1 {
		s.Fatalf("entries are %+v (%v)", entries, err)
	}
	if answer := s.ledger.answer(s.Context(), s.user, []string{"resend", fmt.Sprint(entries[0].Number)}); answer != "Done." {
		s.Fatalf("resend was answered %q", answer)
	}
}

func TestFailuresAreToldAndPoisonDoesNotBlock(t *testing.T) {
	wire := newWire()
	tries := 0
	wire.send = func(text string) error {
		switch text {
		case "refused":
			return bridgev2.WrapErrorInStatus(errors.New("no")).WithMessage("it was refused").WithSendNotice(true).WithIsCertain(true)
		case "odd":
			return errors.New("an error that nobody has put into words")
		case "never answered":
			tries++
			return Pending(bridgev2.WrapErrorInStatus(errors.New("timeout")).WithMessage("no answer came"))
		}
		return nil
	}
	s := mustSet(t, t.TempDir(), wire)
	s.start()
	s.hand("1", message("$1", "refused"), message("$2", "odd"), message("$3", "never answered"), message("$4", "fine"))
	s.awaitTexts("fine")
	if failed := s.empty(); len(failed) != 3 {
		t.Errorf("failed are %+v", failed)
	}
	if tries != maxTries {
		t.Errorf("%d tries, want %d", tries, maxTries)
	}
	s.await("word of all", func() bool { return len(s.notices()) == 3 })
	for i, want := range []string{"it was refused", "nobody has put into words", "no answer came"} {
		if got := s.notices()[i]; !strings.Contains(got, want) {
			t.Errorf("notice %d is %q, want %q in it", i, got, want)
		}
	}
}

func TestFailuresAreToldWhenTheHomeserverIsBack(t *testing.T) {
	dir, wire := t.TempDir(), newWire()
	wire.send = func(string) error { return errors.New("no") }
	first := mustSet(t, dir, wire)
	first.away.Store(true)
	first.start()
	first.hand("1", message("$1", "a"))
	if failed := first.empty(); len(failed) != 1 || failed[0].Notice == "" {
		t.Fatalf("failed are %+v, want one that is still to be told", failed)
	}
	first.ledger.Stop()
	first.ledger.bridge.Stop()
	second := mustSet(t, dir, wire)
	second.start()
	second.await("word of it", func() bool { return len(second.notices()) == 1 })
}

func TestAnEventThatEndsTheProgramEachTimeIsGivenUp(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.hand("1", message("$1", "deadly"), message("$2", "fine"))
	for range maxCrashes {
		s.must(s.ledger.store.Tried(t.Context(), 1))
	}
	s.start()
	s.awaitTexts("fine")
	if failed := s.empty(); len(failed) != 1 || failed[0].EventID != "$1" {
		t.Errorf("failed are %+v, want the first", failed)
	}
}

func TestWhatWasSentBeforeACrashIsNotSentAgain(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.hand("1", message("$1", "a"))
	_, err := s.ledger.bridge.GetGhostByID(t.Context(), "me") // so that the row may name them
	s.must(err)
	s.must(s.ledger.bridge.DB.Message.Insert(t.Context(), &bridgedb.Message{
		ID: "1", MXID: "$1", Room: networkid.PortalKey{ID: "anna", Receiver: "login"}, SenderID: "me", Timestamp: time.Now(),
	}))
	s.must(s.ledger.store.Tried(t.Context(), 1))
	s.start()
	s.empty()
	if got := s.wire.texts(); len(got) != 0 {
		t.Errorf("sent %q again", got)
	}
}

func TestStopLeavesWhatHasNoOutcome(t *testing.T) {
	wire := newWire()
	s := mustSet(t, t.TempDir(), wire)
	began := make(chan struct{})
	wire.send = func(string) error {
		close(began)
		<-s.ledger.ctx.Done()
		return errors.New("connection is closing")
	}
	s.start()
	s.hand("1", message("$1", "a"))
	<-began
	s.ledger.Stop()
	waiting, err := s.ledger.store.Waiting(t.Context())
	if err != nil || len(waiting) != 1 {
		t.Errorf("waiting are %+v (%v), want the message", waiting, err)
	}
}

func TestOutboxIsTheUsersOwn(t *testing.T) {
	wire := newWire()
	wire.setOnline(false)
	s := mustSet(t, t.TempDir(), wire)
	s.start()
	s.hand("1", message("$1", "a"))
	s.await("the message to be pending", func() bool { return len(s.matrix.Statuses()) == 1 })
	other, err := s.ledger.bridge.GetUserByMXID(t.Context(), id.UserID("@eve:"+fakematrix.Server))
	s.must(err)
	entries, err := s.ledger.Outbox(t.Context(), s.user)
	s.must(err)
	number := fmt.Sprint(entries[0].Number)
	for _, test := range []struct {
		user *bridgev2.User
		args []string
		want string
	}{
		{other, nil, "Nothing waits"},
		{other, []string{"drop", number}, "no such entry"},
		{s.user, []string{"resend", number}, "waits already"},
		{s.user, []string{"drop", "x"}, "no number"},
		{s.user, []string{"fly", number}, "Use `outbox`"},
		{s.user, []string{"drop", number}, "Done."},
		{s.user, nil, "Nothing waits"},
	} {
		got := s.ledger.answer(t.Context(), test.user, test.args)
		if test.args == nil {
			s.await(fmt.Sprintf("answer %q", test.want), func() bool {
				return strings.Contains(s.ledger.answer(t.Context(), test.user, nil), test.want)
			})
		} else if !strings.Contains(got, test.want) {
			t.Errorf("%v of %s was answered %q, want %q in it", test.args, test.user.MXID, got, test.want)
		}
	}
	wire.setOnline(true)
	s.hand("2", message("$2", "b"))
	s.awaitTexts("b")
}
