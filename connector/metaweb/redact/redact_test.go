package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// payload is one in which everything is that a person could be known by. Each of secrets stands in it.
const payload = `{"payload":"{\"name\":\"x\",\"step\":[1,[5,\"insertMessage\",\"Hello Annabel ünser 語 🦄\",[19,\"100000000001001\"],[19,\"4\"],[19,\"1790000001000\"],[19,\"1790000002000\"],\"mid.$cAABa8xB6QAOm9ZW36GgxFBv6AAAq\",\"https://scontent-vie1-1.xx.fbcdn.net/v/t39/anna.jpg?oe=6F00AA11\",\"48.2108,16.3572\",\"0,12\"],[5,\"markThreadReadV2\",[19,\"100000000001001\"],[19,\"7507804164194304042\"]]]}","sp":["insertMessage","markThreadReadV2"],"request_id":7,"latitude":48.2108,"mail":"annabel@example.org","mime":"image/jpeg","require":[["ScheduledServerJS","handle",null,[{"NAME":"Annabel Bauer"}]]],"100000000001001":true}`

var secrets = []string{"Annabel", "Bauer", "100000000001001", "1790000001000", "cAABa8xB6QAOm9ZW36GgxFBv6AAAq", "vie1", "anna.jpg", "6F00AA11",
	"48.2108", "16.3572", "7507804164194304042", "example", "ünser"}

func mustRedact(t *testing.T, data string) string {
	t.Helper()
	out, err := withKey([]byte("a key for tests")).Payload([]byte(data))
	if err != nil {
		t.Fatalf("redact: %v", err)
	}
	return string(out)
}

func TestPayload(t *testing.T) {
	got := mustRedact(t, payload)
	for _, secret := range secrets {
		if !strings.Contains(payload, secret) {
			t.Fatalf("the payload has no %q", secret)
		}
		if strings.Contains(got, secret) {
			t.Errorf("%q is still in %s", secret, got)
		}
	}
	if len(got) != len(payload) {
		t.Errorf("it has %d bytes, want %d", len(got), len(payload))
	}
	for _, name := range []string{`[5,\"insertMessage\",`, `"sp":["insertMessage","markThreadReadV2"]`, `[19,\"4\"]`, `\"0,12\"`, "🦄",
		"mid.$", ".fbcdn.net/", "image/jpeg", `"request_id":7`, `["ScheduledServerJS","handle",null`} {
		if !strings.Contains(got, name) {
			t.Errorf("%q is not there any more: %s", name, got)
		}
	}
	var read struct {
		Payload string `json:"payload"`
	}
	if err := json.Unmarshal([]byte(got), &read); err != nil {
		t.Fatal(err)
	}
	var inner struct {
		Step []json.RawMessage `json:"step"`
	}
	if err := json.Unmarshal([]byte(read.Payload), &inner); err != nil {
		t.Fatal(err)
	}
	arguments := func(call json.RawMessage, at int) (value string) {
		var list, pair []json.RawMessage
		_ = json.Unmarshal(call, &list)
		_ = json.Unmarshal(list[at], &pair)
		_ = json.Unmarshal(pair[1], &value)
		return value
	}
	if a, b := arguments(inner.Step[1], 3), arguments(inner.Step[2], 2); a != b {
		t.Errorf("one person has become two: %q and %q", a, b)
	}
	if a, b := arguments(inner.Step[1], 5), arguments(inner.Step[1], 6); len(a) != 13 || b[:9] == a[:9] && b <= a {
		t.Errorf("two times, a second apart, have become %q and %q", a, b)
	}
}

func TestPage(t *testing.T) {
	got := mustRedact(t, `<html><head><title>Annabel</title></head><script id="__eqmc" type="application/json" nonce="secret">{"u":"/ajax/?__user=100000000001001","NAME":"</b>Annabel"}</script>`+
		`<script>var anna = "Annabel"</script><p>Annabel</p></html>`)
	if strings.Contains(got, "Annabel") || strings.Contains(got, "100000000001001") || strings.Contains(got, "secret") || strings.Contains(got, "</b>") {
		t.Errorf("the page is %s", got)
	}
	if !strings.Contains(got, `<script id="__eqmc" type="application/json">{"u":`) {
		t.Errorf("the script is gone: %s", got)
	}
}

func TestWhatIsNotKnown(t *testing.T) {
	for _, data := range []string{"", "Annabel", `{"a":`, "<p>Annabel</p>", "<script>x</script>", "<script>{}", strings.Repeat("[", 5000)} {
		if out, err := New().Payload([]byte(data)); !errors.Is(err, ErrNotKnown) || out != nil {
			t.Errorf("%.20q becomes %.50q (%v), want an error", data, out, err)
		}
	}
}

func FuzzPayload(f *testing.F) {
	f.Add(payload)
	f.Add(`{"a":[1,2.5,-0.0,1e9,null,true,"\ud800","12345678901234567890"]}`)
	f.Add(`for (;;);{"a":"[1,2"}`)
	f.Fuzz(func(t *testing.T, data string) {
		out, err := New().Payload([]byte(data))
		if err != nil || bytes.HasPrefix(bytes.TrimSpace([]byte(data)), []byte("<")) {
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(out, []byte(guard))))
		for decoder.More() {
			var value any
			if err := decoder.Decode(&value); err != nil && !strings.Contains(err.Error(), "cannot unmarshal number") {
				t.Fatalf("%q becomes %q, which is no JSON: %v", data, out, err)
			}
		}
	})
}
