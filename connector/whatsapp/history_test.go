package whatsapp

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
)

// pastText is a message of history that Anna sent so many seconds after a moment.
func pastText(waID, text string, second int64) *waHistorySync.HistorySyncMsg {
	return &waHistorySync.HistorySyncMsg{Message: &waWeb.WebMessageInfo{
		Key: &waCommon.MessageKey{
			RemoteJID: proto.String(annaLID.String()), FromMe: proto.Bool(false), ID: proto.String(waID),
		},
		Message:          &waE2E.Message{Conversation: proto.String(text)},
		MessageTimestamp: proto.Uint64(uint64(1_700_000_000 + second)),
	}}
}

// pastChat is a piece with the messages from to before to of Anna's chat, one a second, the newest first.
func pastChat(from, to int) *waHistorySync.HistorySync {
	conversation := &waHistorySync.Conversation{ID: proto.String(annaLID.String())}
	for i := to - 1; i >= from; i-- {
		conversation.Messages = append(conversation.Messages, pastText(fmt.Sprintf("P%03d", i), fmt.Sprintf("past %d", i), int64(i)))
	}
	return &waHistorySync.HistorySync{
		SyncType: waHistorySync.HistorySync_FULL.Enum(), Conversations: []*waHistorySync.Conversation{conversation},
	}
}

func withHistory(t *testing.T) (*fakematrix.Matrix, *Client) {
	t.Helper()
	m, n := fakematrix.New(), newTestNetwork(t)
	mustStart(t, m, n, t.TempDir())
	n.bridge.Config.Backfill.Enabled = true
	n.bridge.Config.Backfill.MaxInitialMessages, n.bridge.Config.Backfill.MaxCatchupMessages = 5, 5
	return m, mustLogin(t, n)
}

// textsIn are the texts that were sent into a portal's room, in order.
func textsIn(t *testing.T, m *fakematrix.Matrix, c *Client, key networkid.PortalKey) (texts []string) {
	t.Helper()
	room := mustPortal(t, c, key).MXID
	for _, call := range m.Calls("SendMessage") {
		if content, ok := call.Content.(*event.MessageEventContent); ok && call.Room == room && content.MsgType == event.MsgText {
			texts = append(texts, content.Body)
		}
	}
	return texts
}

func numbered(from, to int) (texts []string) {
	for i := from; i < to; i++ {
		texts = append(texts, fmt.Sprintf("past %d", i))
	}
	return texts
}

// TestHistoryIsForgotten: when the phone or WhatsApp ends a login, no texts of its history stay behind.
func TestHistoryIsForgotten(t *testing.T) {
	for name, end := range map[string]func(*Client){
		"logged out": func(c *Client) { c.onEvent(&events.LoggedOut{Reason: events.ConnectFailureLoggedOut}) },
		"killed meanwhile": func(c *Client) {
			c.wa = nil // as if it was made without a device
			c.Connect(c.ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := withHistory(t)
			if err := c.keepHistory(pastChat(0, 3), ""); err != nil {
				t.Fatal(err)
			}
			login := string(c.login.ID)
			if err := c.kept().Announce(t.Context(), login, "N1", []byte("announced")); err != nil {
				t.Fatal(err)
			}
			end(c)
			chats, err := c.kept().Chats(t.Context(), login)
			if err != nil || len(chats) > 0 {
				t.Errorf("kept are %+v, %v; want nothing", chats, err)
			}
			if id, _, err := c.kept().Announced(t.Context(), login); err != nil || id != "" {
				t.Errorf("announced is %q, %v; want nothing", id, err)
			}
		})
	}
}

// TestHistoryTwice: what a phone sends comes once and in order, however often and in whatever pieces it sends it.
func TestHistoryTwice(t *testing.T) {
	m, c := withHistory(t)
	key := c.portalKey(annaLID)
	keep := func(from, to int) {
		t.Helper()
		if err := c.keepHistory(pastChat(from, to), ""); err != nil {
			t.Fatalf("keep history: %v", err)
		}
	}
	expect := func(key networkid.PortalKey, want []string) {
		t.Helper()
		if got := textsIn(t, m, c, key); !slices.Equal(got, want) {
			t.Errorf("room of %q has %q, want %q", key.ID, got, want)
		}
	}
	keep(10, 20)
	keep(10, 20)
	c.fillRooms()
	expect(key, numbered(15, 20))
	keep(10, 20)
	c.fillRooms()
	expect(key, numbered(15, 20))

	// Newer ones go behind, older ones into a room of history.
	keep(18, 23)
	c.fillRooms()
	expect(key, slices.Concat(numbered(15, 20), numbered(20, 23)))
	for range 2 {
		if _, _, err := c.fillHistory(t.Context(), annaLID); err != nil {
			t.Fatalf("fill history: %v", err)
		}
		expect(c.historyKey(annaLID, 1), numbered(10, 15))
		keep(10, 23)
	}

	// Still older ones can't be put before these: they get a room of their own.
	keep(0, 12)
	count, _, err := c.fillHistory(t.Context(), annaLID)
	if err != nil || count != 10 {
		t.Fatalf("fill history = %d, %v, want 10", count, err)
	}
	expect(c.historyKey(annaLID, 2), numbered(0, 10))
	expect(c.historyKey(annaLID, 1), numbered(10, 15))
	expect(key, numbered(15, 23))
	if chats, err := c.kept().Chats(t.Context(), string(c.login.ID)); err != nil || len(chats) > 0 {
		t.Errorf("still kept: %v, %v", chats, err)
	}
	oldest, err := c.oldestKnown(t.Context(), annaLID)
	if err != nil || oldest == nil || oldest.ID != "P000" {
		t.Errorf("oldest known message is %v, %v, want P000", oldest, err)
	}
}

