package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/meow"
)

// downloads is a bot that has one file.
type downloads struct {
	bridgev2.MatrixAPI
	data []byte
}

func (d downloads) DownloadMediaToFile(_ context.Context, uri id.ContentURIString, _ *event.EncryptedFileInfo, _ bool, read func(*os.File) error) error {
	if uri != "mxc://test/file" {
		return errors.New("no such file")
	}
	file, err := os.CreateTemp("", "crosschat-test-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.WriteAt(d.data, 0); err != nil {
		return err
	}
	return read(file)
}

func TestFromMatrix(t *testing.T) {
	picture := testJPEG(t, 100, 50)
	for _, test := range []struct {
		name    string
		content *event.MessageEventContent
		want    error
		check   func(*waE2E.Message) error
	}{
		{"no content", nil, bridgev2.ErrUnexpectedParsedContentType, nil},
		{"no type", &event.MessageEventContent{Body: "x"}, bridgev2.ErrUnsupportedMessageType, nil},
		{"unknown type", &event.MessageEventContent{MsgType: "m.absurd", Body: "x"}, bridgev2.ErrUnsupportedMessageType, nil},
		{"empty text", &event.MessageEventContent{MsgType: event.MsgText}, errEmpty, nil},
		{"text", &event.MessageEventContent{MsgType: event.MsgText, Body: "a\nb 👩🏿‍🚒"}, nil, func(m *waE2E.Message) error {
			if m.GetConversation() != "a\nb 👩🏿‍🚒" {
				return fmt.Errorf("text is %q", m.GetConversation())
			}
			return nil
		}},
		{"text at the limit", &event.MessageEventContent{MsgType: event.MsgText, Body: strings.Repeat("é", maxTextLength)}, nil, nil},
		{"image without file", &event.MessageEventContent{MsgType: event.MsgImage, Body: "x"}, bridgev2.ErrMediaDownloadFailed, nil},
		{"image that is gone", &event.MessageEventContent{MsgType: event.MsgImage, Body: "x", URL: "mxc://test/other"}, bridgev2.ErrMediaDownloadFailed, nil},
		{"huge image", &event.MessageEventContent{MsgType: event.MsgImage, URL: "mxc://test/file", Info: &event.FileInfo{Size: maxImageSize + 1}}, bridgev2.ErrMediaTooLarge, nil},
		{"image", &event.MessageEventContent{MsgType: event.MsgImage, Body: "cap", FileName: "a.jpg", URL: "mxc://test/file"}, nil, func(m *waE2E.Message) error {
			i := m.GetImageMessage()
			if i.GetCaption() != "cap" || i.GetMimetype() != "image/jpeg" || i.GetWidth() != 100 || i.GetHeight() != 50 ||
				len(i.JPEGThumbnail) == 0 || i.GetDirectPath() != "/path" || i.GetFileLength() != uint64(len(picture)) {
				return fmt.Errorf("image is %v", i)
			}
			return nil
		}},
		{"image without caption", &event.MessageEventContent{MsgType: event.MsgImage, Body: "a.jpg", URL: "mxc://test/file"}, nil, func(m *waE2E.Message) error {
			if m.GetImageMessage().Caption != nil {
				return fmt.Errorf("caption is %q", m.GetImageMessage().GetCaption())
			}
			return nil
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConverter(t)
			c.network.bridge = &bridgev2.Bridge{Bot: downloads{data: picture}}
			c.upload = func(_ context.Context, file *os.File, _ whatsmeow.MediaType) (whatsmeow.UploadResponse, error) {
				info, err := file.Stat()
				return whatsmeow.UploadResponse{DirectPath: "/path", FileLength: uint64(info.Size())}, err
			}
			got, err := c.fromMatrix(t.Context(), &bridgev2.MatrixMessage{
				MatrixEventBase: bridgev2.MatrixEventBase[*event.MessageEventContent]{Content: test.content},
			})
			if !errors.Is(err, test.want) {
				t.Fatalf("got error %v, want %v", err, test.want)
			}
			if test.check != nil {
				if err := test.check(got); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestTextOverLimit(t *testing.T) {
	_, err := textFromMatrix(strings.Repeat("é", maxTextLength+1))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(maxTextLength)) {
		t.Errorf("got %v, want an error that names the limit", err)
	}
}

func TestImageThatIsNone(t *testing.T) {
	c := newConverter(t)
	for name, data := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "WebP": []byte("RIFF\x00\x00\x00\x00WEBPVP8 ")} {
		c.network.bridge = &bridgev2.Bridge{Bot: downloads{data: data}}
		_, err := c.imageFromMatrix(t.Context(), &event.MessageEventContent{MsgType: event.MsgImage, URL: "mxc://test/file"})
		if !errors.Is(err, bridgev2.ErrUnsupportedMediaType) {
			t.Errorf("%s: got error %v, want %v", name, err, bridgev2.ErrUnsupportedMediaType)
		}
	}
}

// TestBrokenOff: what a dying socket says is told from refusals, and from the end of what was under way.
func TestBrokenOff(t *testing.T) {
	write := &net.OpError{Op: "write", Err: syscall.EPIPE}
	ended, end := context.WithCancel(t.Context())
	end()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		want bool
	}{
		{t.Context(), fmt.Errorf("failed to get device list: failed to flush: %w", write), true},
		{t.Context(), fmt.Errorf("failed to write msg: %w", net.ErrClosed), true},
		{t.Context(), fmt.Errorf("failed to write msg: %w", context.Canceled), true},
		{t.Context(), fmt.Errorf("read: %w", websocket.CloseError{Code: websocket.StatusGoingAway}), true},
		{t.Context(), whatsmeow.ErrNotConnected, true},
		{ended, context.Canceled, false},
		{t.Context(), whatsmeow.ErrIQForbidden, false},
		{t.Context(), refused(403), false},
		{t.Context(), errors.New("odd"), false},
	} {
		if got := meow.BrokenOff(test.ctx, test.err); got != test.want {
			t.Errorf("%v: the connection went: %t, want %t", test.err, got, test.want)
		}
	}
}

func TestSendError(t *testing.T) {
	refused := func(code int) error { return fmt.Errorf("%w %d", whatsmeow.ErrServerReturnedError, code) }
	for _, test := range []struct {
		name    string
		err     error
		tried   bool
		certain bool
		want    string
	}{
		{"offline", context.DeadlineExceeded, false, true, "no connection"},
		{"no answer", whatsmeow.ErrMessageTimedOut, true, false, "did not confirm"},
		{"cut off", whatsmeow.ErrNotConnected, true, false, "did not confirm"},
		{"not in chat", refused(403), true, true, "does not let you write"},
		{"gone", refused(404), true, true, "not on WhatsApp"},
		{"no keys", fmt.Errorf("fetch keys: %w", whatsmeow.ErrIQForbidden), true, true, "does not let you write"},
		{"too often", whatsmeow.ErrIQRateOverLimit, true, true, "wait a while"},
		{"locked", whatsmeow.ErrIQLocked, true, true, "locked"},
		{"stale", refused(479), true, true, "try again"},
		{"unknown code", refused(499), true, true, "499"},
		{"other", errors.New("odd"), true, true, "could not be sent"},
		{"logged out", whatsmeow.ErrNotLoggedIn, true, true, "log in again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var status bridgev2.MessageStatus
			if err := sendError(annaLID, test.err, test.tried); !errors.As(err, &status) {
				t.Fatalf("got %v, want a message status", err)
			}
			waits := status.Status == event.MessageStatusPending // then there is nothing to be told yet
			if status.IsCertain != test.certain || !strings.Contains(status.Message, test.want) || status.SendNotice == waits {
				t.Errorf("got %q, certain %t; want %q in it, certain %t", status.Message, status.IsCertain, test.want, test.certain)
			}
		})
	}
}
