package rooms

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
	crosschatdb "crosschat/database"
)

const (
	deadline = 20 * time.Second
	alice    = id.UserID("@alice:" + fakematrix.Server)
)

// errAway is what a homeserver that is down looks like.
var errAway = errors.New("connection refused")

// client is of a network that can encrypt chats and delete them.
type client struct {
	fakematrix.Client
	protocol atomic.Pointer[string]
	deleted  atomic.Int64
	refuses  error
}

func (c *client) EndToEnd(*bridgev2.Portal) string {
	if protocol := c.protocol.Load(); protocol != nil {
		return *protocol
	}
	return ""
}

// HandleMatrixDeleteChat implements bridgev2.DeleteChatHandlingNetworkAPI.
func (c *client) HandleMatrixDeleteChat(_ context.Context, msg *bridgev2.MatrixDeleteChat) error {
	if c.refuses == nil && msg.Content.FromMessageRequest {
		c.deleted.Add(1)
	}
	return c.refuses
}

// house is a bridge with its keeper of rooms, over a Matrix that a test may take away.
type house struct {
	*Rooms
	t      *testing.T
	matrix *fakematrix.Matrix
	away   atomic.Pointer[string] // the operation that fails
}

// newHouse starts a bridge on a folder: on one that was used before it is that bridge, restarted.
func newHouse(t *testing.T, dir string) *house {
	t.Helper()
	h := &house{t: t, matrix: fakematrix.New()}
	h.matrix.Intercept = func(_ context.Context, call fakematrix.Call) error {
		if op := h.away.Load(); op != nil && *op == call.Op {
			return errAway
		}
		return nil
	}
	network := fakematrix.Network{
		Name:      bridgev2.BridgeName{DisplayName: "Crosschat", NetworkID: "crosschat"},
		NewClient: func() bridgev2.NetworkAPI { return &client{} },
	}
	bridge := fakematrix.NewBridge(t, h.matrix, network, dir, func(string) bool { return false })
	bridge.Config.PersonalFilteringSpaces = true
	fakematrix.MustStart(t, bridge)
	nameOf := func(id string) (bridgev2.BridgeName, bool) {
		name, _, ok := strings.Cut(id, "-")
		return bridgev2.BridgeName{DisplayName: strings.ToUpper(name), NetworkID: name}, ok
	}
	h.Rooms = Attach(bridge, nil, crosschatdb.NewSettings(bridge.DB.Database, bridge.ID), nameOf)
	t.Cleanup(h.Stop)
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// logIn makes a login of Alice's, with its space as bridgev2 makes it.
func (h *house) logIn(name networkid.UserLoginID) *bridgev2.UserLogin {
	h.t.Helper()
	user, err := h.bridge.GetUserByMXID(h.t.Context(), alice)
	h.must(err)
	login, err := user.NewLogin(h.t.Context(), &database.UserLogin{ID: name}, nil)
	h.must(err)
	_, err = login.GetSpaceRoom(h.t.Context())
	h.must(err)
	return login
}

// portal makes a portal with a room, in which a login takes part. For bridgev2 it is where it belongs: a test puts it there.
func (h *house) portal(login *bridgev2.UserLogin, name networkid.PortalID, request bool) *bridgev2.Portal {
	h.t.Helper()
	key := networkid.PortalKey{ID: name, Receiver: login.ID}
	portal, err := h.bridge.GetPortalByKey(h.t.Context(), key)
	h.must(err)
	portal.MXID, portal.MessageRequest = id.RoomID("!"+string(name)+":"+fakematrix.Server), request
	h.must(portal.Save(h.t.Context()))
	place, err := h.bridge.DB.UserPortal.GetOrCreate(h.t.Context(), login.UserLogin, key)
	h.must(err)
	there := true
	place.InSpace = &there
	h.must(h.bridge.DB.UserPortal.Put(h.t.Context(), place))
	return portal
}

// children are the rooms in a space, by what was sent there.
func (h *house) children(space id.RoomID) map[id.RoomID]bool {
	in := make(map[id.RoomID]bool)
	for _, call := range h.matrix.Calls("SendState") {
		content, ok := call.Content.(*event.SpaceChildEventContent)
		if !ok || call.Room != space {
			continue
		}
		delete(in, id.RoomID(call.Key))
		if len(content.Via) > 0 {
			in[id.RoomID(call.Key)] = true
		}
	}
	return in
}

func (h *house) await(what string, done func() bool) {
	h.t.Helper()
	h.must(h.matrix.Await(deadline, what, done))
}

// spaceNamed is the user's space of a kind, empty if there is none.
func (h *house) spaceNamed(kind string) id.RoomID {
	h.t.Helper()
	room, err := h.spaceIfAny(h.t.Context(), alice, kind)
	h.must(err)
	return room
}
