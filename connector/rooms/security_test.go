package rooms

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
)

func TestMakeLabel(t *testing.T) {
	for _, test := range []struct {
		protocol  string
		encrypted bool
		contact   Leg
		user      Leg
		says      []string
		never     string
	}{
		{"signal", true,
			Leg{true, "signal", []string{"contact", "account", "bridge"}}, Leg{true, "m.megolm.v1.aes-sha2", []string{"bridge", "room members"}},
			[]string{"end-to-end encrypted (Signal): ONE can't read them", "(Megolm): your homeserver can't read them"}, "can read them"},
		{"signal", false,
			Leg{true, "signal", []string{"contact", "account", "bridge"}}, Leg{false, "", []string{"bridge", "room members", "homeserver"}},
			[]string{"ONE can't read them", "whoever runs your homeserver can read them"}, "Megolm"},
		{"", true,
			Leg{false, "", []string{"contact", "account", "bridge", "network"}}, Leg{true, "m.megolm.v1.aes-sha2", []string{"bridge", "room members"}},
			[]string{"not end-to-end encrypted: ONE can read them", "Megolm"}, "Signal"},
		{"", false,
			Leg{false, "", []string{"contact", "account", "bridge", "network"}}, Leg{false, "", []string{"bridge", "room members", "homeserver"}},
			[]string{"ONE can read them", "whoever runs your homeserver can read them"}, "can't"},
		{"new", true,
			Leg{true, "new", []string{"contact", "account", "bridge"}}, Leg{true, "m.megolm.v1.aes-sha2", []string{"bridge", "room members"}},
			[]string{"(new)"}, "Signal"},
	} {
		label := makeLabel("ONE", test.protocol, test.encrypted)
		for _, leg := range []struct{ got, want Leg }{{label.ContactToBridge, test.contact}, {label.BridgeToUser, test.user}} {
			if leg.got.EndToEnd != leg.want.EndToEnd || leg.got.Protocol != leg.want.Protocol || !slices.Equal(leg.got.KeyHolders, leg.want.KeyHolders) {
				t.Errorf("%q, encrypted %t: a leg is %+v, want %+v", test.protocol, test.encrypted, leg.got, leg.want)
			}
		}
		for _, part := range append(test.says, "The bridge itself sees all messages in plain text") {
			if !strings.Contains(label.Text, part) {
				t.Errorf("%q, encrypted %t: the text is %q, want %q in it", test.protocol, test.encrypted, label.Text, part)
			}
		}
		if strings.Contains(label.Text, test.never) {
			t.Errorf("%q, encrypted %t: the text is %q, which has %q", test.protocol, test.encrypted, label.Text, test.never)
		}
		var back Label
		if err := json.Unmarshal([]byte(label.String()), &back); err != nil || !label.BridgeSeesPlainText || back.String() != label.String() {
			t.Errorf("as JSON the label is %s, read back %s, %v", label, &back, err)
		}
	}
}

// labelsSent are the labels that were sent to a room, by their protocol between contact and bridge.
func (h *house) labelsSent(room id.RoomID) []string {
	var sent []string
	for _, call := range h.matrix.Calls("SendState") {
		if label, ok := call.Content.(*Label); ok && call.Room == room {
			sent = append(sent, label.ContactToBridge.Protocol)
		}
	}
	return sent
}

// A room gets its label once, again when it changes, and not again because of a restart. What failed is done after one.
func TestLabelFollows(t *testing.T) {
	dir, signal, away := t.TempDir(), "signal", "SendState"
	h := newHouse(t, dir)
	login := h.logIn("one-1")
	portal := h.portal(login, "one-anna", false)
	h.must(h.Start(t.Context()))
	h.await("the first label", func() bool { return slices.Equal(h.labelsSent(portal.MXID), []string{""}) })
	login.Client.(*client).protocol.Store(&signal)
	h.Review(portal)
	h.await("the new label", func() bool { return slices.Equal(h.labelsSent(portal.MXID), []string{"", "signal"}) })
	h.Review(portal)
	second := h.portal(login, "one-ben", false)
	h.Review(second) // done after the first portal's, or before: either way nothing more is sent there
	h.await("the other room's label", func() bool { return slices.Equal(h.labelsSent(second.MXID), []string{"signal"}) })
	h.away.Store(&away)
	third := h.portal(login, "one-cleo", false)
	h.Review(third)
	h.Stop()
	h.bridge.Stop()
	if got := h.labelsSent(portal.MXID); len(got) != 2 {
		t.Errorf("the room was sent the labels %q, want two", got)
	}

	h = newHouse(t, dir)
	login = h.bridge.GetCachedUserLoginByID("one-1")
	login.Client.(*client).protocol.Store(&signal)
	h.must(h.Start(t.Context()))
	h.await("what was left undone", func() bool { return slices.Equal(h.labelsSent(third.MXID), []string{"signal"}) })
	h.forgetLabel(t.Context(), portal.MXID)
	h.Review(portal)
	h.await("the label of a room that was made anew", func() bool { return slices.Equal(h.labelsSent(portal.MXID), []string{"signal"}) })
	if got := h.labelsSent(second.MXID); len(got) != 0 {
		t.Errorf("because of the restart a room was sent the labels %q again", got)
	}
}

// A room is made with its label; bridgev2's other rooms have none.
func TestNewRoomHasLabel(t *testing.T) {
	h := newHouse(t, t.TempDir())
	login := h.logIn("one-1")
	portal := h.portal(login, "one-anna", false)
	request := func(channel, receiver string) *mautrix.ReqCreateRoom {
		info := &event.BridgeEventContent{Channel: event.BridgeInfoSection{ID: channel, Receiver: receiver}}
		return &mautrix.ReqCreateRoom{InitialState: []*event.Event{{Type: event.StateBridge, Content: event.Content{Parsed: info}}}}
	}
	for _, test := range []struct {
		name string
		req  *mautrix.ReqCreateRoom
		want bool
	}{
		{"a portal", request(string(portal.ID), string(portal.Receiver)), true},
		{"a portal that nobody knows", request("one-unknown", "one-1"), false},
		{"a portal whose login has ended", request("one-anna", "one-9"), false},
		{"no portal", &mautrix.ReqCreateRoom{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			room, err := h.bridge.Bot.CreateRoom(t.Context(), test.req)
			h.must(err)
			var label *Label
			for _, evt := range test.req.InitialState {
				if evt.Type == StateSecurity {
					label = evt.Content.Parsed.(*Label)
				}
			}
			h.lock.Lock()
			noted := h.labels[room]
			h.lock.Unlock()
			if (label != nil) != test.want || (noted != "") != test.want {
				t.Errorf("the room is made with %v, noted is %q; want a label: %t", label, noted, test.want)
			}
		})
	}
}

// The bot of bridgev2 stays what it was for all else.
func TestBotPassesOn(t *testing.T) {
	h := newHouse(t, t.TempDir())
	content := &event.Content{Parsed: &event.RoomNameEventContent{Name: "Anna"}}
	_, err := h.bridge.Bot.SendState(t.Context(), "!a:hs.test", event.StateRoomName, "", content, time.Time{})
	h.must(err)
	if got := h.matrix.Calls("SendState"); len(got) != 1 || got[0].Room != "!a:hs.test" || got[0].Type != "m.room.name" {
		t.Errorf("sent was %+v", got)
	}
	if _, err = h.networkSpace(t.Context(), "one-9"); err == nil {
		t.Error("an unknown login has a space")
	}
	if got := h.bridge.Bot.GetMXID(); got != id.NewUserID("crosschat", fakematrix.Server) {
		t.Errorf("the bot is %s", got)
	}
}
