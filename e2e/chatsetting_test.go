package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/util/jsontime"
	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// muteArchive changes a chat on the phone and from Matrix and looks at the other side.
func muteArchive(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	s.settled(portal.Room)
	traits := s.side.traits()
	yes, no, always, never := true, false, int64(-1), int64(0)
	for _, step := range []struct {
		change                control.ChatSettings
		command               string // does the same from Matrix
		muted, low, favourite bool
	}{
		{control.ChatSettings{MutedUntil: &always}, "mute on", true, false, false},
		{control.ChatSettings{MutedUntil: &never}, "mute off", false, false, false},
		{control.ChatSettings{Pinned: &yes}, "pin on", false, false, true},
		{control.ChatSettings{Pinned: &no}, "pin off", false, false, false},
		{control.ChatSettings{Archived: &yes}, "archive on", false, true, false},
		{control.ChatSettings{Archived: &no}, "archive off", false, false, false},
	} {
		if step.change.Pinned != nil && !traits.pins || step.change.Archived != nil && traits.noArchive {
			continue
		}
		step.change.Chat = anna.ID
		_, err := s.stack.Simulator.SetChat(s.ctx, s.side.control(), s.me.ID, step.change)
		s.must(err)
		s.await("Matrix to follow "+step.command, func(ctx context.Context) error {
			return shows(ctx, portal.Room, step.muted, step.low, step.favourite)
		})
	}
	for _, step := range []struct {
		command string
		check   func(control.ChatSettings) bool
	}{
		{"mute on", func(c control.ChatSettings) bool { return *c.MutedUntil == -1 }},
		{"mute 8", func(c control.ChatSettings) bool { return *c.MutedUntil > time.Now().Add(7*time.Hour).UnixMilli() }},
		{"mute off", func(c control.ChatSettings) bool { return *c.MutedUntil == 0 }},
		{"pin on", func(c control.ChatSettings) bool { return *c.Pinned }},
		{"archive on", func(c control.ChatSettings) bool { return *c.Archived && !*c.Pinned }},
		{"archive off", func(c control.ChatSettings) bool { return !*c.Archived }},
	} {
		kind, _, _ := strings.Cut(step.command, " ")
		if kind == "pin" && !traits.pins || kind == "archive" && !traits.archives {
			continue
		}
		_, err := portal.SendText(s.ctx, "!cc "+s.prefix()+"-"+step.command)
		s.must(err)
		s.await("the phone to follow "+step.command, func(ctx context.Context) error {
			chat, err := s.stack.Simulator.Chat(ctx, s.side.control(), s.me.ID, anna.ID)
			if err == nil && !step.check(chat) {
				err = fmt.Errorf("the phone has mute %d and %+v", *chat.MutedUntil, chat)
			}
			return err
		})
	}
}

// shows fails unless the user's account has the room muted and tagged as given.
func shows(ctx context.Context, room *lab.Room, muted, low, favourite bool) error {
	rules, err := room.User.Client.GetPushRules(ctx)
	if err != nil {
		return fmt.Errorf("read push rules: %w", err)
	}
	tags, err := room.User.Client.GetTags(ctx, room.ID)
	if err != nil {
		return fmt.Errorf("read tags: %w", err)
	}
	_, isMuted := rules.Room.Map[string(room.ID)]
	_, isLow := tags.Tags[event.RoomTagLowPriority]
	_, isFavourite := tags.Tags[event.RoomTagFavourite]
	if isMuted != muted || isLow != low || isFavourite != favourite {
		return fmt.Errorf("the room is muted %t, low priority %t, favourite %t; want %t, %t, %t", isMuted, isLow, isFavourite, muted, low, favourite)
	}
	return nil
}

// waMessage is a message in WhatsApp's own format.
func waMessage(s *stage, content map[string]any) json.RawMessage {
	s.Helper()
	data, err := json.Marshal(content)
	s.must(err)
	return data
}

// shortLife is longer than it takes to deliver a message and restart the bridge.
const shortLife = 12 * time.Second

