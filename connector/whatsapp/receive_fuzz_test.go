package whatsapp

import (
	"context"
	"os"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"crosschat/connector/fakematrix"
)

// shapes are messages of the kinds that are more than content: they change other messages or the chat, or are about them.
func shapes() []*waE2E.Message {
	key := &waCommon.MessageKey{RemoteJID: proto.String(annaLID.String()), ID: proto.String("A0")}
	mine := &waCommon.MessageKey{RemoteJID: proto.String(annaLID.String()), FromMe: proto.Bool(true), ID: proto.String("A0")}
	protocol := func(p *waE2E.ProtocolMessage) *waE2E.Message { return &waE2E.Message{ProtocolMessage: p} }
	return []*waE2E.Message{
		{ReactionMessage: &waE2E.ReactionMessage{Key: key, Text: proto.String("👍")}},
		{ReactionMessage: &waE2E.ReactionMessage{Key: mine}},
		{EncReactionMessage: &waE2E.EncReactionMessage{TargetMessageKey: key, EncPayload: []byte{1}, EncIV: make([]byte, 12)}},
		protocol(&waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: mine, EditedMessage: &waE2E.Message{Conversation: proto.String("edited")},
		}),
		protocol(&waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: mine}),
		protocol(&waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum(), EphemeralExpiration: proto.Uint32(86400)}),
		protocol(&waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(),
			HistorySyncNotification: &waE2E.HistorySyncNotification{
				SyncType: waE2E.HistorySyncType_RECENT.Enum(), InitialHistBootstrapInlinePayload: []byte("no zlib"),
			},
		}),
		{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("for a day"), ContextInfo: &waE2E.ContextInfo{
			Expiration: proto.Uint32(86400), EphemeralSettingTimestamp: proto.Int64(1), StanzaID: proto.String("A0"), Participant: proto.String(annaLID.String()),
		}}},
		{LiveLocationMessage: &waE2E.LiveLocationMessage{TimeOffset: proto.Uint32(60), SequenceNumber: proto.Int64(2)}},
		{PollUpdateMessage: &waE2E.PollUpdateMessage{
			PollCreationMessageKey: key, Vote: &waE2E.PollEncValue{EncPayload: []byte{1}, EncIV: make([]byte, 12)},
		}},
		{PollResultSnapshotMessage: &waE2E.PollResultSnapshotMessage{Name: proto.String("q")}},
		{PollCreationMessage: &waE2E.PollCreationMessage{
			Name: proto.String("q"), Options: []*waE2E.PollCreationMessage_Option{{OptionName: proto.String("a")}, {OptionName: proto.String("a")}},
		}},
		{PinInChatMessage: &waE2E.PinInChatMessage{Key: key, Type: waE2E.PinInChatMessage_PIN_FOR_ALL.Enum()}},
		{KeepInChatMessage: &waE2E.KeepInChatMessage{Key: key}},
		{AlbumMessage: &waE2E.AlbumMessage{ExpectedImageCount: proto.Uint32(1 << 31)}},
		{ImageMessage: &waE2E.ImageMessage{
			DirectPath: proto.String("/v?x"), MediaKey: make([]byte, 32), FileSHA256: make([]byte, 32), FileEncSHA256: make([]byte, 32),
			FileLength: proto.Uint64(1 << 60), JPEGThumbnail: []byte("no picture"), Width: proto.Uint32(1 << 31), ViewOnce: proto.Bool(true),
		}},
		{CallLogMesssage: &waE2E.CallLogMessage{IsVideo: proto.Bool(true), DurationSecs: proto.Int64(-1)}},
		{GroupInviteMessage: &waE2E.GroupInviteMessage{GroupJID: proto.String("1@g.us"), InviteCode: proto.String("x")}},
		{DeviceSentMessage: &waE2E.DeviceSentMessage{Message: &waE2E.Message{Conversation: proto.String("sent")}}},
	}
}

// FuzzReceive: whatever a message holds, it is dealt with for good, nothing panics, and what comes after it arrives. Each
// run has a bridge of its own, so this fuzzer is thorough and slow.
func FuzzReceive(f *testing.F) {
	for _, msg := range shapes() {
		data, err := proto.Marshal(msg)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, false, false)
	}
	for i, data := range [][]byte{{}, []byte("\x0a\x01x")} {
		f.Add(data, i == 0, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, inGroup, fromMe bool) {
		raw := &waE2E.Message{}
		if proto.Unmarshal(data, raw) != nil {
			return
		}
		m, n := fakematrix.New(), newTestNetwork(t)
		mustStart(t, m, n, t.TempDir())
		c := mustLogin(t, n)
		c.download = func(context.Context, whatsmeow.DownloadableMessage, *os.File) error {
			return whatsmeow.ErrMediaDownloadFailedWith404
		}
		receive := func(id string, msg *waE2E.Message) {
			evt := fromAnna(id)
			if fromMe {
				evt = fromAlicesPhone(id)
			}
			if inGroup {
				evt.Info.Chat, evt.Info.IsGroup = types.NewJID("120363000000000001", types.GroupServer), true
			}
			evt.RawMessage = msg
			evt.UnwrapRaw()
			if !c.onEvent(evt) {
				t.Errorf("message %s is not acknowledged: it would come again for ever", id)
			}
		}
		receive("A0", &waE2E.Message{Conversation: proto.String("before")})
		receive("A1", raw)
		receive("A2", &waE2E.Message{Conversation: proto.String("after")})
	})
}

// FuzzGroupChange: whatever is said to have changed in a group, it is dealt with for good.
func FuzzGroupChange(f *testing.F) {
	f.Add("name", "topic", annaLID.String(), uint32(86400), true)
	f.Add("", "\x00\xff", aliceLID.String(), ^uint32(0), false)
	f.Add("n", "t", "1.2:3@lid", uint32(1), true)
	f.Fuzz(func(t *testing.T, name, topic, member string, timer uint32, on bool) {
		m, n := fakematrix.New(), newTestNetwork(t)
		mustStart(t, m, n, t.TempDir())
		c := mustLogin(t, n)
		group := types.NewJID("120363000000000001", types.GroupServer)
		who, err := types.ParseJID(member)
		if err != nil {
			who = types.NewJID(member, types.HiddenUserServer)
		}
		joined := &events.JoinedGroup{GroupInfo: types.GroupInfo{
			JID: group, GroupName: types.GroupName{Name: name}, GroupTopic: types.GroupTopic{Topic: topic},
			GroupEphemeral: types.GroupEphemeral{IsEphemeral: on, DisappearingTimer: timer},
			GroupLocked:    types.GroupLocked{IsLocked: on}, GroupAnnounce: types.GroupAnnounce{IsAnnounce: on},
			Participants: []types.GroupParticipant{{JID: aliceLID}, {JID: who, IsAdmin: on}, {JID: annaPN, LID: annaLID}, {}},
		}}
		changed := &events.GroupInfo{
			JID: group, Sender: &who, SenderPN: &who, Timestamp: time.Unix(1_700_000_000, 0),
			Name: &joined.GroupName, Topic: &joined.GroupTopic, Locked: &joined.GroupLocked, Announce: &joined.GroupAnnounce,
			Ephemeral: &joined.GroupEphemeral, Join: []types.JID{who}, Promote: []types.JID{who, {}}, Leave: []types.JID{who, annaLID},
		}
		for _, evt := range []any{joined, changed, &events.GroupInfo{JID: who, Join: []types.JID{who}}} {
			if !c.onEvent(evt) {
				t.Errorf("%T is not acknowledged: it would come again for ever", evt)
			}
		}
	})
}
