package wire

import (
	"bytes"
	"encoding/hex"
	"net/url"
	"slices"
	"testing"

	"crosschat/connector/instagram/wire/iris"
	"crosschat/connector/metaweb/dgw"
)

func TestConnectVectors(t *testing.T) {
	c := scripted(t, nil)
	s, err := c.ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for socket, extra := range map[string]url.Values{
		"lightspeed": nil, "streamcontroller": {"x-dgw-app-stream-group": {"group1"}}, "mqttbypass": {"x-dgw-loggingid": {"x"}},
	} {
		var want struct{ Query, Headers map[string]string }
		mustVector(t, "dgw/connect-"+socket+".json", &want)
		got := c.gatewayOptions(s, socket, s.DeviceID, extra)
		u, err := url.Parse(got.URL)
		if err != nil || u.Host != "gateway.instagram.com" || u.Path != "/ws/"+socket {
			t.Errorf("address is %q (%v)", got.URL, err)
		}
		query := map[string]string{}
		for key := range u.Query() {
			query[key] = u.Query().Get(key)
		}
		for _, m := range []map[string]string{query, want.Query} {
			for _, key := range []string{"x-dgw-loggingid", "x-dgw-deviceid"} {
				if m[key] != "" {
					m[key] = "any"
				}
			}
		}
		assertSame(t, socket+" query", query, want.Query)
		for key, value := range want.Headers {
			if slices.Contains([]string{"accept-encoding", "connection", "cookie", "sec-websocket-version", "upgrade"}, key) {
				continue
			}
			if got.Header.Get(key) != value {
				t.Errorf("%s: header %s is %q, want %q", socket, key, got.Header.Get(key), value)
			}
		}
	}
}

func TestFrameVectors(t *testing.T) {
	var vectors []struct {
		Name, Hex string
		Type      byte
		Stream    uint16
		AckID     uint16  `json:"ack_id"`
		AckWanted bool    `json:"ack_wanted"`
		Payload   *string `json:"payload_text"`
	}
	mustVector(t, "dgw/frames.json", &vectors)
	for _, v := range vectors {
		raw, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := dgw.Parse(raw)
		if err != nil || len(frames) != 1 {
			t.Errorf("%s: got %+v and %v, want one frame", v.Name, frames, err)
			continue
		}
		f := frames[0]
		if byte(f.Type) != v.Type || f.Stream != v.Stream || f.AckID != v.AckID || f.WantAck != v.AckWanted ||
			v.Payload != nil && string(f.Payload) != *v.Payload {
			t.Errorf("%s: got %+v", v.Name, f)
		}
		if back, err := dgw.Append(nil, f); err != nil || !bytes.Equal(back, raw) {
			t.Errorf("%s: written as %x (%v), want %x", v.Name, back, err, raw)
		}
	}
}

// TestWireLogVector reads what the server of the log says, and compares the first thing that the client does.
func TestWireLogVector(t *testing.T) {
	var log map[string][]struct{ From, Hex string }
	mustVector(t, "dgw/wire-log.json", &log)
	first := log["lightspeed first connection"]
	sent, err := hex.DecodeString(first[0].Hex)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := dgw.Parse(sent)
	if err != nil || len(frames) != 2 {
		t.Fatalf("got %+v and %v, want two frames", frames, err)
	}
	want, err := iris.Subscription{AppID: "936619743392459", DeviceID: "11111111-2222-3333-4444-555555555555",
		DocumentID: opDelta.id, Seq: 18134, SnapshotAt: 1795325989629, Database: 223, Version: -3, RequestID: 4}.Encode()
	if err != nil || !bytes.Equal(frames[1].Payload, want) {
		t.Errorf("subscription is %s (%v), want %s", want, err, frames[1].Payload)
	}
	deltas := 0
	for _, message := range first {
		raw, err := hex.DecodeString(message.Hex)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := dgw.Parse(raw)
		if err != nil {
			t.Errorf("frame: %v", err)
		}
		for _, f := range frames {
			if message.From != "server" || f.Type != dgw.TypeData {
				continue
			}
			operations, err := iris.Decode(f.Payload)
			if err != nil {
				t.Errorf("data %s: %v", f.Payload, err)
			}
			for _, o := range operations {
				if d, ok := o.(iris.Delta); ok {
					entries, err := readDelta(d.JSON)
					if err != nil || len(entries) == 0 || entries[0].err != nil {
						t.Errorf("delta %s: %v", d.JSON, err)
					}
					deltas++
				}
			}
		}
	}
	if deltas == 0 {
		t.Error("no delta in the log")
	}
}
