package thrift

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

type vector struct {
	Name     string `json:"name"`
	Hex      string `json:"hex"`
	Body     string `json:"body"`
	Data     string `json:"data"`
	DeviceID string `json:"device_id"`
	Payload  string `json:"payload"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/thrift.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(data, &all); err != nil || len(all) == 0 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	return all
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
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			wire := mustHex(t, v.Hex)
			decoded, err := Decode(wire)
			if err != nil {
				t.Fatal(err)
			}
			if again := Encode(decoded); !bytes.Equal(again, wire) {
				t.Errorf("written as %x, want %x", again, wire)
			}
			switch {
			case v.Body != "":
				if body, err := ParseRequestBody(wire); err != nil || body != v.Body {
					t.Errorf("body %q, %v; want %q", body, err, v.Body)
				}
			case v.Data != "":
				if got := ResponseData(v.Data); !bytes.Equal(got, wire) {
					t.Errorf("response is %x, want %x", got, wire)
				}
			case v.DeviceID != "":
				got, err := ParseRequest(wire)
				if c, ok := got.(*Connect); err != nil || !ok || c.DeviceID != v.DeviceID || len(c.Topics) != 0 {
					t.Errorf("connect is %+v, %v", got, err)
				}
			case v.Payload != "":
				got, err := ParseRequest(wire)
				if p, ok := got.(*Publish); err != nil || !ok || string(p.Payload) != v.Payload || p.Topic != "/ig_send_message" {
					t.Errorf("publish is %+v, %v", got, err)
				}
			case strings.Contains(v.Name, "Accepted"):
				if got := Flow(Accepted); !bytes.Equal(got, wire) {
					t.Errorf("flow is %x, want %x", got, wire)
				}
			case strings.Contains(v.Name, "Started"):
				if got := Flow(Started); !bytes.Equal(got, wire) {
					t.Errorf("flow is %x, want %x", got, wire)
				}
			default:
				t.Errorf("nothing checks this vector")
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	many := make([]Value, 20)
	for i := range many {
		many[i] = Num32(int64(-i))
	}
	want := Obj(
		Field{1, Value{Type: True}}, Field{2, Value{Type: False}}, Field{3, Value{Type: I8, Int: -5}},
		Field{4, Value{Type: I16, Int: -300}}, Field{40, Num64(-1 << 62)}, Field{41, Many(I32, many...)},
		Field{42, Many(True, Value{Type: True}, Value{Type: False})}, Field{7, Text("back")},
	)
	wire := Encode(want)
	got, err := Decode(wire)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(Encode(got), wire) || got.Get(40).Int != -1<<62 || len(got.Get(41).List) != 20 || got.Get(41).List[19].Int != -19 {
		t.Errorf("got %+v", got)
	}
	if missing := got.Get(99); missing.Type != 0 {
		t.Errorf("missing field is %+v", missing)
	}
}

func TestMalformed(t *testing.T) {
	for name, wire := range map[string]string{
		"empty":               "",
		"no stop":             "15",
		"bytes after stop":    "0000",
		"string cut off":      "18057800",
		"list too long":       "19fc7f00",
		"unknown type":        "1a00",
		"number without end":  "16ffffffffffffffffffffffff00",
		"i32 out of range":    "15feffffffffffff0100",
		"field id overflow":   "0582f0ffffff0f0200",
		"boolean of 3":        "19110300",
		"list of structs cut": "192c00",
		"nested too deep":     strings.Repeat("1c", 20) + strings.Repeat("00", 21),
	} {
		if v, err := Decode(mustHex(t, wire)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	for name, v := range map[string]Value{
		"no union":             Obj(),
		"two in a union":       Obj(Field{1, Obj()}, Field{2, Obj()}),
		"not a struct":         Obj(Field{2, Num32(1)}),
		"connect of nothing":   Obj(Field{1, Obj()}),
		"publish of nothing":   Obj(Field{2, Obj()}),
		"another request":      Obj(Field{3, Obj()}),
		"body of wrong type":   Obj(Field{2, Obj(Field{1, Num32(1)})}),
		"union of a list only": Obj(Field{9, Many(I32)}),
	} {
		if got, err := ParseRequest(Encode(v)); !errors.Is(err, ErrMalformed) {
			t.Errorf("request, %s: %+v, %v", name, got, err)
		}
		if got, err := ParseRequestBody(Encode(v)); !errors.Is(err, ErrMalformed) {
			t.Errorf("body, %s: %+v, %v", name, got, err)
		}
	}
}

func TestTermination(t *testing.T) {
	v, err := Decode(Termination(80, "again"))
	if err != nil {
		t.Fatal(err)
	}
	end := v.Get(5).Get(2).List[0].Get(5)
	if end.Get(1).Int != 80 || string(end.Get(2).Bytes) != "again" {
		t.Errorf("got %+v", end)
	}
}

// FuzzDecode checks that nothing panics or grows without bound, and that what is understood is written back so that it is
// understood the same way.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(mustHex(f, v.Hex))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		_, _ = ParseRequest(wire) // only for panics
		v, err := Decode(wire)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("unexpected error %v", err)
			}
			return
		}
		first := Encode(v)
		second, err := Decode(first)
		if err != nil || !bytes.Equal(Encode(second), first) {
			t.Errorf("%x is not stable: %x, %v", wire, first, err)
		}
	})
}
