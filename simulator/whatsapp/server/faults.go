package server

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"crosschat/simulator/whatsapp/stanza"
)

// faultKinds is the table of all faults (whatsapp-server.md section 19): what each does and which Args it takes. Unless said
// otherwise a fault strikes companions only (Device -1 is the phone), and Person, Device, Stanza and MatchID narrow it down.
// "in" kinds look at stanzas from a device, "out" kinds at stanzas to one.
var faultKinds = map[string]string{
	// Connection points. Args point is one of the names below; without it the kind looks at stanzas coming in.
	//   server_hello   before or after it is sent (no Person is known yet)
	//   client_finish  it was read; before is before the login is looked at, after is after the answer was sent
	//   success        before or after it is sent
	//   active         before or after the active iq is answered
	//   message_ack    the message was routed; before is instead of the ack, after is after it
	//   offline_flush  after Skip+1 of the queued stanzas were sent
	//   515            at the end of pairing: after is at once instead of after the restart delay
	"close_before": "drops the connection before the point",
	"close_after":  "drops the connection after the point",

	"close":        "drops the connection now, or at the next active if the device is not connected; no stanza filter",
	"stream_error": "like close, after <stream:error>; Args code, conflict (device_removed, replaced)",
	"malformed":    "like close but keeps the connection: sends Args hex as the plaintext of a frame",
	"failure":      "at login instead of success: <failure>; Args reason (default 401), code, expire, message",
	"http_status":  "answers the websocket upgrade with Args status (default 503); no Person",
	"outdated":     "while in force a client older than Args version (three numbers with dots) gets <failure reason=405>, paired or not; no Person; Times and Skip mean nothing",
	"version_page": "while in force the page that names the newest version answers Args status (default 200) and names Args revision; no Person; Times and Skip mean nothing",
	"wrong_cert":   "shows a bad certificate chain in the handshake; Args what: root, expired, serial; no Person",

	"ignore":      "in: the stanza is neither handled nor answered",
	"withhold":    "in: the stanza is handled, its direct answer (ack or iq reply) is not sent",
	"timelock":    "while in force this Person may not write to people who never wrote to them: 463. Their devices are told, with the end Args seconds later (default 3600, 0 names none), and again when it is removed; Times and Skip mean nothing",
	"ack_error":   "in: a message is not routed, its ack carries Args error (default 479)",
	"iq_error":    "in: an iq is not handled but answered with Args code (default 500), text; without Person unpaired ones too",
	"drop":        "out: not sent now; what queues comes again at the next login",
	"lose":        "out: not sent and never again",
	"duplicate":   "out: sent twice",
	"delay":       "out: sent Args ms (default 1000) later; what comes behind it passes",
	"corrupt":     "out: one bit of each enc is flipped",
	"unavailable": "out: a message's enc is replaced by <unavailable>; Args type (default view_once)",
	"clock":       "out: t is moved by Args seconds, which may be negative",
	"split_frame": "out: the frame is split over two websocket messages",
	"deaf":        "while in force nothing but replies reaches the device, until removed, or with Args until=connect until the next connection; Times and Skip mean nothing",
	"no_prekeys":  "bundles of this Person's devices come without a one-time prekey; phones are struck too",
	"hide_lid":    "while in force the device is not told which LID a phone number has, until removed; Times and Skip mean nothing",
	"unannounced": "a change of this Person's devices is told to nobody",

	// Media: Stanza is the method, optionally with the kind: GET, POST/image. MatchID is part of the path. No Person.
	"media_status":   "answers with Args status (default 503), retry_after",
	"media_truncate": "breaks off after half of the body",
	"media_corrupt":  "flips a bit of the body",
	"media_delay":    "waits Args ms (default 1000) before it answers",
}

// faultSet holds the faults. It has its own lock, since media requests ask it too.
type faultSet struct {
	mu     sync.Mutex
	lastID int
	all    []*activeFault
}

type activeFault struct {
	Fault
	seen   int  // matches so far, skipped ones included
	lifted bool // it was to end with a connection that has ended
}

func newFaultSet() *faultSet { return &faultSet{} }

// subject is what a fault may strike.
type subject struct {
	dev     *device // nil if not known
	point   string
	tag     string
	class   string
	child   string // tag of the stanza's first child
	id      string
	byPath  bool // id is a path, of which MatchID is a part
	unnamed bool // there can be no device, so faults with a Person don't match
}

func subjectOf(d *device, n stanza.Node) subject {
	sub := subject{dev: d, tag: n.Tag, class: stanza.Class(n), id: stanza.Str(n, "id")}
	if children := stanza.Children(n); len(children) > 0 {
		sub.child = children[0].Tag
	}
	return sub
}

func (f *activeFault) matches(kind string, sub subject) bool {
	if f.Kind != kind || f.Args["point"] != sub.point {
		return false
	}
	if sub.unnamed || sub.dev == nil {
		if f.Person != "" {
			return false
		}
	} else if f.Person != "" && f.Person != sub.dev.user.Phone || !f.wantsDevice(sub.dev.number) {
		return false
	}
	if f.Stanza != "" {
		want := strings.SplitN(f.Stanza, "/", 3)
		have := []string{sub.tag, sub.class, sub.child}
		if !slices.Equal(want, have[:len(want)]) {
			return false
		}
	}
	if f.MatchID == "" {
		return true
	}
	return f.MatchID == sub.id || sub.byPath && strings.Contains(sub.id, f.MatchID)
}

