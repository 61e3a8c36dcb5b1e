package whatsapp

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
)

// mustConvert converts a message of Anna's.
func mustConvert(t testing.TB, msg *waE2E.Message) *bridgev2.ConvertedMessage {
	t.Helper()
	evt := fromAnna("A1")
	evt.RawMessage = msg
	converted, err := newConverter(t).toMatrix(t.Context(), newPortal(), &fakematrix.Uploads{}, evt.UnwrapRaw())
	if err != nil {
		t.Fatalf("convert: %v", err)
	}
	return converted
}

// TestHostileContent: what a stranger sends is shown as well as can be, and never breaks anything.
func TestHostileContent(t *testing.T) {
	var mentioned []string
	for i := range 20000 {
		mentioned = append(mentioned, fmt.Sprintf("%d@lid", i))
	}
	options := make([]*waE2E.PollCreationMessage_Option, 5000)
	for i := range options {
		options[i] = &waE2E.PollCreationMessage_Option{OptionName: proto.String(fmt.Sprint(i))}
	}
	nested := &waE2E.ExtendedTextMessage{Text: proto.String("deep")}
	for range 500 {
		nested = &waE2E.ExtendedTextMessage{Text: proto.String("deep"), ContextInfo: &waE2E.ContextInfo{
			StanzaID: proto.String("X"), QuotedMessage: &waE2E.Message{ExtendedTextMessage: nested},
		}}
	}
	for _, test := range []struct {
		name string
		msg  *waE2E.Message
		want string // in the first part's body
	}{
		{"thousands of mentions", &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
			Text: proto.String(strings.Repeat("@1 @2 ", 5000)), ContextInfo: &waE2E.ContextInfo{MentionedJID: mentioned},
		}}, "@Anna"},
		{"broken mentions", &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
			Text: proto.String("@1 @x"), ContextInfo: &waE2E.ContextInfo{MentionedJID: []string{"", "@", "x@lid", "1@g.us", "\xff@lid", "1:2.3@@lid"}},
		}}, "@1 @x"},
		{"reply to itself", &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
			Text: proto.String("me"), ContextInfo: &waE2E.ContextInfo{StanzaID: proto.String("A1"), Participant: proto.String(annaLID.String()), QuotedMessage: &waE2E.Message{}},
		}}, "me"},
		{"reply to a reply to a reply", &waE2E.Message{ExtendedTextMessage: nested}, "> deep"},
		{"reply to an empty message", &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
			Text: proto.String("what"), ContextInfo: &waE2E.ContextInfo{StanzaID: proto.String("X"), Participant: proto.String("junk"), QuotedMessage: &waE2E.Message{}},
		}}, "> [message]\n\nwhat"},
		{"preview of another link", &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
			Text: proto.String("https://bank.test"), MatchedText: proto.String("https://evil.test"), Title: proto.String("Bank"),
		}}, "https://bank.test"},
		{"preview without picture", &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
			Text: proto.String("https://a.test"), MatchedText: proto.String("https://a.test"), Title: proto.String("A"), JPEGThumbnail: []byte("no picture"),
		}}, "https://a.test"},
		{"place that is nowhere", &waE2E.Message{LocationMessage: &waE2E.LocationMessage{
			DegreesLatitude: proto.Float64(math.NaN()), DegreesLongitude: proto.Float64(math.Inf(1)),
		}}, "nowhere on earth"},
		{"live place off the map", &waE2E.Message{LiveLocationMessage: &waE2E.LiveLocationMessage{DegreesLatitude: proto.Float64(91)}}, "nowhere on earth"},
		{"place with a long name", &waE2E.Message{LocationMessage: &waE2E.LocationMessage{Name: proto.String(strings.Repeat("x", 1<<20))}}, "Location\nxxx"},
		{"poll without options", &waE2E.Message{PollCreationMessage: &waE2E.PollCreationMessage{Name: proto.String("where?")}}, "where?"},
		{"poll of thousands", &waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{Name: proto.String("where?"), Options: options}}, "can't be voted on here"},
		{"poll of equals", &waE2E.Message{PollCreationMessage: &waE2E.PollCreationMessage{
			Name: proto.String("where?"), Options: []*waE2E.PollCreationMessage_Option{{}, {}, nil}, SelectableOptionsCount: proto.Uint32(math.MaxUint32), EndTime: proto.Int64(math.MaxInt64),
		}}, "where?"},
		{"result of no poll", &waE2E.Message{PollResultSnapshotMessage: &waE2E.PollResultSnapshotMessage{
			Name: proto.String("where?"), PollVotes: []*waE2E.PollResultSnapshotMessage_PollVote{nil, {OptionVoteCount: proto.Int64(-1)}},
		}}, "The poll has ended."},
		{"card of 10 MB", &waE2E.Message{ContactMessage: &waE2E.ContactMessage{
			DisplayName: proto.String("Ben"), Vcard: proto.String("BEGIN:VCARD\nFN:Ben\nPHOTO:" + strings.Repeat("A", 10<<20) + "\nTEL:1\nEND:VCARD"),
		}}, "Contact: Ben"},
		{"card that is none", &waE2E.Message{ContactMessage: &waE2E.ContactMessage{DisplayName: proto.String("../\x00\n"), Vcard: proto.String("hello")}}, "Contact: ../"},
		{"no card at all", &waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{}}, "empty"},
		{"thousands of cards", &waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{Contacts: make([]*waE2E.ContactMessage, 5000)}}, "Contact: "},
		{"endless call", &waE2E.Message{CallLogMesssage: &waE2E.CallLogMessage{DurationSecs: proto.Int64(math.MaxInt64)}}, "WhatsApp voice call"},
	} {
		t.Run(test.name, func(t *testing.T) {
			converted := mustConvert(t, test.msg)
			if body := converted.Parts[0].Content.Body; !strings.Contains(body, test.want) {
				t.Errorf("body is %.200q, want %q in it", body, test.want)
			}
			checkSizes(t, converted)
		})
	}
}

