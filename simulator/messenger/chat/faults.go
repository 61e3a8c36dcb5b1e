package chat

import (
	"encoding/hex"
	"strconv"

	"crosschat/simulator/control"
	"crosschat/simulator/faults"
	"crosschat/simulator/whatsapp/stanza"
)

// faultKinds is the table of this plane's faults: what each does and which Args it takes. Person and Device narrow it down;
// Stanza is a tag with its class: iq/encrypt, message/text, receipt/read, or one of the points named below. "rule" kinds
// last until they are removed. Those of media have GET or POST, GET with the kind of file: GET/image.
var faultKinds = map[string]string{
	"failure":       "at login: <failure>; Args reason (default 401), code, expire, message",
	"stream_error":  "sends <stream:error> and closes, now; Args code, conflict (device_removed, replaced)",
	"close":         "breaks the connection, now",
	"malformed":     "sends Args hex as the plaintext of a frame, now",
	"forget_device": "forgets the device, now: its next login fails with 415",
	"close_before":  "breaks the connection before a point: handshake, success, active, answer/<tag>, or a stanza that came in or goes out",
	"close_after":   "the same after it",

	"ignore":    "a stanza that came in, or the handshake, is neither handled nor answered",
	"withhold":  "it is handled, its direct answer (ack or iq result) is not sent",
	"ack_error": "a message is not routed, its ack carries Args error (default 479)",
	"phash":     "a message's ack carries another phash",
	"iq_error":  "an iq is answered with Args code (default 500)",

	"drop":        "a stanza to a client is not sent now; what queues comes again at the next login",
	"lose":        "it is not sent and never again",
	"duplicate":   "it is sent twice",
	"corrupt":     "one bit of each enc is flipped",
	"unavailable": "its enc is replaced by <unavailable/>",
	"deaf":        "nothing but direct answers reaches the device; rule",

	"no_prekeys":  "bundles of the person's devices have no one-time prekey; rule",
	"unannounced": "changes of the person's device list are told to nobody; rule",

	"media_status":   "answers with Args status (default 503) [GET, POST]",
	"media_delay":    "answers after Args ms (default 1000)",
	"media_truncate": "breaks off after half of the body",
	"media_corrupt":  "flips a bit of the body",
}

func (d *device) subject(what, id string) faults.Subject {
	return faults.Subject{Person: strconv.FormatInt(d.user.id, 10), Device: int(d.number), What: what, ID: id}
}

func subjectOf(d *device, n stanza.Node) faults.Subject {
	what := n.Tag
	if class := stanza.Class(n); class != "" {
		what += "/" + class
	}
	return d.subject(what, stanza.Str(n, "id"))
}

// AddFault puts a fault in force and returns it with its id. Kinds that act now strike before it returns.
func (s *Server) AddFault(f control.Fault) (control.Fault, error) {
	f, err := s.faults.Add(f)
	if err != nil {
		return f, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		for _, d := range u.sorted() {
			if d.link == nil {
				s.strikeNow(d)
			}
		}
	}
	return f, nil
}

func (s *Server) strikeNow(d *device) {
	sub := d.subject("now", "")
	if d.endpoint != nil {
		if args, hit := s.faults.Strike("malformed", sub); hit {
			if raw, err := hex.DecodeString(args["hex"]); err == nil {
				d.endpoint.Push(item{raw: raw})
			}
		}
		if args, hit := s.faults.Strike("stream_error", sub); hit {
			n := stanza.New("stream:error", nil)
			if code := args["code"]; code != "" {
				n = stanza.With(n, "code", code)
			}
			if conflict := args["conflict"]; conflict != "" {
				n.Content = []stanza.Node{stanza.New("conflict", stanza.Attrs{"type": conflict})}
			}
			s.endStream(d, n)
		}
	}
	if d.endpoint != nil {
		if _, hit := s.faults.Strike("close", sub); hit {
			s.drop(d)
		}
	}
	if _, hit := s.faults.Strike("forget_device", sub); hit {
		s.forget(d)
		if d.endpoint != nil {
			s.drop(d)
		}
	}
}

// strikeClose breaks a connection if a fault is set for this point.
func (s *Server) strikeClose(kind, point string, d *device) bool {
	_, hit := s.faults.Strike(kind, d.subject(point, ""))
	if hit && d.endpoint != nil {
		s.drop(d)
	}
	return hit
}
