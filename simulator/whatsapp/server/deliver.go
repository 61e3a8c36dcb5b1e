package server

import (
	"slices"
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// queues says which stanzas wait for a device that is not there, until it acknowledges them.
func queues(tag string) bool {
	return tag == "message" || tag == "receipt" || tag == "notification" || tag == "call"
}

// deliver brings a stanza to a device: at once if it is there, at its next login otherwise. Presence and the like are lost
// instead of kept.
func (s *Server) deliver(d *device, n stanza.Node) {
	if s.deaf(d) && !queues(n.Tag) {
		return
	}
	if !queues(n.Tag) {
		if d.live() {
			s.outgoing(d, n, nil)
		}
		return
	}
	entry := &queued{node: n}
	d.queue = append(d.queue, entry)
	s.wake()
	if d.live() && !s.deaf(d) {
		entry.sent = true
		s.outgoing(d, n, entry)
	}
}

func (s *Server) deaf(d *device) bool { return s.faults.rules("deaf", subject{dev: d}) }

// resume sends what queued up while the device was deaf.
func (s *Server) resume(d *device) {
	if !d.live() || s.deaf(d) {
		return
	}
	for _, entry := range slices.Clone(d.queue) {
		if !entry.sent && d.live() {
			entry.sent = true
			s.outgoing(d, entry.node, entry)
		}
	}
}

// flush sends all that is queued, between the two ib stanzas that clients wait for even if there is nothing (section 5.2).
func (s *Server) flush(d *device) {
	kinds := map[string]int{}
	for _, entry := range d.queue {
		kinds[entry.node.Tag]++
	}
	ib := func(child stanza.Node) stanza.Node {
		return stanza.New("ib", stanza.Attrs{"from": types.ServerJID}, child)
	}
	count := len(d.queue)
	s.outgoing(d, ib(stanza.New("offline_preview", stanza.Attrs{
		"count": count, "message": kinds["message"], "notification": kinds["notification"], "receipt": kinds["receipt"],
		"appdata": 0, "call": kinds["call"],
	})), nil)
	for i, entry := range slices.Clone(d.queue) {
		entry.sent = true
		s.outgoing(d, stanza.With(entry.node, "offline", strconv.Itoa(i)), entry)
		if s.closeAt("close_after", "offline_flush", d) {
			return
		}
	}
	s.outgoing(d, ib(stanza.New("offline", stanza.Attrs{"count": count})), nil)
}

// forget takes an entry out of the queue.
func (d *device) forget(entry *queued) {
	d.queue = slices.DeleteFunc(d.queue, func(q *queued) bool { return q == entry })
}

// acknowledged takes the stanza out of the queue that an ack or receipt is for. Several may have the same id (receipts of
// different devices for one message), so the one that agrees best in sender and type goes.
func (s *Server) acknowledged(d *device, tag, id string, to types.JID, class string) {
	var best *queued
	bestScore := -1
	for _, entry := range d.queue {
		if entry.node.Tag != tag || stanza.Str(entry.node, "id") != id {
			continue
		}
		score := 0
		if from, _ := stanza.JID(entry.node, "from"); from == to {
			score += 2
		}
		if stanza.Str(entry.node, "type") == class {
			score++
		}
		if score > bestScore {
			best, bestScore = entry, score
		}
	}
	if best != nil {
		d.forget(best)
		s.wake()
	}
}