func (f *activeFault) wantsDevice(number int) bool {
	switch {
	case f.Kind == "no_prekeys" && f.Device == 0:
		return true
	case f.Device == 0:
		return number != 0
	case f.Device < 0:
		return number == 0
	default:
		return f.Device == number
	}
}

// spent says whether the fault struck as often as it may.
func (f *activeFault) spent() bool {
	return f.Times >= 0 && f.Hits >= max(f.Times, 1)
}

// strike finds the first fault in force that matches, counts the hit and returns its arguments.
func (s *faultSet) strike(kind string, sub subject) (args map[string]string, hit bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if f.spent() || !f.matches(kind, sub) {
			continue
		}
		if f.seen++; f.seen <= f.Skip {
			continue
		}
		f.Hits++
		return f.Args, true
	}
	return nil, false
}

// rules says whether a fault that lasts until it is removed applies.
func (s *faultSet) rules(kind string, sub subject) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if !f.lifted && f.matches(kind, sub) {
			f.Hits++
			return true
		}
	}
	return false
}

// ruling is the arguments of a fault that lasts until it is removed, if there is one of the kind.
func (s *faultSet) ruling(kind string) (args map[string]string, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if f.Kind == kind {
			f.Hits++
			return f.Args, true
		}
	}
	return nil, false
}

// outdated says whether a client of this version is turned away.
func (s *faultSet) outdated(version []uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if f.Kind != "outdated" {
			continue
		}
		var least []uint32
		for number := range strings.SplitSeq(f.Args["version"], ".") {
			n, _ := strconv.ParseUint(number, 10, 32)
			least = append(least, uint32(n))
		}
		if slices.Compare(version, least) < 0 {
			f.Hits++
			return true
		}
	}
	return false
}

// lift ends the faults that last no longer than the connection before this one.
func (s *faultSet) lift(kind string, sub subject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if f.Args["until"] == "connect" && f.matches(kind, sub) {
			f.lifted = true
		}
	}
}

// AddFault puts a fault in force and returns it with its ID. Kinds that act on a connection strike at once if it exists.
func (s *Server) AddFault(f Fault) (Fault, error) {
	if faultKinds[f.Kind] == "" {
		return Fault{}, fmt.Errorf("add fault of kind %q: kinds are %s", f.Kind,
			strings.Join(slices.Sorted(maps.Keys(faultKinds)), ", "))
	}
	f.Hits, f.Args = 0, maps.Clone(f.Args)
	active := &activeFault{Fault: f}
	s.faults.mu.Lock()
	s.faults.lastID++
	active.ID = "fault-" + strconv.Itoa(s.faults.lastID)
	s.faults.all = append(s.faults.all, active)
	s.faults.mu.Unlock()
	s.mu.Lock()
	for _, u := range s.others(nil) {
		for _, d := range u.sorted() {
			s.strikeNow(d)
		}
	}
	if f.Kind == "timelock" {
		s.tellTimelock(f, true)
	}
	s.mu.Unlock()
	return s.faults.get(active), nil
}

func (s *faultSet) get(f *activeFault) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	copied := f.Fault
	copied.Args = maps.Clone(f.Args)
	return copied
}

// RemoveFault takes a fault away; false if there is none with this id. What a deaf device missed is sent then.
func (s *Server) RemoveFault(id string) bool {
	s.faults.mu.Lock()
	i := slices.IndexFunc(s.faults.all, func(f *activeFault) bool { return f.ID == id })
	if i < 0 {
		s.faults.mu.Unlock()
		return false
	}
	removed := s.faults.all[i].Fault
	s.faults.all = slices.Delete(s.faults.all, i, i+1)
	s.faults.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if removed.Kind == "timelock" {
		s.tellTimelock(removed, false)
	}
	for _, u := range s.byPhone {
		for _, d := range u.devices {
			s.resume(d)
		}
	}
	return true
}

// Faults lists all faults, spent ones too.
func (s *Server) Faults() []Fault {
	s.faults.mu.Lock()
	all := slices.Clone(s.faults.all)
	s.faults.mu.Unlock()
	faults := make([]Fault, len(all))
	for i, f := range all {
		faults[i] = s.faults.get(f)
	}
	return faults
}

// argInt is an argument as a number, standard if it is missing or none.
func argInt(args map[string]string, key string, standard int) int {
	if n, err := strconv.Atoi(args[key]); err == nil {
		return n
	}
	return standard
}

// argText is an argument, standard if it is missing.
func argText(args map[string]string, key, standard string) string {
	if text := args[key]; text != "" {
		return text
	}
	return standard
}

func argDelay(args map[string]string) time.Duration {
	return time.Duration(argInt(args, "ms", 1000)) * time.Millisecond
}