// TestHistoryInOneSecond: messages of one second keep the order in which the phone lists them.
func TestHistoryInOneSecond(t *testing.T) {
	m, c := withHistory(t)
	piece := pastChat(0, 4)
	for _, message := range piece.Conversations[0].Messages {
		message.Message.MessageTimestamp = proto.Uint64(1_700_000_000)
	}
	older := pastChat(4, 5)
	older.Conversations[0].Messages[0].Message.MessageTimestamp = proto.Uint64(1_700_000_000)
	for _, p := range []*waHistorySync.HistorySync{piece, older} {
		if err := c.keepHistory(p, ""); err != nil {
			t.Fatal(err)
		}
	}
	c.fillRooms()
	want := append([]string{"past 4"}, numbered(0, 4)...)
	if got := textsIn(t, m, c, c.portalKey(annaLID)); !slices.Equal(got, want) {
		t.Errorf("room has %q, want %q", got, want)
	}
}

// TestHistoryIsNotLost: an announced piece that was not read when the program ended is still announced.
func TestHistoryIsNotLost(t *testing.T) {
	_, c := withHistory(t)
	piece := &waE2E.HistorySyncNotification{DirectPath: proto.String("/gone"), SyncType: waE2E.HistorySyncType_RECENT.Enum()}
	for range 2 {
		if !c.onHistory("A1", piece) {
			t.Fatal("the announcement is not acknowledged")
		}
	}
	c.Disconnect()
	id, body, err := c.kept().Announced(t.Context(), string(c.login.ID))
	if err != nil || id != "A1" || len(body) == 0 {
		t.Fatalf("announced = %q, %d bytes, %v, want A1", id, len(body), err)
	}
	c.forgetHistory(t.Context())
	if id, _, err = c.kept().Announced(t.Context(), string(c.login.ID)); err != nil || id != "" {
		t.Errorf("after logout announced = %q, %v, want nothing", id, err)
	}
}

// TestHostileHistory: nothing that a phone can send makes a room of nonsense, or an error.
func TestHostileHistory(t *testing.T) {
	m, c := withHistory(t)
	at := func(second uint64, change func(*waWeb.WebMessageInfo)) *waHistorySync.HistorySyncMsg {
		message := pastText("H1", "hostile", 0)
		message.Message.MessageTimestamp = proto.Uint64(second)
		if change != nil {
			change(message.Message)
		}
		return message
	}
	for name, conversation := range map[string]*waHistorySync.Conversation{
		"nothing":        {},
		"no jid":         {ID: proto.String("x@y@z")},
		"channel":        {ID: proto.String("1@newsletter"), Messages: []*waHistorySync.HistorySyncMsg{at(1_700_000_000, nil)}},
		"community":      {ID: proto.String("1@g.us"), IsParentGroup: proto.Bool(true), Messages: []*waHistorySync.HistorySyncMsg{at(1_700_000_000, nil)}},
		"no message":     {ID: proto.String(annaLID.String()), Messages: []*waHistorySync.HistorySyncMsg{nil, {}, {Message: &waWeb.WebMessageInfo{}}}},
		"far future":     {ID: proto.String(annaLID.String()), Messages: []*waHistorySync.HistorySyncMsg{at(math.MaxUint64, nil), at(math.MaxInt64, nil), at(99_999_999_999, nil)}},
		"far past":       {ID: proto.String(annaLID.String()), Messages: []*waHistorySync.HistorySyncMsg{at(0, nil), at(1, nil)}},
		"no id":          {ID: proto.String(annaLID.String()), Messages: []*waHistorySync.HistorySyncMsg{at(1_700_000_000, func(w *waWeb.WebMessageInfo) { w.Key.ID = nil })}},
		"no key":         {ID: proto.String(annaLID.String()), Messages: []*waHistorySync.HistorySyncMsg{at(1_700_000_000, func(w *waWeb.WebMessageInfo) { w.Key = nil })}},
		"nameless group": {ID: proto.String("12@g.us"), Messages: []*waHistorySync.HistorySyncMsg{at(1_700_000_000, nil)}},
		"reaction alone": {ID: proto.String(annaLID.String()), Messages: []*waHistorySync.HistorySyncMsg{at(1_700_000_000, func(w *waWeb.WebMessageInfo) {
			w.Message = &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Text: proto.String("x")}}
		})}},
	} {
		if n, err := c.keepConversation(conversation); n != 0 || err != nil {
			t.Errorf("%s: kept %d messages, error %v, want none", name, n, err)
		}
	}
	c.fillRooms()
	if calls := m.Calls("CreateRoom"); len(calls) > 0 {
		t.Errorf("%d rooms were made", len(calls))
	}
}

