package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/png"
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

// account is a Matrix user's account on a network, with the people who write to it.
type account struct {
	network
	stack *lab.Stack
	user  *lab.User
	me    control.Person

	lock sync.Mutex // guards what follows, and what is in the chats
	// number counts all that is written, so that no two texts are alike; chats are in the order in which they began.
	number int
	chats  []*chat
	round  int
	late   bool // what the contacts write now may be overtaken
}

// chat is a conversation with one contact. Its account's lock guards it.
type chat struct {
	*account
	with  control.Person
	ghost id.UserID
	room  *lab.Room // nil until it is made

	in, out []*said // in order
	// asked are the Matrix events by which the user sent, changed or deleted something.
	asked map[id.EventID]*asked
}

// said is a message that one side's server took, and what was done to it afterwards.
type said struct {
	text string
	file []byte // nil if it is a text
	id   string // Matrix event, or message id on the network
	late bool

	// caption is what follows the file as a message of its own; nothing is done to that, as it is no event of its own.
	caption   *said
	isCaption bool

	edited, reaction string
	deleted          bool

	// doubtful says that the homeserver's answer never came, so that nobody knows whether it has the message, unsure the
	// same of something that was done to it.
	doubtful, unsure bool

	// at is when the network took it, if a contact wrote it.
	at time.Time
	// cut says that the power was cut when it was on its way, or had just come: then the bridge may not know it any more.
	cut bool
}

// String is for the list of what went wrong: by the id one finds it in logs and databases.
func (s *said) String() string { return fmt.Sprintf("%s (%s)", s.text, cmp.Or(s.id, "not answered")) }

// asked is something that the bridge may have to say that it could not do.
type asked struct {
	*said
	change bool
}

// logIn makes the user's account and logs the bridge in to it.
func (a *account) logIn(ctx context.Context, bot *lab.Bot) error {
	var err error
	name := fmt.Sprintf("%s on %s", a.user.ID.Localpart(), a.name)
	if a.me, err = a.stack.Simulator.AddPerson(ctx, a.name, control.NewPerson{Name: name}); err != nil {
		return err
	}
	_, err = a.stack.LogIn(ctx, bot, a.name, a.me)
	return err
}

// newChat has a new contact write for the first time.
func (a *account) newChat(ctx context.Context) error {
	a.lock.Lock()
	n := len(a.chats) + 1
	a.lock.Unlock()
	person, err := a.stack.Simulator.AddPerson(ctx, a.name, control.NewPerson{Name: fmt.Sprintf("Contact %d of %s", n, a.me.Name)})
	if err != nil {
		return err
	}
	c := &chat{account: a, with: person, ghost: id.NewUserID(lab.Ghost(a.name, person), a.user.ID.Homeserver()), asked: make(map[id.EventID]*asked)}
	a.lock.Lock()
	a.chats = append(a.chats, c)
	a.lock.Unlock()
	return c.hears(ctx, c.newText("in"))
}

// newText makes a text that occurs nowhere else. It names where it comes from, and is fit for a file's name.
func (c *chat) newText(direction string) string {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.number++
	// A hyphen would come back as a blank, see textOf.
	return fmt.Sprintf("%s %s %s %d in round %d", strings.ReplaceAll(c.name, "-", " "), c.with.ID, direction, c.number, c.round)
}

// newFile makes a file that has other bytes than any before. A picture has another size, too.
func (c *chat) newFile(random *rand.Rand) []byte {
	size, head := 200+random.IntN(20_000), []byte(nil)
	if c.pictures {
		c.lock.Lock()
		c.number++
		size, head = 1000+c.number, onePixel()
		c.lock.Unlock()
	}
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	copy(data, head)
	return data
}

// onePixel is the smallest picture.
func onePixel() []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))) // never fails
	return b.Bytes()
}

// nameOf is what a file is called, textOf the inverse.
func (c *chat) nameOf(text string) string { return strings.ReplaceAll(text, " ", "-") + c.ending() }