// disappearIn has the contact set a timer, and messages go when they are due: one in a running bridge, one over a restart.
func disappearIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	seconds := int(shortLife.Seconds())
	anna.sends(control.SendRequest{To: s.me.ID, Raw: waMessage(s, map[string]any{
		"protocolMessage": map[string]any{"type": "EPHEMERAL_SETTING", "ephemeralExpiration": seconds},
	})})
	s.await("the room to have the timer", func(ctx context.Context) error { return hasTimer(ctx, portal.Room, shortLife) })
	_, err := portal.AwaitEvent(s.ctx, 0, "word of the timer", func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && strings.Contains(strings.ToLower(evt.Content.AsMessage().Body), "disappearing")
	})
	s.must(err)
	for _, restarted := range []bool{false, true} {
		text := s.text("short-lived")
		sentAt := time.Now()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: waMessage(s, map[string]any{
			"extendedTextMessage": map[string]any{"text": text, "contextInfo": map[string]any{"expiration": seconds}},
		})})
		evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		if restarted {
			s.restart()
		}
		_, err = portal.AwaitEvent(s.ctx, 0, "the message to go", func(redaction *event.Event) bool {
			return redaction.Type == event.EventRedaction &&
				(redaction.Redacts == evt.ID || redaction.Content.AsRedaction().Redacts == evt.ID)
		})
		s.must(err)
		// WhatsApp's times are whole seconds.
		if lived := time.Since(sentAt); lived < shortLife-2*time.Second {
			s.Errorf("the message was gone after %s, want %s", lived, shortLife)
		}
	}
	anna.sends(control.SendRequest{To: s.me.ID, Raw: waMessage(s, map[string]any{
		"protocolMessage": map[string]any{"type": "EPHEMERAL_SETTING", "ephemeralExpiration": 0},
	})})
	s.await("the timer to be off", func(ctx context.Context) error { return hasTimer(ctx, portal.Room, 0) })
}

// hasTimer fails unless the room's timer is the given one.
func hasTimer(ctx context.Context, room *lab.Room, want time.Duration) error {
	var timer event.BeeperDisappearingTimer
	if err := room.User.Client.StateEvent(ctx, room.ID, event.StateBeeperDisappearingTimer, "", &timer); err != nil {
		return fmt.Errorf("read timer: %w", err)
	}
	if timer.Timer != (jsontime.Milliseconds{Duration: want}) {
		return fmt.Errorf("the timer is %s of type %q, want %s", timer.Timer.Duration, timer.Type, want)
	}
	return nil
}

// disappearOut sets the timer from Matrix: the contact's phone learns it, and messages say how long they live.
func disappearOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	plain := s.text("for ever")
	_, err := portal.SendText(s.ctx, plain)
	s.must(err)
	if life := lifeOn(s, anna.reads(s.me, plain)); life != 0 {
		s.Errorf("before there is a timer a message lives %d seconds", life)
	}
	for _, step := range []struct {
		command string
		want    int
	}{{"24h", 24 * 3600}, {"off", 0}} {
		from := len(anna.timeline())
		_, err = portal.SendText(s.ctx, "!cc "+s.prefix()+"-disappear "+step.command)
		s.must(err)
		told := anna.sees(control.Match{From: from, Kind: control.KindMessage, Sender: s.me.ID})[0]
		var message struct {
			Protocol *struct {
				Type       string `json:"type"`
				Expiration int    `json:"ephemeralExpiration"`
			} `json:"protocolMessage"`
		}
		s.must(json.Unmarshal(told.Raw, &message))
		if p := message.Protocol; p == nil || p.Type != "EPHEMERAL_SETTING" || p.Expiration != step.want {
			s.Errorf("after %q Anna's phone is told %s, want a timer of %d seconds", step.command, told.Raw, step.want)
		}
		s.await("the room to have the timer", func(ctx context.Context) error {
			return hasTimer(ctx, portal.Room, time.Duration(step.want)*time.Second)
		})
		text := s.text("with a timer of " + step.command)
		_, err = portal.SendText(s.ctx, text)
		s.must(err)
		if life := lifeOn(s, anna.reads(s.me, text)); life != step.want {
			s.Errorf("after %q a message lives %d seconds, want %d", step.command, life, step.want)
		}
	}
}

// lifeOn is how long a message says on the contact's phone that it lives, in seconds.
func lifeOn(s *stage, e control.Event) int {
	s.Helper()
	var message struct {
		Text struct {
			Context struct {
				Expiration int `json:"expiration"`
			} `json:"contextInfo"`
		} `json:"extendedTextMessage"`
	}
	s.must(json.Unmarshal(e.Raw, &message))
	return message.Text.Context.Expiration
}
