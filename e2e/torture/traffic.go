package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

const (
	// pace is the mean pause between two things that are done, by all writers together. A homeserver on a small machine
	// bears some 20 events a second.
	pace = 70 * time.Millisecond
	// answerLimit is how long a writer waits for the homeserver.
	answerLimit = 20 * time.Second
	// reach is how far back a message may be that is changed.
	reach = 8
)

var emoji = []string{"👍", "😂", "🎉", "🙏"}

// act is one thing that a writer does.
type act int

const (
	write act = iota
	sendFile
	edit
	react
	remove
)

func (a act) String() string {
	return [...]string{"text", "file", "edit", "reaction", "deletion"}[a]
}

// choose what to do: mostly to write.
func choose(random *rand.Rand) act {
	switch n := random.IntN(100); {
	case n < 66:
		return write
	case n < 74:
		return sendFile
	case n < 84:
		return edit
	case n < 93:
		return react
	default:
		return remove
	}
}

// target is one of the last messages of a list to which something can be done, nil if there is none. The account's lock is
// held.
func target(list []*said, what act, random *rand.Rand) *said {
	last := list[max(0, len(list)-reach):]
	fit := slices.DeleteFunc(slices.Clone(last), func(s *said) bool {
		return s.id == "" || s.isCaption || s.doubtful || s.deleted || what == edit && (s.file != nil || s.edited != "") || what == react && s.reaction != ""
	})
	if len(fit) == 0 {
		return nil
	}
	return fit[random.IntN(len(fit))]
}

// contactActs has the contact do something; what is done to a message becomes writing if there is none that fits. Errors
// are the simulator's, which must not fail.
func (c *chat) contactActs(ctx context.Context, what act, random *rand.Rand) error {
	if what == write || what == sendFile {
		if what == sendFile {
			return c.sends(ctx, c.newText("in"), c.newFile(random))
		}
		return c.hears(ctx, c.newText("in"))
	}
	c.lock.Lock()
	s := target(c.in, what, random)
	c.lock.Unlock()
	if s == nil {
		return c.hears(ctx, c.newText("in"))
	}
	return c.contactChanges(ctx, what, s, random)
}

// contactChanges has the contact do something to a message of theirs.
func (c *chat) contactChanges(ctx context.Context, what act, s *said, random *rand.Rand) error {
	aim, sim := control.Target{Chat: c.me.ID, ID: s.id}, c.stack.Simulator
	var err error
	switch what {
	case edit:
		text := c.newText("in, edited,")
		_, err = sim.Edit(ctx, c.name, c.with.ID, control.EditRequest{Target: aim, Text: text})
		c.did(func() { s.edited = text })
	case react:
		key := emoji[random.IntN(len(emoji))]
		_, err = sim.React(ctx, c.name, c.with.ID, control.ReactRequest{Target: aim, Emoji: key})
		c.did(func() { s.reaction = key })
	case remove:
		_, err = sim.Revoke(ctx, c.name, c.with.ID, aim)
		c.did(func() { s.deleted = true })
	}
	if err != nil {
		return fmt.Errorf("change message %s of %s: %w", s.id, c.with.Name, err)
	}
	return nil
}

// did notes something under the account's lock.
func (c *chat) did(note func()) {
	c.lock.Lock()
	defer c.lock.Unlock()
	note()
}

// hears has the contact write a text.
func (c *chat) hears(ctx context.Context, text string) error {
	return c.takes(ctx, &said{text: text}, control.SendRequest{To: c.me.ID, Text: text})
}

// sends has the contact send a file.
func (c *chat) sends(ctx context.Context, text string, data []byte) error {
	media := &control.Media{Kind: "document", Data: data, MIMEType: "application/octet-stream", FileName: c.nameOf(text)}
	if c.pictures {
		media.Kind, media.MIMEType = "image", "image/png"
	}
	return c.takes(ctx, &said{text: text, file: data}, control.SendRequest{To: c.me.ID, Media: media})
}

func (c *chat) takes(ctx context.Context, s *said, req control.SendRequest) error {
	sent, err := c.stack.Simulator.Send(ctx, c.name, c.with.ID, req)
	if err != nil {
		return fmt.Errorf("write as %s: %w", c.with.Name, err)
	}
	c.did(func() {
		s.id, s.at, s.late = sent.ID, time.Now(), c.late
		c.in = append(c.in, s)
	})
	return nil
}

// userActs is contactActs for the Matrix user. An answer that does not come leaves open whether the homeserver took it.
func (c *chat) userActs(ctx context.Context, what act, random *rand.Rand) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	c.lock.Lock()
	s := target(c.out, what, random)
	c.lock.Unlock()
	c.changes(ctx, what, s, random)
}

