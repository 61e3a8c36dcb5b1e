// Package direct is what Instagram Direct does: each action of a person or of one of their clients changes the world, is
// told to every account that it concerns as an entry of its delta log (instagram.md section 22.3), and shows in the
// timelines of the people's simulated apps. It owns the world and its lock. It knows no wire but the forms of package
// shape, and starts no goroutine.
//
// Every method but Lock needs the lock to be held, and none blocks.
//
// Where it differs from the real network, and which bugs that could hide:
//   - Folders, friendship and blocking are simple: a stranger's first message is a request if the recipient said before
//     that they are one, and everybody else counts as followed.
//   - Which deltas an action causes, and in which order, is inferred (section 22.3). Creating a reaction tells of the log
//     line first; removing it comes in three forms by turns.
//   - Messages of one thread never share a millisecond.
package direct

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// Limits of what the service accepts.
const (
	MaxText    = 20_000
	MaxEdits   = 5
	EditWithin = 15 * time.Minute
)

// Ear is a client of an account that hears what happens. Its methods are called with the lock held and must not block.
type Ear interface {
	// Told says that the account's log has new entries.
	Told()
	// Typing says that somebody types in a thread or has stopped.
	Typing(t *world.Thread, from *world.Person, typing bool)
}

// Direct is the service.
type Direct struct {
	World *world.World
	Shape *shape.Renderer

	mu       sync.Mutex
	ears     map[*world.Person]map[Ear]bool
	removals int
}

// New makes a service over an empty world. anonymous is the picture of people who have none.
func New(now func() time.Time, sign func(*world.File) string, anonymous []byte) *Direct {
	w := world.New(now)
	picture := w.AddFile(world.File{Name: "anonymous.jpg", MIMEType: "image/jpeg", Data: anonymous})
	return &Direct{
		World: w, Shape: &shape.Renderer{Sign: sign, Anonymous: picture}, ears: map[*world.Person]map[Ear]bool{},
	}
}

// Lock takes the lock and returns what gives it back.
func (d *Direct) Lock() (unlock func()) {
	d.mu.Lock()
	return d.mu.Unlock
}

// Refusal is the error for what the service refuses. Code is the one that a client is told; Envelope says that it comes as
// the error of the whole answer, not in its list of errors.
type Refusal struct {
	Code     int
	Envelope bool
	Text     string
}

// Error is the text.
func (r *Refusal) Error() string { return r.Text }

// Codes of refusals. The live code of most is unknown; 1675030 is the general one.
const (
	CodeGeneral     = 1675030
	CodeUnavailable = 1545041
)

func refuse(format string, args ...any) error {
	return &Refusal{Code: CodeGeneral, Text: fmt.Sprintf(format, args...)}
}

// Listen makes an ear hear what happens to an account, until stop.
func (d *Direct) Listen(p *world.Person, ear Ear) {
	if d.ears[p] == nil {
		d.ears[p] = map[Ear]bool{}
	}
	d.ears[p][ear] = true
}

// Unlisten ends what Listen began.
func (d *Direct) Unlisten(p *world.Person, ear Ear) { delete(d.ears[p], ear) }

// Tell appends an entry to an account's log. ref is what faults may select it by.
func (d *Direct) Tell(p *world.Person, ref string, data shape.Object) {
	p.Seq++
	if !p.Listening {
		p.Floor = p.Seq
		return
	}
	data["uq_seq_id"] = shape.ID(p.Seq)
	kind, _ := data["__typename"].(string)
	encoded, err := json.Marshal(data)
	if err != nil {
		encoded = []byte("null") // entries are made of values that encode
	}
	p.Log = append(p.Log, world.Entry{Seq: p.Seq, Type: kind, Ref: ref, Data: encoded})
	for ear := range d.ears[p] {
		ear.Told()
	}
}

// tellMembers tells every member of a thread, but not those to whom it is a request: they hear nothing until they accept.
func (d *Direct) tellMembers(t *world.Thread, ref string, data func(p *world.Person) shape.Object) {
	for _, p := range t.Members {
		if !p.View(t).Request() {
			d.Tell(p, ref, data(p))
		}
	}
}

// AddPerson creates an account.
func (d *Direct) AddPerson(username, name string) (*world.Person, error) {
	p, err := d.World.AddPerson(username, name)
	if err != nil {
		return nil, err
	}
	const firstSeq = 18134
	p.Seq, p.Floor = firstSeq, firstSeq
	return p, nil
}

// ForgetLog makes an account's cursors from before now useless.
func (d *Direct) ForgetLog(p *world.Person) {
	// One number is skipped, so that even a client that has applied everything is behind.
	p.Seq++
	p.Log, p.Floor = nil, p.Seq
}

// chat names a thread as p's app does: a DM by the other's IGID, a group by its short id.
func chat(p *world.Person, t *world.Thread) string {
	v := p.View(t)
	switch {
	case t.Group:
		return shape.ID(t.Short)
	case v != nil && v.Peer() != nil:
		return shape.ID(v.Peer().IGID)
	default:
		return shape.ID(p.IGID)
	}
}

// happen runs what p's app does about something, at once or when the app is opened.
func happen(p *world.Person, f func()) {
	if p.Offline {
		p.Backlog = append(p.Backlog, f)
		return
	}
	f()
}

// note puts an event into the timelines of a thread's members. except may be nil.
func (d *Direct) note(t *world.Thread, except *world.Person, by *world.Person, e control.Event) {
	e.Time = time.UnixMilli(d.World.Now())
	e.Sender = shape.ID(by.IGID)
	for _, p := range t.Members {
		if p == except {
			continue
		}
		own := e
		own.Chat, own.FromMe = chat(p, t), p == by
		happen(p, func() { p.Events.Append(own) })
	}
}

// SetOnline opens or closes somebody's app. What waited happens when it opens.
func (d *Direct) SetOnline(p *world.Person, online bool) {
	p.Offline = !online
	for online && len(p.Backlog) > 0 {
		next := p.Backlog[0]
		p.Backlog = p.Backlog[1:]
		next()
	}
}
