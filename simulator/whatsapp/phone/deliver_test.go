package phone

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/server"
)

// problems collects what a phone complains of.
type problems struct {
	Observer
	all []Problem
}

func (p *problems) Problem(what Problem) { p.all = append(p.all, what) }
func (p *problems) Receipt(Receipt)      {}
func (p *problems) Typing(Typing)        {}
func (p *problems) Presence(Presence)    {}

func newTestPhone(t testing.TB) (*Phone, *problems) {
	t.Helper()
	s, err := server.New(server.Config{Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	seen := &problems{}
	p, err := New(Config{
		Server: s, Observer: seen, Log: zerolog.Nop(),
		Account: server.Account{Phone: "15550000001", LID: "200000000001", PushName: "Anna"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, seen
}

// hostile are stanzas that a phone should survive.
func hostile() []waBinary.Node {
	ben := types.NewJID("200000000002", types.HiddenUserServer)
	own := types.JID{User: "200000000001", Server: types.HiddenUserServer, Device: 1}
	full := waBinary.Attrs{"id": "X", "from": ben, "t": "1700000000", "type": "retry", "category": "peer"}
	fromOwn := waBinary.Attrs{"id": "X", "from": own, "t": "1700000000", "type": "server-error", "category": "peer"}
	return []waBinary.Node{
		{Tag: "message"},
		{Tag: "message", Attrs: full},
		{Tag: "message", Attrs: full, Content: []byte("text instead of children")},
		{Tag: "message", Attrs: full, Content: []waBinary.Node{{Tag: "enc"}}},
		{Tag: "message", Attrs: full, Content: []waBinary.Node{{Tag: "enc", Attrs: waBinary.Attrs{"type": "pkmsg"}, Content: []byte{0x33, 1}}}},
		{Tag: "message", Attrs: fromOwn, Content: []waBinary.Node{{Tag: "enc", Attrs: waBinary.Attrs{"type": "skmsg"}}}},
		{Tag: "message", Attrs: waBinary.Attrs{"id": "X", "from": "a string", "t": "x"}},
		{Tag: "receipt"},
		{Tag: "receipt", Attrs: full},
		{Tag: "receipt", Attrs: full, Content: []waBinary.Node{{Tag: "retry", Attrs: waBinary.Attrs{"id": "unknown", "count": "1"}}}},
		{Tag: "receipt", Attrs: fromOwn},
		{Tag: "receipt", Attrs: waBinary.Attrs{"from": ben}, Content: []waBinary.Node{{Tag: "participants", Content: []waBinary.Node{{}}}}},
		{Tag: "notification"},
		{Tag: "notification", Attrs: waBinary.Attrs{"type": "server_sync"}, Content: []waBinary.Node{{Tag: "collection"}}},
		{Tag: "notification", Attrs: waBinary.Attrs{"type": "w:gp2"}, Content: []waBinary.Node{{Tag: "remove"}}},
		{Tag: "chatstate"},
		{Tag: "chatstate", Attrs: full, Content: []waBinary.Node{{}, {}}},
		{Tag: "presence"},
		{},
	}
}

func TestHostileStanzas(t *testing.T) {
	p, seen := newTestPhone(t)
	for _, n := range hostile() {
		p.deliver(n)
	}
	for _, problem := range seen.all {
		if strings.Contains(problem.What, "panicked") {
			t.Error(problem.What)
		}
	}
	if _, err := p.Send(t.Context(), Outgoing{To: types.NewJID("1", types.HiddenUserServer)}); err == nil {
		t.Error("sent to nobody")
	}
}

func FuzzDeliver(f *testing.F) {
	for _, n := range hostile() {
		if data, err := waBinary.Marshal(n); err == nil {
			f.Add(data[1:])
		}
	}
	p, seen := newTestPhone(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		n := decode(data)
		if n == nil {
			return
		}
		seen.all = nil
		p.deliver(*n)
		for _, problem := range seen.all {
			if strings.Contains(problem.What, "panicked") {
				t.Error(problem.What)
			}
		}
	})
}

// decode reads a node, nil if there is none in the data; the decoder panics over some.
func decode(data []byte) (n *waBinary.Node) {
	defer func() {
		if recover() != nil {
			n = nil
		}
	}()
	n, err := waBinary.Unmarshal(data)
	if err != nil {
		return nil
	}
	return n
}
