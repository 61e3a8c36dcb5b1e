package whatsapp

import (
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
)

func mustMessageID(t *testing.T, key messageKey) networkid.MessageID {
	t.Helper()
	id, err := makeMessageID(key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTimerOf(t *testing.T) {
	for seconds, want := range map[uint32]time.Duration{
		0: 0, 1: time.Second, 86400: 24 * time.Hour, 7776000: 90 * 24 * time.Hour, math.MaxUint32: 0,
	} {
		got := timerOf(seconds)
		if got.Timer != want || (got.Type == event.DisappearingTypeAfterSend) != (want != 0) {
			t.Errorf("%d seconds make %+v, want a timer of %s", seconds, got, want)
		}
	}
}

func TestLife(t *testing.T) {
	info := &waE2E.ContextInfo{Expiration: proto.Uint32(86400)}
	for name, test := range map[string]struct {
		msg  *waE2E.Message
		want time.Duration
	}{
		"nothing":          {&waE2E.Message{}, 0},
		"nil":              {nil, 0},
		"plain text":       {&waE2E.Message{Conversation: proto.String("a")}, 0},
		"text":             {&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{ContextInfo: info}}, 24 * time.Hour},
		"image":            {&waE2E.Message{ImageMessage: &waE2E.ImageMessage{ContextInfo: info}}, 24 * time.Hour},
		"image without":    {&waE2E.Message{ImageMessage: &waE2E.ImageMessage{}}, 0},
		"poll":             {&waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{ContextInfo: info}}, 24 * time.Hour},
		"beyond all sense": {&waE2E.Message{ImageMessage: &waE2E.ImageMessage{ContextInfo: &waE2E.ContextInfo{Expiration: proto.Uint32(math.MaxUint32)}}}, 0},
	} {
		before := proto.CloneOf(test.msg)
		if got := lifeOf(test.msg); got.Timer != test.want {
			t.Errorf("%s: lives %s, want %s", name, got.Timer, test.want)
		}
		if !proto.Equal(before, test.msg) {
			t.Errorf("%s: looking has changed the message", name)
		}
	}
	out := &waE2E.Message{Conversation: proto.String("hello")}
	live(out, database.DisappearingSetting{Type: event.DisappearingTypeAfterSend, Timer: time.Hour})
	if got := lifeOf(out); got.Timer != time.Hour || out.ExtendedTextMessage.GetText() != "hello" {
		t.Errorf("with a timer the text becomes %v", out)
	}
	out = &waE2E.Message{Conversation: proto.String("hello")}
	live(out, database.DisappearingSetting{})
	if out.GetConversation() != "hello" {
		t.Errorf("without a timer the text becomes %v", out)
	}
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h health
		h.heardAt.Store(time.Now().UnixNano())
		time.Sleep(time.Minute) // synctest: no real time passes
		if quiet := h.quietFor(); quiet != time.Minute {
			t.Errorf("quiet for %s, want a minute", quiet)
		}
		heard := h.next()
		h.doubt()
		if !h.note() {
			t.Error("what arrives does not end the suspicion")
		}
		<-heard
		if h.note() || h.quietFor() != 0 {
			t.Error("what arrives later ends a suspicion again")
		}
	})
}

// TestJudge: what whatsmeow says of the connection does not count as delivered.
func TestJudge(t *testing.T) {
	n := newTestNetwork(t)
	mustStart(t, fakematrix.New(), n, t.TempDir())
	c := mustLogin(t, n)
	c.health.heardAt.Store(1)
	for _, evt := range []any{&events.Connected{}, &events.KeepAliveRestored{}, &events.OfflineSyncCompleted{}, &events.Disconnected{}} {
		c.judge(evt)
		if c.health.heardAt.Load() != 1 {
			t.Errorf("%T counts as something delivered", evt)
		}
	}
	c.judge(fromAnna("A1"))
	if c.health.heardAt.Load() == 1 {
		t.Error("a message does not count as something delivered")
	}
}

func TestHidePhoneNumbers(t *testing.T) {
	n := newTestNetwork(t)
	mustStart(t, fakematrix.New(), n, t.TempDir())
	c := mustLogin(t, n)
	if err := c.wa.Store.LIDs.PutLIDMapping(t.Context(), annaLID, annaPN); err != nil {
		t.Fatal(err)
	}
	if name, ids := c.numberName(t.Context(), annaLID), c.identifiers(t.Context(), annaLID); name != "+"+annaPN.User || len(ids) != 1 {
		t.Errorf("shown, Anna is %q with identifiers %q", name, ids)
	}
	n.Config.HidePhoneNumbers = true
	if name, ids := c.numberName(t.Context(), annaLID), c.identifiers(t.Context(), annaLID); name != "WhatsApp user" || len(ids) != 0 {
		t.Errorf("hidden, Anna is %q with identifiers %q", name, ids)
	}
}

