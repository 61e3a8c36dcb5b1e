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
	t.Parallel()
	shared := &lazyStack{t: t, setting: settingFromEnv(t)}
	for _, side := range []side{whatsapp{}, messenger{}, instagram{}} {
		t.Run(side.network(), func(t *testing.T) { chatsAtLogin(newStage(t, shared.get(t), side, "chats")) })
	}
}

func chatsAtLogin(s *stage) {
	const all, standard = 30, 20
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

	s.asksFor("chats", "20 newest")
	last := people[all-1]
	portal := s.greeted(last)
	s.awaitBody(portal.Room, texts[all-1])
	s.awaitPortals(standard + 1)

	s.asksFor("chats many", "Usage")
	s.asksFor("chats all", "All your chats")
	s.awaitPortals(all)
}

// asksFor sends the bot a command and waits for an answer; meanwhile it may tell how far it is with something else.
func (s *stage) asksFor(command, words string) {
	s.Helper()
	from := s.bot.Mark()
	_, err := s.bot.SendText(s.ctx, command)
	s.must(err)
	_, err = s.bot.AwaitAnswer(s.ctx, from, fmt.Sprintf("%q as an answer to %q", words, command), func(body string) bool {
		return strings.Contains(body, words)
	})
	s.must(err)
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
