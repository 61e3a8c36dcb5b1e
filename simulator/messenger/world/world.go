// Package world is what simulated Messenger knows: people, threads, messages and files, in memory, as data. It knows no
// wire, starts nothing and does nothing by itself. A World is not safe for concurrent use: the server that owns it holds
// its lock around every call. Timelines may be read from any goroutine.
package world

import (
	"slices"
	"strings"
	"time"

	timeline "crosschat/simulator/world"

	"crosschat/simulator/messenger/lightspeed"
)

// First ids of each kind, far apart so that they can be told from one another in a log.
const (
	firstPerson = 100000000001001
	firstThread = 7000000000000001
	firstFile   = 900000000000001
	firstHybrid = 5500000000000001
)

// Folders that threads are in.
const (
	Inbox    = "inbox"
	Pending  = "pending"
	Spam     = "spam"
	Archived = "archived"
	Cutover  = "e2ee_cutover"
)

// Person is somebody with an account. Their own app is simulated too: what reaches it is in Events.
type Person struct {
	ID        int64
	Name      string
	FirstName string
	Username  string
	About     string
	Avatar    []byte
	AvatarID  int64 // changes with Avatar; 0 is none
	Page      bool
	// Friends says who is known to be a friend and who is known not to be: their first message is a request. Anybody else
	// counts as a friend but is in no list.
	Friends map[int64]bool
	Blocked map[int64]bool
	Events  timeline.Timeline

	Offline      bool // the app is closed: what arrives waits in Backlog
	AutoRead     bool
	Echo         bool
	HoldDelivery bool
	HideReads    bool
	FailDecrypt  int
	Backlog      []func()

	views map[int64]*View
}

// Thread is a chat. Direct ones have two members for ever, or one: notes to oneself.
type Thread struct {
	ID       int64 // of a group; 0 for a direct chat
	Group    bool
	Name     string
	Topic    string
	Picture  *File
	Members  []int64
	Admins   map[int64]bool
	Messages []*Message // by time
	// Encrypted says that new messages go over the encrypted plane. Born says that they always did.
	Encrypted bool
	Born      bool
	Kind      int64 // overrides the thread type, 0 for none
	Parent    int64 // key of the thread that holds it, 0 for the inbox
	Ephemeral int64 // seconds, 0 is off; set at EphemeralAt, ms
	EphemeralAt,
	EphemeralBy int64
	LastActivity int64

	views map[int64]*View
}

// View is a thread as one member sees it.
type View struct {
	Thread     *Thread
	Owner      int64
	Key        int64 // the peer of a direct chat, or the group's id
	Hybrid     int64 // key on the plain plane where it differs from Key, else 0
	Folder     string
	MutedUntil int64 // ms, 0 not, -1 for ever
	ReadAt     int64 // own read watermark
	Delivered  int64 // what has reached the owner's app
	Told       bool  // whether the owner's clients were told of the thread
	Hidden     map[string]bool
	Since      int64 // messages up to this time were deleted by the owner
	Deleted    bool  // by the owner, until the next message
}

// Message is one message. Planes don't mix: Encrypted ones are known here for the timeline's sake only.
type Message struct {
	ID        string
	OTID      int64
	Thread    *Thread
	Sender    int64
	At        int64 // ms
	Sort      int64 // tells those of one ms apart
	Text      string
	ReplyTo   string
	ReplyKind int64
	Snippet   string
	Mentions  []Mention
	Files     []*Attachment
	Shares    []*lightspeed.XMA // without thread, message and time
	Sticker   int64
	Admin     bool
	Forwarded bool
	Unsent    bool
	UnsentAt  int64
	Edits     []Edit
	Reactions map[int64]Reaction
	Expires   int64 // seconds
}

// Mention marks a stretch of a text, in UTF-16 units. Kind is p for a person, t for everybody.
type Mention struct {
	Person         int64
	Offset, Length int
	Kind           string
}

// Edit is an earlier text.
type Edit struct {
	Text string
	At   int64
}

// Reaction is what somebody reacted with.
type Reaction struct {
	Emoji string
	At    int64
}

// File is a file on the CDN. Its URLs name Generation; those of earlier ones have expired.
type File struct {
	ID         int64
	Name       string
	MIMEType   string
	Data       []byte
	Generation int
}

// Attachment is a file as part of a message.
type Attachment struct {
	File     *File
	Preview  *File // nil for none
	Type     int64 // of lightspeed
	Width    int64
	Height   int64
	Millis   int64
	Waveform string
	ViewOnce bool
	Label    string
}

// World holds everything.
type World struct {
	now      func() time.Time
	people   map[int64]*Person
	threads  []*Thread
	groups   map[int64]*Thread
	messages map[string]*Message
	files    map[int64]*File
	lastOTID int64

	nextPerson, nextThread, nextFile, nextHybrid int64
}

// New makes an empty world.
func New(now func() time.Time) *World {
	return &World{
		now: now, people: map[int64]*Person{}, groups: map[int64]*Thread{}, messages: map[string]*Message{},
		files: map[int64]*File{}, nextPerson: firstPerson, nextThread: firstThread, nextFile: firstFile, nextHybrid: firstHybrid,
	}
}

