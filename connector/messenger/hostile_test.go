package messenger

import (
	"context"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"

	"crosschat/connector/fakematrix"
	"crosschat/connector/messenger/wire/lightspeed"
)

// testClient converts messages; it has no connection and no database.
func testClient(t *testing.T) *Client {
	t.Helper()
	c := &Client{network: New(), self: 1, log: zerolog.Nop(), login: &bridgev2.UserLogin{UserLogin: &database.UserLogin{ID: "messenger-1"}}}
	c.ctx, c.cancel = context.WithCancel(t.Context())
	t.Cleanup(c.cancel)
	return c
}

func testPortal() *bridgev2.Portal {
	return &bridgev2.Portal{Portal: &database.Portal{MXID: "!room:test"}}
}

// Whatever a stranger sends becomes something that can be shown, and never an error, which would come back for ever.
func TestHostileMessages(t *testing.T) {
	c := testClient(t)
	big := strings.Repeat("x", 100_000)
	for name, test := range map[string]struct {
		m        lightspeed.Message
		attached *lightspeed.Attachments
	}{
		"nothing":            {},
		"broken text":        {m: lightspeed.Message{Text: "\xff\x00\r\n*"}},
		"only NUL":           {m: lightspeed.Message{Text: "\x00"}},
		"long text":          {m: lightspeed.Message{Text: big}},
		"mentions elsewhere": {m: lightspeed.Message{Text: "🦄", MentionIDs: "2,2,2,2", MentionOffsets: "0,1,-1,9223372036854775807", MentionLengths: "99,1,1,9223372036854775807", MentionTypes: "p,p,p,p"}},
		"reply to itself":    {m: lightspeed.Message{ID: "a", Text: "x", ReplyTo: "a", ReplySnippet: "y"}},
		"reply to a story":   {m: lightspeed.Message{ID: "a", Text: "x", ReplyTo: "b", ReplySourceType: 99, ReplySnippet: big}},
		"admin":              {m: lightspeed.Message{Admin: true, Text: "\x00Anna named the group"}},
		"file without link":  {attached: &lightspeed.Attachments{Blobs: []lightspeed.Blob{{Type: 99, Filename: "../x"}}}},
		"huge file":          {attached: &lightspeed.Attachments{Blobs: []lightspeed.Blob{{Type: lightspeed.AttachmentVideo, Size: 1 << 62}}}},
		"seen once":          {attached: &lightspeed.Attachments{Blobs: []lightspeed.Blob{{Type: lightspeed.AttachmentEphemeralImage, Ephemeral: true, EphemeralSeen: 4}}}},
		"empty share":        {attached: &lightspeed.Attachments{XMAs: []lightspeed.XMA{{}}}},
		"endless share":      {attached: &lightspeed.Attachments{XMAs: []lightspeed.XMA{{Title: big, Subtitle: big + "y", Caption: "\xff"}}}},
		"poll": {attached: &lightspeed.Attachments{
			XMAs: []lightspeed.XMA{{FBID: "1", Title: "Where?"}}, CTAs: []lightspeed.CTA{{ID: 1, Attachment: "1", Type: "xma_poll_details_card"}},
		}},
		"link preview of nothing": {m: lightspeed.Message{Text: "x"}, attached: &lightspeed.Attachments{
			XMAs: []lightspeed.XMA{{FBID: "1"}}, CTAs: []lightspeed.CTA{{ID: 1, Attachment: "1", Type: "xma_web_url", ActionURL: "https://l.facebook.com/l.php?u="}},
		}},
		"sticker without link": {m: lightspeed.Message{StickerID: 5}, attached: &lightspeed.Attachments{Stickers: []lightspeed.Sticker{{Label: "\x00"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			test.m.MentionTypes = strings.ReplaceAll(test.m.MentionTypes, "p", "s") // who they are needs a bridge
			got, err := c.toMatrix(t.Context(), testPortal(), &fakematrix.Uploads{}, test.m, test.attached)
			if err != nil {
				t.Fatalf("it became an error: %v", err)
			}
			if len(got.Parts) == 0 {
				t.Fatal("it became nothing")
			}
			for _, part := range got.Parts {
				if body := part.Content.Body; body == "" || strings.ContainsRune(body, 0) || strings.Contains(body, "failed at it") {
					t.Errorf("a part is %.100q", body)
				}
			}
		})
	}
}

func TestThumbsUp(t *testing.T) {
	got, err := testClient(t).toMatrix(t.Context(), testPortal(), &fakematrix.Uploads{},
		lightspeed.Message{StickerID: 369239263222822}, &lightspeed.Attachments{Stickers: []lightspeed.Sticker{{}}})
	if err != nil || len(got.Parts) != 1 || got.Parts[0].Content.Body != "👍" {
		t.Errorf("a thumb became %+v (%v)", got, err)
	}
}
