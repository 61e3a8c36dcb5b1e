package server

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"crosschat/simulator/whatsapp/media"
	"crosschat/simulator/whatsapp/stanza"
)

// closeAt drops the device's connection if a close fault is set for this point. It returns true if it did.
func (s *Server) closeAt(kind, point string, d *device) bool {
	if _, hit := s.faults.strike(kind, subject{dev: d, point: point}); !hit {
		return false
	}
	if d != nil && d.endpoint != nil {
		s.drop(d, kind == "close_after")
	}
	return true
}

// drop ends a device's connection like a lost network. After lets what was pushed leave first.
func (s *Server) drop(d *device, after bool) {
	if after {
		d.endpoint.push(item{closing: true})
		d.active = false
		return
	}
	endpoint := d.endpoint
	s.detach(d, endpoint)
	endpoint.abort()
}

// strikeNow applies the faults that act on a connection as soon as there is one.
func (s *Server) strikeNow(d *device) {
	if !d.live() {
		return
	}
	sub := subject{dev: d}
	if args, hit := s.faults.strike("malformed", sub); hit {
		raw, err := hex.DecodeString(args["hex"])
		if err == nil {
			d.endpoint.push(item{raw: raw})
		}
	}
	if args, hit := s.faults.strike("stream_error", sub); hit {
		n := stanza.New("stream:error", stanza.Attrs{"code": args["code"]})
		if conflict := args["conflict"]; conflict != "" {
			n.Content = []stanza.Node{stanza.New("conflict", stanza.Attrs{"type": conflict})}
		}
		s.endStream(d, n)
		return
	}
	if _, hit := s.faults.strike("close", sub); hit {
		s.drop(d, false)
	}
}

// endStream sends a last stanza and closes after the usual delay.
func (s *Server) endStream(d *device, last stanza.Node) {
	endpoint := d.endpoint
	endpoint.push(item{node: last})
	endpoint.push(item{closing: true, wait: s.cfg.CloseDelay})
	s.detach(d, endpoint)
}

// outgoing applies the faults of a stanza that is to be sent now, and pushes what is left of it.
func (s *Server) outgoing(d *device, n stanza.Node, entry *queued) {
	sub := subjectOf(d, n)
	it := item{node: n, entry: entry}
	if _, hit := s.faults.strike("drop", sub); hit {
		return
	}
	if _, hit := s.faults.strike("lose", sub); hit {
		d.forget(entry)
		return
	}
	if s.faults.rules("hide_lid", subject{dev: d}) {
		it.node = withoutLID(it.node)
	}
	if args, hit := s.faults.strike("clock", sub); hit {
		t, _ := stanza.Int(n, "t")
		it.node = stanza.With(n, "t", strconv.FormatInt(t+int64(argInt(args, "seconds", 0)), 10))
	}
	if _, hit := s.faults.strike("corrupt", sub); hit {
		it.node = stanza.ReplaceEncs(it.node, stanza.CorruptEnc)
	}
	if args, hit := s.faults.strike("unavailable", sub); hit {
		hint := stanza.New("unavailable", stanza.Attrs{"type": argText(args, "type", "view_once")})
		it.node = stanza.ReplaceEncs(it.node, func(stanza.Node) stanza.Node { return hint })
	}
	_, it.split = s.faults.strike("split_frame", sub)
	endpoint := d.endpoint
	if args, hit := s.faults.strike("delay", sub); hit {
		time.AfterFunc(argDelay(args), func() { endpoint.push(it) })
		return
	}
	endpoint.push(it)
	if _, hit := s.faults.strike("duplicate", sub); hit {
		endpoint.push(it)
	}
}

// withoutLID takes the LIDs out that stand beside phone numbers.
func withoutLID(n stanza.Node) stanza.Node {
	attrs := stanza.Attrs{}
	for key, value := range n.Attrs {
		if key != "lid" && !strings.HasSuffix(key, "_lid") {
			attrs[key] = value
		}
	}
	n.Attrs = attrs
	return n
}

// mediaEffect is what the faults do to a media request.
func (s *Server) mediaEffect(method, kind, path string) (e media.Effect) {
	sub := subject{tag: method, class: kind, id: path, byPath: true, unnamed: true}
	if args, hit := s.faults.strike("media_status", sub); hit {
		e.Status, e.RetryAfter = argInt(args, "status", 503), args["retry_after"]
	}
	if args, hit := s.faults.strike("media_delay", sub); hit {
		e.Delay = argDelay(args)
	}
	if e.Status == 0 {
		_, e.Truncate = s.faults.strike("media_truncate", sub)
		_, e.Corrupt = s.faults.strike("media_corrupt", sub)
	}
	return e
}
