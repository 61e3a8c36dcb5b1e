package server_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/dgw"
	"crosschat/simulator/messenger/server"
)

// TestVectorSession plays the client's half of a recorded session against the server and compares what the server's frames
// say with the recorded ones: which stream, which request, which procedures. Contents differ, since the worlds do.
func TestVectorSession(t *testing.T) {
	r := newRig(t, server.Config{})
	own, err := r.server.AddPerson(r.ctx, control.NewPerson{Name: "Own Sim", Phone: "200000000001001"})
	r.own = must(t, own, err)
	peer, err := r.server.AddPerson(r.ctx, control.NewPerson{Name: "Alice Sim", Phone: "1002", Contacts: []string{own.ID}})
	r.alice = must(t, peer, err)
	r.say(r.alice, r.own, "before")
	r.client = r.login(r.own)
	r.load()
	ws, _, err := websocket.Dial(r.ctx, "wss://gateway.facebook.com/ws/lightspeed?"+r.client.Parameters().Encode(), &websocket.DialOptions{
		HTTPClient: r.client.HTTP, HTTPHeader: http.Header{
			"Cookie": {cookieHeader(r.client.Cookies)}, "User-Agent": {r.client.Agent}, "Origin": {"https://www.facebook.com"},
		},
	})
	r.check(err)
	ws.SetReadLimit(-1)
	defer ws.CloseNow() //nolint:errcheck // the test is over
	got := make(chan frame, 1000)
	go func() { // ends with the connection
		defer close(got)
		for {
			_, message, err := ws.Read(r.ctx)
			if err != nil {
				return
			}
			frames, err := dgw.Parse(message)
			if err != nil {
				t.Error(err)
				return
			}
			for _, f := range frames {
				got <- describe(f)
			}
		}
	}()
	for _, line := range sessionLines(t) {
		if line.From == "client" {
			r.check(ws.Write(r.ctx, websocket.MessageBinary, withCursor(line.frames, r.cursors[1])))
		}
	}
	want := map[frame]int{}
	for _, line := range sessionLines(t) {
		for _, f := range line.frames {
			d := describe(f)
			if line.From == "server" && !d.push {
				want[d]++
			}
		}
	}
	deadline := time.After(5 * time.Second)
	for len(want) > 0 {
		select {
		case f := <-got:
			if want[f]--; want[f] <= 0 {
				delete(want, f)
			}
		case <-deadline:
			t.Fatalf("the server did not send %+v", want)
		}
	}
}

// frame is what is compared of a frame of the server's.
type frame struct {
	kind    byte
	stream  uint16
	request int
	push    bool
	ends    string // the last procedures of an answer
}

func describe(f dgw.Frame) frame {
	d := frame{kind: f.Type, stream: f.Stream}
	if f.Type != dgw.TypeData {
		return d
	}
	var answer struct {
		RequestID int      `json:"request_id"`
		SP        []string `json:"sp"`
	}
	if json.Unmarshal(f.Payload, &answer) != nil {
		return d
	}
	d.request, d.push = answer.RequestID, answer.RequestID == 0
	if n := len(answer.SP); n > 0 {
		d.ends = answer.SP[n-1]
		if d.ends == "upsertSyncGroupThreadsRange" || d.ends == "removeTask" {
			d.ends = "removeTask" // which of the two comes first in the list depends on the rows between
		}
	}
	return d
}

type sessionLine struct {
	From   string
	Hex    string
	frames []dgw.Frame
}

func sessionLines(t *testing.T) []sessionLine {
	t.Helper()
	file, err := os.Open("testdata/dgw-session.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	scan := bufio.NewScanner(file)
	scan.Buffer(nil, 1<<20)
	var lines []sessionLine
	for scan.Scan() {
		var line sessionLine
		if err = json.Unmarshal(scan.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		raw, err := hex.DecodeString(line.Hex)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := dgw.Parse(raw)
		line.frames = must(t, frames, err)
		lines = append(lines, line)
	}
	return lines
}

// withCursor writes frames with our cursors in place of the recorded ones.
func withCursor(frames []dgw.Frame, cursor string) []byte {
	var out []byte
	tail := cursor[strings.LastIndexByte(cursor, '.'):]
	for _, f := range frames {
		payload := strings.ReplaceAll(string(f.Payload), "sim1.2", cursor)
		f.Payload = []byte(strings.ReplaceAll(payload, "sim2.2", "sim2.1"+tail))
		out = f.Append(out)
	}
	return out
}

func cookieHeader(cookies map[string]string) string {
	var pairs []string
	for name, value := range cookies {
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "; ")
}
