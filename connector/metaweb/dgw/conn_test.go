package dgw

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const patience = 10 * time.Second

// peer is the server side of one connection in a test.
type peer struct {
	t  *testing.T
	ws *websocket.Conn
}

func (p peer) read() []Frame {
	kind, data, err := p.ws.Read(p.t.Context())
	if err != nil {
		return nil
	}
	if kind != websocket.MessageBinary {
		p.t.Errorf("client sent a text message: %q", data)
	}
	frames, err := Parse(data)
	if err != nil {
		p.t.Errorf("client sent %x: %v", data, err)
	}
	return frames
}

// readNoPing answers the next frames that aren't pings.
func (p peer) readNoPing() []Frame {
	for {
		frames := p.read()
		if len(frames) != 1 || frames[0].Type != TypePing {
			return frames
		}
	}
}

func (p peer) write(frames ...Frame) {
	var data []byte
	for _, f := range frames {
		var err error
		if data, err = Append(data, f); err != nil {
			p.t.Error(err)
		}
	}
	p.writeRaw(data)
}

func (p peer) writeRaw(data []byte) {
	// The client may be gone already, which the test sees on its side.
	_ = p.ws.Write(p.t.Context(), websocket.MessageBinary, data)
}

func (p peer) establish(stream uint16) {
	p.write(Frame{Type: TypeEstablish, Stream: stream, Payload: []byte(`{"code":200}`)})
}

type fixture struct {
	conn  *Conn
	ended chan error
	stop  context.CancelFunc
}

// connect starts a server that plays the part given, and a served connection to it.
func connect(t *testing.T, opts Options, play func(peer)) fixture {
	t.Helper()
	played := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			t.Error(err)
			return
		}
		defer close(played)
		defer func() { _ = ws.CloseNow() }()
		play(peer{t, ws})
		// Whatever the part was, the client sees the connection end only by what was played.
		for {
			if _, _, err = ws.Read(t.Context()); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	opts.URL = "ws" + strings.TrimPrefix(server.URL, "http")
	opts.Client = server.Client()
	ctx, stop := context.WithCancel(t.Context())
	conn, err := Dial(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{conn, make(chan error, 1), stop}
	go func() { f.ended <- conn.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		<-conn.Done()
		<-played
	})
	return f
}

func (f fixture) mustEnd(t *testing.T) error {
	t.Helper()
	select {
	case err := <-f.ended:
		return err
	case <-time.After(patience):
		t.Fatal("connection did not end")
		return nil
	}
}

func TestRequest(t *testing.T) {
	sent := make(chan []Frame, 8)
	f := connect(t, Options{}, func(p peer) {
		sent <- p.read()
		// The answer overtakes the rest, as it may.
		p.write(Frame{Type: TypeData, Stream: 0, AckID: 5, WantAck: true, Payload: []byte("answer")})
		p.establish(0)
		p.write(Frame{Type: TypeAck, Stream: 0})
		sent <- p.read()
		sent <- p.read()
	})
	answer, err := f.conn.Request(t.Context(), []byte("question"))
	if err != nil || string(answer) != "answer" {
		t.Fatalf("got %q and %v, want %q", answer, err, "answer")
	}
	first := <-sent
	if len(first) != 2 || first[0].Type != TypeEstablish || string(first[0].Payload) != "{}" || first[1].Type != TypeData ||
		!first[1].WantAck || first[1].AckID != 0 || string(first[1].Payload) != "question" {
		t.Errorf("sent %+v, want an establish and a data frame", first)
	}
	if ack := <-sent; len(ack) != 1 || ack[0].Type != TypeAck || ack[0].AckID != 5 {
		t.Errorf("sent %+v, want the acknowledgement of 5", ack)
	}
	if end := <-sent; len(end) != 1 || end[0].Type != TypeEndOfData {
		t.Errorf("sent %+v, want an end of data", end)
	}
}

