package lab

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/skip2/go-qrcode"
	"maunium.net/go/mautrix/event"
)

func loginUser(t *testing.T, h *Homeserver, name string) *User {
	t.Helper()
	password := name + "'s password"
	if _, err := h.Register(t.Context(), name, password); err != nil {
		t.Fatal(err)
	}
	u, err := h.Login(t.Context(), name, password, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Failure(); err != nil {
			t.Error(err)
		}
		u.Close()
	})
	return u
}

func TestTwoUsersTalkEncrypted(t *testing.T) {
	eachHomeserver(t, func(t *testing.T, h *Homeserver) {
		ctx := t.Context()
		anna, ben := loginUser(t, h, "anna"), loginUser(t, h, "ben")
		atAnna, err := anna.OpenChat(ctx, ben.ID, true)
		if err != nil {
			t.Fatal(err)
		}
		atBen := ben.Room(atAnna.ID)
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		// Only sends after the other has the keys of the room: see onOwnMembership.
		_, err = atBen.AwaitEvent(ctx, 0, "own join", func(evt *event.Event) bool {
			return evt.Type == event.StateMember && evt.GetStateKey() == ben.ID.String() && evt.Content.AsMember().Membership == event.MembershipJoin
		})
		check(err)
		for i := range 20 {
			_, err = atAnna.SendText(ctx, fmt.Sprintf("text %d", i))
			check(err)
		}
		last, err := atBen.AwaitText(ctx, 0, anna.ID, "text 19")
		check(err)
		for i, evt := range atBen.Messages() {
			if want := fmt.Sprintf("text %d", i); evt.Content.AsMessage().Body != want {
				t.Errorf("message %d is %q, want %q", i, evt.Content.AsMessage().Body, want)
			}
		}
		if last.Mautrix.EventSource&event.SourceDecrypted == 0 {
			t.Error("the text was not encrypted")
		}
		check(atBen.MarkRead(ctx, last.ID))
		check(anna.Await(ctx, "receipt", func(context.Context) error {
			if !atAnna.Receipt(last.ID, ben.ID) {
				return fmt.Errorf("no receipt:\n%s", atAnna.Describe())
			}
			return nil
		}))
		picture := bytes.Repeat([]byte("picture "), 10000)
		_, err = atBen.SendFile(ctx, File{Type: event.MsgImage, Name: "a.png", MIMEType: "image/png", Data: picture})
		check(err)
		evt, err := atAnna.AwaitEvent(ctx, 0, "picture", func(evt *event.Event) bool {
			return evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgImage
		})
		check(err)
		got, err := anna.Download(ctx, evt.Content.AsMessage())
		check(err)
		if !bytes.Equal(got, picture) {
			t.Errorf("the picture has %d bytes, want %d", len(got), len(picture))
		}
		if evt.Content.AsMessage().File == nil {
			t.Error("the picture was not encrypted")
		}
	})
}

func TestReadQR(t *testing.T) {
	for length := range 30 {
		want := "https://wa.me/settings/linked_devices#2@" + strings.Repeat("abcdEFGH0123+/==,", length)
		picture, err := qrcode.Encode(want, qrcode.Low, 512)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadQR(picture)
		if err != nil {
			t.Errorf("%d characters: %v", len(want), err)
		} else if got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
	if _, err := ReadQR([]byte("not a picture")); err == nil {
		t.Error("something that is no picture was read")
	}
}
