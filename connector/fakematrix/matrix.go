// Package fakematrix is the Matrix side of a bridge without a homeserver: it records what bridgev2 asks for and fails,
// hangs or answers as a test says. It is for tests only, and nicer than no homeserver: what a user is promised is shown
// against a real one. A method that no test has needed yet is missing and panics.
package fakematrix

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Server is the server name of everyone in this Matrix.
const Server = "fake.localhost"

const ghostPrefix = "@ghost_"

// Call is one thing that bridgev2 asked of Matrix.
type Call struct {
	Op      string // the method's name
	User    id.UserID
	Room    id.RoomID
	Type    string // of an event
	Key     string // of a state event
	EventID id.EventID
	Content any
	Time    time.Time // timestamp of an event
}

// Matrix implements bridgev2.MatrixConnector. Its methods may be called from any goroutine.
type Matrix struct {
	bridgev2.MatrixConnector // nil: a method that is not here panics

	// Intercept, if set, is called before each operation of an intent; its error becomes the operation's. It may block.
	Intercept func(ctx context.Context, call Call) error

	bridge *bridgev2.Bridge

	lock     sync.Mutex
	calls    []Call
	states   []status.BridgeState
	statuses []bridgev2.MessageStatus
	members  map[id.RoomID][]id.UserID
	serial   int
}

// New makes an empty Matrix.
func New() *Matrix {
	return &Matrix{members: make(map[id.RoomID][]id.UserID)}
}

// Calls are all calls so far of one operation, or all of them if op is empty.
func (m *Matrix) Calls(op string) []Call {
	m.lock.Lock()
	defer m.lock.Unlock()
	return slices.DeleteFunc(slices.Clone(m.calls), func(c Call) bool { return op != "" && c.Op != op })
}

// States are the bridge states sent so far.
func (m *Matrix) States() []status.BridgeState {
	m.lock.Lock()
	defer m.lock.Unlock()
	return slices.Clone(m.states)
}

// Statuses are the message statuses sent so far.
func (m *Matrix) Statuses() []bridgev2.MessageStatus {
	m.lock.Lock()
	defer m.lock.Unlock()
	return slices.Clone(m.statuses)
}

// Await blocks until done is true, looking again and again, or the deadline passes; then its error says what there is
// instead.
func (m *Matrix) Await(deadline time.Duration, what string, done func() bool) error {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	late := time.After(deadline)
	for !done() {
		select {
		case <-look.C:
		case <-late:
			return fmt.Errorf("still not after %s: %s; calls: %+v; bridge states: %+v; statuses: %+v",
				deadline, what, m.Calls(""), m.States(), m.Statuses())
		}
	}
	return nil
}

func (m *Matrix) record(ctx context.Context, call Call) (id.EventID, error) {
	if m.Intercept != nil {
		if err := m.Intercept(ctx, call); err != nil {
			return "", err
		}
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	m.serial++
	call.EventID = id.EventID(fmt.Sprintf("$event-%d", m.serial))
	m.calls = append(m.calls, call)
	return call.EventID, nil
}

// Init implements bridgev2.MatrixConnector.
func (m *Matrix) Init(bridge *bridgev2.Bridge) { m.bridge = bridge }

// Start implements bridgev2.MatrixConnector.
func (m *Matrix) Start(context.Context) error { return nil }

// PreStop implements bridgev2.MatrixConnector.
func (m *Matrix) PreStop() {}

// Stop implements bridgev2.MatrixConnector.
func (m *Matrix) Stop() {}

// GetCapabilities implements bridgev2.MatrixConnector.
func (m *Matrix) GetCapabilities() *bridgev2.MatrixCapabilities {
	return &bridgev2.MatrixCapabilities{}
}

// ServerName implements bridgev2.MatrixConnector.
func (m *Matrix) ServerName() string { return Server }

// ParseGhostMXID implements bridgev2.MatrixConnector.
func (m *Matrix) ParseGhostMXID(user id.UserID) (networkid.UserID, bool) {
	rest, ok := strings.CutPrefix(string(user), ghostPrefix)
	if !ok {
		return "", false
	}
	raw, ok := strings.CutSuffix(rest, ":"+Server)
	return networkid.UserID(raw), ok
}

// FormatGhostMXID implements bridgev2.MatrixConnector.
func (m *Matrix) FormatGhostMXID(user networkid.UserID) id.UserID {
	return id.UserID(ghostPrefix + string(user) + ":" + Server)
}

// GhostIntent implements bridgev2.MatrixConnector.
func (m *Matrix) GhostIntent(user networkid.UserID) bridgev2.MatrixAPI {
	return &intent{matrix: m, user: m.FormatGhostMXID(user)}
}

// BotIntent implements bridgev2.MatrixConnector.
func (m *Matrix) BotIntent() bridgev2.MatrixAPI {
	return &intent{matrix: m, user: id.NewUserID("crosschat", Server)}
}

// NewUserIntent implements bridgev2.MatrixConnector: everybody has a double puppet.
func (m *Matrix) NewUserIntent(_ context.Context, user id.UserID, token string) (bridgev2.MatrixAPI, string, error) {
	return &intent{matrix: m, user: user, puppet: true}, token, nil
}

// SendBridgeStatus implements bridgev2.MatrixConnector.
func (m *Matrix) SendBridgeStatus(_ context.Context, state *status.BridgeState) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.states = append(m.states, *state)
	return nil
}

