package messenger

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/meow"
	crosschatdb "crosschat/database"
)

// What a placeholder's row remembers makes the same file again.
func TestSealed(t *testing.T) {
	at := func(mime string) *waMediaTransport.WAMediaTransport {
		path, length := "/v/a?x=1", uint64(77)
		return &waMediaTransport.WAMediaTransport{
			Integral: &waMediaTransport.WAMediaTransport_Integral{
				MediaKey: []byte{1}, FileSHA256: []byte{2}, FileEncSHA256: []byte{3}, DirectPath: &path,
			},
			Ancillary: &waMediaTransport.WAMediaTransport_Ancillary{
				FileLength: &length, Mimetype: &mime,
				Thumbnail: &waMediaTransport.WAMediaTransport_Ancillary_Thumbnail{JPEGThumbnail: []byte{4}},
			},
		}
	}
	image := &waMediaTransport.ImageTransport{
		Integral:  &waMediaTransport.ImageTransport_Integral{Transport: at("image/png")},
		Ancillary: &waMediaTransport.ImageTransport_Ancillary{Width: proto.Uint32(9), Height: proto.Uint32(8)},
	}
	audio := &waMediaTransport.AudioTransport{
		Integral:  &waMediaTransport.AudioTransport_Integral{Transport: at("audio/mp4")},
		Ancillary: &waMediaTransport.AudioTransport_Ancillary{Seconds: proto.Uint32(3), Waveform: []byte{0, 100}},
	}
	once := imageFile(image)
	once.once = true
	for name, f := range map[string]encryptedFile{
		"image":     imageFile(image),
		"view once": once,
		"video": videoFile(&waMediaTransport.VideoTransport{
			Integral:  &waMediaTransport.VideoTransport_Integral{Transport: at("video/mp4")},
			Ancillary: &waMediaTransport.VideoTransport_Ancillary{Seconds: proto.Uint32(3), GifPlayback: proto.Bool(true)},
		}),
		"voice":    audioFile(audio, true),
		"music":    audioFile(audio, false),
		"document": documentFile(&waMediaTransport.DocumentTransport{Integral: &waMediaTransport.DocumentTransport_Integral{Transport: at("application/pdf")}}, "a/b.pdf"),
		"sticker":  encryptedSticker(&waMediaTransport.StickerTransport{Integral: &waMediaTransport.StickerTransport_Integral{Transport: at("image/webp")}}),
		"nothing":  imageFile(nil),
	} {
		data, err := json.Marshal(f.seal())
		if err != nil {
			t.Fatal(err)
		}
		var stored crosschatdb.MessengerFile
		if err = json.Unmarshal(data, &stored); err != nil {
			t.Fatal(err)
		}
		got, err := openSealed(stored.Sealed)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got.file, f.file) || got.keys != f.keys || !proto.Equal(got.at, f.at) {
			t.Errorf("%s: %+v became %+v", name, f, got)
		}
	}
	for _, bad := range []*crosschatdb.MessengerSealedFile{nil, {}, {Kind: "song"}, {Kind: sealedImage, Transport: []byte{0xff}}} {
		if _, err := openSealed(bad); err == nil {
			t.Errorf("%+v was opened", bad)
		}
	}
}

// Only what may come at another try is remembered.
func TestNoticeOfSealed(t *testing.T) {
	f := imageFile(&waMediaTransport.ImageTransport{})
	f.remember = f.seal
	for _, test := range []struct {
		err   error
		again bool
	}{
		{whatsmeow.ErrMediaDownloadFailedWith403, true},
		{whatsmeow.ErrInvalidMediaHMAC, true},
		{bridgev2.ErrMediaTooLarge, false},
		{meow.ErrUnencrypted, false},
	} {
		part := noticeOf(f.file, "No picture.", fmt.Errorf("download: %w", test.err))
		if got := part.DBMetadata != nil; got != test.again || strings.Contains(part.Content.Body, askEmoji) != test.again {
			t.Errorf("%v: remembered %t, says %q; want %t", test.err, got, part.Content.Body, test.again)
		}
	}
}
