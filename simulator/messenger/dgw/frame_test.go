package dgw

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

func mustHex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatalf("decode hex %q: %v", text, err)
	}
	return data
}

func encode(frames []Frame) []byte {
	var b []byte
	for _, f := range frames {
		b = f.Append(b)
	}
	return b
}

type vectorFrame struct {
	Name   string `json:"name"`
	Hex    string `json:"hex"`
	Fields *struct {
		Reason        byte   `json:"reason"`
		AckID         uint16 `json:"ack_id"`
		AckRequired   bool   `json:"ack_required"`
		Stream        uint16 `json:"stream"`
		JSON          string `json:"json"`
		Payload       string `json:"payload"`
		PayloadRepeat string `json:"payload_repeat"`
	} `json:"fields"`
}

func TestVectorFrames(t *testing.T) {
	data, err := os.ReadFile("testdata/dgw-frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vectorFrame
	if err = json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 10 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			raw := mustHex(t, v.Hex)
			frames, err := Parse(raw)
			if err != nil || len(frames) != 1 {
				t.Fatalf("got %d frames, error %v", len(frames), err)
			}
			f := frames[0]
			if got := f.Append(nil); !bytes.Equal(got, raw) {
				t.Errorf("writes %x, want %x", got, raw)
			}
			if v.Fields == nil {
				return
			}
			want := v.Fields.Payload + v.Fields.JSON
			if v.Fields.PayloadRepeat != "" {
				want = string(bytes.Repeat([]byte("x"), 300))
			}
			if f.Stream != v.Fields.Stream || f.AckID != v.Fields.AckID || f.AckRequired != v.Fields.AckRequired ||
				f.Reason != v.Fields.Reason || string(f.Payload) != want {
				t.Errorf("got %+v, want %+v", f, *v.Fields)
			}
		})
	}
}

func TestVectorSession(t *testing.T) {
	file, err := os.Open("testdata/dgw-session.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	count := 0
	for lines.Scan() {
		var line struct {
			From, Hex string
		}
		if err = json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		raw := mustHex(t, line.Hex)
		frames, err := Parse(raw)
		if err != nil {
			t.Errorf("line %d: %v", count, err)
		}
		if got := encode(frames); !bytes.Equal(got, raw) {
			t.Errorf("line %d writes %x, want %x", count, got, raw)
		}
		count++
	}
	if count < 30 {
		t.Errorf("only %d lines", count)
	}
}

func TestNewFrameTypes(t *testing.T) {
	for _, f := range []Frame{
		{Type: TypeEndReason, Stream: 7, Reason: 8},
		{Type: TypeExtendedData, Stream: 300, AckID: 5, AckRequired: true, ContentType: 2, Payload: []byte("{}")},
	} {
		got, err := Parse(f.Append(nil))
		if err != nil || len(got) != 1 {
			t.Fatalf("type %d: %d frames, error %v", f.Type, len(got), err)
		}
		if !bytes.Equal(got[0].Append(nil), f.Append(nil)) {
			t.Errorf("got %+v, want %+v", got[0], f)
		}
	}
}

func TestMalformedFrames(t *testing.T) {
	for _, text := range []string{
		"00", "01", "02", "05", "07", "0b", "12", "ff", "03", "0300000002", "0301000002ff", "0c", "0c0000", "0c00000300000000",
		"0c0000020000000d0e", "0d0000010000ff", "0d0000ffffff", "0d00000500000080", "0e", "0e00", "0f0000", "0f0000ffff00",
		"100000", "10000002000000", "110000020000000080",
	} {
		if frames, err := Parse(mustHex(t, text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %+v, error %v", text, frames, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/dgw-frames.json")
	if err != nil {
		f.Fatal(err)
	}
	var vectors []vectorFrame
	if err = json.Unmarshal(data, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		f.Add(mustHex(f, v.Hex))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		frames, err := Parse(message)
		if err != nil {
			return
		}
		if got := encode(frames); !bytes.Equal(got, message) {
			t.Errorf("writes %x, want %x", got, message)
		}
	})
}