// Now is the clock in ms.
func (w *World) Now() int64 { return w.now().UnixMilli() }

// AddPerson makes somebody. The id is chosen unless it is given and free; false if it is taken.
func (w *World) AddPerson(id int64, name string) (*Person, bool) {
	if id == 0 {
		id = w.nextPerson
		for w.people[id] != nil {
			id++
		}
		w.nextPerson = id + 1
	}
	if w.people[id] != nil {
		return nil, false
	}
	first, _, _ := strings.Cut(name, " ")
	p := &Person{
		ID: id, Name: name, FirstName: first, Friends: map[int64]bool{}, Blocked: map[int64]bool{}, views: map[int64]*View{},
	}
	w.people[id] = p
	return p, true
}

// Person finds somebody; nil if there is nobody.
func (w *World) Person(id int64) *Person { return w.people[id] }

// People lists everybody by id.
func (w *World) People() []*Person {
	all := make([]*Person, 0, len(w.people))
	for _, p := range w.people {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Person) int { return compare(a.ID, b.ID) })
	return all
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// Direct finds the chat of two people, or makes it. They may be the same person.
func (w *World) Direct(a, b *Person) *Thread {
	if v := a.views[b.ID]; v != nil {
		return v.Thread
	}
	t := &Thread{Members: []int64{a.ID, b.ID}, Admins: map[int64]bool{}, views: map[int64]*View{}, LastActivity: w.Now()}
	if a == b {
		t.Members = t.Members[:1]
	}
	w.threads = append(w.threads, t)
	w.see(t, a, b.ID)
	w.see(t, b, a.ID)
	return t
}

// NewGroup makes a group; its members must exist.
func (w *World) NewGroup(creator *Person, name string, members []*Person) *Thread {
	t := &Thread{
		ID: w.nextThread, Group: true, Name: name, Admins: map[int64]bool{creator.ID: true}, views: map[int64]*View{},
		LastActivity: w.Now(),
	}
	w.nextThread++
	w.threads = append(w.threads, t)
	w.groups[t.ID] = t
	w.Join(t, creator)
	for _, m := range members {
		w.Join(t, m)
	}
	return t
}

// Join adds somebody to a group; false if they are in it.
func (w *World) Join(t *Thread, p *Person) bool {
	if slices.Contains(t.Members, p.ID) {
		return false
	}
	t.Members = append(t.Members, p.ID)
	w.see(t, p, t.ID)
	return true
}

// Leave takes somebody out of a group; false if they are not in it. Their view of it ends.
func (w *World) Leave(t *Thread, p *Person) bool {
	at := slices.Index(t.Members, p.ID)
	if at < 0 || !t.Group {
		return false
	}
	t.Members = slices.Delete(t.Members, at, at+1)
	delete(t.Admins, p.ID)
	delete(p.views, t.ID)
	delete(t.views, p.ID)
	return true
}

func (w *World) see(t *Thread, p *Person, key int64) {
	if t.views[p.ID] != nil {
		return
	}
	v := &View{Thread: t, Owner: p.ID, Key: key, Folder: Inbox, Hidden: map[string]bool{}}
	t.views[p.ID] = v
	p.views[key] = v
}

// GiveHybridKey gives a view a key on the plain plane that differs from the peer's id.
func (w *World) GiveHybridKey(v *View) {
	if v.Hybrid == 0 {
		v.Hybrid = w.nextHybrid
		w.nextHybrid++
		w.people[v.Owner].views[v.Hybrid] = v
	}
}

// Group finds a group; nil if there is none.
func (w *World) Group(id int64) *Thread { return w.groups[id] }

// View finds a thread by the key under which somebody knows it; nil if there is none.
func (p *Person) View(key int64) *View { return p.views[key] }

// Views lists somebody's threads, the most recent first.
func (p *Person) Views() []*View {
	var all []*View
	for key, v := range p.views {
		if key == v.Key {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *View) int {
		if c := compare(b.Thread.LastActivity, a.Thread.LastActivity); c != 0 {
			return c
		}
		return compare(a.Key, b.Key)
	})
	return all
}

// View is the thread as a member sees it; nil for others.
func (t *Thread) View(person int64) *View { return t.views[person] }

// PlainKey is the key that rows name the thread by.
func (v *View) PlainKey() int64 {
	if v.Hybrid != 0 {
		return v.Hybrid
	}
	return v.Key
}

// Type is the thread type that rows name.
func (t *Thread) Type() int64 {
	switch {
	case t.Kind != 0:
		return t.Kind
	case t.Group && t.Encrypted:
		return lightspeed.EncryptedGroup
	case t.Group:
		return lightspeed.Group
	case t.Encrypted:
		return lightspeed.EncryptedDirect
	default:
		return lightspeed.OneToOne
	}
}

// Rename gives somebody another name.
func (p *Person) Rename(name string) {
	p.Name = name
	p.FirstName, _, _ = strings.Cut(name, " ")
}
