package messenger

import (
	"slices"
	"testing"

	"maunium.net/go/mautrix/event"

	"crosschat/connector/messenger/wire/lightspeed"
)

func TestMentionsOf(t *testing.T) {
	for _, test := range []struct {
		name string
		m    lightspeed.Message
		want []mention
	}{
		{"none", lightspeed.Message{}, nil},
		{"two", lightspeed.Message{MentionIDs: "1,2", MentionOffsets: "0,5", MentionLengths: "3,4", MentionTypes: "p,p"}, []mention{{1, 0, 3}, {2, 5, 4}}},
		{"spaces", lightspeed.Message{MentionIDs: "1, 2", MentionOffsets: "0, 5", MentionLengths: "3, 4", MentionTypes: "p, p"}, []mention{{1, 0, 3}, {2, 5, 4}}},
		{"everyone and silent", lightspeed.Message{MentionIDs: "1,2", MentionOffsets: "0,5", MentionLengths: "3,4", MentionTypes: "t,s"}, nil},
		{"uneven", lightspeed.Message{MentionIDs: "1,2", MentionOffsets: "0", MentionLengths: "3,4", MentionTypes: "p,p"}, []mention{{1, 0, 3}}},
		{"nonsense", lightspeed.Message{MentionIDs: "x,99999999999999999999,-1", MentionOffsets: "0,0,0", MentionLengths: "1,1,1", MentionTypes: "p,p,p"}, nil},
	} {
		if got := mentionsOf(test.m); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestReplyTarget(t *testing.T) {
	for _, test := range []struct {
		name string
		m    lightspeed.Message
		want string
	}{
		{"none", lightspeed.Message{ID: "a"}, ""},
		{"a message", lightspeed.Message{ID: "a", ReplyTo: "b", ReplySourceType: 1}, "messenger-b"},
		{"itself", lightspeed.Message{ID: "a", ReplyTo: "a", ReplySourceType: 1}, ""},
		{"a story", lightspeed.Message{ID: "a", ReplyTo: "b", ReplySourceType: 2}, ""},
		{"nonsense", lightspeed.Message{ID: "a", ReplyTo: "b c", ReplySourceType: 1}, ""},
	} {
		got := ""
		if target := replyTarget(test.m); target != nil {
			got = string(target.MessageID)
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestShare(t *testing.T) {
	for _, test := range []struct {
		name    string
		s       share
		link    string
		preview bool
		text    string
	}{
		{
			"link preview",
			share{lightspeed.XMA{Title: "Title"}, lightspeed.CTA{Type: "xma_web_url", ActionURL: "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc&h=x"}},
			"https://example.org/a?b=c", true, "Title\nhttps://example.org/a?b=c",
		},
		{
			"post",
			share{lightspeed.XMA{HeaderTitle: "Ben", Title: "Ben", Subtitle: "said\x00 it", ActionURL: "https://www.facebook.com/p/1"}, lightspeed.CTA{}},
			"https://www.facebook.com/p/1", false, "Ben\nsaid it\nhttps://www.facebook.com/p/1",
		},
		{"app link", share{lightspeed.XMA{ActionURL: "fb-messenger://x"}, lightspeed.CTA{}}, "", false, ""},
		{"script", share{lightspeed.XMA{Title: "x"}, lightspeed.CTA{ActionURL: "https://l.facebook.com/l.php?u=javascript%3Aalert(1)"}}, "", false, "x"},
	} {
		if got := test.s.link(); got != test.link {
			t.Errorf("%s: link %q, want %q", test.name, got, test.link)
		}
		if got := test.s.isLinkPreview(); got != test.preview {
			t.Errorf("%s: link preview %t, want %t", test.name, got, test.preview)
		}
		if got := test.s.text(); got != test.text {
			t.Errorf("%s: text %q, want %q", test.name, got, test.text)
		}
	}
}

func TestPlace(t *testing.T) {
	parts := placeParts(share{lightspeed.XMA{Title: "Rathaus"}, lightspeed.CTA{NativeURL: "48.2108, 16.3572"}}, "Rathaus")
	if c := parts[0].Content; c.MsgType != event.MsgLocation || c.GeoURI == "" {
		t.Errorf("a place became %+v", c)
	}
	for _, native := range []string{"", "48", "a,b", "91,0", "NaN,NaN", "1e999,0"} {
		parts = placeParts(share{cta: lightspeed.CTA{NativeURL: native}}, "where")
		if c := parts[0].Content; c.MsgType != event.MsgNotice {
			t.Errorf("place %q became %+v, want a notice", native, c)
		}
	}
}

func TestBlobFile(t *testing.T) {
	for _, test := range []struct {
		name string
		b    lightspeed.Blob
		kind event.MessageType
		mime string
		once bool
	}{
		{"picture", lightspeed.Blob{Type: lightspeed.AttachmentImage, MimeType: "image/png"}, event.MsgImage, "image/png", false},
		{"picture of no type", lightspeed.Blob{Type: lightspeed.AttachmentImage}, event.MsgImage, "image/jpeg", false},
		{"moving picture", lightspeed.Blob{Type: lightspeed.AttachmentAnimatedImage, Playable: lightspeed.Link{MimeType: "video/mp4"}}, event.MsgVideo, "video/mp4", false},
		{"voice", lightspeed.Blob{Type: lightspeed.AttachmentAudio, MimeType: "audio/mp4"}, event.MsgAudio, "audio/mp4", false},
		{"once", lightspeed.Blob{Type: lightspeed.AttachmentEphemeralVideo, Ephemeral: true}, event.MsgVideo, "video/mp4", true},
		{"kept", lightspeed.Blob{Type: lightspeed.AttachmentEphemeralImage, Ephemeral: true, EphemeralView: 2}, event.MsgImage, "image/jpeg", false},
		{"unknown", lightspeed.Blob{Type: 99, Filename: "../../etc/passwd", MimeType: "a\nb"}, event.MsgFile, "application/octet-stream", false},
		{"absurd", lightspeed.Blob{Type: lightspeed.AttachmentVideo, Width: -1, Height: 1 << 62, Duration: 1<<63 - 1, Size: -5}, event.MsgVideo, "video/mp4", false},
	} {
		f := blobFile(lightspeed.Message{ID: "m"}, test.b)
		if f.source.Kind != test.kind || f.source.MIMEType != test.mime || f.once != test.once {
			t.Errorf("%s: %s, %q, once %t; want %s, %q, once %t", test.name, f.source.Kind, f.source.MIMEType, f.once, test.kind, test.mime, test.once)
		}
		if f.source.Name == "" || slices.Contains([]byte(f.source.Name), '/') {
			t.Errorf("%s: the file's name is %q", test.name, f.source.Name)
		}
		if f.source.Duration < 0 {
			t.Errorf("%s: the duration is %s", test.name, f.source.Duration)
		}
	}
}

func TestWaveform(t *testing.T) {
	for data, want := range map[string][]int{
		"": nil, "x": nil, "[0,1]": nil, "{}": nil, `{"amplitudes":"x"}`: nil,
		`{"amplitudes":[0,0.5,1],"sampling_frequency":9}`: {0, 512, 1024},
		`{"amplitudes":[-1,2]}`:                           {0, 1024},
	} {
		if got := waveform(data); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
}
