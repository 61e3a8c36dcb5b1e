package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/database"
)

// Attach puts a ledger between the homeserver and bridgev2. It is called while bridgev2 initialises its network: the
// bridge's Matrix side is replaced by one that also tells the ledger what became of events, and the appservice's router by
// one that hands transactions to the ledger and all else to the library. Nothing is read or stored before Start.
func Attach(bridge *bridgev2.Bridge, store *database.Ledger, config *Config) *Ledger {
	l := &Ledger{
		bridge: bridge, store: store, config: config,
		log:      bridge.Log.With().Str("component", "ledger").Logger(),
		arrivals: newQueue[arrival](),
		finished: newQueue[int64](),
		lanes:    make(map[laneKey]*lane),
		early:    make(early),
		flights:  make(map[id.EventID]*flight),
		begun:    make(map[begunStep]bool),
		settling: settling{taken: newSignal()},
	}
	l.ctx, l.cancel = context.WithCancel(l.log.WithContext(context.Background()))
	if processor, ok := bridge.Commands.(*commands.Processor); ok {
		processor.AddHandlers(l.commandOutbox())
	}
	mx, ok := bridge.Matrix.(*matrix.Connector)
	if !ok {
		l.matrix = plainSide{l}
		bridge.Matrix = plainEdge{bridge.Matrix, l}
		return l
	}
	side := librarySide{mx: mx, l: l, notices: mx.Config.Matrix.MessageErrorNotices}
	// The ledger tells of failures, since it does not forget to when the homeserver is away.
	mx.Config.Matrix.MessageErrorNotices = mx.Config.Matrix.MessageErrorNotices && switchedOff()
	l.matrix = side
	bridge.Matrix = edge{mx, l}
	connections := watchConnections(mx.AS.HTTPClient.Transport, l.connectionEnded)
	mx.AS.HTTPClient.Transport = Transport(connections, Guards{Keep: l.keepKeys, Learn: side.learn, Fence: side.fence, Missed: l.missed})
	if !switchedOff() {
		side.takeTransactions()
	}
	if processor, ok := bridge.Commands.(*commands.Processor); ok {
		processor.AddHandlers(side.commandDiscardSession())
	}
	return l
}

// edge is the library's Matrix side, with an eye on what it tells of messages. All optional interfaces stay.
type edge struct {
	*matrix.Connector
	l *Ledger
}

func (e edge) ledger() *Ledger { return e.l }

// noPortal is why the library does nothing for an event of a room that is no portal.
var noPortal = bridgev2.WrapErrorInStatus(bridgev2.ErrNoPortal).InternalError

// SendMessageStatus implements bridgev2.MatrixConnector.
func (e edge) SendMessageStatus(ctx context.Context, status *bridgev2.MessageStatus, info *bridgev2.MessageStatusEventInfo) {
	status = e.l.toOutsider(ctx, status, info)
	e.l.observe(status, info)
	if info.EventType == event.StateMember && errors.Is(status.InternalError, noPortal) {
		return // people who come and go in a space, or in a room that is just deleted, want no word of it
	}
	e.Connector.SendMessageStatus(ctx, status, info)
}

// PreStop implements bridgev2.MatrixConnector: what fails from now on fails because the bridge stops.
func (e edge) PreStop() {
	e.l.closing.Store(true)
	e.Connector.PreStop()
}

// matrixSide is what the ledger needs of the library's Matrix side.
type matrixSide interface {
	// dispatch handles an event as if it had just come; it returns when the event is queued in its portal, or ignored.
	dispatch(context.Context, *event.Event)
	// takeKeys handles what is not events; it is true if some of that goes on in the background.
	takeKeys(context.Context, *appservice.Transaction) bool
	// remember notes the state of rooms.
	remember(context.Context, *event.Event)
	// ours is whether an event is one that the bridge itself has sent.
	ours(sender id.UserID, timestamp int64, content json.RawMessage) bool
	// decrypts is whether encrypted events come back to dispatch decrypted, see flight.isDecrypted.
	decrypts() bool
	// noticesOn is whether users are told of failures by a notice.
	noticesOn() bool
	showStatus(context.Context, *bridgev2.MessageStatus, *bridgev2.MessageStatusEventInfo)
	// discardKeys has what is encrypted from now on encrypted with new keys.
	discardKeys(context.Context)
	// answers is nil if the homeserver does; recent are a room's events since a time, newest first.
	answers(context.Context) error
	recent(context.Context, id.RoomID, time.Time) ([]json.RawMessage, error)
	// sentByUs is whether the homeserver has an event that the bridge's bot or a ghost has sent.
	sentByUs(context.Context, id.RoomID, id.EventID) bool
	// sync asks, as the bot, what is new since a token, and waits for something for a time.
	sync(ctx context.Context, since string, patience time.Duration) (*syncAnswer, error)
	// learn brings what is known of a room's state up to date.
	learn(context.Context, id.RoomID) error
	// adoptRooms gives rooms that an earlier run had made when it ended to the portals that they were made for.
	adoptRooms(context.Context, *Ledger)
	// askAgain has the homeserver deliver now what it holds back because the bridge was away.
	askAgain(context.Context)
	// serve adds the outbox to the provisioning API.
	serve()
}

