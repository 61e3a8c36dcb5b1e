package world

import (
	"encoding/json"
	"slices"

	timeline "crosschat/simulator/world"
)

// Person is somebody with an account. Their own app is simulated too: what reaches it is in Events.
type Person struct {
	IGID     int64 // the account's number
	FBID     int64 // the id that messages, receipts and reactions name
	Viewer   int64 // the third one, 1784…
	Username string
	Name     string
	About    string
	Avatar   *File // nil for none
	Verified bool
	// Professional accounts have a second inbox folder and other thread subtypes.
	Professional bool
	Bot          string // ai_agent_type, empty for people

	Events timeline.Timeline

	Offline   bool // the app is closed: what happens waits in Backlog
	AutoRead  bool
	Echo      bool
	HideReads bool // read receipts are switched off
	Backlog   []func()

	// Log is what the account's clients are told, in order. Entries up to Floor can't be asked for any more. Seq is the
	// number of the last entry, or where counting began. Without Listening, which begins with the first client, entries are
	// only counted.
	Log       []Entry
	Floor     int64
	Seq       int64
	Listening bool

	follows map[*Person]bool
	blocked map[*Person]bool
	views   map[*Thread]*View
}

// Entry is one delta of an account. Data is its JSON, with Seq as uq_seq_id.
type Entry struct {
	Seq  int64
	Type string // __typename
	Ref  string // message id or the like, for faults to select by
	Data json.RawMessage
}

// After returns the entries behind a cursor.
func (p *Person) After(cursor int64) []Entry {
	at, _ := slices.BinarySearchFunc(p.Log, cursor+1, func(e Entry, seq int64) int { return int(e.Seq - seq) })
	return slices.Clone(p.Log[at:])
}

// Follows says whether p follows other; unless told otherwise everybody follows everybody.
func (p *Person) Follows(other *Person) bool {
	follows, told := p.follows[other]
	return !told || follows
}

// Follow makes p follow other, or makes other a stranger to p: a stranger's first message is a request.
func (p *Person) Follow(other *Person, follows bool) { p.follows[other] = follows }

// Blocks says whether p has blocked other.
func (p *Person) Blocks(other *Person) bool { return p.blocked[other] }

// Block blocks or unblocks somebody.
func (p *Person) Block(other *Person, blocked bool) { p.blocked[other] = blocked }

// View is the thread as p sees it; nil if p is not in it.
func (p *Person) View(t *Thread) *View { return p.views[t] }

// Views lists p's threads in a folder, the most recent first, without hidden ones.
func (p *Person) Views(in func(*View) bool) []*View {
	var all []*View
	for _, v := range p.views {
		if !v.Hidden && in(v) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *View) int {
		if a.Thread.Activity != b.Thread.Activity {
			return int(b.Thread.Activity - a.Thread.Activity)
		}
		return int(b.Thread.Short - a.Thread.Short)
	})
	return all
}
