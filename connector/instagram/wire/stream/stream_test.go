package stream

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
	Name     string
	Hex      string
	Body     string
	Data     string
	DeviceID string `json:"device_id"`
	Payload  string
}

func mustVectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/dgw/thrift.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err = json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func TestVectors(t *testing.T) {
	for _, v := range mustVectors(t) {
		raw, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		var made []byte
		switch {
		case v.Body != "":
			made = Request(v.Body)
		case v.DeviceID != "":
			made = Connect(v.DeviceID)
		case v.Payload != "":
			made = Publish("/ig_send_message", v.Payload)
		}
		if made != nil {
			if !bytes.Equal(made, raw) {
				t.Errorf("%s: got %x, want %x", v.Name, made, raw)
			}
			continue
		}
		updates, err := Decode(raw)
		if err != nil || len(updates) != 1 {
			t.Errorf("%s: got %v and %v, want one update", v.Name, updates, err)
			continue
		}
		status := Status(0)
		if strings.Contains(v.Name, "Started") {
			status = Started
		} else if strings.Contains(v.Name, "Accepted") {
			status = Accepted
		}
		if updates[0].Status != status || string(updates[0].Data) != v.Data {
			t.Errorf("%s: got %+v", v.Name, updates[0])
		}
	}
}

func TestDecodeTermination(t *testing.T) {
	// response{delta: [termination{reason: 80, message: "later", retry_delay_ms: 300}]}
	raw, err := hex.DecodeString("5c291c" + "5c" + "15a001" + "18056c61746572" + "16d804" + "00" + "00" + "00" + "00")
	if err != nil {
		t.Fatal(err)
	}
	updates, err := Decode(raw)
	if err != nil || len(updates) != 1 || !updates[0].Ended || updates[0].Reason != 80 || updates[0].RetryAfter != 300 {
		t.Errorf("got %+v and %v, want an end with reason 80 and 300 ms", updates, err)
	}
}

func TestDecodeHostile(t *testing.T) {
	for name, raw := range map[string]string{
		"nothing":               "",
		"does not end":          "5c",
		"deep":                  strings.Repeat("1c", 1000),
		"deep lists":            "19" + strings.Repeat("19", 1000),
		"long text":             "18ffffffff0f00",
		"long list":             "19fcffffffff0f00",
		"endless number":        "16ffffffffffffffffffffff0100",
		"type that there isn't": "1d00",
		"long map":              "1bffffffff0f8800",
	} {
		data, err := hex.DecodeString(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v and %v, want %v", name, got, err, ErrMalformed)
		}
	}
	for name, raw := range map[string]string{
		"empty": "00", "another member": "6c160200" + "00", "response of a number": "5602" + "00", "delta of a text": "5c18016100" + "00",
		"fields of every type": "11" + "12" + "1302" + "1402" + "170000000000000000" + "1b00" + "1b0188" + "0161" + "0162" + "1a15" + "02" + "00",
	} {
		data, err := hex.DecodeString(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(data); err != nil || len(got) != 0 {
			t.Errorf("%s: got %v and %v, want nothing", name, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range mustVectors(f) {
		raw, err := hex.DecodeString(v.Hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, err := Decode(payload); err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("got %v, want %v", err, ErrMalformed)
		}
	})
}
