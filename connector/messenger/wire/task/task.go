// Package task builds the tasks by which a client asks Messenger's server to do something: label, queue and payload of
// each, in the web client's own field order. It sends nothing; its functions may be called from any goroutine.
//
// Threads, people and attachments are Facebook's numbers, times are Unix milliseconds.
package task

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Task is one task. Tasks of one queue are done in order.
type Task struct {
	Label   string
	Queue   string
	Payload string // JSON
}

// Sync groups: where a thread's data lives.
const (
	GroupMailbox  = 1
	GroupRequests = 95 // message requests and encrypted threads
)

// Forever is the mute expiry that never comes; 0 ends a mute.
const Forever int64 = -1

// InboxKey is the parent of the threads in the inbox.
const InboxKey int64 = -1

// Where a message is written.
const (
	SourceInbox   = 65537
	SourceRequest = 65546 // accepts the request
)

// Kinds of messages.
const (
	SendText    = 1
	SendSticker = 2
	SendMedia   = 3
	SendForward = 5
)

// Message is what Send sends. OTID is the sender's own id for it: the server recognises a repeat by it.
type Message struct {
	ThreadID    int64
	OTID        int64
	Source      int // SourceInbox if zero
	Text        string
	ReplyTo     string // message id
	Mentions    Mentions
	Attachments []int64 // ids from uploads
	StickerID   int64
	HotEmoji    int // size 1 to 3 of a lone emoji, 0 for none
}

// Mentions are four lists of equal length, comma-separated. Offsets and lengths count UTF-16 units.
type Mentions struct {
	IDs     string `json:"mention_ids"`
	Offsets string `json:"mention_offsets"`
	Lengths string `json:"mention_lengths"`
	Types   string `json:"mention_types"` // p person, t everyone, s silent
}

type reply struct {
	SourceID   string `json:"reply_source_id"`
	SourceType int    `json:"reply_source_type"`
	Type       int    `json:"reply_type"`
}

// Send sends a message.
func Send(m Message) Task {
	payload := struct {
		ThreadID         int64     `json:"thread_id"`
		OTID             string    `json:"otid"`
		Source           int       `json:"source"`
		SendType         int       `json:"send_type"`
		AttachmentFBIDs  []int64   `json:"attachment_fbids,omitempty"`
		SyncGroup        int       `json:"sync_group"`
		Reply            *reply    `json:"reply_metadata,omitempty"`
		Mentions         *Mentions `json:"mention_data,omitempty"`
		Text             string    `json:"text,omitempty"`
		HotEmojiSize     int       `json:"hot_emoji_size,omitempty"`
		StickerID        int64     `json:"sticker_id,omitempty"`
		InitiatingSource int       `json:"initiating_source"`
		SkipURLPreview   int       `json:"skip_url_preview_gen"`
		TextHasLinks     int       `json:"text_has_links"`
		MultitabEnv      int       `json:"multitab_env"`
	}{
		ThreadID: m.ThreadID, OTID: strconv.FormatInt(m.OTID, 10), Source: m.Source, SendType: SendText,
		AttachmentFBIDs: m.Attachments, SyncGroup: GroupMailbox, Text: m.Text, HotEmojiSize: m.HotEmoji,
		StickerID: m.StickerID, InitiatingSource: 1,
	}
	if m.Source == 0 {
		payload.Source = SourceInbox
	}
	switch {
	case len(m.Attachments) > 0:
		payload.SendType = SendMedia
	case m.StickerID != 0:
		payload.SendType = SendSticker
	}
	if m.ReplyTo != "" {
		payload.Reply = &reply{SourceID: m.ReplyTo, SourceType: 1}
	}
	if m.Mentions.IDs != "" {
		payload.Mentions = &m.Mentions
	}
	return Task{"46", decimal(m.ThreadID), encode(payload)}
}

// MarkRead says that the user read a thread up to a time.
func MarkRead(thread, watermark int64) Task {
	return Task{"21", decimal(thread), encode(struct {
		ThreadID  int64 `json:"thread_id"`
		Watermark int64 `json:"last_read_watermark_ts"`
		SyncGroup int   `json:"sync_group"`
	}{thread, watermark, GroupMailbox})}
}

// React sets a person's reaction to a message, or takes it away if it is empty. actor is the user's own id.
func React(thread int64, messageID string, actor int64, emoji string, now int64) Task {
	return Task{"29", encode([]string{"reaction", messageID}), encode(struct {
		ThreadKey   int64  `json:"thread_key"`
		Timestamp   int64  `json:"timestamp_ms"`
		MessageID   string `json:"message_id"`
		Actor       int64  `json:"actor_id"`
		Reaction    string `json:"reaction"`
		Style       *int   `json:"reaction_style"`
		SyncGroup   int    `json:"sync_group"`
		Attribution int    `json:"send_attribution"`
	}{thread, now, messageID, actor, emoji, nil, GroupMailbox, 65537})}
}

// Unsend takes back a message of the user's for everybody.
func Unsend(messageID string) Task {
	return Task{"33", "unsend_message", encode(struct {
		MessageID string `json:"message_id"`
	}{messageID})}
}

// DeleteForMe removes a message for the user only.
func DeleteForMe(thread int64, messageID string) Task {
	return Task{"155", "155", encode(struct {
		ThreadKey int64  `json:"thread_key"`
		MessageID string `json:"message_id"`
	}{thread, messageID})}
}

// Edit changes the text of a message of the user's.
func Edit(messageID, text string) Task {
	return Task{"742", "edit_message", encode(struct {
		MessageID string `json:"message_id"`
		Text      string `json:"text"`
	}{messageID, text})}
}

// Typing says that the user types, or stopped. It is stateless: send it by Client.Notify.
func Typing(thread, threadType int64, group, active bool) Task {
	return Task{Label: "3", Payload: encode(struct {
		ThreadKey   int64 `json:"thread_key"`
		Group       int   `json:"is_group_thread"`
		Typing      int   `json:"is_typing"`
		Attribution int   `json:"attribution"`
		SyncGroup   int   `json:"sync_group"`
		ThreadType  int64 `json:"thread_type"`
	}{thread, digit(group), digit(active), 0, GroupMailbox, threadType})}
}

func digit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func decimal(i int64) string { return strconv.FormatInt(i, 10) }

// encode writes JSON as a browser does, without escaping what only HTML minds.
func encode(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // the types here can't fail
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
