package e2e_test

import (
	"slices"
	"testing"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

// TestWhatsApp shows what WhatsApp promises beyond the rows that all networks share: TestWhatsApp/<name>.
func TestWhatsApp(t *testing.T) {
	t.Parallel()
	shared := &lazyStack{t: t, setting: settingFromEnv(t)}
	for _, s := range []scenario{
		{id: "timelock", show: timelock},
		{id: "outdated", show: outdated},
		{id: "group.out", show: groupOut},
		{id: "group.settings", show: groupSettings},
		{id: "community", show: community},
	} {
		t.Run(s.id, func(t *testing.T) { showScenario(t, shared, whatsapp{}, s, nil) })
	}
}

// timelock keeps the account from beginning chats: that is told with its end, and not tried again, over a restart neither.
func timelock(s *stage) {
	ben, anna := s.newPerson(control.NewPerson{Name: "Ben"}), s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	s.failsToSend()
	friend := s.greeted(ben)
	from := s.bot.Mark()
	lock := s.breaks(control.Fault{Kind: "timelock", Person: s.me.ID, Args: map[string]string{"seconds": "7200"}})
	s.tells(&roomOf{Room: s.bot.Room}, from, "does not let", "start new chats until", "UTC")
	answer, err := s.bot.Ask(s.ctx, "start-chat +"+anna.Phone)
	s.must(err)
	stranger := &roomOf{Room: s.portal(anna)}
	s.settled(stranger.Room)
	for try := range 2 {
		mark := stranger.Mark()
		evt, err := stranger.SendText(s.ctx, s.text("hello stranger"))
		s.must(err)
		s.tells(stranger, mark, "was not bridged", "start new chats until", "UTC")
		s.awaitStatus(stranger, evt, event.MessageStatusRetriable)
		if try == 0 {
			s.restart() // what is barred is not tried again because of that
		}
	}
	if got := s.hits(lock); got != 1 {
		s.Errorf("WhatsApp has refused %d messages, want 1 (%s)", got, answer)
	}
	s.fence(friend, ben)
	// Who writes may be answered.
	anna.writes(s.me, s.text("who is there?"))
	_, err = stranger.AwaitText(s.ctx, 0, anna.mxid, s.said[len(s.said)-1])
	s.must(err)
	s.fence(stranger, anna)
	s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), lock.ID))
}

// hits is how often a fault has struck.
func (s *stage) hits(f control.Fault) int {
	s.Helper()
	all, err := s.stack.Simulator.Faults(s.ctx, s.side.control())
	s.must(err)
	i := slices.IndexFunc(all, func(other control.Fault) bool { return other.ID == f.ID })
	if i < 0 {
		s.Fatalf("there is no fault %s", f.ID)
	}
	return all[i].Hits
}

// outdated has WhatsApp turn the bridge's version away: it finds the new one out and is back, and the user notices nothing.
func outdated(s *stage) {
	anna, portal := s.withAnna()
	s.settled(portal.Room)
	from := s.bot.Mark()
	page := s.breaks(control.Fault{Kind: "version_page", Args: map[string]string{"revision": "1999999999"}})
	refused := s.breaks(control.Fault{Kind: "outdated", Args: map[string]string{"version": "2.3000.1999999999"}})
	s.breaks(control.Fault{Kind: "close", Person: s.me.ID})
	s.connected("after the version was raised")
	s.fence(portal, anna)
	anna.writes(s.me, s.text("still there?"))
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, s.said[len(s.said)-1])
	s.must(err)
	if got := s.hits(refused); got != 1 {
		s.Errorf("WhatsApp has turned %d connections away, want 1", got)
	}
	for _, evt := range s.bot.Timeline()[from:] {
		s.Errorf("the bot has something to say: %q", evt.Content.AsMessage().Body)
	}
	for _, f := range []control.Fault{refused, page} {
		s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), f.ID))
	}
}
