package wire

import (
	"encoding/json"
	"fmt"
)

type rawReaction struct {
	Emoji  text   `json:"reaction"`
	Sender FBID   `json:"sender_fbid"`
	Time   millis `json:"reaction_timestamp_ms"`
	LogID  text   `json:"log_message_id"`
}

func (r *rawReaction) reaction() Reaction {
	return Reaction{string(r.Emoji), r.Sender, r.Time.Time, MessageID(r.LogID)}
}

type rawMessage struct {
	ID          text            `json:"message_id"`
	OtherID     text            `json:"id"`
	Thread      ShortID         `json:"thread_fbid"`
	Sender      json.RawMessage `json:"sender_fbid"`
	Time        millis          `json:"timestamp_ms"`
	OTID        OTID            `json:"offline_threading_id"`
	ContentType text            `json:"content_type"`
	Content     *rawContent     `json:"content"`
	Text        text            `json:"text_body"`
	Snippet     text            `json:"igd_snippet"`
	Mentions    []struct {
		Offset int  `json:"offset"`
		Length int  `json:"length"`
		Kind   text `json:"profile_range_type"`
		User   FBID `json:"user_fbid"`
	} `json:"mentions"`
	Reactions []rawReaction   `json:"reactions"`
	ReplyTo   text            `json:"replied_to_message_id"`
	Quoted    json.RawMessage `json:"replied_to_message"`
	Edits     []struct {
		Body text   `json:"body"`
		Time millis `json:"timestamp_ms"`
	} `json:"slide_edit_history"`
	Forwarded bool   `json:"igd_is_forwarded"`
	Pinned    bool   `json:"is_pinned"`
	Expires   millis `json:"expiration_timestamp_ms"`
	Author    *struct {
		Name text     `json:"name"`
		ID   FBID     `json:"id"`
		IGID IGID     `json:"igid"`
		User *rawUser `json:"user_dict"`
	} `json:"sender"`
}

// readMessage reads a message. thread is where it is if it doesn't say so itself.
func readMessage(data json.RawMessage, thread ShortID) (*Message, error) {
	var raw rawMessage
	if err := unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	m, err := raw.message(thread)
	if err != nil || len(raw.Quoted) == 0 {
		return m, err
	}
	// Once only: a quoted message quotes nothing, whatever the server writes.
	var quoted rawMessage
	if unmarshal(raw.Quoted, &quoted) == nil {
		if q, err := quoted.message(m.Thread); err == nil {
			m.Quoted = q
			if m.ReplyTo == "" {
				m.ReplyTo = q.ID
			}
		}
	}
	return m, nil
}

func (r *rawMessage) message(thread ShortID) (*Message, error) {
	id := r.ID
	if id == "" {
		id = r.OtherID
	}
	if id == "" {
		return nil, fmt.Errorf("read message: %w", errNoID)
	}
	m := &Message{
		ID: MessageID(id), Thread: r.Thread, Time: r.Time.Time, OTID: r.OTID, Text: string(r.Text), Snippet: string(r.Snippet),
		ContentType: string(r.ContentType), ReplyTo: MessageID(r.ReplyTo), Forwarded: r.Forwarded, Pinned: r.Pinned,
		Expires: r.Expires.Time,
	}
	if m.Thread == 0 {
		m.Thread = thread
	}
	if len(r.Sender) > 0 {
		if err := readID(r.Sender, (*int64)(&m.Sender)); err != nil {
			return nil, fmt.Errorf("read sender of message %.60q: %w", m.ID, err)
		}
	}
	m.Author = r.author(m.Sender)
	r.addParts(m)
	if r.Content != nil {
		m.Content = r.Content.content(m)
	}
	return m, nil
}

// author is what the message says of its sender.
func (r *rawMessage) author(sender FBID) *User {
	a := r.Author
	if a == nil {
		return nil
	}
	u := User{FullName: string(a.Name)}
	if a.User != nil {
		u = a.User.user()
	}
	if u.IGID == 0 {
		u.IGID = a.IGID
	}
	if u.FBID == 0 {
		u.FBID = sender
	}
	if u.FBID == 0 {
		u.FBID = a.ID
	}
	return &u
}

func (r *rawMessage) addParts(m *Message) {
	for _, raw := range r.Mentions {
		if raw.Offset >= 0 && raw.Length > 0 {
			m.Mentions = append(m.Mentions, Mention{raw.Offset, raw.Length, MentionKind(raw.Kind), raw.User})
		}
	}
	for _, raw := range r.Reactions {
		if raw.Emoji != "" && raw.Sender != 0 {
			m.Reactions = append(m.Reactions, raw.reaction())
		}
	}
	for _, raw := range r.Edits {
		m.Edits = append(m.Edits, Edit{string(raw.Body), raw.Time.Time})
	}
}
