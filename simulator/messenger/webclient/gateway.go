package webclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"crosschat/simulator/messenger/dgw"
)

// Gateway is a connection to the gateway.
type Gateway struct {
	client *Client
	ws     *websocket.Conn
	// Frames are all frames of the server but those that answer a request.
	Pushes chan Push
	// Ended is closed when the connection has ended; Err then says why.
	Ended chan struct{}
	Err   error
	// KeepAcks withholds acks of pushes.
	KeepAcks bool

	mu      sync.Mutex
	next    uint16
	streams map[uint16]int // database of persistent streams
	waiting map[int]chan []Row
	acks    map[uint16]chan struct{}
	opened  map[uint16]chan int
	other   []dgw.Frame
	byDB    map[int]uint16
	sent    map[uint16]uint16 // next ack id by stream
	cursors map[int]string
}

// Push is rows that came without being asked for.
type Push struct {
	DB   int
	Rows []Row
}

// Parameters are the query of the gateway's URL (section 2.1).
func (c *Client) Parameters() url.Values {
	return url.Values{
		"x-dgw-appid": {c.Page.Value("DGWWebConfig", "appId")}, "x-dgw-appversion": {"0"}, "x-dgw-authtype": {"1:0"},
		"x-dgw-deviceid": {c.Page.Value("MqttWebDeviceID", "clientID")}, "x-dgw-loggingid": {"33333333-2222-4333-8444-555555555555"},
		"x-dgw-tier": {"prod"}, "x-dgw-uuid": {c.Page.Value("CurrentUserInitialData", "USER_ID")}, "x-dgw-version": {"5"},
	}
}

// Connect opens the gateway with given parameters and cursors (which it changes).
func (c *Client) Connect(ctx context.Context, parameters url.Values, cursors map[int]string) (*Gateway, error) {
	ws, _, err := websocket.Dial(ctx, "wss://gateway.facebook.com/ws/lightspeed?"+parameters.Encode(), &websocket.DialOptions{
		HTTPClient: c.HTTP, HTTPHeader: http.Header{
			"Cookie": {c.cookieHeader()}, "User-Agent": {c.Agent}, "Origin": {web},
		},
	})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1)
	g := &Gateway{
		client: c, ws: ws, Pushes: make(chan Push, 1000), Ended: make(chan struct{}), streams: map[uint16]int{},
		waiting: map[int]chan []Row{}, acks: map[uint16]chan struct{}{}, opened: map[uint16]chan int{}, byDB: map[int]uint16{},
		sent: map[uint16]uint16{}, cursors: cursors,
	}
	go g.read(ctx)
	return g, nil
}

// Close breaks the connection.
func (g *Gateway) Close() {
	g.ws.CloseNow() //nolint:errcheck // it may be closed already
	<-g.Ended
}

func (g *Gateway) read(ctx context.Context) {
	defer close(g.Ended)
	defer g.ws.CloseNow() //nolint:errcheck // it may be closed already
	for {
		_, message, err := g.ws.Read(ctx)
		if err != nil {
			g.Err = err
			return
		}
		frames, err := dgw.Parse(message)
		if err != nil {
			g.Err = err
			return
		}
		for _, f := range frames {
			if err := g.handle(ctx, f); err != nil {
				g.Err = err
				return
			}
		}
	}
}

// CloseCode is the code that the server closed with, -1 if it broke off. It blocks until the connection has ended.
func (g *Gateway) CloseCode() int {
	<-g.Ended
	return int(websocket.CloseStatus(g.Err))
}

func (g *Gateway) handle(ctx context.Context, f dgw.Frame) error {
	switch f.Type {
	case dgw.TypePing:
		return g.Write(ctx, dgw.Frame{Type: dgw.TypePong})
	case dgw.TypeAck:
		g.mu.Lock()
		if ack := g.acks[f.Stream]; ack != nil {
			close(ack)
			delete(g.acks, f.Stream)
		}
		g.mu.Unlock()
	case dgw.TypeEstablish:
		var answer struct {
			Code int `json:"code"`
		}
		if err := json.Unmarshal(f.Payload, &answer); err != nil {
			return err
		}
		g.mu.Lock()
		opened := g.opened[f.Stream]
		g.mu.Unlock()
		if opened != nil {
			opened <- answer.Code
		}
	case dgw.TypeData, dgw.TypeExtendedData:
		return g.data(ctx, f)
	default:
		g.mu.Lock()
		g.other = append(g.other, f)
		g.mu.Unlock()
	}
	return nil
}