func TestUserLocal(t *testing.T) {
	n := newTestNetwork(t)
	mustStart(t, fakematrix.New(), n, t.TempDir())
	c := mustLogin(t, n)
	ctx, settings := t.Context(), c.wa.Store.ChatSettings
	if got := c.userLocal(ctx, annaLID); *got.Tag != "" || !got.MutedUntil.Equal(bridgev2.Unmuted) {
		t.Errorf("a chat without settings shows %+v", got)
	}
	// The phone may have set them under the number.
	if err := errors.Join(c.wa.Store.LIDs.PutLIDMapping(ctx, annaLID, annaPN), settings.PutPinned(ctx, annaPN, true),
		settings.PutMutedUntil(ctx, annaPN, store.MutedForever)); err != nil {
		t.Fatal(err)
	}
	if got := c.userLocal(ctx, annaLID); *got.Tag != event.RoomTagFavourite || !got.MutedUntil.Equal(event.MutedForever) {
		t.Errorf("a pinned and muted chat shows %+v", got)
	}
	if err := settings.PutArchived(ctx, annaPN, true); err != nil {
		t.Fatal(err)
	}
	if got := c.userLocal(ctx, annaLID); *got.Tag != event.RoomTagLowPriority {
		t.Errorf("an archived chat shows %+v", got)
	}
	if _, address := c.settingsOf(ctx, annaLID); address != annaPN {
		t.Errorf("settings are kept under %s, want %s", address, annaPN)
	}
}

func TestLearnContact(t *testing.T) {
	n := newTestNetwork(t)
	mustStart(t, fakematrix.New(), n, t.TempDir())
	c := mustLogin(t, n)
	for _, bad := range []string{"", "nonsense", "1@g.us", annaPN.String()} {
		c.learnContact(&events.Contact{JID: annaPN, Action: &waSyncAction.ContactAction{LidJID: proto.String(bad)}})
	}
	c.learnContact(&events.Contact{JID: annaPN})
	if peer, _ := c.peer(t.Context(), annaPN, types.EmptyJID); peer != annaPN {
		t.Errorf("after nonsense Anna is %s", peer)
	}
	c.learnContact(&events.Contact{JID: annaPN, Action: &waSyncAction.ContactAction{LidJID: proto.String(annaLID.String())}})
	if peer, _ := c.peer(t.Context(), annaPN, types.EmptyJID); peer != annaLID {
		t.Errorf("Anna is %s, want %s", peer, annaLID)
	}
	alternatives, err := c.FindAltTargetMessage(t.Context(), mustMessageID(t, messageKey{Chat: annaLID, Sender: annaLID, ID: "A1"}), nil)
	if err != nil || !slices.Contains(alternatives, mustMessageID(t, messageKey{Chat: annaPN, Sender: annaPN, ID: "A1"})) {
		t.Errorf("other ids of a message are %q, %v; want that by number among them", alternatives, err)
	}
	if alternatives, err = c.FindAltTargetMessage(t.Context(), "whatsapp-nonsense", nil); err != nil || len(alternatives) > 0 {
		t.Errorf("nonsense has other ids %q, %v", alternatives, err)
	}
}

func TestPairCodeErrors(t *testing.T) {
	for _, test := range []struct{ err, want error }{
		{whatsmeow.ErrPhoneNumberTooShort, errLoginBadNumber},
		{whatsmeow.ErrIQNotFound, errLoginNoAccount},
		{whatsmeow.ErrIQRateOverLimit, errLoginTooOften},
		{whatsmeow.ErrIQTimedOut, errLoginLost},
		{whatsmeow.ErrIQBadRequest, errLoginRefused},
	} {
		if got := pairCodeError(test.err); !errors.Is(got, test.want) {
			t.Errorf("%v is told as %v, want %v", test.err, got, test.want)
		}
	}
	for text, ok := range map[string]bool{"+1 555-000 0001": true, "15550000001": true, "0155500000": false, "hello": false, "": false, "+123": false} {
		if _, err := validNumber(text); (err == nil) != ok {
			t.Errorf("number %q gives %v, want ok %t", text, err, ok)
		}
	}
}
