package wire

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
	"crosschat/connector/metaweb/dgw"
)

// recorded is a whole session of another client, cut into its requests with their answers, and the pushes.
type recorded struct {
	answers map[string]string // by request, without what differs from run to run
	pushes  []string
}

// canonical is a request without numbers and times.
func canonical(t *testing.T, r gatewayRequest) string {
	t.Helper()
	var payload map[string]any
	decoder := json.NewDecoder(strings.NewReader(r.Payload))
	decoder.UseNumber()
	if err := decoder.Decode(&payload); err != nil {
		t.Fatal(err)
	}
	delete(payload, "epoch_id")
	if tasks, ok := payload["tasks"].([]any); ok {
		for _, entry := range tasks {
			fields := entry.(map[string]any)
			text := fields["payload"].(string)
			if at := strings.Index(text, `"last_read_watermark_ts":`); at >= 0 {
				fields["payload"] = text[:at]
			}
		}
	}
	return fmt.Sprintf("%s %d %s", r.AppID, r.Type, quote(payload))
}

func mustSession(t *testing.T) recorded {
	t.Helper()
	file, err := os.Open("testdata/dgw-session.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	session := recorded{answers: map[string]string{}}
	asked := map[int]string{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ From, Hex string }
		if err = json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		raw, err := hex.DecodeString(line.Hex)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := dgw.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			session.add(t, line.From, f, asked)
		}
	}
	return session
}

func (s *recorded) add(t *testing.T, from string, f dgw.Frame, asked map[int]string) {
	t.Helper()
	switch {
	case f.Type != dgw.TypeData:
	case from == "client":
		var r gatewayRequest
		if err := json.Unmarshal(f.Payload, &r); err != nil {
			t.Fatal(err)
		}
		key := canonical(t, r)
		asked[int(r.RequestID)] = key
		s.answers[key] = ""
	default:
		var response struct {
			RequestID int `json:"request_id"`
			Payload   string
		}
		if err := json.Unmarshal(f.Payload, &response); err != nil {
			t.Fatal(err)
		}
		if key, ok := asked[response.RequestID]; ok {
			s.answers[key] = response.Payload
		} else {
			s.pushes = append(s.pushes, response.Payload)
		}
	}
}

// TestRecordedSession plays the server of a session that another client had, and checks that this client asks the same.
func TestRecordedSession(t *testing.T) {
	session := mustSession(t)
	n, r := newNetwork(t), newRecorder()
	n.payload = program(block(1, "", "sim1.2"), row("upsertSyncGroupThreadsRange", 1, -1, 1600000000000, true, false, 424242),
		row("threadsRangesQuery", -1, false, false, 0, nil, nil, 9999999999999, 0, false), finally(1))
	var requests []string
	n.exchange = func(request gatewayRequest) string {
		key := canonical(t, request)
		requests = append(requests, key)
		answer, ok := session.answers[key]
		if !ok {
			t.Errorf("asked what the other client did not:\n%s\nwant one of\n%s", key, strings.Join(sortedKeys(session.answers), "\n"))
		}
		return answer
	}
	c := n.client(r, State{}, nil)
	mustConnect(t, c, r)
	g := n.mustGateway()
	id, err := c.Send(t.Context(), task.Message{ThreadID: 1002, OTID: 7507916800000000042, Text: "hello"})
	if err != nil || id != "mid.$cAABa8xB6QAOoMwGaqmgxeo0LMAAq" {
		t.Errorf("sent as %q and %v", id, err)
	}
	if err = c.Typing(t.Context(), 1002, lightspeed.ThreadOneToOne, true); err != nil {
		t.Error(err)
	}
	for _, push := range session.pushes {
		g.mustAck(g.push(DatabaseMailbox, push))
	}
	echo := r.waitFor(t, "the echo", hasMessage(id))
	if m := echo.Table.Messages[0]; m.OTID != "7507916800000000042" || m.Sender != ownID || m.Text != "hello" {
		t.Errorf("echo is %+v", m)
	}
	r.waitFor(t, "the mark", func(d Delivery) bool { return len(d.Table.OwnReads) == 1 })
	r.waitFor(t, "the incoming text", func(d Delivery) bool {
		return len(d.Table.Messages) == 1 && d.Table.Messages[0].Text == "live text"
	})
	waitUntil(t, "cursors are stored", func() bool { return r.cursor(1) == "sim1.5" && r.cursor(2) == "sim2.2" })
	n.mu.Lock()
	defer n.mu.Unlock()
	slices.Sort(requests)
	if want := sortedKeys(session.answers); !slices.Equal(slices.Compact(requests), want) {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(requests, "\n"), strings.Join(want, "\n"))
	}
}

func sortedKeys(m map[string]string) []string {
	var all []string
	for key := range m {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}
