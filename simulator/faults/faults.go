// Package faults keeps the things that a test wants broken, and decides which of them strikes. It knows no wire; what a
// kind does is written where the kind is handled. A Set may be used from any goroutine.
package faults

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"crosschat/simulator/control"
)

// Subject is what a fault may strike.
type Subject struct {
	Person string // "" if not known
	Device int    // session or device, 0 if not known
	What   string // such as graphql/sendText, task/46, push/1, GET/image; its levels are cut by slashes
	ID     string // message id, path or the like
}

// Set holds the faults of one network.
type Set struct {
	prefix string
	kinds  map[string]string

	mu     sync.Mutex
	lastID int
	all    []*fault
}

type fault struct {
	control.Fault
	seen int // matches so far, skipped ones included
}

// New makes an empty set. kinds says what each known kind does; ids begin with prefix.
func New(prefix string, kinds map[string]string) *Set { return &Set{prefix: prefix, kinds: kinds} }

// Knows says whether a kind belongs to this set.
func (s *Set) Knows(kind string) bool { return s.kinds[kind] != "" }

// Kinds lists the known kinds.
func (s *Set) Kinds() []string { return slices.Sorted(maps.Keys(s.kinds)) }

// Add puts a fault in force and returns it with its id. An unknown kind is a *control.Error.
func (s *Set) Add(f control.Fault) (control.Fault, error) {
	if !s.Knows(f.Kind) {
		return control.Fault{}, control.Invalid("fault of kind %q: kinds are %s", f.Kind, strings.Join(s.Kinds(), ", "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	f.ID, f.Hits, f.Args = s.prefix+strconv.Itoa(s.lastID), 0, maps.Clone(f.Args)
	s.all = append(s.all, &fault{Fault: f})
	return f, nil
}

// Struck counts a hit of a fault that does its work when it is added, and returns it.
func (s *Set) Struck(id string) control.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if f.ID == id {
			f.Hits++
			return f.Fault
		}
	}
	return control.Fault{}
}

// Remove takes a fault away; false if there is none with this id.
func (s *Set) Remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.all)
	s.all = slices.DeleteFunc(s.all, func(f *fault) bool { return f.ID == id })
	return len(s.all) < before
}

// List is a copy of all faults, spent ones too.
func (s *Set) List() []control.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]control.Fault, 0, len(s.all))
	for _, f := range s.all {
		copied := f.Fault
		copied.Args = maps.Clone(f.Args)
		list = append(list, copied)
	}
	return list
}

// Args are a fault's arguments.
type Args map[string]string

// Int is an argument as a number, standard if it is missing or none.
func (a Args) Int(key string, standard int) int {
	if n, err := strconv.Atoi(a[key]); err == nil {
		return n
	}
	return standard
}

// Text is an argument, standard if it is missing or empty.
func (a Args) Text(key, standard string) string { return cmp.Or(a[key], standard) }

// Delay is the argument ms as a duration, one second if it is missing.
func (a Args) Delay() time.Duration { return time.Duration(a.Int("ms", 1000)) * time.Millisecond }

// Strike finds the first fault in force that matches, counts the hit and returns its arguments.
func (s *Set) Strike(kind string, sub Subject) (Args, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if f.spent() || f.Kind != kind || !f.matches(sub) {
			continue
		}
		if f.seen++; f.seen <= f.Skip {
			continue
		}
		f.Hits++
		return Args(f.Args), true
	}
	return nil, false
}

// Rules says whether a fault that lasts until it is removed applies; Skip and Times mean nothing to it.
func (s *Set) Rules(kind string, sub Subject) (Args, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if f.Kind == kind && f.matches(sub) {
			f.Hits++
			return Args(f.Args), true
		}
	}
	return nil, false
}

// spent says whether the fault struck as often as it may.
func (f *fault) spent() bool { return f.Times >= 0 && f.Hits >= max(f.Times, 1) }

// matches: Person and Device strike only what is known to be theirs; Stanza is a prefix of What by whole levels; MatchID is
// the id or a part of it.
func (f *fault) matches(sub Subject) bool {
	switch {
	case f.Person != "" && f.Person != sub.Person:
		return false
	case f.Device != 0 && f.Device != sub.Device:
		return false
	case f.Stanza != "" && f.Stanza != sub.What && !strings.HasPrefix(sub.What, f.Stanza+"/"):
		return false
	default:
		return strings.Contains(sub.ID, f.MatchID)
	}
}
