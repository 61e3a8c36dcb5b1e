package instagram_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/encoding/protowire"

	"crosschat/simulator/instagram/dgw"
)

// socket is a gateway connection of a browser. The test reads frames with next; pings are answered meanwhile.
type socket struct {
	*testing.T
	ctx    context.Context
	ws     *websocket.Conn
	device string
	queue  []dgw.Frame
	noAck  bool
	silent bool // answers no pings
}

// query are the parameters of section 9.1.
func (b *browser) query(kind string) url.Values {
	q := url.Values{
		"x-dgw-appid": {b.page.appID}, "x-dgw-appversion": {"0"}, "x-dgw-authtype": {"6:0"}, "x-dgw-version": {"5"},
		"x-dgw-uuid": {b.page.igid}, "x-dgw-tier": {"prod"}, "x-dgw-deviceid": {b.page.device},
	}
	switch kind {
	case "streamcontroller":
		q.Set("x-dgw-app-stream-group", "group1")
	case "mqttbypass":
		q.Set("x-dgw-loggingid", "11111111-2222-3333-4444-555555555555")
	}
	return q
}

// dial opens a socket with the given query.
func (b *browser) dial(kind string, q url.Values) (*socket, error) {
	b.Helper()
	header := http.Header{}
	for name, value := range map[string]string{
		"Cookie": b.cookieHeader(), "User-Agent": userAgent, "Origin": "https://www.instagram.com",
		"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "websocket", "Sec-Fetch-Site": "same-site",
	} {
		header.Set(name, value)
	}
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	ws, _, err := websocket.Dial(ctx, "wss://gateway.instagram.com/ws/"+kind+"?"+q.Encode(),
		&websocket.DialOptions{HTTPClient: b.http, HTTPHeader: header})
	if err != nil {
		cancel()
		return nil, err
	}
	ws.SetReadLimit(-1)
	b.Cleanup(func() {
		ws.CloseNow() //nolint:errcheck // the test is over
		cancel()
	})
	return &socket{T: b.T, ctx: ctx, ws: ws, device: q.Get("x-dgw-deviceid")}, nil
}

func (b *browser) socket(kind string) *socket {
	b.Helper()
	s, err := b.dial(kind, b.query(kind))
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func (s *socket) write(frames ...dgw.Frame) {
	s.Helper()
	var message []byte
	for _, f := range frames {
		message = f.Append(message)
	}
	if err := s.ws.Write(s.ctx, websocket.MessageBinary, message); err != nil {
		s.Fatal(err)
	}
}

// next reads the next frame that is no ping or pong; the error is that of a closed connection.
func (s *socket) next() (dgw.Frame, error) {
	for {
		for len(s.queue) > 0 {
			f := s.queue[0]
			s.queue = s.queue[1:]
			switch f.Type {
			case dgw.Ping:
				if !s.silent {
					s.write(dgw.Frame{Type: dgw.Pong})
				}
			case dgw.Pong:
			default:
				return f, nil
			}
		}
		_, message, err := s.ws.Read(s.ctx)
		if err != nil {
			return dgw.Frame{}, err
		}
		frames, err := dgw.Parse(message)
		if err != nil {
			return dgw.Frame{}, err
		}
		s.queue = frames
	}
}

// closed reads until the connection ends, and returns the code; -1 when it broke.
func (s *socket) closed() int {
	s.Helper()
	for {
		if _, err := s.next(); err != nil {
			if s.ctx.Err() != nil {
				s.Fatal("the connection did not end")
			}
			return int(websocket.CloseStatus(err))
		}
	}
}

// expect reads frames until one of a type comes, and acknowledges data on the way.
func (s *socket) expect(kind dgw.Type) dgw.Frame {
	s.Helper()
	for {
		f, err := s.next()
		if err != nil {
			s.Fatalf("waiting for a frame of type %d: %v", kind, err)
		}
		if f.WantAck && !s.noAck {
			// The server may have broken off behind the frame.
			ack := dgw.Frame{Type: dgw.Ack, Stream: f.Stream, AckID: f.AckID}
			_ = s.ws.Write(s.ctx, websocket.MessageBinary, ack.Append(nil))
		}
		if f.Type == kind {
			return f
		}
	}
}

// subscription is the first data of the sync stream.
func (b *browser) subscription(device string, cursor int64, doc string) string {
	quote := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		return string(data)
	}
	return quote(map[string]any{
		"app_id": b.page.appID, "device_id": device, "request_id": 4, "type": 2,
		"payload": quote(map[string]any{
			"database": 223, "epoch_id": 0, "version": -3, "failure_count": 0,
			"last_applied_cursor": quote(map[string]any{"seq_id": cursor}),
			"sync_params": quote(map[string]any{
				"user_agent": "WMI Web", "snapshot_at_ms": time.Now().UnixMilli(), "prevalidated_graphql_doc_id": doc,
			}),
		}),
	})
}