// librarySide implements matrixSide by the library's connector to a real homeserver.
type librarySide struct {
	mx      *matrix.Connector
	l       *Ledger
	notices bool // wanted by the config
}

// takeTransactions replaces the router: a route can't be registered twice.
func (s librarySide) takeTransactions() {
	as := s.mx.AS
	router := http.NewServeMux()
	router.Handle("/", as.Router)
	router.HandleFunc("PUT /_matrix/app/v1/transactions/{txnID}", s.l.putTransaction(as))
	as.Router = router
	for _, kind := range []event.Type{
		event.EventMessage, event.EventSticker, event.EventReaction, event.EventUnstablePollStart, event.EventUnstablePollResponse,
	} {
		s.mx.EventProcessor.PrependHandler(kind, s.decrypting)
		s.mx.EventProcessor.On(kind, s.dispatched)
	}
	if s.mx.Crypto != nil {
		s.mx.Crypto = watched{s.mx.Crypto, s}
	}
}

// watched is the library's encryption.
type watched struct {
	matrix.Crypto
	side librarySide
}

// Decrypt implements matrix.Crypto. Of an error the library tells nobody but the user. For a key it waits, after others it
// gives the event up.
func (w watched) Decrypt(ctx context.Context, evt *event.Event) (*event.Event, error) {
	decrypted, err := w.Crypto.Decrypt(ctx, evt)
	if err != nil && !errors.Is(err, matrix.NoSessionFound) {
		if f := w.side.l.flight(evt.ID); f != nil {
			select {
			case f.spoiled <- err:
			default: // it knows
			}
		}
	}
	return decrypted, err
}

// Encrypt implements matrix.Crypto. Its keys are in the database.
func (w watched) Encrypt(ctx context.Context, room id.RoomID, kind event.Type, content *event.Content) error {
	err := w.Crypto.Encrypt(ctx, room, kind, content)
	w.side.l.databaseFailed(ctx, err)
	return err
}

// decrypting is called before the library's own handler.
func (s librarySide) decrypting(ctx context.Context, evt *event.Event) {
	if f := s.flightOf(evt); f != nil {
		s.l.begins(ctx, f, evt)
	}
}

// dispatched is called after the library's own handler.
func (s librarySide) dispatched(_ context.Context, evt *event.Event) {
	if f := s.flightOf(evt); f != nil {
		f.isDecrypted()
	}
}

// flightOf finds the flight of an event that was encrypted.
func (s librarySide) flightOf(evt *event.Event) *flight {
	if !evt.Mautrix.WasEncrypted {
		return nil
	}
	return s.l.flight(evt.ID)
}

func (s librarySide) dispatch(ctx context.Context, evt *event.Event) {
	s.mx.EventProcessor.Dispatch(ctx, evt)
}

func (s librarySide) remember(ctx context.Context, evt *event.Event) {
	mautrix.UpdateStateStore(ctx, s.mx.AS.StateStore, evt)
}

func (s librarySide) takeKeys(ctx context.Context, txn *appservice.Transaction) bool {
	if !s.mx.AS.Registration.EphemeralEvents {
		return false
	}
	toDevice := txn.ToDeviceEvents
	if toDevice == nil {
		toDevice = txn.MSC2409ToDeviceEvents
	}
	for _, evt := range toDevice {
		evt.Type.Class = event.ToDeviceEventType
		evt.Mautrix.EventSource = event.SourceToDevice
		s.l.parse(evt)
		s.mx.EventProcessor.Dispatch(ctx, evt)
	}
	lists := txn.DeviceLists
	if lists == nil {
		lists = txn.MSC3202DeviceLists
	}
	if lists != nil {
		s.mx.EventProcessor.DispatchDeviceList(ctx, lists)
	}
	counts := txn.DeviceOTKCount
	if counts == nil {
		counts = txn.MSC3202DeviceOTKCount
	}
	for user, devices := range counts {
		for device, count := range devices {
			count.UserID, count.DeviceID = user, device
			s.mx.EventProcessor.DispatchOTK(ctx, &count)
		}
	}
	return lists != nil
}

// ours mirrors what the library ignores (matrix.Connector's shouldIgnoreEvent): events of bot and ghosts, and of users'
// double puppets.
func (s librarySide) ours(sender id.UserID, timestamp int64, content json.RawMessage) bool {
	if sender == s.mx.Bot.UserID || s.l.bridge.IsGhostMXID(sender) {
		return true
	}
	var mark map[string]json.RawMessage
	if json.Unmarshal(content, &mark) != nil {
		return false
	}
	var by string
	if json.Unmarshal(mark[appservice.DoublePuppetKey], &by) != nil || by == "" || by != s.mx.AS.DoublePuppetValue {
		return false
	}
	var at int64
	return json.Unmarshal(mark[appservice.DoublePuppetTSKey], &at) != nil || at == timestamp
}

