package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/lightspeed"
)

// fuzzed is a server with a session that has a chat, and nothing that listens to it.
func fuzzed(f testing.TB) (*Server, *gateway) {
	f.Helper()
	s, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	own, _ := s.world.AddPerson(100000000001001, "Own")
	peer, _ := s.world.AddPerson(1002, "Peer")
	a := s.addAccount(own)
	s.addAccount(peer)
	ses := s.addSession(a)
	if _, err = s.Send(f.Context(), "1002", control.SendRequest{To: "100000000001001", Text: "hello"}); err != nil {
		f.Fatal(err)
	}
	return s, &gateway{server: s, session: ses, databases: map[int64]*syncStream{}, byStream: map[uint16]int64{}}
}

// FuzzTasks runs any payload under any label. Whatever it is, the server must answer, and must not break.
func FuzzTasks(f *testing.F) {
	s, g := fuzzed(f)
	data, err := os.ReadFile("../lightspeed/testdata/tasks.json")
	if err != nil {
		f.Fatal(err)
	}
	var vectors []struct {
		Tasks []struct {
			Label   string `json:"label"`
			Payload string `json:"payload"`
			Queue   string `json:"queue_name"`
		} `json:"tasks"`
	}
	if err = json.Unmarshal(data, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		for _, t := range v.Tasks {
			f.Add(t.Label, t.Queue, t.Payload)
		}
	}
	f.Fuzz(func(t *testing.T, label, queue, payload string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		lightspeed.Payload(g.runTask(lightspeed.Task{Label: label, Queue: queue, Payload: payload}))
	})
}

// FuzzHTTP sends any body and query to every path.
func FuzzHTTP(f *testing.F) {
	s, g := fuzzed(f)
	handler := s.handler()
	f.Add("/api/graphql/", "", "application/x-www-form-urlencoded", "doc_id=1&variables={}")
	f.Add("/ajax/mercury/upload.php", "fb_dtsg=x", "multipart/form-data; boundary=x", "--x\r\n\r\n")
	f.Add("/v2/fb_register_v2", "", "application/x-www-form-urlencoded", "fbid=1&icdc_list=AAAA")
	f.Add("/v/t1.15752-9/900000000000001_n.jpg", "oe=1&oh=2&g=0", "", "")
	f.Fuzz(func(t *testing.T, path, query, kind, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.URL.Path, r.URL.RawQuery = path, query
		for name, value := range g.session.cookies() {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		if path == "/ws/lightspeed" {
			return // needs a connection that can be taken over
		}
		handler.ServeHTTP(httptest.NewRecorder(), r)
	})
}
