package wire

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sent is what the server says of something that was sent.
type Sent struct {
	ID   MessageID
	Time time.Time
}

// Text is a text to be sent.
type Text struct {
	// OTID is the caller's, from NewOTID or any other positive number: the same text with the same OTID is sent once, however
	// often this is called.
	OTID OTID
	// Thread is where it goes. If it is 0 the text starts the chat with To, of whom both ids should be known.
	Thread   ShortID
	To       User
	Text     string
	Mentions []Mention // Offset and Length in UTF-16 units
	ReplyTo  MessageID
}

type sentText struct {
	Text string `json:"sensitive_string_value"`
}

type sentMention struct {
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	User   string `json:"fbid"`
}

type sentCommand struct {
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	Type   string `json:"type"`
	Target string `json:"user_or_thread_fbid"`
}

// SendText sends a text. Errors: *RejectedError, *BlockedError, *RateLimitError, *TemporaryError, *StaleDocumentError,
// *ReloadError, ErrNotFound and *web.StopError mean that nothing was sent; *UncertainError, that it isn't known; with
// anything else nothing was sent and it may be tried again.
func (c *Client) SendText(ctx context.Context, t Text) (Sent, error) {
	v := t.variables()
	if t.Thread != 0 {
		return c.send(ctx, t.OTID, call{op: opSendText, root: rootText, acts: true, variables: v})
	}
	if sent, ok := c.echo(t.OTID); ok {
		return sent, nil
	}
	if err := c.mayBegin(t.To, time.Now()); err != nil {
		return Sent{}, err
	}
	c.mu.Lock()
	byFBID := c.cfg.FirstTextByFBID != c.otherRecipient
	c.mu.Unlock()
	sent, err := c.sendFirst(ctx, t, v, byFBID)
	var rejected *RejectedError
	if errors.As(err, &rejected) || errors.Is(err, ErrNotFound) {
		// Sources disagree on how somebody is named here: the other way gets one try, and is kept to if it works.
		if sent, otherErr := c.sendFirst(ctx, t, v, !byFBID); otherErr == nil {
			c.log.Warn().Bool("by_fbid", !byFBID).Msg("First text had to name its recipient the other way")
			c.mu.Lock()
			c.otherRecipient = !c.otherRecipient
			c.mu.Unlock()
			return sent, nil
		}
	}
	return sent, err
}

// mayBegin refuses to begin more chats than are good for the account, and counts the one that it allows, once however often it
// is tried.
func (c *Client) mayBegin(with User, now time.Time) error {
	const day = 24 * time.Hour
	c.mu.Lock()
	defer c.mu.Unlock()
	begun, first := make(map[IGID]time.Time), now
	for igid, at := range c.state.Begun {
		if now.Sub(at) < day {
			begun[igid] = at
			if at.Before(first) {
				first = at
			}
		}
	}
	if _, again := begun[with.IGID]; again {
		return nil
	}
	if limit := c.cfg.NewChatsPerDay; limit > 0 && len(begun) >= limit {
		return &BlockedError{fmt.Sprintf("no more than %d chats a day are begun, to keep the account safe", limit), day - now.Sub(first)}
	}
	begun[with.IGID] = now
	c.state.Begun = begun
	return nil
}

const rootText = "xig_direct_text_send_with_slide_messaging_response"

// sendFirst starts a chat of two.
func (c *Client) sendFirst(ctx context.Context, t Text, v variables, byFBID bool) (Sent, error) {
	recipient := t.To.IGID.String()
	if byFBID || t.To.IGID == 0 {
		recipient = t.To.FBID.String()
	}
	if recipient == "0" {
		return Sent{}, fmt.Errorf("start chat: %w", ErrNotFound)
	}
	v["recipient_igids"] = []string{recipient}
	return c.send(ctx, t.OTID, call{op: opSendText, root: rootText, acts: true, variables: v})
}

func (t *Text) variables() variables {
	mentions, users := []sentMention{}, []string{}
	var commands []sentCommand
	for _, m := range t.Mentions {
		if m.Kind == MentionEveryone {
			commands = append(commands, sentCommand{m.Offset, m.Length, "EVERYONE", m.User.String()})
			continue
		}
		mentions = append(mentions, sentMention{m.Offset, m.Length, m.User.String()})
		users = append(users, m.User.String())
	}
	v := variables{
		"ig_thread_igid": nil, "recipient_igids": nil, "offline_threading_id": t.OTID.String(),
		"text": sentText{t.Text}, "reply_to_message_id": orNull(string(t.ReplyTo)), "mentions": mentions,
		"mentioned_user_ids": users, "commands": commands, "send_attribution": "igd_web_chat_tab:in_thread",
		"replied_to_client_context": nil, "replied_to_item_id": nil, "sampled": nil, "forwarded_from_thread_id": nil,
		"is_forwarded_from_own_message": nil,
	}
	if t.Thread != 0 {
		v["ig_thread_igid"] = t.Thread.String()
	}
	return v
}

// orNull is text as the server wants it: null instead of nothing.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// Media is an uploaded file to be sent.
type Media struct {
	OTID       OTID      // as of a Text
	Thread     ThreadIDs // Short must be set
	Attachment AttachmentID
	ReplyTo    MessageID
}

// SendMedia sends an uploaded file. A chat can't be started with one. Errors are SendText's.
func (c *Client) SendMedia(ctx context.Context, m Media) (Sent, error) {
	thread := m.Thread.Short.String()
	if c.cfg.MediaByLongID && m.Thread.Long != "" {
		thread = string(m.Thread.Long)
	}
	return c.send(ctx, m.OTID, call{
		op: opSendMedia, root: "xig_direct_media_send_with_slide_messaging_response", acts: true, variables: variables{
			"attachment_fbid": m.Attachment.String(), "thread_id": thread, "offline_threading_id": m.OTID.String(),
			"reply_to_message_id": orNull(string(m.ReplyTo)), "forwarded_from_thread_id": nil,
			"is_forwarded_from_own_message": nil,
		},
	})
}

// send sends something once, not too soon after the last. What came back already, or comes back when the answer is lost,
// counts as answered.
func (c *Client) send(ctx context.Context, otid OTID, q call) (Sent, error) {
	if otid <= 0 {
		return Sent{}, errors.New("send: it has no OTID")
	}
	if sent, ok := c.echo(otid); ok {
		return sent, nil
	}
	if err := c.sends.Wait(ctx); err != nil {
		return Sent{}, err
	}
	echo, stop := c.awaitEcho(otid)
	defer stop()
	sent, err := c.sendOnce(ctx, q)
	var uncertain *UncertainError
	if !errors.As(err, &uncertain) || !c.Connected() {
		return sent, err
	}
	timer := time.NewTimer(c.cfg.EchoWait)
	defer timer.Stop()
	select {
	case sent = <-echo:
		return sent, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return Sent{}, err
}

func (c *Client) sendOnce(ctx context.Context, q call) (Sent, error) {
	data, err := c.call(ctx, q)
	if err != nil {
		return Sent{}, err
	}
	var answer struct {
		ID      text   `json:"message_id"`
		OtherID text   `json:"id"`
		Time    millis `json:"timestamp_ms"`
	}
	if err = unmarshal(data, &answer); err != nil || first(answer.ID, answer.OtherID) == "" {
		return Sent{}, &UncertainError{Err: fmt.Errorf("read answer of %s: %w", q.op.friendly, errNoID)}
	}
	return Sent{MessageID(first(answer.ID, answer.OtherID)), answer.Time.Time}, nil
}