// SendMessageStatus implements bridgev2.MatrixConnector.
func (m *Matrix) SendMessageStatus(_ context.Context, status *bridgev2.MessageStatus, _ *bridgev2.MessageStatusEventInfo) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.statuses = append(m.statuses, *status)
}

// GetPowerLevels implements bridgev2.MatrixConnector.
func (m *Matrix) GetPowerLevels(context.Context, id.RoomID) (*event.PowerLevelsEventContent, error) {
	return &event.PowerLevelsEventContent{}, nil
}

// GetMembers implements bridgev2.MatrixConnector.
func (m *Matrix) GetMembers(_ context.Context, room id.RoomID) (map[id.UserID]*event.MemberEventContent, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	members := make(map[id.UserID]*event.MemberEventContent)
	for _, user := range m.members[room] {
		members[user] = &event.MemberEventContent{Membership: event.MembershipJoin}
	}
	return members, nil
}

// GetMemberInfo implements bridgev2.MatrixConnector.
func (m *Matrix) GetMemberInfo(context.Context, id.RoomID, id.UserID) (*event.MemberEventContent, error) {
	return &event.MemberEventContent{Membership: event.MembershipJoin}, nil
}

// GenerateDeterministicRoomID implements bridgev2.MatrixConnector.
func (m *Matrix) GenerateDeterministicRoomID(networkid.PortalKey) id.RoomID { return "" }

// intent implements bridgev2.MatrixAPI.
type intent struct {
	bridgev2.MatrixAPI // nil: a method that is not here panics

	matrix *Matrix
	user   id.UserID
	puppet bool
}

func (i *intent) GetMXID() id.UserID   { return i.user }
func (i *intent) IsDoublePuppet() bool { return i.puppet }

func (i *intent) SendMessage(ctx context.Context, room id.RoomID, kind event.Type, content *event.Content, extra *bridgev2.MatrixSendExtra) (*mautrix.RespSendEvent, error) {
	call := Call{Op: "SendMessage", User: i.user, Room: room, Type: kind.Type, Content: content.Parsed}
	if extra != nil {
		call.Time = extra.Timestamp
	}
	eventID, err := i.matrix.record(ctx, call)
	if err != nil {
		return nil, err
	}
	return &mautrix.RespSendEvent{EventID: eventID}, nil
}

func (i *intent) SendState(ctx context.Context, room id.RoomID, kind event.Type, key string, content *event.Content, ts time.Time) (*mautrix.RespSendEvent, error) {
	eventID, err := i.matrix.record(ctx, Call{Op: "SendState", User: i.user, Room: room, Type: kind.Type, Key: key, Content: content.Parsed, Time: ts})
	if err != nil {
		return nil, err
	}
	return &mautrix.RespSendEvent{EventID: eventID}, nil
}

func (i *intent) CreateRoom(ctx context.Context, req *mautrix.ReqCreateRoom) (id.RoomID, error) {
	eventID, err := i.matrix.record(ctx, Call{Op: "CreateRoom", User: i.user, Content: req})
	if err != nil {
		return "", err
	}
	room := id.RoomID("!" + string(eventID)[1:] + ":" + Server)
	i.matrix.lock.Lock()
	defer i.matrix.lock.Unlock()
	i.matrix.members[room] = append(slices.Clone(req.Invite), i.user)
	return room, nil
}

// DeleteRoom implements bridgev2.MatrixAPI.
func (i *intent) DeleteRoom(ctx context.Context, room id.RoomID, _ bool) error {
	return i.simple(ctx, "DeleteRoom", room, nil)
}

func (i *intent) simple(ctx context.Context, op string, room id.RoomID, content any) error {
	_, err := i.matrix.record(ctx, Call{Op: op, User: i.user, Room: room, Content: content})
	return err
}

func (i *intent) MarkRead(ctx context.Context, room id.RoomID, target id.EventID, _ time.Time) error {
	return i.simple(ctx, "MarkRead", room, target)
}

func (i *intent) MarkTyping(ctx context.Context, room id.RoomID, _ bridgev2.TypingType, timeout time.Duration) error {
	return i.simple(ctx, "MarkTyping", room, timeout)
}

func (i *intent) SetDisplayName(ctx context.Context, name string) error {
	return i.simple(ctx, "SetDisplayName", "", name)
}

func (i *intent) SetAvatarURL(ctx context.Context, url id.ContentURIString) error {
	return i.simple(ctx, "SetAvatarURL", "", url)
}

func (i *intent) UploadMedia(ctx context.Context, room id.RoomID, data []byte, name, _ string) (id.ContentURIString, *event.EncryptedFileInfo, error) {
	eventID, err := i.matrix.record(ctx, Call{Op: "UploadMedia", User: i.user, Room: room, Content: data})
	return id.ContentURIString("mxc://" + Server + "/" + strings.TrimPrefix(string(eventID), "$")), nil, err
}

func (i *intent) EnsureJoined(ctx context.Context, room id.RoomID, _ ...bridgev2.EnsureJoinedParams) error {
	if err := i.simple(ctx, "EnsureJoined", room, nil); err != nil {
		return err
	}
	i.matrix.lock.Lock()
	defer i.matrix.lock.Unlock()
	if !slices.Contains(i.matrix.members[room], i.user) {
		i.matrix.members[room] = append(i.matrix.members[room], i.user)
	}
	return nil
}

func (i *intent) EnsureInvited(ctx context.Context, room id.RoomID, user id.UserID) error {
	return i.simple(ctx, "EnsureInvited", room, user)
}
