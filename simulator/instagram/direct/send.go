package direct

import (
	"crypto/sha256"
	"encoding/json"
	"time"
	"unicode/utf8"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// Outgoing is a message that somebody sends.
type Outgoing struct {
	From *world.Person
	// Thread is where it goes. It may be nil with To, who then gets it in their 1:1 thread, made if need be.
	Thread *world.Thread
	To     *world.Person
	// Message has content; its OTID and time are chosen if they are 0.
	Message *world.Message
	// Device is the client that sent it, 0 for the app.
	Device int

	echoed bool // sent by the Echo of an app, which no other one answers
}

// Send sends a message. A second one with the nonce of an earlier one of the same sender changes nothing and gives the
// first.
func (d *Direct) Send(out Outgoing) (*world.Message, error) {
	if err := d.mayWrite(out); err != nil {
		return nil, err
	}
	t, created := out.Thread, false
	if t == nil {
		if t = d.World.Direct(out.From, out.To); t == nil {
			t, created = d.World.NewDirect(out.From, out.To), true
		}
	}
	m := out.Message
	if m.OTID == 0 {
		m.OTID = d.World.NewOTID()
	} else if first := t.BySender(out.From, m.OTID); first != nil {
		return first, nil
	}
	m.Sender = out.From
	d.add(t, m)
	if created {
		d.begin(t, out.From)
	}
	for _, p := range t.Members {
		d.arrive(p, m, out)
	}
	return m, nil
}

func (d *Direct) mayWrite(out Outgoing) error {
	if out.Thread != nil && !out.Thread.Has(out.From) {
		return refuse("not a member of the thread")
	}
	if m := out.Message; m.IsText() && (m.Text == "" || utf8.RuneCountInString(m.Text) > MaxText) {
		return refuse("text is empty or longer than %d characters", MaxText)
	}
	peer := out.To
	if out.Thread != nil {
		peer = out.From.View(out.Thread).Peer()
	}
	if peer != nil && (peer.Blocks(out.From) || out.From.Blocks(peer)) {
		return &Refusal{Code: CodeUnavailable, Envelope: true, Text: "This person isn't available right now."}
	}
	return nil
}

// add gives a message its time, if it has none, and puts it into its thread.
func (d *Direct) add(t *world.Thread, m *world.Message) {
	if m.At == 0 {
		m.At = d.World.Now()
		if n := len(t.Messages); n > 0 {
			m.At = max(m.At, t.Messages[n-1].At+1)
		}
	}
	t.Add(m)
}

// begin decides on the folders of a new 1:1 thread and tells its maker that it is there.
func (d *Direct) begin(t *world.Thread, by *world.Person) {
	for _, p := range t.Members {
		if p != by && !p.Follows(by) {
			p.View(t).Folder = world.FolderPending
		}
	}
	d.Tell(by, "", shape.ThreadCreated())
}

// arrive brings a message to a member: to the log of the account and to the app.
func (d *Direct) arrive(p *world.Person, m *world.Message, out Outgoing) {
	v := p.View(m.Thread)
	v.Hidden = false
	own := p == m.Sender
	if own {
		if v.Request() {
			d.Move(p, m.Thread, world.FolderInbox, "")
		}
		v.Read, v.Unread = max(v.Read, m.At), false
	}
	if !v.Request() {
		d.Tell(p, m.ID, d.Shape.MessageDelta(p, m))
	}
	e := d.event(p, m)
	if own {
		e.Device = out.Device
	}
	happen(p, func() {
		p.Events.Append(e)
		if own || p.View(m.Thread) == nil {
			return
		}
		if p.AutoRead {
			d.Read(p, m)
		}
		if p.Echo && m.IsText() && !out.echoed {
			// A refusal, because somebody blocked somebody, leaves it unanswered.
			_, _ = d.Send(Outgoing{From: p, Thread: m.Thread, Message: Text(m.Text), echoed: true})
		}
	})
}

// event is a message in the words of the control API.
func (d *Direct) event(p *world.Person, m *world.Message) control.Event {
	e := control.Event{
		Time: time.UnixMilli(m.At), Kind: control.KindMessage, Chat: chat(p, m.Thread), Sender: shape.ID(m.Sender.IGID),
		FromMe: p == m.Sender, ID: m.ID, Text: m.Text, ReplyTo: m.ReplyTo,
	}
	for _, mention := range m.Mentions {
		if mention.Person != nil {
			e.Mentions = append(e.Mentions, shape.ID(mention.Person.IGID))
		}
	}
	if m.Media != nil {
		e.Media = describe(m.Media)
	}
	// What the renderer makes always encodes.
	e.Raw, _ = json.Marshal(d.Shape.Message(p, m))
	return e
}

// mostTold is the largest file whose bytes an event carries.
const mostTold = 8 << 20

// describe is the file of a message in the words of the control API.
func describe(media *world.Media) *control.Media {
	f := media.File
	sum := sha256.Sum256(f.Data)
	out := &control.Media{
		Kind: media.Kind, MIMEType: f.MIMEType, FileName: f.Name, Width: f.Width, Height: f.Height,
		Seconds: f.Millis / 1000, Waveform: media.Waveform, ViewOnce: media.ViewOnce, Size: len(f.Data), SHA256: sum[:],
	}
	if len(f.Data) <= mostTold {
		out.Data = f.Data
	}
	return out
}

// AddHistory puts a message into a thread as if it had long been there: nobody is told.
func (d *Direct) AddHistory(t *world.Thread, m *world.Message) error {
	if !t.Has(m.Sender) {
		return refuse("the sender is not a member of the thread")
	}
	if m.OTID == 0 {
		m.OTID = d.World.NewOTID()
	}
	d.add(t, m)
	return nil
}

// Edit replaces the text of a message, by its sender.
func (d *Direct) Edit(by *world.Person, m *world.Message, text string) (at int64, err error) {
	at = d.World.Now()
	switch {
	case m.Sender != by || !m.IsText():
		return 0, refuse("cannot edit")
	case len(m.Edits) >= MaxEdits:
		return 0, refuse("cannot edit more than %d times", MaxEdits)
	case at-m.At > EditWithin.Milliseconds():
		return 0, refuse("cannot edit after %d minutes", int(EditWithin.Minutes()))
	case text == "" || utf8.RuneCountInString(text) > MaxText:
		return 0, refuse("text is empty or longer than %d characters", MaxText)
	}
	written := m.At
	if n := len(m.Edits); n > 0 {
		at = max(at, m.Edits[n-1].At+1)
	}
	m.Edits = append(m.Edits, world.Edit{Text: m.Text, At: written})
	m.Text, m.Snippet, m.Mentions = text, text, nil
	d.tellMembers(m.Thread, m.ID, func(*world.Person) shape.Object { return shape.Edited(m, at) })
	d.note(m.Thread, nil, by, control.Event{Kind: control.KindEdit, Ref: m.ID, Text: text})
	return at, nil
}

// Unsend takes a message back for everybody, by its sender.
func (d *Direct) Unsend(by *world.Person, m *world.Message) error {
	if m.Sender != by {
		return refuse("cannot unsend")
	}
	m.Thread.Remove(m)
	d.tellMembers(m.Thread, m.ID, func(*world.Person) shape.Object { return shape.Unsent(m) })
	d.note(m.Thread, nil, by, control.Event{Kind: control.KindRevoke, Ref: m.ID})
	return nil
}

// React sets somebody's only reaction to a message; an empty emoji takes it away.
func (d *Direct) React(by *world.Person, m *world.Message, emoji string) error {
	t := m.Thread
	old := m.Reaction(by)
	switch {
	case !t.Has(by) || m.Delta == shape.AdminText:
		return refuse("cannot react")
	case emoji == "" && old == nil:
		return nil
	case emoji == "":
		m.React(by, nil)
		form := [...]shape.Form{shape.WithSender, shape.WithoutSender, shape.WithSender, shape.NullSender}[d.removals%4]
		if old.Log == "" {
			form = shape.WithSender // there is no line in the log to name
		} else {
			d.removals++
		}
		d.tellMembers(t, m.ID, func(*world.Person) shape.Object { return shape.Unreacted(m, old, form) })
	default:
		line := d.systemLine(t, by, "REACTION_LOG_XMAT", "Reacted "+emoji+" to a message", 0)
		reaction := &world.Reaction{Sender: by, Emoji: emoji, At: d.World.Now(), Log: line.ID}
		m.React(by, reaction)
		d.tellMembers(t, m.ID, func(p *world.Person) shape.Object { return d.Shape.MessageDelta(p, line) })
		d.tellMembers(t, m.ID, func(*world.Person) shape.Object { return shape.Reacted(m, reaction) })
	}
	d.note(t, nil, by, control.Event{Kind: control.KindReaction, Ref: m.ID, Text: emoji})
	return nil
}

// Read moves somebody's read mark to a message. One that is behind where it stands changes nothing.
func (d *Direct) Read(by *world.Person, m *world.Message) {
	t := m.Thread
	v := by.View(t)
	if v == nil || v.Request() || m.At <= v.Read && !v.Unread {
		return
	}
	moved := m.At > v.Read
	v.Read, v.Unread = max(v.Read, m.At), false
	d.Tell(by, m.ID, shape.SelfRead(t, v.Read))
	if by.HideReads || !moved {
		return
	}
	for _, p := range t.Members {
		if p != by && !p.View(t).Request() {
			d.Tell(p, m.ID, shape.PeerRead(t, by, v.Read))
		}
	}
	d.note(t, by, by, control.Event{Kind: control.KindReceipt, Ref: m.ID, Text: "read"})
}

// Typing shows to the others that somebody types, or that they stopped.
func (d *Direct) Typing(by *world.Person, t *world.Thread, typing bool) {
	v := by.View(t)
	if v == nil || v.Request() {
		return
	}
	text := "paused"
	if typing {
		text = "composing"
	}
	for _, p := range t.Members {
		if p == by || p.View(t).Request() {
			continue
		}
		for ear := range d.ears[p] {
			ear.Typing(t, by, typing)
		}
	}
	d.note(t, by, by, control.Event{Kind: control.KindTyping, Text: text})
}
