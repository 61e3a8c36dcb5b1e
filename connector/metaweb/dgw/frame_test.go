package dgw

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
)

type frameVector struct {
	Name   string
	Hex    string
	Fields struct {
		Stream      uint16
		Reason      byte
		AckID       uint16 `json:"ack_id"`
		AckRequired bool   `json:"ack_required"`
		JSON        string
		Payload     string
		Repeat      string `json:"payload_repeat"`
	}
}

func mustVectors(t testing.TB) []frameVector {
	t.Helper()
	data, err := os.ReadFile("testdata/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []frameVector
	if err = json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func mustHex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var vectorTypes = map[string]Type{
	"ping": TypePing, "pong": TypePong, "drain": TypeDrain, "deauth": TypeDeauth, "ack": TypeAck,
	"end_of_data": TypeEndOfData, "establish_request": TypeEstablish, "establish_response": TypeEstablish,
	"data_ack_required": TypeData, "data_no_ack": TypeData, "data_300_bytes": TypeData,
}

func (v frameVector) frame(t *testing.T) Frame {
	t.Helper()
	payload := v.Fields.JSON + v.Fields.Payload
	if text, times, ok := strings.Cut(v.Fields.Repeat, "*"); ok {
		n, err := strconv.Atoi(times)
		if err != nil {
			t.Fatal(err)
		}
		payload = strings.Repeat(text, n)
	}
	kind, ok := vectorTypes[v.Name]
	if !ok {
		t.Fatalf("vector %q is of no type this test knows", v.Name)
	}
	return Frame{Type: kind, Stream: v.Fields.Stream, AckID: v.Fields.AckID, WantAck: v.Fields.AckRequired,
		Reason: v.Fields.Reason, Payload: []byte(payload)}
}

func TestFrameVectors(t *testing.T) {
	for _, vector := range mustVectors(t) {
		t.Run(vector.Name, func(t *testing.T) {
			want, data := vector.frame(t), mustHex(t, vector.Hex)
			frames, err := Parse(data)
			if err != nil || len(frames) != 1 {
				t.Fatalf("got %d frames and %v, want one", len(frames), err)
			}
			assertFrame(t, frames[0], want)
			written, err := Append(nil, want)
			if err != nil || !bytes.Equal(written, data) {
				t.Errorf("wrote %x and %v, want %x", written, err, data)
			}
		})
	}
}

func assertFrame(t *testing.T, got, want Frame) {
	t.Helper()
	if !bytes.Equal(got.Payload, want.Payload) {
		t.Errorf("payload %q, want %q", got.Payload, want.Payload)
	}
	got.Payload, want.Payload = nil, nil
	if got.Type != want.Type || got.Stream != want.Stream || got.AckID != want.AckID || got.WantAck != want.WantAck ||
		got.Content != want.Content || got.Reason != want.Reason {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseConcatenated(t *testing.T) {
	tests := []struct {
		name  string
		hex   string
		types []Type
		err   error
	}{
		{"nothing", "", nil, nil},
		{"establish and data", "0f00000200007b7d" + "0d00000400000080" + "7b7d", []Type{TypeEstablish, TypeData}, nil},
		{"end of data with a length", "0e0100000000" + "09", []Type{TypeEndOfData, TypePing}, nil},
		{"end of data without", "0e010009", []Type{TypeEndOfData, TypePing}, nil},
		{"end of data with reason", "100100010000" + "04" + "0a", []Type{TypeEndOfDataWithReason, TypePong}, nil},
		{"extended data", "110100050000" + "0080" + "01" + "7b7d", []Type{TypeExtendedData}, nil},
		{"long ack", "0c0100030000" + "050000" + "09", []Type{TypeAck, TypePing}, nil},
		{"empty and deauth", "0204", []Type{TypeEmpty, TypeDeauth}, nil},
		{"unknown after a good one", "09" + "07" + "0102", []Type{TypePing}, ErrUnknownType},
		{"unknown type 0", "00", nil, ErrUnknownType},
		{"cut in the stream id", "0d01", nil, ErrTruncated},
		{"cut in the length", "0d010004", nil, ErrTruncated},
		{"cut in the payload", "0d010004000000", nil, ErrTruncated},
		{"length of 16 million", "0d0100ffffff0080", nil, ErrTruncated},
		{"data without ack field", "0d010001000000", nil, ErrMalformed},
		{"drain without reason", "03000000", nil, ErrMalformed},
		{"end of data cut", "0e01", nil, ErrTruncated},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			frames, err := Parse(mustHex(t, test.hex))
			if !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if len(frames) != len(test.types) {
				t.Fatalf("%d frames, want %d", len(frames), len(test.types))
			}
			for i, frame := range frames {
				if frame.Type != test.types[i] {
					t.Errorf("frame %d has type %d, want %d", i, frame.Type, test.types[i])
				}
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	if _, err := Append(nil, Frame{Type: TypeData, Payload: make([]byte, 1<<24)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want %v", err, ErrTooLarge)
	}
	if _, err := Append(nil, Frame{Type: 7}); !errors.Is(err, ErrUnknownType) {
		t.Errorf("got %v, want %v", err, ErrUnknownType)
	}
}

// FuzzParse checks that nothing panics and that what was parsed means the same when written and parsed again.
func FuzzParse(f *testing.F) {
	for _, vector := range mustVectors(f) {
		f.Add(mustHex(f, vector.Hex))
	}
	f.Add([]byte{14, 1, 0, 0, 0, 0, 9})
	f.Add([]byte{17, 1, 0, 5, 0, 0, 0, 128, 1, '{', '}'})
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, _ := Parse(data)
		var written []byte
		for _, frame := range frames {
			var err error
			if written, err = Append(written, frame); err != nil {
				t.Fatalf("write %+v: %v", frame, err)
			}
		}
		again, err := Parse(written)
		if err != nil || len(again) != len(frames) {
			t.Fatalf("parsed %d frames and %v again, want %d", len(again), err, len(frames))
		}
		for i := range frames {
			assertFrame(t, again[i], frames[i])
		}
	})
}
