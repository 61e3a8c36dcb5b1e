package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

const (
	network = "whatsapp"
	// pace is the mean pause between two texts of a direction.
	pace = 150 * time.Millisecond
)

// traffic is what a user and their contacts write to each other. A text names its chat, direction and number.
type traffic struct {
	stack *lab.Stack
	user  *lab.User
	me    control.Person
	seed  uint64

	lock  sync.Mutex
	chats []*chat
	round int
}

// chat is a conversation with one contact.
type chat struct {
	with  control.Person
	ghost id.UserID
	room  *lab.Room // nil until it is made

	in, out []string        // accepted, in order
	maybe   map[string]bool // of out, those of which the homeserver's answer never came
	events  map[id.EventID]string
}

func newTraffic(ctx context.Context, stack *lab.Stack, seed uint64) (*traffic, error) {
	t := &traffic{stack: stack, seed: seed}
	var err error
	if t.user, err = stack.NewUser(ctx, "tortured", "torture-password"); err != nil {
		return nil, err
	}
	t.user.Patience = time.Minute
	if t.me, err = stack.Simulator.AddPerson(ctx, network, control.NewPerson{Name: "Tortured User"}); err != nil {
		return t, err
	}
	if err = t.logIn(ctx); err != nil {
		return t, err
	}
	for range 4 {
		if err = t.newChat(ctx); err != nil {
			return t, err
		}
	}
	// The first rooms are made in peace, so that there is somewhere to write from the first round on.
	for _, c := range t.chats {
		if err = t.user.Await(ctx, "the first rooms", func(context.Context) error { return t.findRoom(c) }); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (t *traffic) close() { t.user.Close() }

func (t *traffic) logIn(ctx context.Context) error {
	bot, err := t.user.OpenBot(ctx, t.stack.Bridge.Bot, t.stack.Setting.Encryption != lab.EncryptionOff)
	if err != nil {
		return err
	}
	from, err := bot.StartLogin(ctx, network, "qr")
	if err != nil {
		return err
	}
	code, err := bot.AwaitQR(ctx, from)
	if err != nil {
		return err
	}
	if _, err = t.stack.Simulator.ScanQR(ctx, network, t.me.ID, code); err != nil {
		return err
	}
	_, err = bot.AwaitAnswer(ctx, from, "a confirmation", func(body string) bool { return strings.Contains(body, t.me.Name) })
	return err
}

// newChat has a new contact write for the first time.
func (t *traffic) newChat(ctx context.Context) error {
	n := len(t.chats) + 1
	person, err := t.stack.Simulator.AddPerson(ctx, network, control.NewPerson{Name: fmt.Sprintf("Contact %d", n)})
	if err != nil {
		return err
	}
	domain := t.user.ID.Homeserver()
	c := &chat{with: person, ghost: id.NewUserID("crosschat_whatsapp-lid-"+person.LID, domain), maybe: make(map[string]bool), events: make(map[id.EventID]string)}
	t.lock.Lock()
	t.chats = append(t.chats, c)
	t.lock.Unlock()
	return t.receive(ctx, c)
}

// receive has the contact write.
func (t *traffic) receive(ctx context.Context, c *chat) error {
	text := t.text(c, "in", len(c.in))
	if _, err := t.stack.Simulator.Send(ctx, network, c.with.ID, control.SendRequest{To: t.me.ID, Text: text}); err != nil {
		return fmt.Errorf("write as %s: %w", c.with.Name, err)
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	c.in = append(c.in, text)
	return nil
}

func (t *traffic) text(c *chat, direction string, n int) string {
	return fmt.Sprintf("torture %d %s %s %d round %d", t.seed, c.with.ID, direction, n, t.round)
}

// send writes as the Matrix user. An answer that does not come leaves open whether the homeserver took the text.
func (t *traffic) send(ctx context.Context, c *chat) {
	t.lock.Lock()
	room, text := c.room, t.text(c, "out", len(c.out))
	c.out = append(c.out, text)
	t.lock.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	eventID, err := room.SendText(ctx, text)
	t.lock.Lock()
	defer t.lock.Unlock()
	if err != nil {
		c.maybe[text] = true
	}
	c.events[eventID] = text
}

// findRoom looks in what the user's client was shown for the chat's room.
func (t *traffic) findRoom(c *chat) error {
	if rooms := t.roomsOf(c); len(rooms) > 0 {
		t.lock.Lock()
		defer t.lock.Unlock()
		c.room = rooms[0]
		return nil
	}
	return fmt.Errorf("no room with %s yet", c.ghost)
}

// roomsOf lists all rooms with the contact that the user has joined: one, if all is well.
func (t *traffic) roomsOf(c *chat) (rooms []*lab.Room) {
	for _, room := range t.user.KnownRooms() {
		ghost, user := false, false
		for _, evt := range room.Timeline() {
			if evt.Type != event.StateMember || evt.Content.AsMember().Membership != event.MembershipJoin {
				continue
			}
			ghost = ghost || evt.GetStateKey() == c.ghost.String()
			user = user || evt.GetStateKey() == t.user.ID.String()
		}
		if ghost && user {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

func (t *traffic) counts() (in, out int) {
	t.lock.Lock()
	defer t.lock.Unlock()
	for _, c := range t.chats {
		in += len(c.in)
		out += len(c.out) - len(c.maybe)
	}
	return in, out
}

// burst is traffic that goes on until it is ended.
type burst struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	err    error // of the simulator, which must not fail
}

// begin starts writing in both directions, at random in all chats.
func (t *traffic) begin(ctx context.Context) *burst {
	run, cancel := context.WithCancel(ctx)
	b := &burst{cancel: cancel}
	t.lock.Lock()
	chats := slices.Clone(t.chats)
	t.lock.Unlock()
	for _, c := range chats {
		if c.room == nil {
			_ = t.findRoom(c) // it may not be made yet
		}
	}
	writable := slices.DeleteFunc(slices.Clone(chats), func(c *chat) bool { return c.room == nil })
	b.loop(run, t.seed, func() { b.err = t.receive(ctx, chats[rand.IntN(len(chats))]) })
	// Two writers, each with chats of their own, so that the order within a chat is known.
	for i := range 2 {
		own := slices.DeleteFunc(slices.Clone(writable), func(c *chat) bool { return slices.Index(writable, c)%2 != i })
		if len(own) > 0 {
			b.loop(run, t.seed, func() { t.send(ctx, own[rand.IntN(len(own))]) })
		}
	}
	return b
}

func (b *burst) loop(ctx context.Context, _ uint64, act func()) {
	b.done.Add(1)
	go func() {
		defer b.done.Done()
		for b.err == nil {
			act()
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(rand.Int64N(int64(2 * pace)))):
			}
		}
	}()
}

func (b *burst) end() {
	b.cancel()
	b.done.Wait()
}