// checkSizes fails if a part does not fit into an event (65,536 bytes after encryption, which adds a third).
func checkSizes(t testing.TB, converted *bridgev2.ConvertedMessage) {
	t.Helper()
	for _, part := range converted.Parts {
		data, err := json.Marshal(&event.Content{Parsed: part.Content, Raw: part.Extra})
		if err != nil {
			t.Fatalf("encode part %q: %v", part.ID, err)
		}
		if len(data) > 47_000 {
			t.Errorf("part %q has %d bytes", part.ID, len(data))
		}
	}
}

func TestLinkPreviewNone(t *testing.T) {
	for _, text := range []*waE2E.ExtendedTextMessage{
		{Text: proto.String("a"), MatchedText: proto.String("b"), Title: proto.String("t")},
		{Text: proto.String("javascript://x"), MatchedText: proto.String("javascript://x"), Title: proto.String("t")},
		{Text: proto.String("https://a.test"), MatchedText: proto.String("https://a.test")},
		{Text: proto.String("http://[::bad"), MatchedText: proto.String("http://[::bad"), Title: proto.String("t")},
	} {
		if preview := linkPreview(text); preview != nil {
			t.Errorf("%v gave preview %+v", text, preview)
		}
	}
}

func TestContextOf(t *testing.T) {
	for _, msg := range []*waE2E.Message{
		{Conversation: proto.String("x")}, {ImageMessage: &waE2E.ImageMessage{}}, {LocationMessage: &waE2E.LocationMessage{}},
		{PollCreationMessageV3: &waE2E.PollCreationMessage{}}, {ContactsArrayMessage: &waE2E.ContactsArrayMessage{}},
		{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{}}}},
	} {
		info := contextOf(msg)
		if info == nil {
			t.Errorf("%v has no place for a context", msg)
			continue
		}
		info.StanzaID = proto.String("the answered message")
		if data, err := protojson.Marshal(msg); err != nil || !strings.Contains(string(data), "the answered message") {
			t.Errorf("the context is not in %s, error %v", data, err)
		}
	}
	if info := contextOf(&waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{}}); info != nil {
		t.Error("a reaction got a context")
	}
}

// FuzzContent converts mutated messages of the kinds that are no files.
func FuzzContent(f *testing.F) {
	for _, msg := range []*waE2E.Message{
		{Conversation: proto.String("*hello* @1")},
		{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
			Text: proto.String("see https://a.test @1"), MatchedText: proto.String("https://a.test"), Title: proto.String("t"),
			ContextInfo: &waE2E.ContextInfo{
				MentionedJID: []string{"1@lid"}, StanzaID: proto.String("X"), Participant: proto.String("1@lid"),
				QuotedMessage: &waE2E.Message{Conversation: proto.String("quoted")},
			},
		}},
		{LocationMessage: &waE2E.LocationMessage{DegreesLatitude: proto.Float64(1), DegreesLongitude: proto.Float64(2), Name: proto.String("n")}},
		{LiveLocationMessage: &waE2E.LiveLocationMessage{DegreesLatitude: proto.Float64(1), SequenceNumber: proto.Int64(3)}},
		{ContactMessage: &waE2E.ContactMessage{DisplayName: proto.String("n"), Vcard: proto.String("BEGIN:VCARD\nFN:n\nTEL:1\nEND:VCARD")}},
		{PollCreationMessageV3: &waE2E.PollCreationMessage{Name: proto.String("q"), Options: []*waE2E.PollCreationMessage_Option{{OptionName: proto.String("a")}}}},
		{CallLogMesssage: &waE2E.CallLogMessage{DurationSecs: proto.Int64(5)}},
	} {
		data, err := proto.Marshal(msg)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		msg := &waE2E.Message{}
		if proto.Unmarshal(data, msg) != nil {
			return
		}
		evt := fromAnna("A1")
		evt.RawMessage = msg
		if evt.UnwrapRaw().Message == nil {
			return
		}
		c := newConverter(t)
		parts, _, err := c.contentToMatrix(t.Context(), newPortal(), &fakematrix.Uploads{}, evt)
		if err != nil {
			return
		}
		if len(parts) == 0 {
			t.Errorf("%v became nothing", msg)
		}
		checkSizes(t, &bridgev2.ConvertedMessage{Parts: parts})
		contextOf(msg)
	})
}
