package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// TestSharedGroup has two users of one bridge be members of one group: they share its room, in which everything is once,
// whoever wrote it and through whichever account it came, and in which people have their public names.
func TestSharedGroup(t *testing.T) {
	t.Parallel()
	shared := &lazyStack{t: t, setting: settingFromEnv(t)}
	for _, side := range []side{whatsapp{}, messenger{}, instagram{}} {
		t.Run(side.network(), func(t *testing.T) {
			alice, bob := neighbours(t, shared.get(t), side)
			subject := "Neighbours " + randomHex(3)
			group, err := alice.stack.Simulator.CreateGroup(alice.ctx, side.control(), alice.anna.ID, control.NewGroup{
				Subject: subject, Members: []string{alice.me.ID, bob.me.ID},
			})
			alice.must(err)
			hello := alice.text("hello both")
			alice.anna.sends(control.SendRequest{To: group.ID, Text: hello})
			first, second := alice.roomNamed(subject), bob.roomNamed(subject)
			if first.ID != second.ID {
				t.Fatalf("the group has the rooms %s and %s, want one", first.ID, second.ID)
			}
			rooms := map[*neighbour]*lab.Room{alice: first, bob: second}
			awaitOnce(alice, rooms, alice.anna.mxid, hello)
			for n, room := range rooms { // from Matrix
				text := n.text("from Matrix")
				_, err = room.SendText(n.ctx, text)
				n.must(err)
				awaitOnce(n, rooms, n.user.ID, text)
				e := n.anna.sees(control.Match{Kind: control.KindMessage, Chat: group.ID, Text: text})[0]
				if e.Sender != n.me.ID {
					t.Errorf("the text of %s came from %s, want their own account %s", n.user.ID, e.Sender, n.me.ID)
				}
			}
			for n := range rooms { // from the phone
				text := n.text("from the phone")
				n.me.sends(control.SendRequest{To: group.ID, Text: text})
				awaitOnce(n, rooms, n.user.ID, text)
			}
			last := alice.text("goodbye")
			alice.anna.sends(control.SendRequest{To: group.ID, Text: last})
			awaitOnce(alice, rooms, alice.anna.mxid, last)
			for n, room := range rooms {
				var all []string
				for _, sender := range []id.UserID{alice.anna.mxid, alice.user.ID, bob.user.ID, alice.me.mxid, bob.me.mxid} {
					all = append(all, texts(room, sender)...)
				}
				slices.Sort(all)
				if len(slices.Compact(slices.Clone(all))) != len(all) {
					t.Errorf("%s sees the texts %q, want each once", n.user.ID, all)
				}
			}
			alice.awaitMembers(first, alice.user.ID, bob.user.ID, alice.anna.mxid)
			state, err := bob.user.Client.State(bob.ctx, second.ID)
			alice.must(err)
			seen, err := json.Marshal(state)
			alice.must(err)
			for _, pet := range []string{alice.pet, bob.pet} {
				if strings.Contains(string(seen), pet) {
					t.Errorf("the room of the group has %q, from an address book: %s", pet, seen)
				}
			}
		})
	}
}

// awaitOnce waits until all see a text of a sender, and checks that nobody has seen it twice.
func awaitOnce(n *neighbour, rooms map[*neighbour]*lab.Room, sender id.UserID, text string) {
	n.Helper()
	for who, room := range rooms {
		who.await(fmt.Sprintf("%s to see %q of %s", who.user.ID, text, sender), func(context.Context) error {
			got := texts(room, sender)
			if count := len(slices.DeleteFunc(slices.Clone(got), func(one string) bool { return one != text })); count != 1 {
				return fmt.Errorf("it is there %d times among %q", count, got)
			}
			return nil
		})
	}
}