// TestGroupUnknown: a message of a group has a room although WhatsApp can't be asked for the group.
func TestGroupUnknown(t *testing.T) {
	m, c := withHistory(t)
	evt := fromAnna("G1")
	evt.Info.Chat, evt.Info.IsGroup = types.NewJID("120363", types.GroupServer), true
	evt.Message = &waE2E.Message{Conversation: proto.String("hello all")}
	if !c.onEvent(evt) {
		t.Fatal("the message is not acknowledged")
	}
	if got := textsIn(t, m, c, c.portalKey(evt.Info.Chat)); !slices.Equal(got, []string{"hello all"}) {
		t.Errorf("the group's room has %q, want the message", got)
	}
}

func TestPastReactions(t *testing.T) {
	c := newConverter(t)
	reaction := func(text string, fromMe bool, participant string, at int64) *waWeb.Reaction {
		return &waWeb.Reaction{
			Key:  &waCommon.MessageKey{FromMe: proto.Bool(fromMe), Participant: proto.String(participant)},
			Text: proto.String(text), SenderTimestampMS: proto.Int64(at),
		}
	}
	const at = 1_700_000_001_000
	web := pastText("P1", "hi", 0).Message
	web.Reactions = []*waWeb.Reaction{
		nil, {}, reaction("", false, "", at), reaction("👍", false, "", at), reaction("👎", true, "", math.MaxInt64),
	}
	p, ok := c.parsePast(annaLID, web)
	if !ok {
		t.Fatal("message is not parsed")
	}
	got := c.pastReactions(p)
	want := []pastReaction{{annaLID, "👍", time.UnixMilli(at)}, {aliceLID, "👎", p.evt.Info.Timestamp}}
	if !slices.Equal(got, want) {
		t.Errorf("reactions are %v, want %v", got, want)
	}
	group := types.NewJID("120363", types.GroupServer)
	web.Participant = proto.String(annaPN.String())
	web.Reactions = []*waWeb.Reaction{
		reaction("👍", false, annaPN.String(), at), reaction("👍", false, "", at), reaction("👍", false, "x@g.us", at),
	}
	if p, ok = c.parsePast(group, web); !ok || p.author != annaLID {
		t.Fatalf("message of a group is by %q, %t, want %q", p.author, ok, annaLID)
	}
	if got := c.pastReactions(p); !slices.Equal(got, []pastReaction{{annaLID, "👍", time.UnixMilli(at)}}) {
		t.Errorf("reactions in the group are %v, want Anna's", got)
	}
}