func TestRequestFails(t *testing.T) {
	short := Options{EstablishTimeout: 50 * time.Millisecond, AckTimeout: 50 * time.Millisecond,
		ResponseTimeout: 100 * time.Millisecond}
	tests := []struct {
		name string
		play func(peer)
		want error
	}{
		{"no answer at all", func(peer) {}, ErrTimeout},
		{"established only", func(p peer) { p.establish(0) }, ErrTimeout},
		{"acknowledged only", func(p peer) {
			p.establish(0)
			p.write(Frame{Type: TypeAck, Stream: 0})
		}, ErrTimeout},
		{"refused", func(p peer) {
			p.write(Frame{Type: TypeEstablish, Stream: 0, Payload: []byte(`{"code":403}`)})
		}, ErrRefused},
		{"answer without code", func(p peer) {
			p.write(Frame{Type: TypeEstablish, Stream: 0, Payload: []byte(`<html>`)})
		}, ErrRefused},
		{"stream ended", func(p peer) { p.write(Frame{Type: TypeEndOfData, Stream: 0}) }, ErrStreamEnded},
		{"stream ended with reason", func(p peer) {
			p.write(Frame{Type: TypeEndOfDataWithReason, Stream: 0, Reason: 4})
		}, ErrStreamEnded},
		{"connection closed", func(p peer) { _ = p.ws.Close(4003, "no") }, ErrClosed},
		{"connection lost", func(p peer) { _ = p.ws.CloseNow() }, ErrClosed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := connect(t, short, func(p peer) {
				p.read()
				test.play(p)
			})
			if _, err := f.conn.Request(t.Context(), []byte("x")); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestEstablishAnswers(t *testing.T) {
	for answer, want := range map[string]error{
		`{"code":200}`: nil, `{"code":200,"x":[1]}`: nil, `200`: nil,
		``: ErrRefused, `{}`: ErrRefused, `404`: ErrRefused, `"200"`: ErrRefused, `[200]`: ErrRefused,
	} {
		t.Run(answer, func(t *testing.T) {
			f := connect(t, Options{}, func(p peer) {
				p.read()
				p.write(Frame{Type: TypeEstablish, Stream: 0, Payload: []byte(answer)})
			})
			if err := f.conn.Notify(t.Context(), []byte("x")); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

func TestPersistentStream(t *testing.T) {
	fromClient := make(chan Frame, 8)
	f := connect(t, Options{}, func(p peer) {
		opening := p.read()
		fromClient <- opening[1]
		p.establish(opening[0].Stream)
		p.write(Frame{Type: TypeAck, Stream: opening[0].Stream})
		fromClient <- p.readNoPing()[0]
		p.write(Frame{Type: TypeAck, Stream: 0, AckID: 1},
			Frame{Type: TypeData, Stream: 0, AckID: 0, WantAck: true, Payload: []byte("push 1")},
			Frame{Type: TypeData, Stream: 0, AckID: 1, WantAck: true, Payload: []byte("push 2")},
			Frame{Type: TypeExtendedData, Stream: 0, Content: 1, Payload: []byte("push 3")})
		fromClient <- p.readNoPing()[0]
		fromClient <- p.readNoPing()[0]
	})
	pushes := make(chan Delivery, 8)
	s, err := f.conn.Open(t.Context(), OpenOptions{First: []byte("one"), FirstWantsAck: true,
		Handle: func(d Delivery) { pushes <- d }})
	if err != nil {
		t.Fatal(err)
	}
	if err = s.Send(t.Context(), []byte("two")); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"one", "two"} {
		if got := <-fromClient; string(got.Payload) != want || got.AckID != uint16(i) || !got.WantAck {
			t.Errorf("sent %+v, want %q with ack id %d", got, want, i)
		}
	}
	var taken []Delivery
	for i := range 3 {
		d := <-pushes
		if want := fmt.Sprintf("push %d", i+1); string(d.Payload) != want {
			t.Errorf("got %q, want %q", d.Payload, want)
		}
		taken = append(taken, d)
	}
	// Acknowledged is what is done, in the order it is done; what did not ask for it is not.
	taken[2].Done(nil)
	taken[1].Done(nil)
	taken[1].Done(nil)
	taken[0].Done(nil)
	for _, want := range []uint16{1, 0} {
		if got := <-fromClient; got.Type != TypeAck || got.AckID != want {
			t.Errorf("sent %+v, want the acknowledgement of %d", got, want)
		}
	}
}

func TestHandlerErrorEndsConnection(t *testing.T) {
	f := connect(t, Options{}, func(p peer) {
		p.read()
		p.establish(0)
		p.write(Frame{Type: TypeData, Stream: 0, WantAck: true, Payload: []byte("x")})
		for frames := p.read(); frames != nil; frames = p.read() {
			for _, frame := range frames {
				if frame.Type == TypeAck {
					t.Error("client acknowledged what it could not handle")
				}
			}
		}
	})
	broken := errors.New("database is full")
	_, err := f.conn.Open(t.Context(), OpenOptions{First: []byte("x"), Handle: func(d Delivery) { d.Done(broken) }})
	if err != nil && !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if err = f.mustEnd(t); !errors.Is(err, broken) {
		t.Errorf("ended with %v, want %v", err, broken)
	}
	if _, err = f.conn.Request(t.Context(), nil); !errors.Is(err, ErrClosed) || !errors.Is(err, broken) {
		t.Errorf("request after the end says %v, want %v and %v", err, ErrClosed, broken)
	}
}

func TestHandlerPanicEndsConnectionOnly(t *testing.T) {
	f := connect(t, Options{}, func(p peer) {
		p.read()
		p.establish(0)
		p.write(Frame{Type: TypeData, Stream: 0, Payload: []byte("x")})
	})
	_, err := f.conn.Open(t.Context(), OpenOptions{First: []byte("x"), Handle: func(Delivery) { panic("oops") }})
	if err != nil && !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	var panicked *PanicError
	if err = f.mustEnd(t); !errors.As(err, &panicked) || len(panicked.Stack) == 0 {
		t.Errorf("ended with %v, want a panic with its stack", err)
	}
}

func TestServerEndsStream(t *testing.T) {
	f := connect(t, Options{}, func(p peer) {
		p.read()
		p.establish(0)
		p.write(Frame{Type: TypeEndOfDataWithReason, Stream: 0, Reason: 8})
	})
	ended := make(chan error, 1)
	s, err := f.conn.Open(t.Context(), OpenOptions{First: []byte("x"), Handle: func(Delivery) {},
		Ended: func(err error) { ended <- err }})
	if err != nil {
		t.Fatal(err)
	}
	if err = <-ended; !errors.Is(err, ErrStreamEnded) {
		t.Errorf("got %v, want %v", err, ErrStreamEnded)
	}
	if err = s.Send(t.Context(), []byte("y")); !errors.Is(err, ErrStreamEnded) {
		t.Errorf("got %v, want %v", err, ErrStreamEnded)
	}
}

func TestCloseCodes(t *testing.T) {
	for code := CloseGraceful; code <= CloseBadRequest; code++ {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			f := connect(t, Options{}, func(p peer) { _ = p.ws.Close(websocket.StatusCode(code), "because") })
			err := f.mustEnd(t)
			var closed *CloseError
			if !errors.As(err, &closed) || closed.Code != code || closed.Reason != "because" {
				t.Errorf("ended with %v, want code %d", err, code)
			}
			if got, want := errors.Is(err, ErrUnauthorized), code == CloseUnauthorized; got != want {
				t.Errorf("unauthorized is %t, want %t", got, want)
			}
		})
	}
}

func TestKeepalive(t *testing.T) {
	pings := make(chan Frame, 64)
	f := connect(t, Options{PingInterval: 20 * time.Millisecond, DeadAfter: 200 * time.Millisecond}, func(p peer) {
		for range 3 {
			pings <- p.read()[0]
			p.write(Frame{Type: TypePong})
		}
		p.write(Frame{Type: TypePing})
		for frames := p.read(); frames != nil; frames = p.read() {
			pings <- frames[0]
		}
	})
	if err := f.mustEnd(t); !errors.Is(err, ErrKeepalive) {
		t.Errorf("ended with %v, want %v", err, ErrKeepalive)
	}
	seen := map[Type]int{}
	for len(pings) > 0 {
		seen[(<-pings).Type]++
	}
	if seen[TypePing] < 4 || seen[TypePong] != 1 {
		t.Errorf("client sent %v, want pings and one pong", seen)
	}
}

func TestOddFramesDoNoHarm(t *testing.T) {
	acked := make(chan Frame, 1)
	f := connect(t, Options{}, func(p peer) {
		p.writeRaw([]byte{7, 1, 2, 3})                                       // unknown type
		p.writeRaw([]byte{13, 1, 0, 255, 255, 255})                          // cut off
		p.writeRaw([]byte{2, 3, 1, 0, 0, 99, 4, 10})                         // empty, drain, deauth, pong
		p.write(Frame{Type: TypeAck, Stream: 9, AckID: 9})                   // nobody waits for it
		p.write(Frame{Type: TypeEndOfData, Stream: 9})                       // no such stream
		p.write(Frame{Type: TypeEstablish, Stream: 9, Payload: []byte("{")}) // the same
		_ = p.ws.Write(p.t.Context(), websocket.MessageText, []byte("text"))
		p.write(Frame{Type: TypeData, Stream: 9, AckID: 3, WantAck: true})
		acked <- p.readNoPing()[0]
		p.read()
		p.establish(0)
	})
	if got := <-acked; got.Type != TypeAck || got.Stream != 9 || got.AckID != 3 {
		t.Errorf("sent %+v, want the acknowledgement of data for a stream that is gone", got)
	}
	if err := f.conn.Notify(t.Context(), []byte("x")); err != nil {
		t.Error(err)
	}
}

func TestStrict(t *testing.T) {
	f := connect(t, Options{Strict: true}, func(p peer) {
		p.writeRaw([]byte{7, 1, 2, 3}) // unknown type
		p.read()
		p.establish(0)
		p.writeRaw([]byte{13, 1, 0, 255, 255, 255}) // cut off
	})
	if err := f.conn.Notify(t.Context(), []byte("x")); err != nil {
		t.Error(err)
	}
	if err := f.mustEnd(t); !errors.Is(err, ErrTruncated) {
		t.Errorf("ended with %v, want %v", err, ErrTruncated)
	}
}

func TestTell(t *testing.T) {
	told := make(chan Frame, 2)
	f := connect(t, Options{}, func(p peer) {
		p.read()
		p.establish(0)
		told <- p.readNoPing()[0]
		p.write(Frame{Type: TypeEndOfData})
		p.write(Frame{Type: TypeData, Stream: 9, AckID: 3, WantAck: true})
		told <- p.readNoPing()[0]
	})
	ended := make(chan error, 1)
	s, err := f.conn.Open(t.Context(), OpenOptions{Handle: func(Delivery) {}, Ended: func(err error) { ended <- err }})
	if err != nil {
		t.Fatal(err)
	}
	s.Tell([]byte("x"))
	if got := <-told; got.Type != TypeData || got.WantAck || string(got.Payload) != "x" {
		t.Errorf("told %+v, want data that needs no acknowledgement", got)
	}
	if err = <-ended; !errors.Is(err, ErrStreamEnded) {
		t.Errorf("got %v, want %v", err, ErrStreamEnded)
	}
	s.Tell([]byte("after the end"))
	if got := <-told; got.Type != TypeAck {
		t.Errorf("told %+v after the stream's end, want nothing but the acknowledgement", got)
	}
}

func TestRefusedHandshake(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
	}))
	defer server.Close()
	_, err := Dial(t.Context(), Options{URL: server.URL + "/?secret=canary", Client: server.Client()})
	var refused *HandshakeError
	if !errors.As(err, &refused) || refused.Status != http.StatusFound || refused.Location != "http://elsewhere.invalid/" {
		t.Errorf("got %v, want status %d and where to", err, http.StatusFound)
	}
	server.Close()
	if _, err = Dial(t.Context(), Options{URL: server.URL + "/?secret=canary", Client: server.Client()}); err == nil ||
		strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want an error without the query", err)
	}
}

func TestStopIsQuickWhenServerHangs(t *testing.T) {
	connected := make(chan struct{})
	f := connect(t, Options{CloseTimeout: 50 * time.Millisecond, PingInterval: time.Millisecond}, func(p peer) {
		p.read()
		close(connected)
		// Says nothing and reads nothing: the closing handshake is never answered.
		<-p.t.Context().Done()
	})
	<-connected
	f.stop()
	started := time.Now()
	if err := f.mustEnd(t); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v, want %v", err, context.Canceled)
	}
	if took := time.Since(started); took > 3*time.Second {
		t.Errorf("took %v to stop", took)
	}
}
