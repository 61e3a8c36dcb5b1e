package wire

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/coder/websocket"

	"crosschat/connector/metaweb/dgw"
)

// fakeGateway is the server's side of one connection.
type fakeGateway struct {
	n       *network
	ws      *websocket.Conn
	acked   chan dgw.Frame // acknowledgements of pushes
	mu      sync.Mutex
	streams map[int64]uint16 // of databases
	nextAck uint16
}

func (g *fakeGateway) serve(ctx context.Context) {
	for {
		_, data, err := g.ws.Read(ctx)
		if err != nil {
			return
		}
		frames, err := dgw.Parse(data)
		if err != nil {
			g.n.t.Error(err)
		}
		for _, f := range frames {
			g.handle(f)
		}
	}
}

func (g *fakeGateway) write(frames ...dgw.Frame) {
	var data []byte
	for _, f := range frames {
		var err error
		if data, err = dgw.Append(data, f); err != nil {
			g.n.t.Error(err)
		}
	}
	// The client may be gone, which the test sees on its side.
	_ = g.ws.Write(g.n.t.Context(), websocket.MessageBinary, data)
}

func (g *fakeGateway) handle(f dgw.Frame) {
	switch f.Type {
	case dgw.TypePing:
		g.write(dgw.Frame{Type: dgw.TypePong})
	case dgw.TypeEstablish:
		g.write(dgw.Frame{Type: dgw.TypeEstablish, Stream: f.Stream, Payload: []byte(`{"code":200}`)})
	case dgw.TypeAck:
		g.acked <- f
	case dgw.TypeData:
		if f.WantAck {
			g.write(dgw.Frame{Type: dgw.TypeAck, Stream: f.Stream, AckID: f.AckID})
		}
		g.request(f)
	}
}

func (g *fakeGateway) request(f dgw.Frame) {
	var r gatewayRequest
	if err := json.Unmarshal(f.Payload, &r); err != nil || r.AppID != "2220391788200892" || r.RequestID == 0 {
		g.n.t.Errorf("request %s: %v", f.Payload, err)
		return
	}
	var answer string
	switch {
	case g.n.exchange != nil:
		answer = g.exchange(f, r)
	case r.Type == requestSyncParams || r.Type == requestCursor:
		answer = g.answerQuery(f, r)
	case r.Type == requestTasks:
		answer = g.answerTasks(r)
	case r.Type == requestStateless:
		g.n.mu.Lock()
		g.n.notices = append(g.n.notices, r.Payload)
		g.n.mu.Unlock()
	}
	if answer != "" {
		g.data(f.Stream, answer, r.RequestID)
	}
}

func (g *fakeGateway) exchange(f dgw.Frame, r gatewayRequest) string {
	if r.Type == requestCursor || r.Type == requestSyncParams {
		g.remember(f, r)
	}
	g.n.mu.Lock()
	defer g.n.mu.Unlock()
	return g.n.exchange(r)
}

// remember notes which stream is which database's.
func (g *fakeGateway) remember(f dgw.Frame, r gatewayRequest) query {
	q := query{kind: r.Type}
	if err := json.Unmarshal([]byte(r.Payload), &q); err != nil {
		g.n.t.Errorf("query %s: %v", r.Payload, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams[q.Database] = f.Stream
	return q
}

func (g *fakeGateway) answerQuery(f dgw.Frame, r gatewayRequest) string {
	q := g.remember(f, r)
	if q.Version != "26160000000000123" || (q.Params != nil) != (r.Type == requestSyncParams) {
		g.n.t.Errorf("query is %s of type %d", r.Payload, r.Type)
	}
	g.n.mu.Lock()
	g.n.queries = append(g.n.queries, q)
	answer := g.n.query
	g.n.mu.Unlock()
	if answer != nil {
		return answer(q)
	}
	return program(block(q.Database, q.cursor(), q.cursor()))
}

func (g *fakeGateway) answerTasks(r gatewayRequest) string {
	var batch struct {
		Tasks   []taskEntry `json:"tasks"`
		Version string      `json:"version_id"`
	}
	if err := json.Unmarshal([]byte(r.Payload), &batch); err != nil || batch.Version != "26160000000000123" {
		g.n.t.Errorf("batch %s: %v", r.Payload, err)
	}
	g.n.mu.Lock()
	g.n.batches = append(g.n.batches, batch.Tasks)
	answer := g.n.tasks
	if len(g.n.batches) == 1 {
		answer = nil // the first fetch of a new client
	}
	g.n.mu.Unlock()
	if answer != nil {
		return answer(batch.Tasks)
	}
	return program()
}

// data sends a payload on a stream and answers its ack id.
func (g *fakeGateway) data(stream uint16, payload string, requestID uint16) uint16 {
	envelope, err := json.Marshal(map[string]any{"request_id": requestID, "payload": payload, "sp": []string{}, "target": 0})
	if err != nil {
		g.n.t.Error(err)
	}
	return g.raw(stream, envelope)
}

func (g *fakeGateway) raw(stream uint16, data []byte) uint16 {
	g.mu.Lock()
	id := g.nextAck
	g.nextAck++
	g.mu.Unlock()
	g.write(dgw.Frame{Type: dgw.TypeData, Stream: stream, AckID: id, WantAck: true, Payload: data})
	return id
}

// push sends a payload on a database's stream.
func (g *fakeGateway) push(database int64, payload string) uint16 {
	g.mu.Lock()
	stream := g.streams[database]
	g.mu.Unlock()
	return g.data(stream, payload, 0)
}

// mustAck waits until the client acknowledged a push.
func (g *fakeGateway) mustAck(id uint16) {
	g.n.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case f := <-g.acked:
			if f.AckID == id {
				return
			}
		case <-timeout:
			g.n.t.Fatalf("client did not acknowledge %d", id)
		}
	}
}

func (n *network) mustGateway() *fakeGateway {
	n.t.Helper()
	select {
	case g := <-n.gateways:
		return g
	case <-time.After(patience):
		n.t.Fatal("client did not connect")
		return nil
	}
}

func (n *network) count(what *int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return *what
}
