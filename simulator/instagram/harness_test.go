package instagram_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
	"crosschat/simulator/instagram/server"
	"crosschat/simulator/simtest"
)

// patience bounds every wait of the tests.
const patience = 10 * time.Second

// rig is a running network with its owner, who uses browsers, and a friend.
type rig struct {
	*testing.T
	ctx    context.Context
	server *server.Server
	net    *instagram.Network
	own    control.Person
	alice  control.Person
}

func newRig(t *testing.T) *rig { return newRigWith(t, server.Config{}) }

func newRigWith(t *testing.T, cfg server.Config) *rig {
	t.Helper()
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	simtest.Serve(t, s)
	r := &rig{T: t, ctx: t.Context(), server: s, net: instagram.New(s)}
	r.own, r.alice = r.person("Own"), r.person("Alice")
	return r
}

func (r *rig) person(name string) control.Person {
	r.Helper()
	p, err := r.net.AddPerson(r.ctx, control.NewPerson{Name: name})
	r.must(err)
	return p
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// special makes a call that only this network has.
func special[T any](r *rig, p control.Person, name string, argument any) T {
	r.Helper()
	data, err := json.Marshal(argument)
	r.must(err)
	answer, err := r.net.Special(r.ctx, p.ID, name, data)
	r.must(err)
	typed, ok := answer.(T)
	if !ok {
		r.Fatalf("%s answered %T", name, answer)
	}
	return typed
}

func (r *rig) account(p control.Person) instagram.Account {
	r.Helper()
	return special[instagram.Account](r, p, "account", instagram.Account{})
}

func (r *rig) fault(f control.Fault) control.Fault {
	r.Helper()
	added, err := r.net.AddFault(r.ctx, f)
	r.must(err)
	return added
}

// hits says how often a fault struck.
func (r *rig) hits(f control.Fault) int {
	r.Helper()
	all, err := r.net.Faults(r.ctx)
	r.must(err)
	for _, other := range all {
		if other.ID == f.ID {
			return other.Hits
		}
	}
	return 0
}

func (r *rig) send(from control.Person, to, text string) control.Sent {
	r.Helper()
	sent, err := r.net.Send(r.ctx, from.ID, control.SendRequest{To: to, Text: text})
	r.must(err)
	return sent
}

// await waits for events of somebody's app.
func (r *rig) await(p control.Person, match control.Match) []control.Event {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	found, err := r.net.Await(ctx, p.ID, match)
	r.must(err)
	return found
}

// history gives own and alice n old messages, a second apart, and returns when the last was.
func (r *rig) history(n int) time.Time {
	r.Helper()
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	var messages []control.HistoryMessage
	for i := range n {
		sender := []control.Person{r.own, r.alice}[i%2]
		messages = append(messages, control.HistoryMessage{
			Chat: r.alice.ID, Sender: sender.ID, ID: fmt.Sprintf("old%d", i), Text: fmt.Sprintf("old %d", i),
			Time: start.Add(time.Duration(i) * time.Second),
		})
	}
	r.must(r.net.AddHistory(r.ctx, r.own.ID, messages))
	return start.Add(time.Duration(n-1) * time.Second)
}

// expectUnexpected fails the test unless exactly the given number of requests was found odd.
func (r *rig) expectUnexpected(want int) {
	r.Helper()
	got, err := r.net.Unexpected(r.ctx)
	r.must(err)
	if len(got) != want {
		r.Errorf("%d unexpected requests, want %d: %+v", len(got), want, got)
	}
}
