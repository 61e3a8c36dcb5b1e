package instagram

import (
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/history"
	"crosschat/connector/instagram/wire"
)

// What is of the past shows as it did, but for what the user could do with it.
func TestPastMessage(t *testing.T) {
	c := testClient(t)
	chat := thread{Peer: 7}
	at := time.UnixMilli(1_700_000_000_000)
	past := func(m wire.Message) (history.Message, bool) {
		t.Helper()
		m.Sender, m.Time = 700, at
		got, ok, err := c.pastMessage(t.Context(), chat, m)
		if err != nil {
			t.Fatal(err)
		}
		return got, ok
	}
	for name, m := range map[string]wire.Message{
		"a message without an id":  {Content: wire.TextContent{}, Text: "x"},
		"a line about a reaction":  {ID: "mid.$a", Content: wire.AdminContent{Text: "x", ReactionLog: true}},
		"a message with a bad id":  {ID: "mid.$ a", Content: wire.TextContent{}, Text: "x"},
		"a message with a long id": {ID: wire.MessageID(strings.Repeat("x", 300)), Content: wire.TextContent{}, Text: "x"},
	} {
		if _, ok := past(m); ok {
			t.Errorf("%s is shown", name)
		}
	}
	got, ok := past(wire.Message{
		ID: "mid.$b", ReplyTo: "mid.$a", Content: wire.ImagesContent{Images: []wire.Attachment{{}}},
		Reactions: []wire.Reaction{{Sender: 700, Emoji: "❤", Time: at}, {Sender: 700, Emoji: strings.Repeat("x", 100)}},
	})
	if !ok || got.ID != "instagram-mid.$b" || got.ReplyTo != "instagram-mid.$a" || got.Sender != "instagram-7" || !got.Time.Equal(at) {
		t.Errorf("the message is %+v (%t)", got, ok)
	}
	want := history.Reaction{Sender: "instagram-7", Emoji: "❤️", Time: at}
	if len(got.Reactions) != 1 || got.Reactions[0] != want {
		t.Errorf("the reactions are %+v, want %+v", got.Reactions, want)
	}
	portal := testPortal()
	portal.PortalKey = networkid.PortalKey{ID: "instagram-history-1-7", Receiver: "instagram-1"}
	converted, err := c.toMatrix(t.Context(), portal, nil, wire.Message{Content: wire.ImagesContent{Images: []wire.Attachment{{}}}})
	if err != nil {
		t.Fatal(err)
	}
	if part := converted.Parts[0]; partMeta(part).Missing != 1 || !strings.HasSuffix(part.Content.Body, askHint) {
		t.Fatalf("the placeholder in a chat is %q", part.Content.Body)
	}
	giveUpFiles(converted)
	if part := converted.Parts[0]; partMeta(part).Missing != 0 || strings.Contains(part.Content.Body, "react") {
		t.Errorf("the placeholder in a room of history is %q", part.Content.Body)
	}
}