// operation is a decoded operation of a response.
type operation struct {
	member  protowire.Number
	numbers map[protowire.Number]int64
	text    string
	entries []entry
	malform error
}

// entry is one delta.
type entry struct {
	Type    string `json:"__typename"`
	Seq     int64  `json:"uq_seq_id,string"`
	Thread  string `json:"thread_fbid"`
	ID      string `json:"message_id"`
	Text    string `json:"text_body"`
	Message struct {
		ID     string `json:"message_id"`
		Thread string `json:"thread_fbid"`
		Sender string `json:"sender_fbid"`
		Text   string `json:"text_body"`
		OTID   string `json:"offline_threading_id"`
		Type   string `json:"content_type"`
	} `json:"message"`
	raw json.RawMessage
}

// operations decodes the data of a frame with another library's words than the server uses.
func operations(payload []byte) ([]operation, error) {
	var outer struct {
		RequestID *int64 `json:"request_id"`
		Payload   []byte `json:"payload"`
	}
	if err := json.Unmarshal(payload, &outer); err != nil {
		return nil, err
	}
	var ops []operation
	err := fields(outer.Payload, func(n protowire.Number, _ int64, value []byte) error {
		if n != 2 {
			return nil
		}
		return fields(value, func(member protowire.Number, _ int64, body []byte) error {
			op := operation{member: member, numbers: map[protowire.Number]int64{}}
			err := fields(body, func(n protowire.Number, number int64, text []byte) error {
				if text == nil {
					op.numbers[n] = number
				} else if n == 2 {
					op.text = string(text)
				}
				return nil
			})
			if member == 3 {
				op.entries, op.malform = entries(op.text)
			}
			ops = append(ops, op)
			return err
		})
	})
	return ops, err
}

