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

// timerSide is a side on whose chats messages can be made to disappear.
type timerSide interface {
	// timer has somebody set the timer of their chat with the user; 0 ends it.
	timer(s *stage, by *person, seconds int)
	// shortLived is a message of a chat with such a timer.
	shortLived(s *stage, text string, seconds int) control.SendRequest
	// life is how long a message says that it lives, in seconds.
	life(*stage, control.Event) int
	// told is the timer that the user's device has told of.
	told(*stage, control.Event) int
}

func (whatsapp) timer(s *stage, by *person, seconds int) {
	s.Helper()
	by.sends(control.SendRequest{To: s.me.ID, Raw: rawOf(s, map[string]any{
		"protocolMessage": map[string]any{"type": "EPHEMERAL_SETTING", "ephemeralExpiration": seconds},
	})})
}

func (whatsapp) shortLived(s *stage, text string, seconds int) control.SendRequest {
	s.Helper()
	return control.SendRequest{To: s.me.ID, Raw: rawOf(s, map[string]any{
		"extendedTextMessage": map[string]any{"text": text, "contextInfo": map[string]any{"expiration": seconds}},
	})}
}

func (whatsapp) life(s *stage, e control.Event) int {
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

func (whatsapp) told(s *stage, e control.Event) int {
	s.Helper()
	var message struct {
		Protocol *struct {
			Type       string `json:"type"`
			Expiration int    `json:"ephemeralExpiration"`
		} `json:"protocolMessage"`
	}
	s.must(json.Unmarshal(e.Raw, &message))
	if message.Protocol == nil || message.Protocol.Type != "EPHEMERAL_SETTING" {
		s.Fatalf("Anna's phone is told %s, want a timer", e.Raw)
	}
	return message.Protocol.Expiration
}

func (e messengerE2EE) timer(s *stage, by *person, seconds int) {
	s.Helper()
	s.must(s.stack.Simulator.Special(s.ctx, e.control(), by.ID, "timer", map[string]any{"chat": s.me.ID, "seconds": seconds}, nil))
}

// shortLived: Messenger's apps put the timer in by themselves.
func (messengerE2EE) shortLived(s *stage, text string, _ int) control.SendRequest {
	return control.SendRequest{To: s.me.ID, Text: text}
}

func (messengerE2EE) life(s *stage, e control.Event) int {
	s.Helper()
	var raw struct {
		Metadata struct {
			Setting struct {
				Seconds int `json:"ephemeralExpiration"`
			} `json:"chatEphemeralSetting"`
		} `json:"metadata"`
	}
	s.must(json.Unmarshal(e.Raw, &raw))
	return raw.Metadata.Setting.Seconds
}

func (m messengerE2EE) told(s *stage, e control.Event) int {
	s.Helper()
	return m.life(s, e)
}

// shortLife is longer than it takes to deliver a message and restart the bridge.
const shortLife = 12 * time.Second

// disappearIn has the contact set a timer, and messages go when they are due: one in a running bridge, one over a restart.
func disappearIn(s *stage) {
	anna, portal := s.withAnna()
	side, seconds := s.side.(timerSide), int(shortLife.Seconds())
	side.timer(s, anna, seconds)
	s.await("the room to have the timer", func(ctx context.Context) error { return hasTimer(ctx, portal.Room, shortLife) })
	_, err := portal.AwaitEvent(s.ctx, 0, "word of the timer", func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && strings.Contains(strings.ToLower(evt.Content.AsMessage().Body), "disappearing")
	})
	s.must(err)
	for _, restarted := range []bool{false, true} {
		text, sentAt := s.text("short-lived"), time.Now()
		anna.sends(side.shortLived(s, text, seconds))
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
		// The networks' times are whole seconds.
		if lived := time.Since(sentAt); lived < shortLife-2*time.Second {
			s.Errorf("the message was gone after %s, want %s", lived, shortLife)
		}
	}
	side.timer(s, anna, 0)
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
	anna, portal := s.withAnna()
	side, plain := s.side.(timerSide), s.text("for ever")
	_, err := portal.SendText(s.ctx, plain)
	s.must(err)
	if life := side.life(s, anna.reads(s.me, plain)); life != 0 {
		s.Errorf("before there is a timer a message lives %d seconds", life)
	}
	for _, step := range []struct {
		command string
		want    int
	}{{"24h", 24 * 3600}, {"7d", 7 * 24 * 3600}, {"off", 0}} {
		from := len(anna.timeline())
		_, err = portal.SendText(s.ctx, "!cc "+s.prefix()+"-disappear "+step.command)
		s.must(err)
		if told := side.told(s, anna.sees(control.Match{From: from, Kind: control.KindMessage, Sender: s.me.ID})[0]); told != step.want {
			s.Errorf("after %q Anna's phone is told of %d seconds, want %d", step.command, told, step.want)
		}
		s.await("the room to have the timer", func(ctx context.Context) error {
			return hasTimer(ctx, portal.Room, time.Duration(step.want)*time.Second)
		})
		text := s.text("with a timer of " + step.command)
		_, err = portal.SendText(s.ctx, text)
		s.must(err)
		if life := side.life(s, anna.reads(s.me, text)); life != step.want {
			s.Errorf("after %q a message lives %d seconds, want %d", step.command, life, step.want)
		}
	}
}
