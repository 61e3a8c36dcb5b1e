package stanza

import (
	"bytes"
	"compress/zlib"
	"errors"
	"reflect"
	"testing"

	"go.mau.fi/whatsmeow/types"
)

func deflate(t *testing.T, data []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := zlib.NewWriter(&buffer)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append([]byte{flagCompressed}, buffer.Bytes()...)
}

func mustEncode(t testing.TB, n Node) []byte {
	t.Helper()
	data, err := Encode(n)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDecode(t *testing.T) {
	device := types.JID{User: "15550000001", Server: types.DefaultUserServer, Device: 3}
	n := New("message", Attrs{"id": "A1", "to": device, "t": "5", "empty": ""}, New("enc", Attrs{"v": "2"}, []byte{1, 2}))
	plain := mustEncode(t, n)
	for name, data := range map[string][]byte{"plain": plain, "compressed": deflate(t, plain[1:])} {
		got, err := Decode(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, n) {
			t.Errorf("%s: got %s, want %s", name, Render(got), Render(n))
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := mustEncode(t, New("iq", Attrs{"id": "1"}))
	for name, data := range map[string][]byte{
		"nothing":            nil,
		"flag only":          {0},
		"cut off":            good[:len(good)-1],
		"left over":          append(bytes.Clone(good), 1),
		"unknown token":      {0, 248, 1, 244},
		"no tag":             {0, 248, 1, 0},
		"list instead of it": {0, 0},
		"jid without user":   {0, 248, 3, 19, 8, 247, 0, 0, 0},
		"junk as zlib":       {flagCompressed, 1, 2, 3},
		"bomb":               deflate(t, make([]byte, maxPlain+1)),
		"too long":           make([]byte, maxPlain+1),
	} {
		if n, err := Decode(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %s, %v; want %v", name, Render(n), err, ErrMalformed)
		}
	}
}

func TestDecodeSurvivesNesting(t *testing.T) {
	for _, levels := range []int{1000, maxLists / 2, maxPlain / 5} {
		data := []byte{0}
		for range levels {
			data = append(data, 248, 2, 19, 248, 1)
		}
		if _, err := Decode(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d levels: error %v, want %v", levels, err, ErrMalformed)
		}
		if n, err := Decode(append(data, 248, 1, 19)); err == nil {
			Render(n)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, n := range map[string]Node{
		"content":   {Tag: "a", Content: 1.5},
		"attribute": {Tag: "a", Attrs: Attrs{"b": []string{"c"}}},
	} {
		if _, err := Encode(n); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want %v", name, err, ErrMalformed)
		}
	}
}

func TestReading(t *testing.T) {
	lid := types.NewJID("200000000001", types.HiddenUserServer)
	n := New("a", Attrs{"lid": lid, "text": lid.String(), "number": 7, "word": "x"}, New("b", nil, New("c", nil, "deep")))
	for _, key := range []string{"lid", "text"} {
		if got, ok := JID(n, key); !ok || got != lid {
			t.Errorf("JID(%q) is %v, %t; want %v", key, got, ok, lid)
		}
	}
	for _, key := range []string{"number", "word", "missing"} {
		if got, ok := JID(n, key); ok {
			t.Errorf("JID(%q) is %v, want none", key, got)
		}
	}
	if got, ok := Int(n, "number"); !ok || got != 7 {
		t.Errorf("Int is %d, %t; want 7", got, ok)
	}
	if _, ok := Int(n, "word"); ok {
		t.Error("a word was read as a number")
	}
	if got := string(ChildBytes(n, "b", "c")); got != "deep" {
		t.Errorf("child is %q, want %q", got, "deep")
	}
	if got := ChildBytes(n, "b", "d"); got != nil {
		t.Errorf("missing child is %q, want nil", got)
	}
	if got := Text(Node{Content: "from a dictionary"}); got != "from a dictionary" {
		t.Errorf("text is %q", got)
	}
}

func TestWithLeavesTheOriginal(t *testing.T) {
	n := New("a", Attrs{"b": "1"})
	changed := With(n, "b", "2", "c", nil)
	if Str(n, "b") != "1" || Str(changed, "b") != "2" || len(changed.Attrs) != 1 {
		t.Errorf("got %s from %s", Render(changed), Render(n))
	}
}

func TestCorruptEnc(t *testing.T) {
	data := bytes.Repeat([]byte{1}, 20)
	message := New("message", nil, New("enc", Attrs{"v": "2"}, data), New("other", nil, data))
	got := ReplaceEncs(message, CorruptEnc)
	if damaged := ChildBytes(got, "enc"); len(damaged) != len(data) || bytes.Equal(damaged, data) {
		t.Errorf("the enc became %x, want another of %d bytes", damaged, len(data))
	}
	if !bytes.Equal(ChildBytes(got, "other"), data) || !bytes.Equal(ChildBytes(message, "enc"), data) {
		t.Error("another node, or the original, has changed")
	}
}

func TestClass(t *testing.T) {
	for _, test := range []struct {
		n    Node
		want string
	}{
		{New("iq", Attrs{"xmlns": "w:p", "type": "get"}), "w:p"},
		{New("ack", Attrs{"class": "message", "type": "x"}), "message"},
		{New("receipt", Attrs{"type": "read"}), "read"},
		{New("message", nil), ""},
	} {
		if got := Class(test.n); got != test.want {
			t.Errorf("class of %s is %q, want %q", Render(test.n), got, test.want)
		}
	}
}

func TestDeviceHashKnowsNoOrder(t *testing.T) {
	a := types.JID{User: "1", Server: types.HiddenUserServer}
	b := types.JID{User: "1", Server: types.HiddenUserServer, Device: 2}
	if DeviceHash([]types.JID{a, b}) != DeviceHash([]types.JID{b, a}) {
		t.Error("order changes the hash")
	}
	// SHA-256 of "1.0:0@lid1.0:2@lid", first six bytes.
	if got, want := DeviceHash([]types.JID{b, a}), "2:SzEJhvsC"; got != want {
		t.Errorf("hash is %q, want %q", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(mustEncode(f, New("iq", Attrs{"id": "1", "to": types.ServerJID}, New("ping", nil))))
	f.Add([]byte{0, 248, 3, 19, 8, 247, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := Decode(data)
		if err != nil {
			return
		}
		Render(n)
		Class(n)
		JID(n, "to")
		// What was read may not be writable (a tag of "0" ends a stream), but it must not panic.
		if again, err := Encode(n); err == nil {
			Decode(again) //nolint:errcheck // see above
		}
	})
}
