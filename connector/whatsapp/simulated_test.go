package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
	"crosschat/simulator/control"
	simulated "crosschat/simulator/whatsapp"
)

func TestLoginAndText(t *testing.T) {
	w := newWorld(t)
	c, step := w.logIn()
	if !strings.Contains(step.Instructions, "Alice") || !strings.Contains(step.Instructions, "+"+w.alice.Phone) {
		t.Errorf("the login ends with %q, want the account's name and number in it", step.Instructions)
	}
	if want := "whatsapp-lid-" + w.alice.LID; string(step.CompleteParams.UserLoginID) != want {
		t.Errorf("login id is %q, want %q", step.CompleteParams.UserLoginID, want)
	}
	w.send(w.anna, w.alice, "hello")
	w.awaitText("hello")
	ghost, err := w.network.bridge.GetGhostByID(t.Context(), networkid.UserID("whatsapp-lid-"+w.anna.LID))
	if err != nil || ghost.Name != "Anna" {
		t.Errorf("ghost is called %q, error %v; want %q", ghost.Name, err, "Anna")
	}
	w.send(w.alice, w.anna, "from my phone")
	w.awaitText("from my phone")

	content := &event.MessageEventContent{MsgType: event.MsgText, Body: "to you"}
	for range 2 { // the second time as after a crash
		if err := w.fromMatrix(c, "$to-anna", content); err != nil {
			t.Fatalf("send: %v", err)
		}
	}
	w.awaitAnna(control.Match{Kind: control.KindMessage, Text: "to you", Sender: w.alice.ID})
	if err := w.fromMatrix(c, "$fence", &event.MessageEventContent{MsgType: event.MsgText, Body: "fence"}); err != nil {
		t.Fatalf("send: %v", err)
	}
	w.awaitAnna(control.Match{Kind: control.KindMessage, Text: "fence"})
	timeline, err := w.phones.Timeline(t.Context(), simulated.Name, w.anna.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, e := range timeline {
		if e.Kind == control.KindMessage && e.Text == "to you" {
			count++
		}
	}
	if count != 1 {
		t.Errorf("Anna's phone shows the repeated message %d times, want once", count)
	}
}

func TestLoginAgain(t *testing.T) {
	w := newWorld(t)
	first, _ := w.logIn()
	second, _ := w.logIn()
	if first == second || first.login != second.login {
		t.Error("a second login to the same account did not keep the login and exchange its client")
	}
	if devices := w.devices(); len(devices) != 1 || devices[0] != second.wa.Store.ID.String() {
		t.Errorf("keys of devices %v are held, want only those of %s", devices, second.wa.Store.ID)
	}
	if companions := w.companions(); len(companions) != 1 || !companions[0].Connected {
		t.Errorf("the phone lists %+v, want one connected device", companions)
	}
	w.send(w.anna, w.alice, "once")
	w.awaitText("once")
}

func TestLoginOfAnotherUser(t *testing.T) {
	w := newWorld(t)
	w.logIn()
	process, code := w.start("@eve:" + fakematrix.Server)
	// The phone's answer depends on how fast the refusal reaches it; what counts is what is left.
	_, _ = w.phones.ScanQR(t.Context(), simulated.Name, w.alice.ID, code)
	_, err := process.Wait(t.Context())
	if err == nil || !strings.Contains(err.Error(), string(aliceMXID)) {
		t.Errorf("got error %v, want one that names %s", err, aliceMXID)
	}
	if devices := w.devices(); len(devices) != 1 {
		t.Errorf("keys of devices %v are held, want one", devices)
	}
}

func TestLoginTimesOut(t *testing.T) {
	w := newWorld(t)
	w.network.Config.LoginTimeout = 300 * time.Millisecond
	process, _ := w.start(aliceMXID)
	if _, err := process.Wait(t.Context()); !errors.Is(err, errLoginTimedOut) {
		t.Errorf("got error %v, want %v", err, errLoginTimedOut)
	}
	w.nothingLeft()
}

func TestLoginCancelled(t *testing.T) {
	for _, test := range []struct {
		name   string
		cancel func(w *world, process bridgev2.LoginProcessDisplayAndWait) error
	}{
		{"by its user", func(w *world, process bridgev2.LoginProcessDisplayAndWait) error {
			ctx, cancel := context.WithCancel(w.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			_, err := process.Wait(ctx)
			return err
		}},
		{"by the bridge", func(w *world, process bridgev2.LoginProcessDisplayAndWait) error {
			time.AfterFunc(50*time.Millisecond, process.Cancel)
			_, err := process.Wait(w.Context())
			process.Cancel()
			return err
		}},
		{"after the scan", func(w *world, process bridgev2.LoginProcessDisplayAndWait) error {
			waitFor(w.T, "the device to be stored", func() bool { return len(w.devices()) > 0 })
			process.Cancel()
			_, err := process.Wait(w.Context())
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			// What the phone sends a new device is under way when the device is deleted.
			w := newWorld(t, "Failed to save chat DB LID migration timestamp")
			process, code := w.start(aliceMXID)
			if test.name == "after the scan" {
				go func() { _, _ = w.phones.ScanQR(w.Context(), simulated.Name, w.alice.ID, code) }()
			}
			if err := test.cancel(w, process); !errors.Is(err, errLoginCancelled) {
				t.Errorf("got error %v, want %v", err, errLoginCancelled)
			}
			w.nothingLeft()
		})
	}
}

// nothingLeft checks that a login which failed left nothing behind.
func (w *world) nothingLeft() {
	w.Helper()
	if devices := w.devices(); len(devices) != 0 {
		w.Errorf("keys of devices %v are left", devices)
	}
	if companions := w.companions(); len(companions) != 0 {
		w.Errorf("the phone still lists %+v", companions)
	}
	if logins := w.network.bridge.GetAllCachedUserLogins(); len(logins) != 0 {
		w.Errorf("%d logins are left", len(logins))
	}
}

func TestLogout(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	c.login.Logout(t.Context())
	w.nothingLeft()
}

func TestUnlinkedByPhone(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	if err := w.phones.Unlink(t.Context(), simulated.Name, w.alice.ID, w.companions()[0].Device); err != nil {
		t.Fatal(err)
	}
	awaitState(t, w.matrix, "BAD_CREDENTIALS", errorLoggedOut)
	if devices := w.devices(); len(devices) != 0 {
		t.Errorf("keys of devices %v are left", devices)
	}
	if err := w.fromMatrix(c, "$late", &event.MessageEventContent{MsgType: event.MsgText, Body: "late"}); err == nil {
		t.Error("a message was sent without a device")
	}
}

func TestImageToMatrix(t *testing.T) {
	w := newWorld(t)
	w.logIn()
	picture, thumbnail := testJPEG(t, 300, 200), testJPEG(t, 30, 20)
	_, err := w.phones.Send(t.Context(), simulated.Name, w.anna.ID, control.SendRequest{To: w.alice.ID, Media: &control.Media{
		Kind: "image", Data: picture, MIMEType: "image/jpeg", Caption: "look", Width: 300, Height: 200, Thumbnail: thumbnail,
	}})
	if err != nil {
		t.Fatal(err)
	}
	content := w.awaitText("look")
	if content.MsgType != event.MsgImage || content.FileName != "image.jpg" || content.Info.Size != len(picture) || content.Info.ThumbnailInfo == nil {
		t.Errorf("Matrix got %+v with info %+v", content, content.Info)
	}
	uploads := w.matrix.Calls("UploadMedia")
	if len(uploads) == 0 || !bytes.Equal(uploads[0].Content.([]byte), picture) {
		t.Error("the picture that Matrix got is another than the one sent")
	}
}

func TestImageFromMatrix(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	picture := testJPEG(t, 300, 200)
	uri, _, err := w.network.bridge.Bot.UploadMedia(t.Context(), "", picture, "view.jpg", "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	err = w.fromMatrix(c, "$picture", &event.MessageEventContent{
		MsgType: event.MsgImage, Body: "my view", FileName: "view.jpg", URL: uri,
	})
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	got := w.awaitAnna(control.Match{Kind: control.KindMessage, Sender: w.alice.ID})
	if got.Media == nil || got.MediaError != "" {
		t.Fatalf("Anna's phone got %+v", got)
	}
	if !bytes.Equal(got.Media.Data, picture) {
		t.Error("Anna's phone got another picture than the one sent")
	}
	if m := got.Media; m.Caption != "my view" || m.MIMEType != "image/jpeg" || m.Width != 300 || m.Height != 200 || len(m.Thumbnail) == 0 {
		t.Errorf("Anna's phone got a %s of %dx%d with caption %q and %d bytes of thumbnail", m.MIMEType, m.Width, m.Height, m.Caption, len(m.Thumbnail))
	}
}

func TestTypingAndReadFromMatrix(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	sent, err := w.phones.Send(t.Context(), simulated.Name, w.anna.ID, control.SendRequest{To: w.alice.ID, Text: "read me"})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitText("read me")
	portal, err := w.network.bridge.GetPortalByKey(t.Context(), c.portalKey(jid(t, w.anna.LID+"@lid")))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.HandleMatrixReadReceipt(t.Context(), &bridgev2.MatrixReadReceipt{Portal: portal, ReadUpTo: time.Now().Add(time.Minute)}); err != nil {
		t.Fatalf("read receipt: %v", err)
	}
	w.awaitAnna(control.Match{Kind: control.KindReceipt, Ref: sent.ID, Text: "read"})
	for _, typing := range []bool{true, false} {
		if err := c.HandleMatrixTyping(t.Context(), &bridgev2.MatrixTyping{Portal: portal, IsTyping: typing}); err != nil {
			t.Fatalf("typing %t: %v", typing, err)
		}
	}
	w.awaitAnna(control.Match{Kind: control.KindTyping, Text: "composing"})
	w.awaitAnna(control.Match{Kind: control.KindTyping, Text: "paused"})
}

// TestProfileChange: a new picture and a new name each change the room once, and no state shows that never was.
func TestProfileChange(t *testing.T) {
	w := newWorld(t)
	w.logIn()
	w.network.bridge.Config.PrivateChatPortalMeta = true
	w.send(w.anna, w.alice, "hello")
	w.awaitText("hello")
	avatars := func() (count int) {
		for _, call := range w.matrix.Calls("SetAvatarURL") {
			if call.User == w.matrix.FormatGhostMXID(networkid.UserID("whatsapp-lid-"+w.anna.LID)) {
				count++
			}
		}
		return count
	}
	before := avatars()
	name, avatar := "Annabel", testJPEG(t, 64, 64)
	if _, err := w.phones.SetProfile(t.Context(), simulated.Name, w.anna.ID, control.Profile{Name: &name, Avatar: &avatar}); err != nil {
		t.Fatal(err)
	}
	w.send(w.anna, w.alice, "do you know me")
	w.awaitText("do you know me")
	waitFor(t, "the ghost to have the new name and picture", func() bool {
		row, err := w.network.bridge.DB.Ghost.GetByID(t.Context(), networkid.UserID("whatsapp-lid-"+w.anna.LID))
		return err == nil && row.Name == name && row.AvatarID != "" && row.AvatarSet
	})
	if got := avatars() - before; got != 1 {
		t.Errorf("the ghost's picture was set %d times, want once", got)
	}
}