// Other lists the frames that a client of section 2 does nothing about.
func (g *Gateway) Other() []dgw.Frame {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]dgw.Frame(nil), g.other...)
}

func (g *Gateway) data(ctx context.Context, f dgw.Frame) error {
	var answer struct {
		RequestID int      `json:"request_id"`
		Payload   string   `json:"payload"`
		SP        []string `json:"sp"`
		Target    int      `json:"target"`
	}
	if err := json.Unmarshal(f.Payload, &answer); err != nil {
		return fmt.Errorf("parse answer: %w", err)
	}
	rows, err := Evaluate(answer.Payload)
	if err != nil {
		return fmt.Errorf("evaluate %s: %w", answer.Payload, err)
	}
	g.mu.Lock()
	waiting, db := g.waiting[answer.RequestID], g.streams[f.Stream]
	delete(g.waiting, answer.RequestID)
	g.mu.Unlock()
	if waiting != nil {
		waiting <- rows
	} else {
		g.Pushes <- Push{db, rows}
		g.apply(db, rows)
	}
	if f.AckRequired && !g.KeepAcks {
		return g.Write(ctx, dgw.Frame{Type: dgw.TypeAck, Stream: f.Stream, AckID: f.AckID})
	}
	return nil
}

// apply moves the cursor of a database; it returns whether there is more to ask for.
func (g *Gateway) apply(db int, rows []Row) bool {
	more := false
	for _, r := range rows {
		if r.Name != "executeFirstBlockForSyncTransaction" && r.Name != "executeFirstBlockForSyncTransactionV4" {
			continue
		}
		current, next := r.Text(2), r.Text(3)
		g.mu.Lock()
		more = next != "" && next != current && next != g.cursors[db]
		if more {
			g.cursors[db] = next
		}
		g.mu.Unlock()
	}
	return more
}

// Write sends frames as one message.
func (g *Gateway) Write(ctx context.Context, frames ...dgw.Frame) error {
	var message []byte
	for _, f := range frames {
		message = f.Append(message)
	}
	return g.ws.Write(ctx, websocket.MessageBinary, message)
}

// WriteText sends a text message, which is wrong.
func (g *Gateway) WriteText(ctx context.Context, text string) error {
	return g.ws.Write(ctx, websocket.MessageText, []byte(text))
}

// envelope makes the payload of a Data frame and registers for its answer.
func (g *Gateway) envelope(kind int, payload any) ([]byte, chan []Row, error) {
	inner, err := json.Marshal(payload)
	if err != nil {
		return nil, nil, err
	}
	g.client.lastID++
	data, err := json.Marshal(map[string]any{
		"app_id": g.client.Page.Value("CurrentUserInitialData", "APP_ID"), "payload": string(inner),
		"request_id": g.client.lastID, "type": kind,
	})
	answer := make(chan []Row, 1)
	g.mu.Lock()
	g.waiting[g.client.lastID] = answer
	g.mu.Unlock()
	return data, answer, err
}

// ErrTimeout says that an ack or an answer did not come.
var ErrTimeout = errors.New("no answer in time")

// Patience is how long the client waits for acks and answers.
var Patience = 5 * time.Second

// Open establishes a new stream with a first Data frame.
func (g *Gateway) Open(ctx context.Context, data []byte, wantAck bool) (uint16, error) {
	g.mu.Lock()
	stream := g.next
	g.next++
	opened := make(chan int, 1)
	g.opened[stream] = opened
	g.sent[stream] = 1
	if wantAck {
		g.acks[stream] = make(chan struct{})
	}
	g.mu.Unlock()
	err := g.Write(ctx, dgw.Frame{Type: dgw.TypeEstablish, Stream: stream, Payload: []byte("{}")},
		dgw.Frame{Type: dgw.TypeData, Stream: stream, AckRequired: wantAck, Payload: data})
	if err != nil {
		return stream, err
	}
	select {
	case code := <-opened:
		if code != http.StatusOK {
			return stream, fmt.Errorf("stream %d established with code %d", stream, code)
		}
	case <-g.Ended:
		return stream, g.Err
	case <-time.After(Patience):
		return stream, fmt.Errorf("establish stream %d: %w", stream, ErrTimeout)
	}
	return stream, nil
}