func entries(text string) ([]entry, error) {
	var outer []struct {
		Data struct {
			Entries []json.RawMessage `json:"slide_delta_processor"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(text), &outer); err != nil {
		return nil, err
	}
	var list []entry
	for _, o := range outer {
		for _, raw := range o.Data.Entries {
			e := entry{raw: raw}
			if err := json.Unmarshal(raw, &e); err != nil {
				return nil, fmt.Errorf("%w in %s", err, raw)
			}
			list = append(list, e)
		}
	}
	return list, nil
}

// fields walks the fields of a protobuf message; text is nil for numbers.
func fields(b []byte, f func(n protowire.Number, number int64, text []byte) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var number uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			text, size = protowire.ConsumeBytes(b)
			text = append([]byte{}, text...)
		default:
			return errors.New("field of another kind")
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		if err := f(n, int64(number), text); err != nil {
			return err
		}
	}
	return nil
}

// feed is a sync socket after its subscription.
type feed struct {
	*socket
	pending []entry
	cursor  int64
}

// subscribe opens a sync socket, subscribes and returns the first operation that comes.
func (b *browser) subscribe(cursor int64) (*feed, operation) {
	b.Helper()
	f := &feed{socket: b.socket("lightspeed"), cursor: cursor}
	f.write(dgw.Frame{Type: dgw.EstabStream},
		dgw.Frame{Type: dgw.Data, WantAck: true, Payload: []byte(b.subscription(f.device, cursor, b.docs[names["delta"]]))})
	return f, f.operation()
}

// resubscribe replaces a feed by one from a cursor, after the server has seen the old one go.
func (b *browser) resubscribe(old *feed, cursor int64) *feed {
	b.Helper()
	old.ws.CloseNow() //nolint:errcheck // is meant to break
	for deadline := time.Now().Add(patience); b.connected(); {
		if time.Now().After(deadline) {
			b.Fatal("the server still counts the old socket as connected")
		}
		<-time.After(time.Millisecond)
	}
	f, _ := b.subscribe(cursor)
	return f
}

// operation reads the next one.
func (f *feed) operation() operation {
	f.Helper()
	ops, err := operations(f.expect(dgw.Data).Payload)
	if err != nil || len(ops) != 1 {
		f.Fatalf("%d operations, %v", len(ops), err)
	}
	return ops[0]
}

// follow asks the inbox for the cursor and subscribes from there.
func (b *browser) follow() *feed {
	b.Helper()
	inbox := call[struct {
		Seq int64 `json:"iris_inactive_subscription_uq_seq_id,string"`
	}](b, "inbox", map[string]any{"device_id_for_iris_subscription": b.page.device})
	f, op := b.subscribe(inbox.Seq)
	if op.member != 1 || op.numbers[1] != 223 || op.numbers[2] != inbox.Seq || op.numbers[3] < inbox.Seq {
		b.Fatalf("subscription answered %+v", op)
	}
	return f
}

// delta reads the next delta.
func (f *feed) delta() entry {
	f.Helper()
	for len(f.pending) == 0 {
		op := f.operation()
		if op.member != 3 || op.malform != nil {
			f.Fatalf("operation %d instead of a delta: %q, %v", op.member, op.text, op.malform)
		}
		f.pending = op.entries
	}
	e := f.pending[0]
	f.pending = f.pending[1:]
	f.cursor = max(f.cursor, e.Seq)
	return e
}

// deltas reads the next ones and wants them to be of the given types.
func (f *feed) deltas(types ...string) []entry {
	f.Helper()
	var got []entry
	for _, want := range types {
		e := f.delta()
		if e.Type != "SlideUQPP"+want {
			f.Fatalf("delta %s, want %s", e.raw, want)
		}
		got = append(got, e)
	}
	return got
}

// bearer is the header by which mobile apps present the session of a browser.
func (b *browser) bearer() string {
	data, err := json.Marshal(map[string]string{"ds_user_id": b.cookies["ds_user_id"], "sessionid": b.cookies["sessionid"]})
	if err != nil {
		b.Fatal(err)
	}
	return "Bearer IGT:2:" + base64.StdEncoding.EncodeToString(data)
}

// typingSocket is one of the two for typing notices.
type typingSocket struct{ *socket }

// typingIn subscribes to typing notices (section 14.1).
func (b *browser) typingIn() *typingSocket {
	b.Helper()
	s := &typingSocket{b.socket("streamcontroller")}
	params, err := json.Marshal(map[string]string{
		"x-dgw-app-XRSS-method":       "FBGQLS:XDT_DIRECT_REALTIME_EVENT",
		"x-dgw-app-XRSS-doc_id":       b.docs[names["typing"]],
		"x-dgw-app-XRSS-routing_hint": "IGDTypingIndicatorClientSubscription",
		"x-dgw-app-xrs-body":          "true", "x-dgw-app-XRS-Accept-Ack": "RSAck",
		"x-dgw-app-XRSS-http_referer": "https://www.instagram.com/direct/",
	})
	if err != nil {
		b.Fatal(err)
	}
	s.write(dgw.Frame{Type: dgw.EstabStream, Payload: params})
	if f := s.expect(dgw.EstabStream); string(f.Payload) != `{"code":200}` {
		b.Fatalf("stream answered %s", f.Payload)
	}
	body := `{"input_data":{"user_id":"` + b.page.igid + `"},"%options":{"useOSSResponseFormat":true}}`
	s.write(dgw.Frame{Type: dgw.Data, WantAck: true, Payload: append([]byte{0x2c, 0x18, byte(len(body))}, body+"\x00\x00"...)})
	for _, want := range []string{"\x5c\x29\x1c\x15\x02\x00\x00\x00", "\x5c\x29\x1c\x15\x04\x00\x00\x00"} {
		if got := s.expect(dgw.Data); string(got.Payload) != want {
			b.Fatalf("flow status is %x, want %x", got.Payload, want)
		}
	}
	return s
}

// notice reads the JSON of the next notice.
func (s *typingSocket) notice() string {
	s.Helper()
	payload := s.expect(dgw.Data).Payload
	prefix := "\x5c\x29\x1c\x4c\x18"
	if len(payload) < len(prefix)+2 || string(payload[:len(prefix)]) != prefix {
		s.Fatalf("notice is %x", payload)
	}
	return string(payload[len(prefix)+2:])
}

// typingOut opens the socket for own notices (section 14.2).
func (b *browser) typingOut() *typingSocket {
	b.Helper()
	s := &typingSocket{b.socket("mqttbypass")}
	connect := "\x1c\x16\x00\x16\x00\x18\x00\x18\x24" + b.page.device + "\x18\x00\x1c\x19\x08\x00\x00\x00"
	s.write(dgw.Frame{Type: dgw.EstabStream}, dgw.Frame{Type: dgw.Data, WantAck: true, Payload: []byte(connect)})
	if f := s.expect(dgw.EstabStream); string(f.Payload) != `{"code":200}` {
		b.Fatalf("stream answered %s", f.Payload)
	}
	s.expect(dgw.Ack)
	return s
}

func (s *typingSocket) indicate(thread string, status int) {
	s.Helper()
	body := fmt.Sprintf(`{"action":"indicate_activity","activity_status":%d,"client_context":"","thread_id":"%s"}`, status, thread)
	s.write(dgw.Frame{Type: dgw.Data, Payload: []byte("\x2c\x18" + string(rune(len(body))) + body + "\x18\x10/ig_send_message\x00\x00")})
}