func (c *chat) textOf(name string) string {
	return strings.ReplaceAll(strings.TrimSuffix(name, c.ending()), "-", " ")
}

func (c *chat) ending() string {
	if c.pictures {
		return ".png"
	}
	return ".bin"
}

// textOfSize is what a picture stands for that came without a name. The account's lock is held.
func (c *chat) textOfSize(size int) string {
	for _, s := range c.in {
		if s.file != nil && len(s.file) == size {
			return s.text
		}
	}
	return fmt.Sprintf("picture of %d bytes", size)
}

// writable lists the chats that have a room which the user knows.
func (a *account) writable() []*chat {
	rooms := a.rooms()
	a.lock.Lock()
	defer a.lock.Unlock()
	for _, c := range a.chats {
		if found := rooms[c.ghost]; c.room == nil && len(found) > 0 {
			c.room = found[0]
		}
	}
	return slices.DeleteFunc(slices.Clone(a.chats), func(c *chat) bool { return c.room == nil })
}

// rooms are those that the user has joined, by the ghosts in them: one for each, if all is well.
func (a *account) rooms() map[id.UserID][]*lab.Room {
	found := make(map[id.UserID][]*lab.Room)
	for _, room := range a.user.KnownRooms() {
		joined := make(map[id.UserID]bool)
		for _, evt := range room.Timeline() {
			if evt.Type == event.StateMember && evt.Content.AsMember().Membership == event.MembershipJoin {
				joined[id.UserID(evt.GetStateKey())] = true
			}
		}
		if !joined[a.user.ID] {
			continue
		}
		for member := range joined {
			found[member] = append(found[member], room)
		}
	}
	return found
}

// markUnshown marks what the contacts write from now on, and what the user does not see yet, as something that may be overtaken:
// the network may hold that back, too, when it delivers it after all.
func (a *account) markUnshown() {
	rooms := a.rooms()
	a.lock.Lock()
	defer a.lock.Unlock()
	a.late = true
	for _, c := range a.chats {
		seen := make(map[string]bool)
		for _, room := range rooms[c.ghost] {
			list, _, _ := c.inMatrix(room)
			for _, found := range list {
				seen[found.text] = true
			}
		}
		for _, s := range c.in {
			s.late = s.late || !seen[s.text] && (s.edited == "" || !seen[s.edited])
		}
	}
}

// newAccounts makes users with an account on each network, and the first chats in peace, so that there is somewhere to
// write from the first round on.
func newAccounts(ctx context.Context, stack *lab.Stack, on []network, users, chats int) ([]*account, error) {
	var all []*account
	for i := range users {
		user, err := stack.NewUser(ctx, fmt.Sprintf("tortured%d", i+1), "torture-password")
		if err != nil {
			return all, err
		}
		user.Patience = 2 * time.Minute
		first := &account{user: user, stack: stack}
		all = append(all, first) // so that it is closed whatever happens
		bot, err := user.OpenBot(ctx, stack.Bridge.Bot, stack.Setting.Encryption != lab.EncryptionOff)
		if err != nil {
			return all, err
		}
		for j, n := range on {
			a := first
			if j > 0 {
				a = &account{user: user, stack: stack}
				all = append(all, a)
			}
			a.network = n
			if err = a.logIn(ctx, bot); err != nil {
				return all, fmt.Errorf("log in to %s: %w", n.name, err)
			}
			for range chats {
				if err = a.newChat(ctx); err != nil {
					return all, err
				}
			}
		}
	}
	for _, a := range all {
		began := time.Now()
		err := a.user.Await(ctx, "the first rooms", func(ctx context.Context) error {
			if forgetful(stack) && time.Since(began) > 20*time.Second {
				if err := a.user.Refresh(ctx); err != nil {
					return err
				}
			}
			if n := len(a.writable()); n < chats {
				return fmt.Errorf("%d of %d rooms of %s are there", n, chats, a.me.Name)
			}
			return nil
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}
