package e2e_test

import (
	"context"
	"fmt"
	"slices"

	"crosschat/simulator/control"
)

// account is one of the accounts that the user of loginAll holds, with somebody who writes to it.
type account struct {
	*stage
	anna *person
	room *roomOf
	in   []string // what Anna wrote
	out  []string // what the user wrote
}

// loginAll has the user hold accounts of all networks, in one process and one database. The one whose row this is hangs,
// while people write on it: the others bridge as ever. When it is back, nothing of it is lost either.
func loginAll(s *stage) {
	hung := s.holds(s.side)
	var others []*account
	for _, name := range []string{"whatsapp", "messenger", "instagram"} {
		if name != s.prefix() {
			i := slices.IndexFunc(sides, func(side side) bool { return side.network() == name })
			others = append(others, s.holds(sides[i]))
		}
	}
	// What was said on any network may not be in the log, which this stage looks at.
	defer func() {
		for _, a := range others {
			s.said, s.secrets = append(s.said, a.said...), append(s.secrets, a.secrets...)
		}
	}()
	for _, a := range append([]*account{hung}, others...) {
		a.talk(2)
		a.mustHaveAll()
	}

	var faults []control.Fault
	// What is under way in the account that hangs is cut off when that is over.
	s.announced = append(s.announced, "Failed to handle Matrix message", "Failed to clear buffered event plaintext")
	for _, fault := range s.side.hang() {
		fault.Person = s.me.ID
		faults = append(faults, s.breaks(fault))
	}
	hung.talk(3)
	for _, a := range others {
		a.talk(5)
		a.mustHaveAll()
	}
	if got := len(texts(hung.room.Room, hung.anna.mxid)); got != 1+2 {
		s.Errorf("the network that hangs has told %d texts, want those from before only: it does not hang", got)
	}
	for _, fault := range faults {
		s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), fault.ID))
	}
	s.breaks(control.Fault{Kind: "close", Person: s.me.ID}) // what hung is given up
	hung.mustHaveAll()
	for _, a := range others {
		a.talk(1)
		a.mustHaveAll()
	}
}

// holds logs the user in to an account of a network, with Anna, who has written.
func (s *stage) holds(side side) *account {
	s.Helper()
	a := &account{stage: s}
	if side.network() != s.side.network() {
		a.stage = &stage{T: s.T, ctx: s.ctx, stack: s.stack, side: side, user: s.user, bot: s.openBot()}
		a.me = a.newPerson(control.NewPerson{Name: "User " + randomHex(2)})
	}
	a.anna = a.newPerson(control.NewPerson{Name: "Anna"})
	a.logIn()
	a.room = a.greeted(a.anna)
	a.settled(a.room.Room)
	return a
}

// talk has both write.
func (a *account) talk(n int) {
	a.Helper()
	for range n {
		in, out := a.text("in"), a.text("out")
		a.anna.writes(a.me, in)
		_, err := a.room.SendText(a.ctx, out)
		a.must(err)
		a.in, a.out = append(a.in, in), append(a.out, out)
	}
}

// mustHaveAll waits for everything written so far, on both sides, in order and once.
func (a *account) mustHaveAll() {
	a.Helper()
	a.await(fmt.Sprintf("all texts on %s", a.side.network()), func(ctx context.Context) error {
		inRoom, onPhone := texts(a.room.Room, a.anna.mxid)[1:], a.anna.textsFrom(a.me)
		if !slices.Equal(inRoom, a.in) || !slices.Equal(onPhone, a.out) {
			return fmt.Errorf("the room has %q, want %q; Anna has %q, want %q", inRoom, a.in, onPhone, a.out)
		}
		return nil
	})
}
