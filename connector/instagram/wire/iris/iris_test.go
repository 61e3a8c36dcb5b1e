package iris

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

type vector struct {
	Name       string
	Base64     string
	Operations struct {
		Subscribe  *struct{ Group, Latest, Subscribed int64 }
		Resnapshot *struct {
			Message string
			Type    int32
		}
		Delta   *struct{ JSON string }
		Noop    *struct{}
		Failure *struct{ Message string }
	}
}

func mustVectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/dgw/operations.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err = json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func frame(payload string) []byte { return []byte(`{"request_id":null,"payload":"` + payload + `"}`) }

func TestDecodeVectors(t *testing.T) {
	for _, v := range mustVectors(t) {
		var want []Operation
		if o := v.Operations.Subscribe; o != nil {
			want = append(want, Subscribed{o.Subscribed, o.Latest})
		}
		if o := v.Operations.Resnapshot; o != nil {
			want = append(want, Resnapshot{o.Message, o.Type})
		}
		if o := v.Operations.Delta; o != nil {
			want = append(want, Delta{[]byte(o.JSON)})
		}
		if v.Operations.Noop != nil {
			want = append(want, Noop{})
		}
		if o := v.Operations.Failure; o != nil {
			want = append(want, Failure{o.Message})
		}
		got, err := Decode(frame(v.Base64))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v and %v, want %v", v.Name, got, err, want)
		}
	}
}

func TestDecodeHostile(t *testing.T) {
	for name, data := range map[string]string{
		"page": "<html>", "list": "[]", "no payload": "{}", "payload of a number": `{"payload":7}`,
		"not base64": `{"payload":"%%"}`, "cut off": `{"payload":"CgIGABINCgsI3wE="}`, "group that does not end": `{"payload":"Ew=="}`,
	} {
		if got, err := Decode([]byte(data)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v and %v, want %v", name, got, err, ErrMalformed)
		}
	}
	// Unknown members, and one of another type than it should have.
	for name, raw := range map[string]string{"field 9": "\x12\x02\x4a\x00", "number": "\x12\x02\x08\x01", "nothing": "\x12\x00"} {
		got, err := Decode(frame(base64.StdEncoding.EncodeToString([]byte(raw))))
		if err != nil || len(got) != 1 || !strings.Contains(reflect.TypeOf(got[0]).Name(), "Unknown") {
			t.Errorf("%s: got %v and %v, want something unknown", name, got, err)
		}
	}
}

func TestSubscription(t *testing.T) {
	got, err := Subscription{
		AppID: "936619743392459", DeviceID: "d", DocumentID: "28239922265610241", Seq: 18134, SnapshotAt: 1785585600000,
		Database: 223, Version: -3, RequestID: 4,
	}.Encode()
	want := `{"app_id":"936619743392459","device_id":"d","payload":"{\"database\":223,\"last_applied_cursor\":` +
		`\"{\\\"seq_id\\\":18134}\",\"sync_params\":\"{\\\"user_agent\\\":\\\"WMI Web\\\",\\\"snapshot_at_ms\\\":1785585600000,` +
		`\\\"prevalidated_graphql_doc_id\\\":\\\"28239922265610241\\\"}\",\"epoch_id\":0,\"version\":-3,\"failure_count\":0}",` +
		`"request_id":4,"type":2}`
	if err != nil || string(got) != want {
		t.Errorf("got %s and %v, want %s", got, err, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range mustVectors(f) {
		f.Add(frame(v.Base64))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Decode(data); err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("got %v, want %v", err, ErrMalformed)
		}
	})
}
