// Package world is what simulated Instagram knows: people, threads, messages, posts and files, in memory, as data. It knows
// no wire, starts nothing and does nothing by itself. A World is not safe for concurrent use: package direct, which owns
// it, is locked around every call. Timelines may be read from any goroutine.
package world

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The steps and first values of ids, as far apart as the real ones, so that they can be told from one another in a log
// and none is accepted in another's place.
const (
	firstIGID   = 34000000001
	firstFBID   = 111000111
	firstViewer = 17841400000000001
	firstShort  = 17900000000000001
	longPrefix  = "3402823668417103009491281321"
	firstLong   = 12345678901
	firstFile   = 900000000000002
	firstPost   = 3400000000000000001
)

// World holds everything.
type World struct {
	now     func() time.Time
	people  []*Person
	byIGID  map[int64]*Person
	byFBID  map[int64]*Person
	threads []*Thread
	byShort map[int64]*Thread
	byLong  map[string]*Thread
	files   map[int64]*File
	posts   map[int64]*Post

	otids    otidSource
	lastFile int64
	lastPost int64
}

// New makes an empty world with a clock.
func New(now func() time.Time) *World {
	return &World{
		now: now, byIGID: map[int64]*Person{}, byFBID: map[int64]*Person{}, byShort: map[int64]*Thread{},
		byLong: map[string]*Thread{}, files: map[int64]*File{}, posts: map[int64]*Post{},
		lastFile: firstFile - 1, lastPost: firstPost - 1,
	}
}

// Now is the clock in ms.
func (w *World) Now() int64 { return w.now().UnixMilli() }

// NewOTID makes a nonce as a client's would be, unique in this world.
func (w *World) NewOTID() int64 { return w.otids.next(w.Now()) }

// AddPerson makes somebody; username must be free and is chosen if it is empty.
func (w *World) AddPerson(username, name string) (*Person, error) {
	n := int64(len(w.people))
	if username == "" {
		username = w.freeUsername(name)
	} else if w.ByUsername(username) != nil {
		return nil, fmt.Errorf("user name %q is taken", username)
	}
	p := &Person{
		IGID: firstIGID + n, FBID: firstFBID * (n + 1), Viewer: firstViewer + n, Username: username, Name: name,
		follows: map[*Person]bool{}, blocked: map[*Person]bool{}, views: map[*Thread]*View{},
	}
	w.people = append(w.people, p)
	w.byIGID[p.IGID], w.byFBID[p.FBID] = p, p
	return p, nil
}

func (w *World) freeUsername(name string) string {
	base := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r == ' ':
			return '.'
		default:
			return -1
		}
	}, strings.ToLower(name))
	if base = strings.Trim(base, "."); base == "" {
		base = "person"
	}
	username := base
	for i := 2; w.ByUsername(username) != nil; i++ {
		username = fmt.Sprintf("%s%d", base, i)
	}
	return username
}

// Person finds somebody by IGID, ByFBID by FBID, ByUsername by name without regard to case; nil if there is nobody.
func (w *World) Person(igid int64) *Person { return w.byIGID[igid] }

// ByFBID finds somebody by their messaging id.
func (w *World) ByFBID(fbid int64) *Person { return w.byFBID[fbid] }

// ByUsername finds somebody by name.
func (w *World) ByUsername(username string) *Person {
	for _, p := range w.people {
		if strings.EqualFold(p.Username, username) {
			return p
		}
	}
	return nil
}

// People lists everybody, the oldest account first.
func (w *World) People() []*Person { return slices.Clone(w.people) }

// Search finds people whose user name or name contains text.
func (w *World) Search(text string) []*Person {
	var found []*Person
	text = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(text), "@"))
	for _, p := range w.people {
		if text != "" && (strings.Contains(strings.ToLower(p.Username), text) || strings.Contains(strings.ToLower(p.Name), text)) {
			found = append(found, p)
		}
	}
	return found
}

// Direct finds the 1:1 thread of two people, who may be the same; nil if they have none.
func (w *World) Direct(a, b *Person) *Thread {
	for _, t := range w.threads {
		if !t.Group && t.Has(a) && t.Has(b) && (a != b || len(t.Members) == 1) {
			return t
		}
	}
	return nil
}

// NewDirect makes the 1:1 thread of two people who have none.
func (w *World) NewDirect(a, b *Person) *Thread {
	t := w.newThread()
	w.Join(t, a)
	w.Join(t, b)
	return t
}

// NewGroup makes a group of its creator alone.
func (w *World) NewGroup(creator *Person, title string) *Thread {
	t := w.newThread()
	t.Group, t.Title, t.Creator = true, title, creator
	w.Join(t, creator)
	t.Admins[creator] = true
	return t
}

func (w *World) newThread() *Thread {
	n := int64(len(w.threads))
	t := &Thread{
		Short: firstShort + n, Long: fmt.Sprintf("%s%d", longPrefix, firstLong+n), Activity: w.Now(),
		Admins: map[*Person]bool{}, byID: map[string]*Message{},
	}
	w.threads = append(w.threads, t)
	w.byShort[t.Short], w.byLong[t.Long] = t, t
	return t
}

// Join adds somebody to a thread; false if they are in it.
func (w *World) Join(t *Thread, p *Person) bool {
	if t.Has(p) {
		return false
	}
	t.Members = append(t.Members, p)
	p.views[t] = &View{Thread: t, Owner: p, Folder: FolderInbox, InboxFolder: InboxPrimary}
	return true
}

// Leave takes somebody out of a thread; false if they are not in it. Their view of it ends.
func (w *World) Leave(t *Thread, p *Person) bool {
	if !t.Has(p) {
		return false
	}
	t.Members = slices.DeleteFunc(t.Members, func(m *Person) bool { return m == p })
	delete(t.Admins, p)
	delete(p.views, t)
	return true
}

// ByShort finds a thread by its short id, ByLong by its long one; nil if there is none.
func (w *World) ByShort(id int64) *Thread { return w.byShort[id] }

// ByLong finds a thread by its long id.
func (w *World) ByLong(id string) *Thread { return w.byLong[id] }

// Known is somebody's view of the thread with this key: the peer's FBID or, for groups, the short id; nil if there is none.
func (w *World) Known(p *Person, key int64) *View {
	if peer := w.byFBID[key]; peer != nil {
		if t := w.Direct(p, peer); t != nil {
			return p.View(t)
		}
	}
	if t := w.byShort[key]; t != nil && t.Group {
		return p.View(t)
	}
	return nil
}

// AddFile stores a file and gives it an id.
func (w *World) AddFile(f File) *File {
	w.lastFile++
	f.ID = w.lastFile
	w.files[f.ID] = &f
	return &f
}

// File finds a file; nil if there is none.
func (w *World) File(id int64) *File { return w.files[id] }

// AddPost stores a post, reel or story; its ID is chosen if it is 0. One with the same ID is replaced.
func (w *World) AddPost(p Post) *Post {
	if p.ID == 0 {
		w.lastPost++
		p.ID = w.lastPost
	}
	w.posts[p.ID] = &p
	return &p
}

// Post finds a post; nil if there is none.
func (w *World) Post(id int64) *Post { return w.posts[id] }
