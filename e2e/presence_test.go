package e2e_test

import (
	"context"
	"fmt"
	"strings"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

// presenceIn shows a contact coming online and leaving, only after the user has switched it on, and over a restart.
func presenceIn(s *stage) {
	anna, portal := s.withAnna()
	s.settled(portal.Room)
	yes, no := true, false
	opens := func(available *bool) {
		s.Helper()
		s.must(s.stack.Simulator.Presence(s.ctx, s.side.control(), anna.ID, control.PresenceRequest{Available: available}))
	}
	is := func(what string, want event.Presence, message string) {
		s.Helper()
		s.await(what, func(ctx context.Context) error {
			got, err := s.user.Client.GetPresence(ctx, anna.mxid)
			if err != nil {
				return fmt.Errorf("read presence: %w", err)
			}
			if got.Presence != want || !strings.Contains(got.StatusMsg, message) {
				return fmt.Errorf("it is %q, %q; want %q, with %q", got.Presence, got.StatusMsg, want, message)
			}
			return nil
		})
	}
	// Off by default: what happens is not shown.
	opens(&yes)
	text := s.text("written while online")
	anna.writes(s.me, text)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
	if got, err := s.user.Client.GetPresence(s.ctx, anna.mxid); err == nil && got.StatusMsg != "" {
		s.Errorf("without the user's wish presence is %+v", got)
	}
	opens(&no)
	answer, err := s.bot.Ask(s.ctx, s.side.network()+"-presence on")
	s.must(err)
	if !strings.Contains(answer, "will be shown") {
		s.Errorf("the bot answers %q", answer)
	}
	is("Anna to be away", event.PresenceOffline, "Last seen")
	opens(&yes)
	is("Anna to be online", event.PresenceOnline, "")
	opens(&no)
	is("Anna to be away again", event.PresenceOffline, "Last seen")
	s.restart()
	opens(&yes)
	is("Anna to be online after a restart", event.PresenceOnline, "")
	opens(&no)
	is("Anna to be away at last", event.PresenceOffline, "Last seen")
}