// await waits for the ack of a stream and the answer to a request.
func (g *Gateway) await(stream uint16, answer chan []Row) ([]Row, error) {
	g.mu.Lock()
	ack := g.acks[stream]
	g.mu.Unlock()
	deadline := time.After(Patience)
	if ack != nil {
		select {
		case <-ack:
		case <-g.Ended:
			return nil, g.Err
		case <-deadline:
			return nil, fmt.Errorf("ack: %w", ErrTimeout)
		}
	}
	select {
	case rows := <-answer:
		return rows, nil
	case <-g.Ended:
		select {
		case rows := <-answer:
			return rows, nil
		default:
			return nil, g.Err
		}
	case <-deadline:
		return nil, fmt.Errorf("answer: %w", ErrTimeout)
	}
}

// Query asks once for a database, with sync params unless they are empty.
func (g *Gateway) Query(ctx context.Context, db int, params string) ([]Row, error) {
	query := map[string]any{
		"database": db, "last_applied_cursor": nil, "sync_params": nil, "epoch_id": time.Now().UnixMilli() << 22,
		"version": json.Number(g.client.Page.Version), "failure_count": nil,
	}
	kind := 2
	g.mu.Lock()
	if params != "" {
		kind, query["sync_params"] = 1, params
	} else if cursor := g.cursors[db]; cursor != "" {
		query["last_applied_cursor"] = cursor
	}
	stream, open := g.byDB[db]
	g.mu.Unlock()
	data, answer, err := g.envelope(kind, query)
	if err != nil {
		return nil, err
	}
	if !open {
		g.mu.Lock()
		g.streams[g.next], g.byDB[db] = db, g.next
		g.mu.Unlock()
		if stream, err = g.Open(ctx, data, true); err != nil {
			return nil, err
		}
		return g.await(stream, answer)
	}
	g.mu.Lock()
	id := g.sent[stream]
	g.sent[stream]++
	g.acks[stream] = make(chan struct{})
	g.mu.Unlock()
	if err = g.Write(ctx, dgw.Frame{Type: dgw.TypeData, Stream: stream, AckID: id, AckRequired: true, Payload: data}); err != nil {
		return nil, err
	}
	return g.await(stream, answer)
}

// Sync runs the loop of section 3.5 and returns all rows.
func (g *Gateway) Sync(ctx context.Context, db int, params string) ([]Row, error) {
	var all []Row
	for range 100 {
		rows, err := g.Query(ctx, db, params)
		if err != nil {
			return all, err
		}
		params = ""
		all = append(all, rows...)
		if !g.apply(db, rows) {
			return all, nil
		}
	}
	return all, errors.New("no end of the sync")
}

// Cursor is that of a database.
func (g *Gateway) Cursor(db int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cursors[db]
}

// Task is one task.
type Task struct {
	Label   int
	Queue   string
	Payload any // a string goes as it is
}

// Run sends tasks as one batch and returns the rows of the answer.
func (g *Gateway) Run(ctx context.Context, tasks ...Task) ([]Row, error) {
	stream, answer, err := g.Start(ctx, tasks...)
	if err != nil {
		return nil, err
	}
	rows, err := g.await(stream, answer)
	if err != nil {
		return nil, err
	}
	return rows, g.Write(ctx, dgw.Frame{Type: dgw.TypeEndOfData, Stream: stream})
}

// Start sends tasks without waiting for their answer.
func (g *Gateway) Start(ctx context.Context, tasks ...Task) (uint16, chan []Row, error) {
	batch := []map[string]any{}
	for _, t := range tasks {
		payload, ok := t.Payload.(string)
		if !ok {
			encoded, err := json.Marshal(t.Payload)
			if err != nil {
				return 0, nil, err
			}
			payload = string(encoded)
		}
		batch = append(batch, map[string]any{
			"failure_count": nil, "label": strconv.Itoa(t.Label), "payload": payload, "queue_name": t.Queue,
			"task_id": g.client.lastTask,
		})
		g.client.lastTask++
	}
	data, answer, err := g.envelope(3, map[string]any{
		"epoch_id": time.Now().UnixMilli() << 22, "tasks": batch, "version_id": g.client.Page.Version,
	})
	if err != nil {
		return 0, nil, err
	}
	stream, err := g.Open(ctx, data, true)
	return stream, answer, err
}

// Stateless sends a task without an answer.
func (g *Gateway) Stateless(ctx context.Context, label int, payload any) error {
	inner, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	data, _, err := g.envelope(4, map[string]any{"label": strconv.Itoa(label), "payload": string(inner), "version": g.client.Page.Version})
	if err != nil {
		return err
	}
	_, err = g.Open(ctx, data, false)
	return err
}
