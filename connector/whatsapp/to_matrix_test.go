package whatsapp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/convert"
	"crosschat/connector/fakematrix"
	"crosschat/connector/meow"
)

var update = flag.Bool("update", false, "rewrite the wanted Matrix events in testdata")

// numbers is a store that knows nobody but Anna, by both addresses.
type numbers struct {
	store.NoopStore
}

func (numbers) GetLIDForPN(_ context.Context, pn types.JID) (types.JID, error) {
	if pn.User == annaPN.User {
		return annaLID, nil
	}
	return types.EmptyJID, nil
}

// newConverter is a client that can convert and nothing else.
func newConverter(t testing.TB) *Client {
	t.Helper()
	c := &Client{
		network: New(),
		login:   &bridgev2.UserLogin{UserLogin: &database.UserLogin{ID: mustID[networkid.UserLoginID](aliceLID)}},
		self:    aliceLID,
		wa:      whatsmeow.NewClient(&store.Device{LIDs: &numbers{}}, nil),
	}
	c.ctx, c.cancel = context.WithCancel(t.Context())
	c.whoIs = func(_ context.Context, who types.JID) (id.UserID, string) {
		return id.UserID("@" + who.User + ":test"), "Anna"
	}
	c.row = func(context.Context, *bridgev2.Portal, networkid.MessageID) *database.Message { return nil }
	c.download = func(_ context.Context, _ whatsmeow.DownloadableMessage, file *os.File) error {
		_, err := file.WriteString("the picture")
		return err
	}
	return c
}

func newPortal() *bridgev2.Portal {
	return &bridgev2.Portal{Portal: &database.Portal{MXID: "!room:test"}}
}

