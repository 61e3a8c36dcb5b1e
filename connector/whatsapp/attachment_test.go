package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"go.mau.fi/util/ffmpeg"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/fakematrix"
)

func TestWaveforms(t *testing.T) {
	for _, test := range []struct {
		name string
		in   []byte
		want []int
	}{
		{"none", nil, []int{}},
		{"range", []byte{0, 50, 100}, []int{0, 512, 1024}},
		{"over the top", []byte{255}, []int{1024}},
		{"far too long", make([]byte, 1<<20), make([]int, wavePoints)},
	} {
		if got := waveformToMatrix(test.in); !slices.Equal(got, test.want) {
			t.Errorf("%s: waveformToMatrix gave %v, want %v", test.name, got, test.want)
		}
	}
	if got := convert.Waveform(nil, loudest); got != nil {
		t.Errorf("no waveform became %v", got)
	}
	for name, in := range map[string][]int{"one point": {1024}, "absurd": {1 << 40, -5}, "long": make([]int, 1<<16)} {
		got := convert.Waveform(in, loudest)
		if len(got) != wavePoints || slices.Max(got) > loudest {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// mp4 is the head of a video.
func mp4(brand string) []byte {
	return append([]byte("\x00\x00\x00\x18ftyp"+brand), make([]byte, 100)...)
}

func opusFile() []byte {
	return append([]byte("OggS\x00\x02"+string(make([]byte, 22))+"OpusHead\x01\x01\x00\x00"), make([]byte, 100)...)
}

func TestAttachmentsFromMatrix(t *testing.T) {
	ffmpeg.SetPath("") // what has to be converted is refused
	ffmpeg.SetProbePath("")
	voice := func(c *event.MessageEventContent) {
		c.MSC3245Voice = &event.MSC3245Voice{}
		c.MSC1767Audio = &event.MSC1767Audio{Duration: 1400, Waveform: []int{0, 1024}}
	}
	for _, test := range []struct {
		name   string
		kind   event.MessageType
		mime   string
		data   []byte
		change func(*event.MessageEventContent)
		want   error
		check  func(*waE2E.Message) bool
	}{
		{"MP4", event.MsgVideo, "video/mp4", mp4("isom"), func(c *event.MessageEventContent) { c.Info.Duration = 400 }, nil, func(m *waE2E.Message) bool {
			v := m.GetVideoMessage()
			return v.GetMimetype() == "video/mp4" && v.GetSeconds() == 1 && v.GetDirectPath() == "/path" && !v.GetGifPlayback()
		}},
		{"3GPP", event.MsgVideo, "video/3gpp", mp4("3gp4"), nil, nil, func(m *waE2E.Message) bool {
			return m.GetVideoMessage().GetMimetype() == "video/3gpp"
		}},
		{"loop", event.MsgVideo, "video/mp4", mp4("isom"), func(c *event.MessageEventContent) { c.Info.MauGIF = true }, nil, func(m *waE2E.Message) bool {
			return m.GetVideoMessage().GetGifPlayback()
		}},
		{"QuickTime", event.MsgVideo, "video/quicktime", mp4("qt  "), nil, convert.ErrNoFFmpeg, nil},
		{"no video", event.MsgVideo, "video/mp4", nil, nil, convert.ErrNoFFmpeg, nil},
		{"GIF", event.MsgImage, "image/gif", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00"), nil, convert.ErrNoFFmpeg, nil},
		{"voice", event.MsgAudio, "audio/ogg", opusFile(), voice, nil, func(m *waE2E.Message) bool {
			a := m.GetAudioMessage()
			return a.GetPTT() && a.GetMimetype() == voiceType && a.GetSeconds() == 1 && len(a.GetWaveform()) == wavePoints
		}},
		{"voice in another codec", event.MsgAudio, "audio/mp4", mp4("M4A "), voice, convert.ErrNoFFmpeg, nil},
		{"music", event.MsgAudio, "audio/mpeg", []byte("ID3"), nil, nil, func(m *waE2E.Message) bool {
			return m.GetAudioMessage().GetMimetype() == "audio/mpeg" && !m.GetAudioMessage().GetPTT()
		}},
		{"Vorbis", event.MsgAudio, "audio/ogg", []byte("OggS"), nil, nil, func(m *waE2E.Message) bool {
			return m.GetDocumentMessage().GetMimetype() == "audio/ogg"
		}},
		{"FLAC", event.MsgAudio, "audio/flac", []byte("fLaC"), nil, nil, func(m *waE2E.Message) bool {
			return m.GetDocumentMessage().GetMimetype() == "audio/flac"
		}},
		{"file", event.MsgFile, "text/plain; charset=x", []byte("x"), nil, nil, func(m *waE2E.Message) bool {
			d := m.GetDocumentMessage()
			return d.GetMimetype() == "text/plain" && d.GetFileName() == "name" && d.Caption == nil
		}},
		{"file with caption", event.MsgFile, "", []byte("x"), func(c *event.MessageEventContent) { c.Body = "words" }, nil, func(m *waE2E.Message) bool {
			return m.GetDocumentWithCaptionMessage().GetMessage().GetDocumentMessage().GetCaption() == "words"
		}},
		{"sticker", event.CapMsgSticker, "image/webp", append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00"), make([]byte, 20)...), nil, nil, func(m *waE2E.Message) bool {
			return m.GetStickerMessage().GetIsAnimated() && m.GetStickerMessage().GetWidth() == 1
		}},
		{"PNG as a sticker", event.CapMsgSticker, "image/png", testJPEG(t, 9, 9), nil, convert.ErrNoFFmpeg, nil},
		{"no sticker", event.CapMsgSticker, "image/webp", []byte("RIFF"), nil, bridgev2.ErrUnsupportedMediaType, nil},
		{"huge video", event.MsgVideo, "video/mp4", nil, func(c *event.MessageEventContent) { c.Info.Size = maxVideoSize + 1 }, bridgev2.ErrMediaTooLarge, nil},
		{"huge file", event.MsgFile, "", nil, func(c *event.MessageEventContent) { c.Info.Size = maxDocumentSize + 1 }, bridgev2.ErrMediaTooLarge, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConverter(t)
			c.network.bridge = &bridgev2.Bridge{Bot: downloads{data: test.data}}
			c.network.Config.MediaTimeout = awaitTimeout
			c.upload = func(_ context.Context, file *os.File, _ whatsmeow.MediaType) (whatsmeow.UploadResponse, error) {
				if at, err := file.Seek(0, 1); err != nil || at != 0 {
					t.Errorf("the file is uploaded from byte %d, error %v", at, err)
				}
				return whatsmeow.UploadResponse{DirectPath: "/path"}, nil
			}
			content := &event.MessageEventContent{
				MsgType: test.kind, Body: "name", FileName: "name", URL: "mxc://test/file", Info: &event.FileInfo{MimeType: test.mime},
			}
			if test.change != nil {
				test.change(content)
			}
			got, err := c.fromMatrix(t.Context(), &bridgev2.MatrixMessage{
				MatrixEventBase: bridgev2.MatrixEventBase[*event.MessageEventContent]{Content: content},
			})
			if !errors.Is(err, test.want) {
				t.Fatalf("got error %v, want %v", err, test.want)
			}
			if test.check != nil && !test.check(got) {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestViewOnceShown: the golden file has view-once media withheld.
func TestViewOnceShown(t *testing.T) {
	c := newConverter(t)
	c.network.Config.ViewOnceMedia = true
	evt := imageEvent(&waE2E.ImageMessage{})
	evt.IsViewOnce = true
	converted, err := c.toMatrix(t.Context(), newPortal(), &fakematrix.Uploads{}, evt)
	if err != nil || len(converted.Parts) != 2 || converted.Parts[0].Content.MsgType != event.MsgNotice || converted.Parts[1].Content.MsgType != event.MsgImage {
		t.Errorf("got %+v, %v; want a mark and the picture", converted, err)
	}
}

func TestAlbumPart(t *testing.T) {
	for _, test := range []struct {
		name   string
		parent string
		head   *database.Message
		want   bool
	}{
		{"in the room", "HEAD", &database.Message{MXID: "$head"}, true},
		{"unknown", "HEAD", nil, false},
		{"never sent", "HEAD", &database.Message{MXID: "~fake:x"}, false},
		{"no parent", "", &database.Message{MXID: "$head"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConverter(t)
			c.row = func(_ context.Context, _ *bridgev2.Portal, id networkid.MessageID) *database.Message {
				if want, _ := makeMessageID(messageKey{Chat: annaLID, Sender: annaLID, ID: "HEAD"}); id != want {
					t.Errorf("looked for %q, want %q", id, want)
				}
				return test.head
			}
			evt := imageEvent(&waE2E.ImageMessage{})
			evt.Message.MessageContextInfo = &waE2E.MessageContextInfo{MessageAssociation: &waE2E.MessageAssociation{
				AssociationType:  waE2E.MessageAssociation_MEDIA_ALBUM.Enum(),
				ParentMessageKey: &waCommon.MessageKey{ID: proto.String(test.parent)},
			}}
			converted, err := c.toMatrix(t.Context(), newPortal(), &fakematrix.Uploads{}, evt)
			if err != nil {
				t.Fatal(err)
			}
			relation := converted.Parts[0].Content.RelatesTo
			if got := relation != nil && relation.Type == event.RelReference && relation.EventID == "$head"; got != test.want {
				t.Errorf("the relation is %+v", relation)
			}
		})
	}
}

func TestVideoType(t *testing.T) {
	for brand, want := range map[string]string{"isom": "video/mp4", "3gp5": "video/3gpp", "qt  ": ""} {
		file, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.Write(bytes.Clone(mp4(brand))); err != nil {
			t.Fatal(err)
		}
		if got, err := convert.VideoType(file); err != nil || got != want {
			t.Errorf("brand %q is %q, error %v; want %q", brand, got, err, want)
		}
	}
}
