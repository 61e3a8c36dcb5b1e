package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
)

// TestChatsAtLogin shows an account with thirty chats: the twenty newest come over at login, another when somebody writes
// in it, with what was said before, and all of them when the user wants that.
func TestChatsAtLogin(t *testing.T) {
	const all, standard = 30, 20
	shared := &lazyStack{t: t, setting: settingFromEnv(t)}
	s := newStage(t, shared.get(t), whatsapp{}, "chats")
	var people []*person
	for i := range all {
		people = append(people, s.newPerson(control.NewPerson{Name: fmt.Sprintf("Person %d", i)}))
	}
	// One message of each; the later people wrote earlier.
	texts := make([]string, all)
	var history []control.HistoryMessage
	for i, p := range people {
		texts[i] = s.text("past")
		history = append(history, control.HistoryMessage{
			Chat: p.ID, Sender: p.ID, ID: strings.ToUpper(randomHex(10)), Text: texts[i],
			Time: time.Now().Truncate(time.Second).Add(-time.Duration(i+1) * time.Hour),
		})
	}
	s.must(s.stack.Simulator.AddHistory(s.ctx, s.side.control(), s.me.ID, history))
	s.logIn()
	s.patient(4 * s.user.Patience)
	s.awaitPortals(standard)
	_, err := s.bot.AwaitAnswer(s.ctx, 0, "word of the chats that have no room", func(body string) bool {
		return strings.Contains(body, fmt.Sprint(all-standard)+" older")
	})
	s.must(err)

	answer, err := s.bot.Ask(s.ctx, "chats")
	s.must(err)
	if !strings.Contains(answer, "20 newest") {
		t.Errorf("asked for the chats that come, the bot answers %q", answer)
	}
	last := people[all-1]
	portal := s.greeted(last)
	s.awaitBody(portal.Room, texts[all-1])
	s.awaitPortals(standard + 1)

	answer, err = s.bot.Ask(s.ctx, "chats many")
	s.must(err)
	if !strings.Contains(answer, "Usage") {
		t.Errorf("asked for many chats, the bot answers %q", answer)
	}
	answer, err = s.bot.Ask(s.ctx, "chats all")
	s.must(err)
	if !strings.Contains(answer, "All your chats") {
		t.Errorf("asked for all chats, the bot answers %q", answer)
	}
	s.awaitPortals(all)
}

// awaitPortals waits until the user is in so many bridged rooms.
func (s *stage) awaitPortals(want int) {
	s.Helper()
	s.await(fmt.Sprintf("%d portals", want), func(ctx context.Context) error {
		spaces, err := s.spaces(ctx)
		if err != nil {
			return err
		}
		_, network := s.side.protocol()
		if got := len(spaces[network].children); got != want {
			return fmt.Errorf("there are %d", got)
		}
		return nil
	})
}
