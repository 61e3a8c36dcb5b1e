package lightspeed

import (
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"testing"
)

func TestIDs(t *testing.T) {
	data, err := os.ReadFile("testdata/ids-and-bitmaps.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		MessageIDs []struct {
			ID   string `json:"message_id"`
			OTID int64  `json:"otid,string"`
			Own  int64  `json:"own_id,string"`
			Peer int64  `json:"peer_id,string"`
			At   int64  `json:"timestamp_ms,string"`
		} `json:"message_ids"`
	}
	if err = json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	for _, m := range v.MessageIDs {
		if got := MessageID(m.Own, m.Peer, false, m.At, m.OTID); got != m.ID {
			t.Errorf("message id %q, want %q", got, m.ID)
		}
		if got := OTID(m.At, 0); got != m.OTID {
			t.Errorf("otid %d, want %d", got, m.OTID)
		}
	}
}

type taskVector struct {
	Name    string `json:"name"`
	Type    int    `json:"type"`
	Whole   string `json:"full_data_payload_of_one_batch"`
	Whole4  string `json:"full_data_payload"`
	Entries []struct {
		Label, Payload string
		Queue          string `json:"queue_name"`
	} `json:"tasks"`
}

func taskVectors(t testing.TB) []taskVector {
	t.Helper()
	data, err := os.ReadFile("testdata/tasks.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []taskVector
	if err = json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func TestParseVectorRequests(t *testing.T) {
	seen := 0
	for _, v := range taskVectors(t) {
		whole := v.Whole + v.Whole4
		if whole == "" {
			continue
		}
		seen++
		r, err := ParseRequest([]byte(whole))
		if err != nil || r.Type != v.Type {
			t.Fatalf("%s: type %d, error %v", v.Name, r.Type, err)
		}
		if r.Type == TypeStateless {
			s, err := ParseStateless(r.Payload)
			if err != nil || s.Label != "3" {
				t.Errorf("%s: got %+v, error %v", v.Name, s, err)
			}
			continue
		}
		b, err := ParseBatch(r.Payload)
		if err != nil || len(b.Tasks) != len(v.Entries) {
			t.Fatalf("%s: %d tasks, error %v", v.Name, len(b.Tasks), err)
		}
		for i, task := range b.Tasks {
			if want := v.Entries[i]; task.Label != want.Label || task.Payload != want.Payload || task.Queue != want.Queue {
				t.Errorf("%s: got %+v, want %+v", v.Name, task, want)
			}
		}
	}
	if seen != 2 {
		t.Errorf("%d whole requests, want 2", seen)
	}
}

func TestParseQuery(t *testing.T) {
	const good = `{"database":1,"last_applied_cursor":"sim1.2","sync_params":null,"epoch_id":5,"version":26160000000000123,"failure_count":null}`
	q, err := ParseQuery(good, false)
	if err != nil || q.Database != 1 || *q.Cursor != "sim1.2" || q.Version != "26160000000000123" || q.SyncParams != nil {
		t.Errorf("got %+v, error %v", q, err)
	}
	for name, bad := range map[string]string{
		"version as text":  `{"database":1,"last_applied_cursor":null,"sync_params":null,"epoch_id":5,"version":"261","failure_count":null}`,
		"version as float": `{"database":1,"last_applied_cursor":null,"sync_params":null,"epoch_id":5,"version":2.5,"failure_count":null}`,
		"no version":       `{"database":1,"last_applied_cursor":null,"sync_params":null,"epoch_id":5,"failure_count":null}`,
		"no sync params":   `{"database":1,"last_applied_cursor":null,"epoch_id":5,"version":1,"failure_count":null}`,
		"unknown field":    `{"database":1,"last_applied_cursor":null,"sync_params":null,"epoch_id":5,"version":1,"failure_count":null,"x":1}`,
		"database null":    `{"database":null,"last_applied_cursor":null,"sync_params":null,"epoch_id":5,"version":1,"failure_count":null}`,
		"no object":        `[]`,
		"two objects":      good + good,
	} {
		if _, err := ParseQuery(bad, false); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestBadRequests(t *testing.T) {
	for _, bad := range []string{
		``, `{`, `null`, `{"app_id":"1","payload":"{}","request_id":0,"type":1}`, `{"app_id":"1","payload":{},"request_id":1,"type":1}`,
		`{"app_id":1,"payload":"{}","request_id":1,"type":1}`, `{"app_id":"1","payload":"{}","request_id":1,"type":5}`,
		`{"app_id":"1","payload":"{}","request_id":65536,"type":1}`, `{"app_id":"1","payload":"{}","request_id":99999999999999999999,"type":1}`,
	} {
		if r, err := ParseRequest([]byte(bad)); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: got %+v, error %v", bad, r, err)
		}
	}
	for _, bad := range []string{
		`{"epoch_id":1,"tasks":[],"version_id":"1"}`, `{"epoch_id":1,"tasks":[{"label":"46","payload":"{}","queue_name":"1","task_id":0}],"version_id":1}`,
		`{"epoch_id":1,"tasks":[{"label":46,"payload":"{}","queue_name":"1","task_id":0}],"version_id":"1"}`,
		`{"epoch_id":1,"tasks":[{"label":"x","payload":"{}","queue_name":"1","task_id":0}],"version_id":"1"}`,
	} {
		if b, err := ParseBatch(bad); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: got %+v, error %v", bad, b, err)
		}
	}
}

func FuzzRequests(f *testing.F) {
	for _, v := range taskVectors(f) {
		f.Add([]byte(v.Whole + v.Whole4))
	}
	f.Add([]byte(`{"app_id":"1","payload":"{\"database\":` + strconv.Itoa(1<<62) + `}","request_id":1,"type":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRequest(data)
		if err != nil {
			if !errors.Is(err, ErrBadRequest) {
				t.Errorf("error %v is no bad request", err)
			}
			return
		}
		ParseQuery(r.Payload, false) //nolint:errcheck // only must not panic
		ParseBatch(r.Payload)        //nolint:errcheck // only must not panic
		ParseStateless(r.Payload)    //nolint:errcheck // only must not panic
	})
}