func (s librarySide) sentByUs(ctx context.Context, room id.RoomID, target id.EventID) bool {
	evt, err := s.mx.Bot.Client.GetEvent(ctx, room, target)
	return err == nil && s.ours(evt.Sender, 0, nil)
}

// askAgain pings (application service API, POST …/ping): a homeserver that gave up on the bridge for a while, longer each
// time, takes that for the sign to try again. Synapse refuses a ping while it tries.
func (s librarySide) askAgain(ctx context.Context) {
	if s.mx.SpecVersions == nil || !s.mx.SpecVersions.Supports(mautrix.FeatureAppservicePing) {
		return
	}
	for range maxTries {
		if _, err := s.mx.Bot.AppservicePing(ctx, s.mx.AS.Registration.ID, s.mx.Bot.TxnID()); err == nil {
			return
		}
		s.l.pause(2 * time.Second)
	}
}

func (s librarySide) serve() {
	if api := s.mx.Provisioning; api.Router != nil {
		s.l.serveOutbox(api.Router, api.GetUser)
	}
}

func (s librarySide) decrypts() bool  { return s.mx.Crypto != nil }
func (s librarySide) noticesOn() bool { return s.notices }

func (s librarySide) showStatus(ctx context.Context, status *bridgev2.MessageStatus, info *bridgev2.MessageStatusEventInfo) {
	s.mx.SendMessageStatus(ctx, status, info)
}

// commandDiscardSession takes the place of the library's command, which wants to find the library's Matrix side unwrapped.
func (s librarySide) commandDiscardSession() commands.CommandHandler {
	return &commands.FullHandler{
		Name: matrix.CommandDiscardMegolmSession.Name, Aliases: matrix.CommandDiscardMegolmSession.Aliases,
		Help: matrix.CommandDiscardMegolmSession.Help, RequiresAdmin: true,
		Func: func(ce *commands.Event) {
			if s.mx.Crypto == nil {
				ce.Reply("This bridge does not encrypt.")
				return
			}
			s.mx.Crypto.ResetSession(ce.Ctx, ce.RoomID)
			ce.Reply("The next message from the network will be encrypted with a new key.")
		},
	}
}

// plainEdge and plainSide are the same for any other Matrix side, as tests have one: no encryption, no transactions.
type plainEdge struct {
	bridgev2.MatrixConnector
	l *Ledger
}

func (e plainEdge) ledger() *Ledger { return e.l }

// SendMessageStatus implements bridgev2.MatrixConnector.
func (e plainEdge) SendMessageStatus(ctx context.Context, status *bridgev2.MessageStatus, info *bridgev2.MessageStatusEventInfo) {
	status = e.l.toOutsider(ctx, status, info)
	e.l.observe(status, info)
	e.MatrixConnector.SendMessageStatus(ctx, status, info)
}

// PreStop implements bridgev2.MatrixConnector.
func (e plainEdge) PreStop() {
	e.l.closing.Store(true)
	e.MatrixConnector.PreStop()
}

type plainSide struct {
	l *Ledger
}

func (s plainSide) dispatch(ctx context.Context, evt *event.Event) {
	s.l.bridge.QueueMatrixEvent(ctx, evt)
}

func (s plainSide) takeKeys(context.Context, *appservice.Transaction) bool { return false }
func (s plainSide) remember(context.Context, *event.Event)                 {}
func (s plainSide) ours(sender id.UserID, _ int64, _ json.RawMessage) bool {
	return s.l.bridge.IsGhostMXID(sender)
}
func (s plainSide) decrypts() bool                { return false }
func (s plainSide) noticesOn() bool               { return true }
func (s plainSide) askAgain(context.Context)      {}
func (s plainSide) serve()                        {}
func (s plainSide) discardKeys(context.Context)   {}
func (s plainSide) answers(context.Context) error { return nil }
func (s plainSide) recent(context.Context, id.RoomID, time.Time) ([]json.RawMessage, error) {
	return nil, nil
}
func (s plainSide) sentByUs(context.Context, id.RoomID, id.EventID) bool { return false }
func (s plainSide) sync(context.Context, string, time.Duration) (*syncAnswer, error) {
	return nil, errors.ErrUnsupported
}
func (s plainSide) learn(context.Context, id.RoomID) error { return nil }
func (s plainSide) adoptRooms(context.Context, *Ledger)    {}

func (s plainSide) showStatus(ctx context.Context, status *bridgev2.MessageStatus, info *bridgev2.MessageStatusEventInfo) {
	s.l.bridge.Matrix.(plainEdge).MatrixConnector.SendMessageStatus(ctx, status, info)
}
