package whatsapp

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types/events"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	crosschatdb "crosschat/database"

	"crosschat/connector/fakematrix"
)

var testMediaKey = []byte(strings.Repeat("k", 32))

// missingRow is the row of a placeholder.
func missingRow(t *testing.T, msg *waE2E.Message) *database.Message {
	t.Helper()
	a, ok := attachmentOf(msg)
	if !ok {
		t.Fatal("the message has no file")
	}
	meta := rememberAttachment(a)
	if meta == nil {
		t.Fatal("the file can't be remembered")
	}
	return &database.Message{Metadata: meta}
}

func TestMissingRow(t *testing.T) {
	row := missingRow(t, &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		MediaKey: testMediaKey, Mimetype: proto.String("image/png"), ContextInfo: &waE2E.ContextInfo{StanzaID: proto.String("Q")},
	}})
	a, ok := missingIn(row)
	if !ok || a.source.MIMEType != "image/png" || string(a.file.GetMediaKey()) != string(testMediaKey) || a.context != nil {
		t.Errorf("the row gave %+v, %t", a, ok)
	}
	for emoji, want := range map[string]bool{"♻️": true, "♻": true, "👍": false, "": false} {
		if got := asksForMedia(emoji, row); got != want {
			t.Errorf("reaction %q asks for the file: %t, want %t", emoji, got, want)
		}
	}
	garbage := &crosschatdb.MessageMetadata{WhatsApp: &crosschatdb.WhatsAppMessage{Missing: []byte("\xff garbage")}}
	for name, row := range map[string]*database.Message{
		"no metadata": {}, "nothing missing": {Metadata: &crosschatdb.MessageMetadata{}}, "garbage": {Metadata: garbage},
	} {
		if asksForMedia(askEmoji, row) {
			t.Errorf("%s: a reaction asks for a file", name)
		}
	}
}

// answerOf is a phone's answer to the request for a file.
func answerOf(t *testing.T, answer *waMmsRetry.MediaRetryNotification) *events.MediaRetry {
	t.Helper()
	plain, err := proto.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, 12)
	key := hkdfutil.SHA256(testMediaKey, nil, []byte("WhatsApp Media Retry Notification"), 32)
	sealed, err := gcmutil.Encrypt(key, iv, plain, []byte("A1"))
	if err != nil {
		t.Fatal(err)
	}
	return &events.MediaRetry{MessageID: "A1", Ciphertext: sealed, IV: iv}
}

func TestReplacePlaceholder(t *testing.T) {
	answer := func(result waMmsRetry.MediaRetryNotification_ResultType, id, path string) *events.MediaRetry {
		return answerOf(t, &waMmsRetry.MediaRetryNotification{Result: result.Enum(), StanzaID: &id, DirectPath: &path})
	}
	const success = waMmsRetry.MediaRetryNotification_SUCCESS
	for _, test := range []struct {
		name     string
		answer   *events.MediaRetry
		download error
		want     string // of the notice; empty for the picture
		again    bool   // whether it can be asked for again
	}{
		{"it comes", answer(success, "A1", "/new?x"), nil, "", false},
		{"gone from the phone", &events.MediaRetry{MessageID: "A1", Error: &events.MediaRetryError{Code: 2}}, nil, "nor your phone", false},
		{"not found", answer(waMmsRetry.MediaRetryNotification_NOT_FOUND, "A1", ""), nil, "nor your phone", false},
		{"general error", answer(waMmsRetry.MediaRetryNotification_GENERAL_ERROR, "A1", ""), nil, "did not send it", true},
		{"unknown error", &events.MediaRetry{MessageID: "A1", Error: &events.MediaRetryError{Code: 9}}, nil, "did not send it", true},
		{"for another message", answer(success, "A2", "/new?x"), nil, "did not send it", true},
		{"path to elsewhere", answer(success, "A1", "evil.example/x"), nil, "did not send it", true},
		{"not from the phone", &events.MediaRetry{MessageID: "A1", Ciphertext: []byte("forged, and long enough"), IV: make([]byte, 12)}, nil, "did not send it", true},
		{"gone again", answer(success, "A1", "/new?x"), whatsmeow.ErrMediaDownloadFailedWith410, "no longer", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConverter(t)
			path := ""
			c.download = func(_ context.Context, file whatsmeow.DownloadableMessage, _ *os.File) error {
				path = file.GetDirectPath()
				return test.download
			}
			row := missingRow(t, &waE2E.Message{ImageMessage: &waE2E.ImageMessage{MediaKey: testMediaKey, Caption: proto.String("shown already")}})
			edit, err := c.replacePlaceholder(t.Context(), newPortal(), intentOf{to: &fakematrix.Uploads{}}, []*database.Message{{}, row}, test.answer)
			if err != nil || len(edit.ModifiedParts) != 1 || edit.AddedParts != nil {
				t.Fatalf("got %+v, error %v", edit, err)
			}
			part := edit.ModifiedParts[0]
			if part.Part != row || part.Content.Body == "shown already" {
				t.Errorf("the edit is of %+v, to %+v", part.Part, part.Content)
			}
			if test.want == "" && (part.Content.MsgType != event.MsgImage || path != "/new?x") {
				t.Errorf("got %+v from path %q", part.Content, path)
			}
			if !strings.Contains(part.Content.Body, test.want) {
				t.Errorf("got %q, want %q in it", part.Content.Body, test.want)
			}
			if _, again := missingIn(row); again != test.again {
				t.Errorf("it can be asked for again: %t, want %t", again, test.again)
			}
			if test.again {
				return
			}
			if _, err := c.replacePlaceholder(t.Context(), newPortal(), intentOf{to: &fakematrix.Uploads{}}, []*database.Message{row}, test.answer); !errors.Is(err, bridgev2.ErrIgnoringRemoteEvent) {
				t.Errorf("a repeated answer gave error %v", err)
			}
		})
	}
}

// intentOf is an intent that can only upload.
type intentOf struct {
	bridgev2.MatrixAPI
	to *fakematrix.Uploads
}

func (i intentOf) UploadMedia(ctx context.Context, room id.RoomID, data []byte, name, mimeType string) (id.ContentURIString, *event.EncryptedFileInfo, error) {
	return i.to.UploadMedia(ctx, room, data, name, mimeType)
}

func (i intentOf) UploadMediaStream(ctx context.Context, room id.RoomID, size int64, requireFile bool, write bridgev2.FileStreamCallback) (id.ContentURIString, *event.EncryptedFileInfo, error) {
	return i.to.UploadMediaStream(ctx, room, size, requireFile, write)
}

func TestReplacedStickerIsAnImage(t *testing.T) {
	c := newConverter(t)
	row := missingRow(t, &waE2E.Message{StickerMessage: &waE2E.StickerMessage{MediaKey: testMediaKey}})
	answer := answerOf(t, &waMmsRetry.MediaRetryNotification{
		Result: waMmsRetry.MediaRetryNotification_SUCCESS.Enum(), StanzaID: proto.String("A1"), DirectPath: proto.String("/new?x"),
	})
	edit, err := c.replacePlaceholder(t.Context(), newPortal(), intentOf{to: &fakematrix.Uploads{}}, []*database.Message{row}, answer)
	if err != nil {
		t.Fatal(err)
	}
	if part := edit.ModifiedParts[0]; part.Type != event.EventMessage || part.Content.MsgType != event.MsgImage {
		t.Errorf("it is %s %s: an edit can't be a sticker", part.Type.Type, part.Content.MsgType)
	}
}
