package wire

import (
	"maps"
	"slices"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
)

// The sync databases that a client keeps.
const (
	DatabaseMailbox  = 1   // threads, messages, receipts
	DatabaseContacts = 2   // people
	DatabaseRequests = 95  // message requests and encrypted threads
	DatabaseE2EE     = 104 // its purpose is not clear
)

// databases is in the order in which they are opened.
var databases = []int64{DatabaseMailbox, DatabaseContacts, DatabaseRequests, DatabaseE2EE}

// Channels choose the sync parameters.
const (
	channelMailbox = 1
	channelContact = 2
)

// Database is how far a sync database has been handled.
type Database struct {
	Cursor         string `json:"cursor,omitempty"` // empty: from the beginning
	SendSyncParams bool   `json:"send_sync_params,omitempty"`
	SyncChannel    int64  `json:"sync_channel,omitempty"`
}

// State is what a login stores to go on where it stopped. It only ever covers what the Handler has taken.
type State struct {
	Databases map[int64]Database `json:"databases,omitempty"`
	SavedAt   time.Time          `json:"saved_at,omitzero"`
}

// initialDatabase is where a database begins.
func initialDatabase(id int64) Database {
	switch id {
	case DatabaseMailbox:
		return Database{SyncChannel: channelMailbox}
	case DatabaseContacts:
		return Database{SendSyncParams: true, SyncChannel: channelContact}
	case DatabaseRequests:
		return Database{SyncChannel: channelContact}
	}
	return Database{SendSyncParams: true}
}

// position is the cursors as they are now, some of them not stored yet. It belongs to the Client's lock.
type position struct {
	databases map[int64]Database
	ranges    map[int64]lightspeed.ThreadRange // by sync group
	// passed are cursors that each database had lately: a push that starts at one of them leaves no gap.
	passed map[int64][]string
}

const maxPassed = 64

// newPosition goes on from a stored state, unless that is too old.
func newPosition(stored State, maxAge time.Duration, now time.Time) *position {
	p := &position{databases: make(map[int64]Database), ranges: make(map[int64]lightspeed.ThreadRange),
		passed: make(map[int64][]string)}
	if now.Sub(stored.SavedAt) <= maxAge {
		maps.Copy(p.databases, stored.Databases)
	}
	return p
}

func (p *position) get(id int64) Database {
	if d, ok := p.databases[id]; ok {
		return d
	}
	return initialDatabase(id)
}

func (p *position) reset(id int64) {
	delete(p.databases, id)
	delete(p.passed, id)
}

const dummyCursor = "dummy_cursor"

// advances says whether a first block leads on from where the database is.
func advances(block lightspeed.FirstBlock, now Database) bool {
	next := block.NextCursor
	return next != "" && next != dummyCursor && next != block.CurrentCursor && next != now.Cursor
}

// apply moves a database on, and says whether it moved. A pushed block that doesn't start where the database is means
// that something between was missed: then the database stays, and gap is true.
func (p *position) apply(block lightspeed.FirstBlock, pushed bool) (moved, gap bool) {
	now := p.get(block.Database)
	if !advances(block, now) {
		return false, false
	}
	passed := p.passed[block.Database]
	if slices.Contains(passed, block.NextCursor) {
		return false, false // repeats what was handled
	}
	if pushed && now.Cursor != "" && block.CurrentCursor != now.Cursor && !slices.Contains(passed, block.CurrentCursor) {
		return false, true
	}
	if now.Cursor != "" {
		passed = append(passed, now.Cursor)
	}
	p.passed[block.Database] = passed[max(0, len(passed)-maxPassed):]
	p.databases[block.Database] = Database{block.NextCursor, block.SendSyncParams, block.SyncChannel}
	return true, false
}

// applyRanges remembers how far down the list of threads is known.
func (p *position) applyRanges(ranges []lightspeed.ThreadRange) {
	for _, r := range ranges {
		if r.ParentThreadKey != task.InboxKey {
			continue // its own list, which ends somewhere else
		}
		if r.MoreBefore || p.ranges[r.SyncGroup].MoreBefore {
			p.ranges[r.SyncGroup] = r
		}
	}
}

func (p *position) state(now time.Time) State {
	return State{maps.Clone(p.databases), now}
}
