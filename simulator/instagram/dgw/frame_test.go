package dgw

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

// vector is one entry of testdata/frames.json.
type vector struct {
	Name        string `json:"name"`
	Hex         string `json:"hex"`
	Type        Type   `json:"type"`
	Stream      uint16 `json:"stream"`
	AckID       uint16 `json:"ack_id"`
	AckWanted   bool   `json:"ack_wanted"`
	Reason      byte   `json:"reason"`
	PayloadText string `json:"payload_text"`
}

func mustReadJSON(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mustHex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	var vectors []vector
	mustReadJSON(t, "testdata/frames.json", &vectors)
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			wire := mustHex(t, v.Hex)
			frames, err := Parse(wire)
			if err != nil || len(frames) != 1 {
				t.Fatalf("parse: %+v, %v", frames, err)
			}
			f := frames[0]
			if f.Type != v.Type || f.Stream != v.Stream || f.AckID != v.AckID || f.WantAck != v.AckWanted || f.Reason != v.Reason {
				t.Errorf("parsed as %+v, want %+v", f, v)
			}
			if string(f.Payload) != v.PayloadText {
				t.Errorf("payload %q, want %q", f.Payload, v.PayloadText)
			}
			if again := f.Append(nil); !bytes.Equal(again, wire) {
				t.Errorf("written as %x, want %x", again, wire)
			}
		})
	}
}

// TestWireLog reads whole websocket messages of recorded connections and writes them again.
func TestWireLog(t *testing.T) {
	var connections map[string][]struct{ From, Hex string }
	mustReadJSON(t, "testdata/wire-log.json", &connections)
	for name, messages := range connections {
		for i, m := range messages {
			wire := mustHex(t, m.Hex)
			frames, err := Parse(wire)
			if err != nil {
				t.Fatalf("%s, message %d: %v", name, i, err)
			}
			var again []byte
			for _, f := range frames {
				again = f.Append(again)
			}
			if !bytes.Equal(again, wire) {
				t.Errorf("%s, message %d: written as %x, want %x", name, i, again, wire)
			}
		}
	}
}

func TestSeveralFrames(t *testing.T) {
	want := []Frame{
		{Type: EstabStream, Stream: 7},
		{Type: Ping},
		{Type: Data, Stream: 7, AckID: 3, Payload: bytes.Repeat([]byte{'x'}, 300_000)},
		{Type: Empty},
		{Type: EndOfData, Stream: 7},
	}
	var wire []byte
	for _, f := range want {
		wire = f.Append(wire)
	}
	got, err := Parse(append(wire, 0, 0, 0)) // the length that one source gives EndOfData
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %d frames, %v", len(got), err)
	}
	for i := range want {
		if got[i].Type != want[i].Type || !bytes.Equal(got[i].Payload, want[i].Payload) {
			t.Errorf("frame %d is of type %d with %d bytes", i, got[i].Type, len(got[i].Payload))
		}
	}
}

func TestMalformed(t *testing.T) {
	for name, wire := range map[string]string{
		"deprecated type":     "07",
		"type 0":              "00",
		"drain without body":  "03",
		"drain too long":      "030200000200",
		"no stream":           "0d00",
		"no length":           "0d00000900",
		"body cut off":        "0d000009000000007b",
		"data without ack id": "0d0000010000ff",
		"ack too long":        "0c0000030000010000",
		"ack with bit 15":     "0c00000200000180",
		"estab cut off":       "0f00000200007b",
	} {
		t.Run(name, func(t *testing.T) {
			frames, err := Parse(append([]byte{byte(Ping)}, mustHex(t, wire)...))
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("error is %v", err)
			}
			if len(frames) != 1 || frames[0].Type != Ping {
				t.Errorf("the frame before it is lost: %+v", frames)
			}
		})
	}
}

// FuzzParse checks that no message panics the parser and that what it understands is written so that it is understood the
// same way.
func FuzzParse(f *testing.F) {
	var vectors []vector
	mustReadJSON(f, "testdata/frames.json", &vectors)
	for _, v := range vectors {
		f.Add(mustHex(f, v.Hex))
	}
	f.Add([]byte{14, 0, 0, 0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, message []byte) {
		frames, err := Parse(message)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("unexpected error %v", err)
		}
		var again []byte
		for _, frame := range frames {
			again = frame.Append(again)
		}
		second, err := Parse(again)
		if err != nil || len(second) != len(frames) {
			t.Fatalf("%x became %d frames, then %d (%v)", message, len(frames), len(second), err)
		}
		for i, a := range frames {
			if b := second[i]; a.Type != b.Type || a.Stream != b.Stream || a.AckID != b.AckID || !bytes.Equal(a.Payload, b.Payload) {
				t.Errorf("frame %d changed from %+v to %+v", i, a, b)
			}
		}
	})
}