// lastFile is the last file that the user has sent.
func (c *chat) lastFile() (last *said) {
	c.lock.Lock()
	defer c.lock.Unlock()
	for _, s := range c.out {
		if s.file != nil {
			last = s
		}
	}
	return last
}

// changes has the user do something to a message of theirs, or write if there is none to do it to.
func (c *chat) changes(ctx context.Context, what act, s *said, random *rand.Rand) {
	if what == write || what == sendFile || s == nil {
		c.writes(ctx, what, random)
		return
	}
	room, on := c.room, id.EventID(s.id)
	var evt id.EventID
	var err error
	switch what {
	case edit:
		text := c.newText("out, edited,")
		evt, err = room.Edit(ctx, on, text)
		c.did(func() { s.edited = text })
	case react:
		key := emoji[random.IntN(len(emoji))]
		evt, err = room.React(ctx, on, key)
		c.did(func() { s.reaction = key })
	case remove:
		var resp *mautrix.RespSendEvent
		if resp, err = c.user.Client.RedactEvent(ctx, room.ID, on); err == nil {
			evt = resp.EventID
		}
		c.did(func() {
			if s.deleted = true; s.caption != nil {
				s.caption.deleted = true
			}
		})
	}
	c.did(func() {
		s.unsure = s.unsure || err != nil
		if s.caption != nil {
			s.caption.unsure = s.unsure
		}
		c.asked[evt] = &asked{s, true}
	})
}

func (c *chat) writes(ctx context.Context, what act, random *rand.Rand) {
	s := &said{text: c.newText("out")}
	if what == sendFile {
		s.file = c.newFile(random)
	}
	file := lab.File{Type: event.MsgFile, Name: c.nameOf(s.text), MIMEType: "application/octet-stream", Data: s.file}
	if s.file != nil && c.pictures {
		s.caption = &said{text: c.newText("out, caption,"), isCaption: true}
		file.Type, file.MIMEType, file.Caption = event.MsgImage, "image/png", s.caption.text
	}
	c.did(func() {
		if c.out = append(c.out, s); s.caption != nil {
			c.out = append(c.out, s.caption)
		}
	})
	var evt id.EventID
	var err error
	if s.file != nil {
		evt, err = c.room.SendFile(ctx, file)
	} else {
		evt, err = c.room.SendText(ctx, s.text)
	}
	c.did(func() {
		if s.id, s.doubtful = evt.String(), err != nil; s.caption != nil {
			s.caption.id, s.caption.doubtful = s.id, s.doubtful
		}
		c.asked[evt] = &asked{s, false}
	})
}

// burst is traffic that goes on until it is ended.
type burst struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	lock sync.Mutex
	err  error // of the simulator, which must not fail
}

// begin starts the writers of a round: for each account the contacts, one after the other, and the user. What each of them
// does is chosen by seed and round; how much, by the machine.
func (t *torture) begin(ctx context.Context, round int) *burst {
	run, cancel := context.WithCancel(ctx)
	b := &burst{cancel: cancel}
	for i, a := range t.accounts {
		a.lock.Lock()
		a.round = round
		chats := slices.Clone(a.chats)
		a.lock.Unlock()
		writable := a.writable()
		writer := func(n int) *rand.Rand { return rand.New(rand.NewPCG(t.opts.seed, uint64(round<<16|i<<1|n))) }
		mean := time.Duration(2*len(t.accounts)) * pace
		in, out := writer(0), writer(1)
		b.loop(run, mean, in, func() error { return chats[in.IntN(len(chats))].contactActs(ctx, choose(in), in) })
		b.loop(run, mean, out, func() error { writable[out.IntN(len(writable))].userActs(ctx, choose(out), out); return nil })
	}
	return b
}

func (b *burst) loop(ctx context.Context, mean time.Duration, random *rand.Rand, act func() error) {
	b.done.Add(1)
	go func() {
		defer b.done.Done()
		for {
			if err := act(); err != nil {
				b.lock.Lock()
				defer b.lock.Unlock()
				b.err = errors.Join(b.err, err)
				return
			}
			if pause(ctx, time.Duration(random.Int64N(int64(2*mean)))) != nil {
				return
			}
		}
	}()
}

func (b *burst) end() error {
	b.cancel()
	b.done.Wait()
	return b.err
}

// counts is how much was written so far.
func (t *torture) counts() (in, out int) {
	for _, a := range t.accounts {
		a.lock.Lock()
		for _, c := range a.chats {
			in, out = in+len(c.in), out+len(c.out)
		}
		a.lock.Unlock()
	}
	return in, out
}
