package shape

import (
	"strings"

	"crosschat/simulator/instagram/world"
)

// Cursors into messages and threads are these before the id.
const (
	messageCursor = "cur:"
	threadCursor  = "thr:"
)

// MaxPage is the most messages that one answer has, whatever is asked for.
const MaxPage = 20

// Range says which messages are wanted: Count of them, older than the message Before, or than where a page that ended
// with After ended; the newest if both are empty.
type Range struct {
	Count         int
	After, Before string
}

// MessagePage is a page of a thread, the newest message first.
type MessagePage struct {
	Edges []edge
	More  bool // older ones exist
	Newer bool // the page doesn't begin with the newest
}

type edge struct {
	message *world.Message
	stub    bool
}

// Page cuts a page out of what v's owner sees of a thread. An anchor that is not there gives an empty page.
func Page(v *world.View, want Range) MessagePage {
	all := v.Messages()
	end := len(all)
	anchor := want.Before
	if after, ok := strings.CutPrefix(want.After, messageCursor); ok {
		anchor = after
	} else if want.After != "" {
		end = 0
	}
	if anchor != "" {
		end = 0
		for i, m := range all {
			if m.ID == anchor {
				end = i
			}
		}
	}
	start := max(0, end-min(want.Count, MaxPage))
	page := MessagePage{More: start > 0, Newer: end < len(all)}
	for i := end - 1; i >= start; i-- {
		page.Edges = append(page.Edges, edge{message: all[i]})
	}
	return page
}

// Messages is slide_messages for a range.
func (r *Renderer) Messages(v *world.View, want Range) Object { return r.messages(v, Page(v, want)) }

func (r *Renderer) messages(v *world.View, page MessagePage) Object {
	edges := []Object{}
	start, end := "", ""
	for i, e := range page.Edges {
		node := r.Message(v.Owner, e.message)
		if e.stub {
			node["content"] = nil
		}
		end = messageCursor + e.message.ID
		if i == 0 {
			start = end
		}
		edges = append(edges, Object{"cursor": end, "node": node})
	}
	return Object{
		"edges": edges,
		"page_info": Object{
			"start_cursor": start, "end_cursor": end, "has_next_page": page.More, "has_previous_page": page.Newer,
		},
	}
}

// Message is a message as viewer sees it.
func (r *Renderer) Message(viewer *world.Person, m *world.Message) Object {
	var replyID, reply, expires, body any
	if m.ReplyTo != "" {
		replyID = m.ReplyTo
		if m.Thread.Message(m.ReplyTo) != nil {
			reply = Object{"id": m.ReplyTo, "message_id": m.ReplyTo}
		}
	}
	if m.Expires != 0 {
		expires = ID(m.Expires)
	}
	if m.IsText() {
		body = m.Text
	} else if m.Body != nil {
		body = *m.Body
	}
	return Object{
		"id": m.ID, "message_id": m.ID, "thread_fbid": ID(m.Thread.Short), "sender_fbid": ID(m.Sender.FBID),
		"timestamp_ms": ID(m.At), "offline_threading_id": ID(m.OTID), "content_type": m.Type, "content": r.content(m),
		"text_body": body, "igd_snippet": m.Snippet, "mentions": mentions(m), "reactions": reactions(m),
		"replied_to_message_id": replyID, "replied_to_message": reply, "slide_edit_history": history(m),
		"igd_is_forwarded": m.Forwarded, "is_pinned": isPinned(m), "is_reported": false,
		"expiration_timestamp_ms": expires, "view_expiration_timestamp_ms": nil,
		"sender": Object{
			"id": ID(m.Sender.FBID), "igid": ID(m.Sender.IGID), "name": m.Sender.Name, "user_dict": r.User(viewer, m.Sender),
		},
	}
}

func (r *Renderer) content(m *world.Message) Object {
	if !m.IsText() {
		return r.resolve(m.Content).(Object)
	}
	const kind = "SlideMessageText"
	return Object{"__typename": kind, "__isSlideMessageContent": kind, "text_body": m.Text}
}

// resolve copies a content with URLs in the places of its links.
func (r *Renderer) resolve(value any) any {
	switch value := value.(type) {
	case Object:
		copied := make(Object, len(value))
		for key, element := range value {
			copied[key] = r.resolve(element)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, element := range value {
			copied[i] = r.resolve(element)
		}
		return copied
	case world.Link:
		return r.Sign(value.File)
	default:
		return value
	}
}

func mentions(m *world.Message) []Object {
	list := []Object{}
	for _, mention := range m.Mentions {
		id := m.Thread.Short
		if mention.Person != nil {
			id = mention.Person.FBID
		}
		list = append(list, Object{
			"offset": mention.Offset, "length": mention.Length, "profile_range_type": mention.Kind, "user_fbid": ID(id),
		})
	}
	return list
}

func reactions(m *world.Message) []Object {
	list := []Object{}
	for _, reaction := range m.Reactions {
		list = append(list, Reaction(reaction))
	}
	return list
}

// Reaction is a reaction as messages and answers have it.
func Reaction(reaction *world.Reaction) Object {
	var log any
	if reaction.Log != "" {
		log = reaction.Log
	}
	return Object{
		"reaction": reaction.Emoji, "reaction_timestamp_ms": ID(reaction.At), "sender_fbid": ID(reaction.Sender.FBID),
		"log_message_id": log,
	}
}

func history(m *world.Message) []Object {
	list := []Object{}
	for _, e := range m.Edits {
		list = append(list, Object{"__typename": "SlideMessageEditHistory", "body": e.Text, "timestamp_ms": ID(e.At)})
	}
	return list
}

func isPinned(m *world.Message) bool {
	for _, p := range m.Thread.Pinned {
		if p == m {
			return true
		}
	}
	return false
}

// Threads is threads_by_folder: count threads behind the cursor.
func (r *Renderer) Threads(views []*world.View, cursor string, count, stubs int) Object {
	start := 0
	if cursor != "" {
		start = len(views)
		for i, v := range views {
			if threadCursor+ID(v.Thread.Short) == cursor {
				start = i + 1
			}
		}
	}
	end := min(len(views), start+count)
	edges := []Object{}
	last := ""
	for _, v := range views[start:end] {
		last = threadCursor + ID(v.Thread.Short)
		edges = append(edges, Object{"cursor": last, "node": r.ThreadNode(v, r.Listed(v, stubs))})
	}
	return Object{
		"edges": edges,
		"page_info": Object{
			"start_cursor": "", "end_cursor": last, "has_next_page": end < len(views), "has_previous_page": false,
		},
	}
}
