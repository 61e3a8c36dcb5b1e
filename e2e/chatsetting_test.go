package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// muteArchive changes a chat on the phone and from Matrix and looks at the other side.
func muteArchive(s *stage) {
	anna, portal := s.withAnna()
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