// TestPlaceholder: what could not be decrypted is replaced in place once, and what does not show at all leaves nothing.
func TestPlaceholder(t *testing.T) {
	m, c := withHistory(t)
	lost := func(waID string, change func(*events.UndecryptableMessage)) *events.UndecryptableMessage {
		evt := &events.UndecryptableMessage{Info: fromAnna(waID).Info}
		if change != nil {
			change(evt)
		}
		return evt
	}
	hidden := func(evt *events.UndecryptableMessage) { evt.DecryptFailMode = events.DecryptFailHide }
	late := fromAnna("A1")
	late.Message = &waE2E.Message{Conversation: proto.String("here it is")}
	deleted := fromAnna("A2")
	deleted.Message = &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_EPHEMERAL_SYNC_RESPONSE.Enum()}}
	for _, evt := range []any{lost("A1", nil), lost("A1", nil), lost("A2", nil), lost("A3", hidden), late, late, deleted} {
		if !c.onEvent(evt) {
			t.Fatalf("%T is not acknowledged", evt)
		}
	}
	var notices, edits int
	for _, call := range m.Calls("SendMessage") {
		content, ok := call.Content.(*event.MessageEventContent)
		switch {
		case !ok:
		case content.NewContent != nil:
			edits++
			if content.NewContent.Body != "here it is" {
				t.Errorf("the placeholder became %q", content.NewContent.Body)
			}
		case content.MsgType == event.MsgNotice:
			notices++
		}
	}
	if notices != 2 || edits != 1 {
		t.Errorf("%d placeholders and %d replacements were sent, want 2 and 1", notices, edits)
	}
	rows := func(waID string) []*database.Message {
		t.Helper()
		id, err := makeMessageID(messageKey{Chat: annaLID, Sender: annaLID, ID: waID})
		if err != nil {
			t.Fatal(err)
		}
		found, err := c.network.bridge.DB.Message.GetAllPartsByID(t.Context(), c.login.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := rows("A1"); len(found) != 1 || isPlaceholder(found[0]) {
		t.Errorf("A1 has %d rows, want one that is no placeholder", len(found))
	}
	for _, waID := range []string{"A2", "A3"} {
		if found := rows(waID); len(found) != 0 {
			t.Errorf("%s has %d rows, want none", waID, len(found))
		}
	}
}

func TestGroupChange(t *testing.T) {
	_, c := withHistory(t)
	group := types.NewJID("120363", types.GroupServer)
	many := make([]types.JID, 5000)
	for i := range many {
		many[i] = types.NewJID("x", types.GroupServer)
	}
	change := c.groupChange(t.Context(), &events.GroupInfo{
		JID: group, Name: &types.GroupName{Name: "New\x00 name"}, Promote: []types.JID{annaLID}, Join: many,
		Leave: []types.JID{aliceLID}, Announce: &types.GroupAnnounce{IsAnnounce: true},
	})
	if change.ChatInfo == nil || change.ChatInfo.Name == nil || change.ChatInfo.Topic != nil {
		t.Fatalf("change of name is %+v", change.ChatInfo)
	}
	members := change.MemberChanges.MemberMap
	anna, alice := members[mustID[networkid.UserID](annaLID)], members[mustID[networkid.UserID](aliceLID)]
	if len(members) != 2 || anna.PowerLevel == nil || *anna.PowerLevel != levelAdmin {
		t.Errorf("members are %+v, want Anna as admin and Alice", members)
	}
	if alice.Membership != event.MembershipLeave || !alice.IsFromMe {
		t.Errorf("Alice is %+v, want that she leaves", alice)
	}
	if *change.MemberChanges.PowerLevels.EventsDefault != levelAdmin {
		t.Errorf("speaking needs %d, want %d", *change.MemberChanges.PowerLevels.EventsDefault, levelAdmin)
	}
	info := c.describeGroup(t.Context(), &types.GroupInfo{JID: group})
	if info.Members.IsFull || len(info.Members.MemberMap) != 1 {
		t.Errorf("a group of which nothing is known has members %+v, full %t", info.Members.MemberMap, info.Members.IsFull)
	}
	if sender := c.changer(&events.GroupInfo{}); sender != (bridgev2.EventSender{}) {
		t.Errorf("a change by nobody is by %+v", sender)
	}
}

// FuzzPast parses mutated messages of history: whatever they are, nothing panics and ids are whole.
func FuzzPast(f *testing.F) {
	seed := pastText("P1", "hello", 0).Message
	seed.Reactions = []*waWeb.Reaction{{Key: &waCommon.MessageKey{FromMe: proto.Bool(true)}, Text: proto.String("👍")}}
	seed.Participant = proto.String(annaPN.String())
	for _, content := range []*waE2E.Message{
		{Conversation: proto.String("hello")},
		{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("c"), FileLength: proto.Uint64(math.MaxUint64)}},
		{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), EditedMessage: &waE2E.Message{Conversation: proto.String("e")}}},
		{EphemeralMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{Conversation: proto.String("d")}}},
	} {
		seed.Message = content
		data, err := proto.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, true)
		f.Add(data, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, inGroup bool) {
		web := &waWeb.WebMessageInfo{}
		if proto.Unmarshal(data, web) != nil {
			return
		}
		chat := annaLID
		if inGroup {
			chat = types.NewJID("120363", types.GroupServer)
		}
		c := newConverter(t)
		p, ok := c.parsePast(chat, web)
		if !ok {
			return
		}
		if _, err := parseMessageID(p.id); err != nil {
			t.Errorf("id of a message of history: %v", err)
		}
		for _, r := range c.pastReactions(p) {
			if _, ok := person(r.who); !ok || r.emoji == "" {
				t.Errorf("reaction %+v", r)
			}
		}
	})
}
