package world

import (
	"slices"

	"crosschat/simulator/messenger/lightspeed"
)

// NewOTID makes an offline threading id that nobody has used.
func (w *World) NewOTID(at int64) int64 {
	id := lightspeed.OTID(at, 0)
	for id <= w.lastOTID {
		id = w.lastOTID + 1<<12
	}
	w.lastOTID = id
	return id
}

// Add puts a message into its thread. Missing id, otid and time are chosen. A time in the past sorts it in among the
// others; the present is always later than the thread's last message, so two messages of one millisecond are there only
// if somebody asks for it.
func (w *World) Add(t *Thread, m *Message) *Message {
	m.Thread = t
	if m.At == 0 {
		m.At = w.Now()
		if n := len(t.Messages); n > 0 {
			m.At = max(m.At, t.Messages[n-1].At+1)
		}
	}
	if m.OTID == 0 {
		m.OTID = w.NewOTID(m.At)
	}
	if m.ID == "" {
		key := t.ID
		if !t.Group {
			key = t.Peer(m.Sender)
		}
		m.ID = lightspeed.MessageID(m.Sender, key, t.Group, m.At, m.OTID)
	}
	if m.Reactions == nil {
		m.Reactions = map[int64]Reaction{}
	}
	at := len(t.Messages)
	for at > 0 && t.Messages[at-1].At > m.At {
		at--
	}
	if at > 0 && t.Messages[at-1].At == m.At {
		m.Sort = t.Messages[at-1].Sort + 1
	}
	t.Messages = slices.Insert(t.Messages, at, m)
	t.LastActivity = max(t.LastActivity, m.At)
	if len(t.Messages) == 1 {
		t.LastActivity = m.At
	}
	w.messages[m.ID] = m
	return m
}

// Message finds a message; nil if there is none.
func (w *World) Message(id string) *Message { return w.messages[id] }

// Peer is the other member of a direct chat.
func (t *Thread) Peer(of int64) int64 {
	for _, m := range t.Members {
		if m != of {
			return m
		}
	}
	return of
}

// ByOTID finds a message of the sender by its otid; nil if there is none.
func (t *Thread) ByOTID(sender, otid int64) *Message {
	for i := len(t.Messages) - 1; i >= 0; i-- {
		if m := t.Messages[i]; m.OTID == otid && m.Sender == sender {
			return m
		}
	}
	return nil
}

// Visible says whether a message is there for the view's owner.
func (v *View) Visible(m *Message) bool { return m.At > v.Since && !v.Hidden[m.ID] }

// Before lists up to limit messages before a reference, oldest first, and whether there are more. The reference is a
// time, and within that time the message with the id, which itself is not listed.
func (v *View) Before(at int64, id string, limit int) ([]*Message, bool) {
	end := len(v.Thread.Messages)
	for end > 0 {
		m := v.Thread.Messages[end-1]
		if m.At < at {
			break
		}
		end--
		if m.ID == id {
			break
		}
	}
	var found []*Message
	for i := end - 1; i >= 0; i-- {
		m := v.Thread.Messages[i]
		if !v.Visible(m) {
			continue
		}
		if len(found) == limit {
			slices.Reverse(found)
			return found, true
		}
		found = append(found, m)
	}
	slices.Reverse(found)
	return found, false
}

// Last lists the last messages like Before.
func (v *View) Last(limit int) ([]*Message, bool) { return v.Before(1<<62, "", limit) }

// NewFile puts a file on the CDN.
func (w *World) NewFile(name, mimeType string, data []byte) *File {
	f := &File{ID: w.nextFile, Name: name, MIMEType: mimeType, Data: data}
	w.nextFile++
	w.files[f.ID] = f
	return f
}

// File finds a file; nil if there is none.
func (w *World) File(id int64) *File { return w.files[id] }

// Contacts lists who is in somebody's contact list: friends, and the members of their threads; by id.
func (w *World) Contacts(p *Person) []*Person {
	ids := map[int64]bool{p.ID: true}
	for id, friend := range p.Friends {
		if friend {
			ids[id] = true
		}
	}
	for _, v := range p.views {
		for _, m := range v.Thread.Members {
			ids[m] = true
		}
	}
	var list []*Person
	for id := range ids {
		if other := w.people[id]; other != nil {
			list = append(list, other)
		}
	}
	slices.SortFunc(list, func(a, b *Person) int { return compare(a.ID, b.ID) })
	return list
}
