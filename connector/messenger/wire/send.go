package wire

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
	"crosschat/connector/metaweb/failure"
)

// echoGrace is how long an answer may still take after the message itself came back.
const echoGrace = time.Second

// Send sends a message and answers its id. m.OTID should be set by the caller, from NewID: the same message with the same
// OTID is sent once, however often this is called. The thread is marked as read along with it, as the web client does.
// Lost connections are bridged by sending again. Errors: *RejectedError; ErrNotConnected, nothing was sent;
// *UncertainError, to be tried again with the same OTID; the context's.
func (c *Client) Send(ctx context.Context, m task.Message) (messageID string, err error) {
	if m.OTID == 0 {
		m.OTID = c.NewID()
	}
	otid := strconv.FormatInt(m.OTID, 10)
	var echo atomic.Pointer[string]
	attempt, answered := context.WithCancel(ctx)
	defer answered()
	// The message comes back on the mailbox's stream too, which settles it when the answer is lost.
	defer c.watch(func(t *lightspeed.Table) int64 {
		if id := echoID(t, otid); id != "" {
			echo.Store(&id)
			time.AfterFunc(echoGrace, answered)
		}
		return 0
	})()
	sent := false
	for try := 1; ; try++ {
		var table *lightspeed.Table
		table, err = c.trySend(attempt, m)
		if err == nil {
			if messageID, err = outcome(table, otid); err == nil {
				return messageID, nil
			}
		}
		if id := echo.Load(); id != nil {
			return *id, nil
		}
		sent = sent || !errors.Is(err, ErrNotConnected)
		if ctx.Err() != nil || !isTransport(err) || try >= c.cfg.SendAttempts {
			return "", sendError(err, sent)
		}
		c.log.Debug().Err(err).Int("attempt", try).Msg("Message will be sent again")
	}
}

// trySend sends a message once.
func (c *Client) trySend(ctx context.Context, m task.Message) (*lightspeed.Table, error) {
	if err := c.sends.Wait(ctx); err != nil {
		return nil, err
	}
	n, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	table, _, err := n.exchange(ctx, []task.Task{task.Send(m), task.MarkRead(m.ThreadID, time.Now().UnixMilli())})
	return table, err
}

// sendError says of the last error whether the message may have been sent all the same.
func sendError(err error, sent bool) error {
	var rejected *RejectedError
	var unknown *UncertainError
	if !sent || errors.As(err, &rejected) || errors.As(err, &unknown) {
		return err
	}
	return &UncertainError{Err: err}
}

func echoID(t *lightspeed.Table, otid string) string {
	for _, s := range t.Sent {
		if s.OTID == otid {
			return s.MessageID
		}
	}
	for _, m := range t.Messages {
		if m.OTID == otid {
			return m.ID
		}
	}
	return ""
}

// outcome reads what an answer says of a message.
func outcome(t *lightspeed.Table, otid string) (messageID string, err error) {
	if id := echoID(t, otid); id != "" {
		return id, nil
	}
	for _, f := range t.SendFails {
		if f.OTID == otid {
			return "", &RejectedError{Message: f.Message}
		}
	}
	for _, f := range t.TaskFails {
		if f.OTID == otid || f.OTID == "" {
			return "", &RejectedError{Message: f.Message}
		}
	}
	for _, e := range t.Errors {
		return "", &RejectedError{Code: e.Code, Message: failure.Text(e.Title, e.Message)}
	}
	return "", &UncertainError{Err: errors.New("server's answer does not say what became of the message")}
}

// Pace waits until it is not too soon after the user's last action, for those that go another way.
func (c *Client) Pace(ctx context.Context) error { return c.sends.Wait(ctx) }

// act has one task of the user's done, not too soon after the last.
func (c *Client) act(ctx context.Context, t task.Task) (*lightspeed.Table, error) {
	if err := c.sends.Wait(ctx); err != nil {
		return nil, err
	}
	return c.Run(ctx, t)
}

// React sets the user's reaction to a message; empty takes it away. Errors are Run's, as for the other actions.
func (c *Client) React(ctx context.Context, thread int64, messageID, emoji string) error {
	_, err := c.act(ctx, task.React(thread, messageID, c.ID(), emoji, time.Now().UnixMilli()))
	return err
}

// Unsend takes back a message of the user's for everybody.
func (c *Client) Unsend(ctx context.Context, messageID string) error {
	_, err := c.act(ctx, task.Unsend(messageID))
	return err
}

// DeleteForMe removes a message for the user only.
func (c *Client) DeleteForMe(ctx context.Context, thread int64, messageID string) error {
	_, err := c.act(ctx, task.DeleteForMe(thread, messageID))
	return err
}

// Edit changes the text of a message of the user's. The server's answer sometimes says the old text although the edit was
// made; then a push with the new text is waited for before it counts as refused.
func (c *Client) Edit(ctx context.Context, messageID, text string) error {
	confirmed := make(chan struct{}, 1)
	defer c.watch(func(t *lightspeed.Table) int64 {
		if got, ok := editedText(t, messageID); ok && sameText(got, text) {
			select {
			case confirmed <- struct{}{}:
			default:
			}
		}
		return 0
	})()
	table, err := c.act(ctx, task.Edit(messageID, text))
	if err != nil {
		return err
	}
	if got, ok := editedText(table, messageID); !ok || sameText(got, text) {
		return nil
	}
	timer := time.NewTimer(c.cfg.EditWait)
	defer timer.Stop()
	select {
	case <-confirmed:
		return nil
	case <-timer.C:
		return &RejectedError{Message: "the edit was not taken"}
	case <-ctx.Done():
		return &UncertainError{Err: ctx.Err()}
	}
}

func editedText(t *lightspeed.Table, messageID string) (text string, found bool) {
	for _, e := range t.Edits {
		if e.MessageID == messageID {
			text, found = e.Text, true
		}
	}
	return text, found
}

func sameText(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) }

// MarkRead says that the user read a thread up to a time.
func (c *Client) MarkRead(ctx context.Context, thread int64, upTo time.Time) error {
	_, err := c.Run(ctx, task.MarkRead(thread, upTo.UnixMilli()))
	return err
}

// Typing says that the user types, or stopped. Nothing says whether it arrived.
func (c *Client) Typing(ctx context.Context, thread int64, kind lightspeed.ThreadType, active bool) error {
	return c.Notify(ctx, task.Typing(thread, int64(kind), !kind.OneToOne(), active))
}

// Mute mutes a thread until a time, task.Forever, or no more (0); milliseconds.
func (c *Client) Mute(ctx context.Context, thread, until int64) error {
	_, err := c.act(ctx, task.Mute(thread, until))
	return err
}

// AcceptRequest accepts a message request.
func (c *Client) AcceptRequest(ctx context.Context, thread int64) error {
	_, err := c.act(ctx, task.AcceptRequest(thread))
	return err
}

// DeleteThread deletes a thread for the user. An encrypted one is named by its key on Facebook.
func (c *Client) DeleteThread(ctx context.Context, thread int64, encrypted bool) error {
	group := task.GroupMailbox
	if encrypted {
		group = task.GroupRequests
	}
	_, err := c.act(ctx, task.DeleteThread(thread, group))
	return err
}

// Rename names a group.
func (c *Client) Rename(ctx context.Context, thread int64, name string) error {
	_, err := c.act(ctx, task.Rename(thread, name))
	return err
}