// TestToMatrixGolden converts each testdata/*.in.json, a waE2E.Message as protojson.
func TestToMatrixGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.in.json")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("found %d fixtures, error %v", len(inputs), err)
	}
	for _, input := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(input), ".in.json"), func(t *testing.T) {
			raw, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			evt := fromAnna("A1")
			evt.RawMessage = &waE2E.Message{}
			if err := protojson.Unmarshal(raw, evt.RawMessage); err != nil {
				t.Fatalf("parse %s: %v", input, err)
			}
			converted, err := newConverter(t).toMatrix(t.Context(), newPortal(), &fakematrix.Uploads{}, evt.UnwrapRaw())
			if err != nil {
				t.Fatalf("convert: %v", err)
			}
			got, err := json.MarshalIndent(goldenOf(converted), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := strings.TrimSuffix(input, ".in.json") + ".want.json"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// goldenOf is the part of a converted message that a golden file holds.
func goldenOf(converted *bridgev2.ConvertedMessage) any {
	type part struct {
		Type    string
		Content *event.MessageEventContent
	}
	golden := struct {
		ReplyTo networkid.MessageID `json:",omitempty"`
		Parts   []part
	}{}
	if converted.ReplyTo != nil {
		golden.ReplyTo = converted.ReplyTo.MessageID
	}
	for _, p := range converted.Parts {
		golden.Parts = append(golden.Parts, part{p.Type.Type, p.Content})
	}
	return golden
}

func imageEvent(image *waE2E.ImageMessage) *events.Message {
	evt := fromAnna("A1")
	evt.Message = &waE2E.Message{ImageMessage: image}
	return evt
}

func TestImageFaults(t *testing.T) {
	for _, test := range []struct {
		name     string
		image    *waE2E.ImageMessage
		download error
		upload   error
		want     string // part of the notice; empty if another try may help
	}{
		{"gone", nil, whatsmeow.ErrMediaDownloadFailedWith404, nil, "no longer on WhatsApp's servers"},
		{"damaged", nil, whatsmeow.ErrInvalidMediaHMAC, nil, "damaged"},
		{"no key", nil, meow.ErrUnencrypted, nil, "damaged"},
		{"late", nil, context.DeadlineExceeded, nil, "in time"},
		{"otherwise", nil, errors.New("odd"), nil, "could not be downloaded"},
		{"too large for Matrix", nil, nil, bridgev2.ErrMediaTooLarge, "larger"},
		{"said to be huge", &waE2E.ImageMessage{FileLength: proto.Uint64(1 << 63), Caption: proto.String("my words")}, nil, nil, "larger"},
		{"homeserver away", nil, nil, errors.New("away"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConverter(t)
			c.download = func(context.Context, whatsmeow.DownloadableMessage, *os.File) error { return test.download }
			image := test.image
			if image == nil {
				image = &waE2E.ImageMessage{Caption: proto.String("my words")}
			}
			converted, err := c.toMatrix(t.Context(), newPortal(), &fakematrix.Uploads{Err: test.upload}, imageEvent(image))
			if test.want == "" {
				if err == nil {
					t.Error("a failing homeserver was no error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(converted.Parts) != 2 {
				t.Fatalf("got %d parts, want a notice and the caption", len(converted.Parts))
			}
			notice, caption := converted.Parts[0], converted.Parts[1]
			if notice.Content.MsgType != event.MsgNotice || !strings.Contains(notice.Content.Body, test.want) {
				t.Errorf("got %s %q, want a notice with %q", notice.Content.MsgType, notice.Content.Body, test.want)
			}
			if caption.Content.Body != "my words" || caption.ID == notice.ID {
				t.Errorf("got caption %q as part %q", caption.Content.Body, caption.ID)
			}
		})
	}
}

func TestImageWhileStopping(t *testing.T) {
	c := newConverter(t)
	c.download = func(context.Context, whatsmeow.DownloadableMessage, *os.File) error { return context.Canceled }
	c.cancel()
	if converted, err := c.toMatrix(t.Context(), newPortal(), &fakematrix.Uploads{}, imageEvent(&waE2E.ImageMessage{})); err == nil {
		t.Errorf("a picture that was cut off by a shutdown became %+v", converted.Parts[0].Content)
	}
}

func TestConversionPanic(t *testing.T) {
	c := newConverter(t)
	c.download = func(context.Context, whatsmeow.DownloadableMessage, *os.File) error { panic("hostile") }
	converted, err := c.toMatrix(t.Context(), newPortal(), &fakematrix.Uploads{}, imageEvent(&waE2E.ImageMessage{}))
	if err != nil || converted.Parts[0].Content.MsgType != event.MsgNotice {
		t.Errorf("got %+v, %v, want a notice", converted, err)
	}
}

func TestDownloadNeedsKeys(t *testing.T) {
	c := newConverter(t)
	for name, image := range map[string]*waE2E.ImageMessage{
		"nothing":           {},
		"no key":            {FileEncSHA256: []byte{1}, FileSHA256: []byte{1}},
		"no encrypted hash": {MediaKey: []byte{1}, FileSHA256: []byte{1}},
		"no hash":           {MediaKey: []byte{1}, FileEncSHA256: []byte{1}},
	} {
		if err := c.downloadMedia(t.Context(), image, nil); !errors.Is(err, meow.ErrUnencrypted) {
			t.Errorf("%s: got error %v, want %v", name, err, meow.ErrUnencrypted)
		}
	}
}

func TestLongText(t *testing.T) {
	text := strings.Repeat("a long line of words\n", 5000)
	image := &waE2E.ImageMessage{Caption: proto.String(text)}
	long := fromAnna("A1")
	long.Message = &waE2E.Message{Conversation: proto.String(text)}
	for name, evt := range map[string]*events.Message{"text": long, "caption": imageEvent(image)} {
		converted, err := newConverter(t).toMatrix(t.Context(), newPortal(), &fakematrix.Uploads{}, evt)
		if err != nil {
			t.Fatal(err)
		}
		got, ids := "", make(map[networkid.PartID]bool)
		for _, part := range converted.Parts {
			ids[part.ID] = true
			if part.Content.MsgType == event.MsgText {
				got += part.Content.Body
			}
		}
		if got != text || len(ids) != len(converted.Parts) || !ids[""] {
			t.Errorf("%s of %d bytes became %d bytes in %d parts with ids %v", name, len(text), len(got), len(converted.Parts), ids)
		}
	}
}

func FuzzToMatrix(f *testing.F) {
	inputs, err := filepath.Glob("testdata/*.in.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, input := range inputs {
		raw, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		msg := &waE2E.Message{}
		if err := protojson.Unmarshal(raw, msg); err != nil {
			f.Fatal(err)
		}
		wire, err := proto.Marshal(msg)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		evt := fromAnna("A1")
		evt.RawMessage = &waE2E.Message{}
		if proto.Unmarshal(wire, evt.RawMessage) != nil {
			return
		}
		evt.UnwrapRaw()
		carriesNothing(evt.Message)
		parts, quote, err := newConverter(t).contentToMatrix(t.Context(), newPortal(), &fakematrix.Uploads{}, evt)
		if errors.Is(err, bridgev2.ErrIgnoringRemoteEvent) {
			return
		}
		if err != nil || len(parts) == 0 {
			t.Fatalf("got %d parts, error %v", len(parts), err)
		}
		for _, part := range parts {
			if part.Content.Body == "" || part.Content.Body != convert.Clean(part.Content.Body) {
				t.Errorf("body %q can't be sent", part.Content.Body)
			}
		}
		newConverter(t).replyTarget(t.Context(), evt, quote)
	})
}
