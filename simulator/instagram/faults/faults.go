// Package faults keeps what a test wants broken and decides when it strikes. It knows no wire; what a kind does is written
// where it is handled. A Set may be used from any goroutine.
package faults

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"crosschat/simulator/control"
)

// Subject is something that a fault may strike.
type Subject struct {
	Person string // "" if not known
	Device int    // number of the session, 0 if not known
	What   string // such as graphql/sendText or push/SlideUQPPNewMessage
	ID     string // message id, path or the like
}

// Set holds the faults of one network.
type Set struct {
	kinds map[string]string

	mu   sync.Mutex
	last int
	all  []*fault
}

type fault struct {
	control.Fault
	seen int // matches, those that were let pass included
}

// New makes an empty set. kinds says what each kind does.
func New(kinds map[string]string) *Set { return &Set{kinds: kinds} }

// Add puts a fault in force and returns it with its id; a kind that doesn't exist is a *control.Error.
func (s *Set) Add(f control.Fault) (control.Fault, error) {
	if s.kinds[f.Kind] == "" {
		return control.Fault{}, control.Invalid("fault of kind %q: kinds are %s", f.Kind,
			strings.Join(slices.Sorted(maps.Keys(s.kinds)), ", "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	f.ID, f.Hits, f.Args = "fault-"+strconv.Itoa(s.last), 0, maps.Clone(f.Args)
	s.all = append(s.all, &fault{Fault: f})
	return f, nil
}

// Remove ends a fault; false if there is none with this id.
func (s *Set) Remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.all)
	s.all = slices.DeleteFunc(s.all, func(f *fault) bool { return f.ID == id })
	return len(s.all) < before
}

// List copies all faults, spent ones too.
func (s *Set) List() []control.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]control.Fault, 0, len(s.all))
	for _, f := range s.all {
		one := f.Fault
		one.Args = maps.Clone(f.Args)
		list = append(list, one)
	}
	return list
}

// Strike finds the first fault in force that matches, counts the hit and returns its arguments.
func (s *Set) Strike(kind string, sub Subject) (Args, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if f.Kind != kind || f.Times >= 0 && f.Hits >= max(f.Times, 1) || !f.matches(sub) {
			continue
		}
		if f.seen++; f.seen > f.Skip {
			f.Hits++
			return Args(f.Args), true
		}
	}
	return nil, false
}

// matches: Person and Device strike only what is known to be theirs; Stanza is a prefix of What by whole levels; MatchID is
// a part of the id.
func (f *fault) matches(sub Subject) bool {
	if f.Person != "" && f.Person != sub.Person || f.Device != 0 && f.Device != sub.Device {
		return false
	}
	if f.Stanza != "" && f.Stanza != sub.What && !strings.HasPrefix(sub.What, f.Stanza+"/") {
		return false
	}
	return strings.Contains(sub.ID, f.MatchID)
}

// Args are the arguments of a fault.
type Args map[string]string

// Int is an argument as a number, standard if it is missing or none.
func (a Args) Int(key string, standard int) int {
	if n, err := strconv.Atoi(a[key]); err == nil {
		return n
	}
	return standard
}

// Text is an argument, standard if it is missing.
func (a Args) Text(key, standard string) string {
	if text, ok := a[key]; ok {
		return text
	}
	return standard
}

// Delay is the argument ms as a duration, a second if it is missing.
func (a Args) Delay() time.Duration { return time.Duration(a.Int("ms", 1000)) * time.Millisecond }
