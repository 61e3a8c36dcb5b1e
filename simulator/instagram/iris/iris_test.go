package iris

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

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

// TestVectors writes every operation of the vectors again and wants the same bytes.
func TestVectors(t *testing.T) {
	var vectors []struct {
		Name       string `json:"name"`
		Base64     string `json:"base64"`
		Operations struct {
			Subscribe  *struct{ Subscribed, Latest int64 }
			Resnapshot *struct {
				Message string
				Type    int32
			}
			Delta   *struct{ JSON string }
			Noop    *struct{}
			Failure *struct{ Message string }
		} `json:"operations"`
	}
	mustReadJSON(t, "testdata/operations.json", &vectors)
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			var ops []Operation
			if s := v.Operations.Subscribe; s != nil {
				ops = append(ops, Subscribed(s.Subscribed, s.Latest))
			}
			if r := v.Operations.Resnapshot; r != nil {
				ops = append(ops, Resnapshot(r.Message, r.Type))
			}
			if d := v.Operations.Delta; d != nil {
				ops = append(ops, RawDelta(d.JSON, strings.Contains(v.Name, "extra fields")))
			}
			if v.Operations.Noop != nil {
				ops = append(ops, Noop())
			}
			if f := v.Operations.Failure; f != nil {
				ops = append(ops, Failure(f.Message))
			}
			want := `{"payload":"` + v.Base64 + `","request_id":4}`
			if got := string(Response(4, ops...)); got != want {
				t.Errorf("written as %s, want %s", got, want)
			}
		})
	}
}

func TestDeltaJSON(t *testing.T) {
	entries := []json.RawMessage{json.RawMessage(`{"a":1}`), json.RawMessage(`{"b":2}`)}
	got, err := Delta(entries, false)
	want := RawDelta(`[{"data":{"slide_delta_processor":[{"a":1},{"b":2}]}}]`, false)
	if err != nil || string(got) != string(want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if _, err := Delta([]json.RawMessage{json.RawMessage("{")}, false); err == nil {
		t.Error("broken JSON was accepted")
	}
}

// subscription cuts the first data of a recorded connection out of its websocket message.
func subscription(t testing.TB, connection string) []byte {
	t.Helper()
	var log map[string][]struct{ From, Hex string }
	mustReadJSON(t, "testdata/wire-log.json", &log)
	b, err := hex.DecodeString(log[connection][0].Hex)
	if err != nil {
		t.Fatal(err)
	}
	const headers = 6 + 8 // EstabStream without parameters, then Data's own
	return b[headers:]
}

func TestSubscription(t *testing.T) {
	got, err := ParseSubscription(subscription(t, "lightspeed first connection"))
	want := Subscription{
		AppID: "936619743392459", DeviceID: "11111111-2222-3333-4444-555555555555", RequestID: 4, Cursor: 18134,
		SnapshotAt: 1795325989629, DocID: "28239922265610241", UserAgent: "WMI Web",
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	again, err := ParseSubscription(subscription(t, "lightspeed reconnection"))
	if err != nil || again.RequestID != 5 || again.FailureCount != 1 || again.Cursor != 18205 {
		t.Errorf("reconnection: %+v, %v", again, err)
	}
}

func TestMalformedSubscription(t *testing.T) {
	good := string(subscription(t, "lightspeed first connection"))
	for name, change := range map[string][2]string{
		"not JSON":          {`{`, `[`},
		"no device":         {`"device_id"`, `"device"`},
		"another type":      {`"type":2`, `"type":1`},
		"request as text":   {`"request_id":4`, `"request_id":"4"`},
		"payload no JSON":   {`"payload":"{`, `"payload":"`},
		"database as text":  {`\"database\":223`, `\"database\":\"223\"`},
		"another version":   {`\"version\":-3`, `\"version\":3`},
		"no cursor":         {`last_applied_cursor`, `cursor`},
		"cursor no JSON":    {`\"{\\\"seq_id\\\":18134}\"`, `\"x\"`},
		"seq id as text":    {`:18134`, `:\\\"18134\\\"`},
		"no document":       {`prevalidated_graphql_doc_id`, `doc_id`},
		"no snapshot time":  {`snapshot_at_ms`, `snapshot`},
		"sync_params empty": {`\\\"user_agent\\\":\\\"WMI Web\\\",`, ``},
	} {
		if !strings.Contains(good, change[0]) {
			t.Fatalf("%s: %s is not in %s", name, change[0], good)
		}
		if got, err := ParseSubscription([]byte(strings.Replace(good, change[0], change[1], 1))); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// FuzzParseSubscription checks that nothing a client sends panics.
func FuzzParseSubscription(f *testing.F) {
	f.Add(subscription(f, "lightspeed first connection"))
	f.Add([]byte(`{"payload":"{}","type":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSubscription(data)
		if err == nil && (s.DocID == "" || s.UserAgent == "") {
			t.Errorf("accepted %q as %+v", data, s)
		}
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("unexpected error %v", err)
		}
	})
}
