// Package instagram is the simulated Instagram of the control API: a server that speaks the wire protocol of Instagram's
// web client, and people whose apps are simulated in the same process. It turns what the API asks into what an app does.
// The wire is package server's, what actions do is package direct's.
//
// Calls come from the API's request goroutines. Everything happens under direct's lock; nothing here blocks but Await.
//
// In the API's words a person's id is their IGID and a group's id is its short id. Ids of messages are the network's,
// which nobody can choose: an id that a caller gives with a message is a name for it that later calls understand. A
// person's first message to somebody is a message request if SetContact took their name out of the recipient's contacts
// before; everybody else counts as followed.
package instagram

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/direct"
	"crosschat/simulator/instagram/server"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// Name is the network's name in the control API.
const Name = server.NetworkID

// Network is the simulated Instagram. It implements control.Network and control.Special.
type Network struct {
	server *server.Server
	direct *direct.Direct

	mu    sync.Mutex
	names map[string]string // ids that callers gave messages → the real ones
}

var _ control.Special = (*Network)(nil)

// New makes a network over a server, which the caller serves and closes.
func New(s *server.Server) *Network {
	return &Network{server: s, direct: s.Direct, names: map[string]string{}}
}

// Name is "instagram".
func (n *Network) Name() string { return Name }

// Ready says how a client finds the server, given the file that its certificate authority was written to.
func (n *Network) Ready(caFile string) control.InstagramReady {
	return control.InstagramReady{Address: n.server.Address(), CAFile: caFile}
}

// person finds somebody. The lock must be held, as for all that follow.
func (n *Network) person(id string) (*world.Person, error) {
	igid, err := strconv.ParseInt(id, 10, 64)
	if p := n.direct.World.Person(igid); err == nil && p != nil {
		return p, nil
	}
	return nil, control.NotFound("no person %q", id)
}

// chat finds a thread by the id of the other person or of the group, as p sees it; nil with the other person if they have
// no thread yet.
func (n *Network) chat(p *world.Person, id string) (*world.Thread, *world.Person, error) {
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, nil, control.NotFound("no chat %q", id)
	}
	if other := n.direct.World.Person(number); other != nil {
		return n.direct.World.Direct(p, other), other, nil
	}
	t := n.direct.World.ByShort(number)
	if t == nil || !t.Group || !t.Has(p) {
		return nil, nil, control.NotFound("no chat %q", id)
	}
	return t, nil, nil
}

// thread is chat for those who need one that is there.
func (n *Network) thread(p *world.Person, id string) (*world.Thread, error) {
	t, _, err := n.chat(p, id)
	if err == nil && t == nil {
		err = control.NotFound("no chat with %q yet", id)
	}
	return t, err
}

// message finds somebody and a message that they can see.
func (n *Network) message(id, chat, message string) (*world.Person, *world.Message, error) {
	p, err := n.person(id)
	if err != nil {
		return nil, nil, err
	}
	t, err := n.thread(p, chat)
	if err != nil {
		return nil, nil, err
	}
	if m := t.Message(n.resolve(message)); m != nil {
		return p, m, nil
	}
	return nil, nil, control.NotFound("no message %q in chat %q", message, chat)
}

// resolve gives the real id of a message that a caller gave another.
func (n *Network) resolve(id string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if real, ok := n.names[id]; ok {
		return real
	}
	return id
}

func (n *Network) remember(given, real string) {
	if given == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[given] = real
}

// refusal gives what the service refuses the status that says so.
func refusal(err error) error {
	var r *direct.Refusal
	if errors.As(err, &r) {
		return control.Refused("%s", r.Text)
	}
	return err
}

// Timeline returns the events from an index on.
func (n *Network) Timeline(_ context.Context, id string, from int) ([]control.Event, error) {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return nil, err
	}
	return p.Events.Since(from), nil
}

// Await blocks until the timeline has what match selects.
func (n *Network) Await(ctx context.Context, id string, match control.Match) ([]control.Event, error) {
	unlock := n.direct.Lock()
	p, err := n.person(id)
	unlock()
	if err != nil {
		return nil, err
	}
	if match.Ref != "" {
		match.Ref = n.resolve(match.Ref)
	}
	if match.ID != "" {
		match.ID = n.resolve(match.ID)
	}
	return p.Events.Await(ctx, match)
}

// AddFault breaks something. What exists is in package server's table.
func (n *Network) AddFault(_ context.Context, fault control.Fault) (control.Fault, error) {
	defer n.direct.Lock()()
	return n.server.AddFault(fault)
}

// Faults lists the faults.
func (n *Network) Faults(context.Context) ([]control.Fault, error) { return n.server.Faults(), nil }

// RemoveFault ends a fault.
func (n *Network) RemoveFault(_ context.Context, id string) error {
	if !n.server.RemoveFault(id) {
		return control.NotFound("no fault %q", id)
	}
	return nil
}

// Log returns what crossed the wires.
func (n *Network) Log(_ context.Context, from int) ([]control.LogEntry, error) {
	entries, _ := n.server.Log().From(from)
	return entries, nil
}

// AwaitLog blocks until the log has what match selects.
func (n *Network) AwaitLog(ctx context.Context, match control.LogMatch) ([]control.LogEntry, error) {
	return n.server.Log().Await(ctx, match)
}

// Unexpected lists requests that no client should have made.
func (n *Network) Unexpected(context.Context) ([]control.Unexpected, error) {
	return n.server.Log().Unexpected(), nil
}

// ids are people as the API names them.
func ids(people []*world.Person) []string {
	list := []string{}
	for _, p := range people {
		list = append(list, shape.ID(p.IGID))
	}
	return list
}
