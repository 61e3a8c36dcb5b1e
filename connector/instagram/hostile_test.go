package instagram

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"

	"crosschat/connector/fakematrix"
	"crosschat/connector/instagram/wire"
	"crosschat/connector/metaweb/web"
)

// nowhere is a network without servers.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }

// testClient converts messages; it reaches nobody and has no database.
func testClient(t testing.TB) *Client {
	t.Helper()
	n := New()
	n.Config.MediaTimeout, n.Config.MaxTextLength = time.Minute, longestText
	n.transports = func(string) web.Transports {
		return web.Transports{Pages: nowhere{}, Sockets: nowhere{}, Media: nowhere{}}
	}
	s, err := n.openSession(&web.Credentials{Cookies: web.NewCookies(map[string]string{"ds_user_id": "1", "sessionid": "x"})}, wire.State{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{
		network: n, self: 1, log: zerolog.Nop(), login: &bridgev2.UserLogin{UserLogin: &database.UserLogin{ID: "instagram-1"}},
		session: s, wire: s.wire, known: newMemory(nil, "instagram-1"),
	}
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
	private := wire.Attachment{URL: "https://127.0.0.1/x.jpg", PreviewURL: "file:///etc/passwd", Width: -1, Height: 1 << 40}
	for name, m := range map[string]wire.Message{
		"nothing":           {},
		"empty text":        {Content: wire.TextContent{}},
		"broken text":       {Content: wire.TextContent{}, Text: "\xff\x00\r\n*"},
		"only NUL":          {Content: wire.TextContent{}, Text: "\x00"},
		"long text":         {Content: wire.TextContent{}, Text: big},
		"strange mentions":  {Content: wire.TextContent{}, Text: "🦄", Mentions: []wire.Mention{{Offset: -1, Length: 1 << 62, User: 1}, {Offset: 1, Length: 1}, {Kind: "AI", Length: 2}}},
		"reply to itself":   {ID: "a", ReplyTo: "a", Content: wire.TextContent{}, Text: "x", Quoted: &wire.Message{Text: big}},
		"stub":              {Snippet: big},
		"no images":         {Content: wire.ImagesContent{}},
		"image of nothing":  {Content: wire.ImagesContent{Images: []wire.Attachment{{}}}},
		"image from inside": {Content: wire.ImagesContent{Images: []wire.Attachment{private}}},
		"video from inside": {Content: wire.VideosContent{Videos: []wire.Attachment{private}}},
		"mixed":             {Content: wire.MixedContent{Items: []wire.Attachment{private, {}}}},
		"too many":          {Content: wire.ImagesContent{Images: make([]wire.Attachment, 5000)}},
		"voice":             {Content: wire.VoiceContent{Clips: []wire.Clip{{URL: "x", Duration: -1, Waveform: make([]float64, 100_000)}}}},
		"animation":         {Content: wire.AnimatedContent{Items: []wire.Animation{{}, {Sticker: true, WebpURL: "http://[::1]/", Alt: big + "\x00"}}}},
		"sticker":           {Content: wire.StickerContent{Alt: "\x00"}},
		"seen once":         {Content: wire.ViewOnceContent{Video: true}},
		"seen forever":      {Content: wire.ViewOnceContent{Mode: 99, File: &private}},
		"empty share":       {Content: wire.ShareContent{}},
		"endless share":     {Content: wire.ShareContent{Share: wire.Share{Title: big, Subtitle: big + "y", Eyebrow: big, Text: big, TargetURL: "javascript:x", Image: private}}},
		"buttons":           {Content: wire.ShareContent{Share: wire.Share{Kind: wire.ShareButtons, Buttons: make([]wire.Button, 5000)}}, Snippet: "s"},
		"unavailable":       {Content: wire.ShareContent{Share: wire.Share{Kind: wire.ShareUnavailable}}},
		"link to nowhere":   {Content: wire.ShareContent{Share: wire.Share{Kind: wire.ShareLink, Text: "x", TargetURL: "::"}}},
		"music":             {Content: wire.MusicContent{}},
		"music from inside": {Content: wire.MusicContent{Title: "\x00a", PreviewURL: "https://localhost/"}},
		"admin":             {Content: wire.AdminContent{Text: "\x00Anna named the group"}},
		"empty admin":       {Content: wire.AdminContent{}},
		"empty answer":      {Content: wire.AIContent{Text: " "}},
		"unknown":           {Content: wire.UnknownContent{Type: big}, Snippet: "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.toMatrix(t.Context(), testPortal(), &fakematrix.Uploads{}, m)
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

func FuzzShare(f *testing.F) {
	f.Add("title", "https://www.instagram.com/p/x/", "text", "eyebrow")
	f.Add("\xff", "https://l.instagram.com/?u=%zz", "\x00", "*_~`")
	c := testClient(f)
	f.Fuzz(func(t *testing.T, title, target, text, eyebrow string) {
		for _, kind := range []wire.ShareKind{wire.ShareLink, wire.ShareStory, wire.SharePost, wire.ShareButtons, ""} {
			m := wire.Message{Content: wire.ShareContent{Share: wire.Share{Kind: kind, Title: title, TargetURL: target, Text: text, Eyebrow: eyebrow}}}
			got, err := c.toMatrix(t.Context(), testPortal(), &fakematrix.Uploads{}, m)
			if err != nil || len(got.Parts) == 0 {
				t.Fatalf("%+v became %+v (%v)", m, got, err)
			}
			for _, part := range got.Parts {
				if strings.Contains(part.Content.Body, "failed at it") {
					t.Errorf("%+v broke the converter", m)
				}
			}
		}
	})
}
