package lightspeed

import "strconv"

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// Message is what a message row says.
type Message struct {
	Thread     int64
	ID         string
	OTID       string
	Sender     int64
	At         int64 // ms; also the primary sort key
	Sort       int64 // secondary sort key
	Text       any   // a string, or nil for undefined
	Sticker    int64
	Admin      bool
	Unsent     bool
	UnsentAt   int64
	ReplyTo    string
	ReplyType  int64 // 0 with ReplyTo means a message
	Snippet    string
	Forwarded  bool
	Mentions   Mentions
	EditCount  int64
	Content    int64 // displayed content types; 0 means text
	Expires    int64 // seconds
	ExpiresAt  int64
	ReplyMedia string
}

// Mentions are the four comma-separated columns (section 6.2).
type Mentions struct{ Offsets, Lengths, IDs, Types string }

// defined are the columns that all three layouts begin with, in the numbering of insert.
func (m Message) defined() columns {
	content := m.Content
	if content == 0 {
		content = 1
	}
	c := columns{
		0: m.Text, 2: authority, 3: m.Thread, 5: m.At, 6: m.At, 7: m.Sort, 8: m.ID, 9: m.OTID, 10: m.Sender,
		11: number(m.Sticker), 12: m.Admin, 13: int64(0), 15: int64(0), 16: int64(0), 17: m.Unsent, 18: m.UnsentAt,
		19: text(m.Mentions.Offsets), 20: text(m.Mentions.Lengths), 21: text(m.Mentions.IDs), 22: text(m.Mentions.Types),
		23: text(m.ReplyTo), 27: text(m.Snippet), 31: text(m.ReplyMedia), 49: int64(0), 50: false, 52: content, 60: number(m.Expires),
		62: number(m.ExpiresAt), 68: m.EditCount,
	}
	if m.Forwarded {
		c[43] = true
	}
	if m.ReplyTo != "" || m.ReplyType != 0 {
		kind := m.ReplyType
		if kind == 0 {
			kind = 1
		}
		c[24], c[25] = int64(1), kind
	}
	return c
}

// Insert is a live message.
func (m Message) Insert() Call { return call("insertMessage", 81, m.defined()) }

// Upsert is a message of the history.
func (m Message) Upsert() Call { return call("upsertMessage", 82, m.defined()) }

// DeleteThenInsert replaces a message: how an unsent one is told. From column 42 on everything is one column earlier.
func (m Message) DeleteThenInsert() Call {
	shifted := columns{}
	for at, v := range m.defined() {
		if at > 42 {
			at--
		}
		shifted[at] = v
	}
	return call("deleteThenInsertMessage", 80, shifted)
}

// Range is a stretch of a thread's history that is told beside its messages.
type Range struct {
	Thread       int64
	MinAt, MaxAt int64
	MinID, MaxID string
	// Before is the reference of the query that this answers; 0 for none.
	Before                int64
	MoreBefore, MoreAfter bool
}

// Insert tells the stretch.
func (r Range) Insert() Call {
	minTemplate, maxTemplate := r.MinAt, r.MaxAt
	if r.Before != 0 {
		maxTemplate = r.Before
	}
	return Call{"insertNewMessageRange", []any{
		r.Thread, minTemplate, maxTemplate, r.MinID, r.MaxID, r.MinAt, r.MaxAt, r.MoreBefore, r.MoreAfter, nil,
	}}
}

// EndOfHistory says that there is nothing before this time.
func EndOfHistory(thread, at int64) Call {
	return Call{"updateExistingMessageRange", []any{thread, at, true, false}}
}

// ReplaceOptimistic says which id a sent message got. The name is misspelled on the wire.
func ReplaceOptimistic(otid, id string) Call {
	return Call{"replaceOptimsiticMessage", []any{otid, id}}
}

// MarkFailed says why a message was not sent.
func MarkFailed(otid, message string) Call {
	return Call{"markOptimisticMessageFailed", []any{otid, message}}
}

// Edit says what a message's text is now.
func Edit(id, body string, count int64) Call {
	return Call{"editMessage", []any{id, authority, body, count}}
}

// DeleteMessage says that a message is gone for this person.
func DeleteMessage(thread int64, id string) Call { return Call{"deleteMessage", []any{thread, id}} }

// UpsertReaction tells a reaction.
func UpsertReaction(thread, at int64, message string, actor int64, emoji string) Call {
	return Call{"upsertReaction", []any{thread, at, message, actor, emoji, authority}}
}

// DeleteReaction says that somebody took their reaction back.
func DeleteReaction(thread int64, message string, actor int64) Call {
	return Call{"deleteReaction", []any{thread, message, actor}}
}

// ReplaceReaction answers a reaction of the client's own.
func ReplaceReaction(thread, actor int64, message string) Call {
	return Call{"replaceOptimisticReaction", []any{thread, actor, message}}
}

// ReadReceipt says how far somebody else has read.
func ReadReceipt(thread, contact, watermark, at int64) Call {
	return Call{"updateReadReceipt", []any{watermark, thread, contact, at}}
}

// DeliveryReceipt says how far somebody else's device has got the messages.
func DeliveryReceipt(thread, contact, watermark int64) Call {
	return Call{"updateDeliveryReceipt", []any{watermark, thread, contact}}
}

// MarkRead says how far this person has read on another device.
func MarkRead(thread, watermark int64) Call {
	return Call{"markThreadReadV2", []any{thread, watermark}}
}

// Typing says whether somebody types.
func Typing(thread, contact int64, typing bool) Call {
	return Call{"updateTypingIndicator", []any{thread, contact, typing}}
}
