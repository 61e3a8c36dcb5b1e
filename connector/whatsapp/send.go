package whatsapp

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/ledger"
	"crosschat/connector/meow"
)

const (
	// resendPause is between two tries to send over a connection that came and went.
	resendPause = time.Second
	// mostReceipts bounds one read receipt, which after a first login could name all there is.
	mostReceipts = 200
)

// HandleMatrixMessage implements bridgev2.NetworkAPI: it blocks until WhatsApp has taken the message.
func (c *Client) HandleMatrixMessage(ctx context.Context, msg *bridgev2.MatrixMessage) (*bridgev2.MatrixMessageResponse, error) {
	chat, done, err := c.beginSend(msg.Portal)
	if err != nil {
		return nil, err
	}
	defer done()
	waMsg, err := c.fromMatrix(ctx, msg)
	if err != nil {
		if meow.BrokenOff(ctx, err) || !c.online.Open() {
			err = ledger.Pending(bridgev2.WrapErrorInStatus(err).WithIsCertain(true))
		}
		return nil, err
	}
	c.addMentions(msg.Content, waMsg)
	c.addReply(ctx, msg, waMsg)
	return c.sendNew(ctx, chat, msg, waMsg)
}

// sendNew sends a message of its own that stands for a Matrix event, and answers with its row.
func (c *Client) sendNew(ctx context.Context, chat types.JID, msg *bridgev2.MatrixMessage, out *waE2E.Message) (*bridgev2.MatrixMessageResponse, error) {
	live(out, msg.Portal.Disappear)
	waID := outgoingID(c.login.ID, msg.Event.ID)
	id, err := makeMessageID(messageKey{Chat: chat, Sender: c.self, ID: waID})
	if err != nil {
		return nil, err
	}
	txn := networkid.TransactionID(id)
	msg.AddPendingToIgnore(txn)
	sentAt, err := c.send(ctx, chat, out, waID)
	if err != nil {
		msg.RemovePending(txn)
		return nil, err
	}
	return &bridgev2.MatrixMessageResponse{
		DB:            &database.Message{ID: id, SenderID: c.GetUserID(), Timestamp: sentAt},
		RemovePending: txn,
		PostSave:      ledger.RowStored(c.login),
	}, nil
}

// outgoingID is the id a Matrix event has on WhatsApp, the same each time it is sent, in the form of WhatsApp Web's own.
func outgoingID(login networkid.UserLoginID, evt id.EventID) types.MessageID {
	seed := ledger.Seed(login, evt)
	return whatsmeow.WebMessageIDPrefix + strings.ToUpper(hex.EncodeToString(seed[:9]))
}

// send blocks until the server has taken the message, over as many connections as it takes within the time limit: by
// its id the server recognises a repeat. The error is ready for bridgev2.
func (c *Client) send(ctx context.Context, chat types.JID, msg *waE2E.Message, waID types.MessageID) (time.Time, error) {
	if err := c.mayWrite(chat); err != nil {
		return time.Time{}, err
	}
	if err := c.paced(ctx); err != nil {
		return time.Time{}, err
	}
	ctx, cancel := c.bound(ctx, c.network.Config.SendTimeout)
	defer cancel()
	tried, refusals := false, 0
	for {
		if err := c.online.Wait(ctx); err != nil {
			return time.Time{}, sendError(chat, fmt.Errorf("wait for connection: %w", err), tried)
		}
		tried = true
		marked, release := meow.WithEncryption(ctx)
		ledger.Passing("network.sending")
		resp, err := c.wa.SendMessage(marked, chat, msg, whatsmeow.SendRequestExtra{ID: waID})
		release()
		ledger.Passing("network.sent")
		if err == nil {
			return resp.Timestamp, nil
		}
		if meow.BrokenOff(ctx, err) && !meow.ConnectionLost(err) {
			err = fmt.Errorf("%w: %w", whatsmeow.ErrNotConnected, err)
		}
		if !meow.ConnectionLost(err) {
			pause, explained := c.refused(chat, err, refusals)
			if explained != nil {
				return time.Time{}, explained
			}
			if pause == 0 || !hold(ctx, pause) {
				return time.Time{}, sendError(chat, err, tried)
			}
			refusals++
			continue
		}
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Connection was lost while sending, waiting for the next")
		if !hold(ctx, resendPause) {
			return time.Time{}, sendError(chat, err, tried)
		}
	}
}

// AwaitConnection implements ledger.Connection.
func (c *Client) AwaitConnection(ctx context.Context) error {
	if !c.IsLoggedIn() {
		return nil
	}
	return c.online.Wait(ctx)
}

// sendError says what a user can make of a failed send. Unless the server refused, it may have taken the message.
func sendError(chat types.JID, err error, tried bool) error {
	status := bridgev2.WrapErrorInStatus(err).WithSendNotice(true)
	code := refusalCode(err)
	switch {
	case errors.Is(err, whatsmeow.ErrNotLoggedIn):
		return errNotLoggedIn()
	case code != 0:
		text, outcome := refusal(code, chat)
		return status.WithIsCertain(true).WithStatus(outcome).WithMessage(text)
	case !tried:
		return ledger.Pending(status.WithIsCertain(true).WithErrorReason(event.MessageStatusNetworkError).
			WithMessage("there was no connection to WhatsApp; try again when it is back"))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.Is(err, whatsmeow.ErrMessageTimedOut), meow.ConnectionLost(err):
		return ledger.Pending(status.WithIsCertain(false).WithErrorReason(event.MessageStatusNetworkError).
			WithMessage("WhatsApp did not confirm the message in time; look on your phone before you try again"))
	default:
		return status.WithIsCertain(true).WithMessage("the message could not be sent to WhatsApp; try again")
	}
}

func errNotLoggedIn() error {
	return bridgev2.WrapErrorInStatus(bridgev2.ErrNotLoggedIn).
		WithIsCertain(true).WithSendNotice(true).
		WithMessage("you are not logged in to WhatsApp; log in again, then repeat the message")
}

// HandleMatrixReadReceipt implements bridgev2.ReadReceiptHandlingNetworkAPI. WhatsApp wants each message named. Without a
// connection that waits for one, but not the room. In a request nothing is marked read.
func (c *Client) HandleMatrixReadReceipt(ctx context.Context, receipt *bridgev2.MatrixReadReceipt) error {
	if !c.IsLoggedIn() || isReadOnly(receipt.Portal.ID) || receipt.Portal.MessageRequest || !c.work.Begin() {
		return nil
	}
	defer c.work.Done()
	chat, err := parseChat(receipt.Portal.ID)
	if err != nil {
		return fmt.Errorf("chat of portal: %w", err)
	}
	unread, err := c.unread(ctx, receipt)
	if err != nil || len(unread) == 0 {
		return err
	}
	if c.online.Open() {
		return c.markRead(ctx, chat, unread)
	}
	c.goDo("read receipt", func() {
		if err := c.markRead(c.ctx, chat, unread); err != nil {
			c.log.Warn().Err(err).Stringer("chat", chat).Msg("Could not tell WhatsApp what was read")
		}
	})
	return nil
}

// markRead tells WhatsApp of messages that were read, by their senders.
func (c *Client) markRead(ctx context.Context, chat types.JID, unread map[types.JID][]types.MessageID) error {
	ctx, cancel := c.bound(ctx, c.network.Config.SendTimeout)
	defer cancel()
	if err := c.online.Wait(ctx); err != nil {
		return fmt.Errorf("wait for connection: %w", err)
	}
	c.active()
	for sender, ids := range unread {
		if err := c.wa.MarkRead(ctx, ids, time.Now(), chat, sender); err != nil {
			return fmt.Errorf("mark %d messages read: %w", len(ids), err)
		}
	}
	return nil
}

// unread finds the messages of others that a receipt covers and the one before did not, by sender, newest first.
// WhatsApp's times are whole seconds, so that of the last receipt is looked at again.
func (c *Client) unread(ctx context.Context, receipt *bridgev2.MatrixReadReceipt) (map[types.JID][]types.MessageID, error) {
	since := receipt.LastRead
	if !since.IsZero() {
		since = since.Add(-time.Millisecond)
	}
	rows, err := c.network.bridge.DB.Message.GetMessagesBetweenTimeQuery(ctx, receipt.Portal.PortalKey, since, receipt.ReadUpTo)
	if err != nil {
		return nil, fmt.Errorf("find read messages: %w", err)
	}
	slices.SortStableFunc(rows, func(a, b *database.Message) int { return b.Timestamp.Compare(a.Timestamp) })
	unread := make(map[types.JID][]types.MessageID)
	count := 0
	for _, row := range rows {
		key, err := parseMessageID(row.ID)
		if err != nil || key.Sender == c.self || slices.Contains(unread[key.Sender], key.ID) {
			continue
		}
		unread[key.Sender] = append(unread[key.Sender], key.ID)
		if count++; count == mostReceipts {
			break
		}
	}
	return unread, nil
}

// HandleMatrixTyping implements bridgev2.TypingHandlingNetworkAPI. Without a connection typing is forgotten.
func (c *Client) HandleMatrixTyping(ctx context.Context, msg *bridgev2.MatrixTyping) error {
	if !c.IsLoggedIn() || !c.online.Open() || isReadOnly(msg.Portal.ID) || msg.Portal.MessageRequest || !c.work.Begin() {
		return nil
	}
	defer c.work.Done()
	chat, err := parseChat(msg.Portal.ID)
	if err != nil {
		return fmt.Errorf("chat of portal: %w", err)
	}
	state, media := types.ChatPresencePaused, types.ChatPresenceMediaText
	if msg.IsTyping {
		c.active()
		state = types.ChatPresenceComposing
		if msg.Type == bridgev2.TypingTypeRecordingMedia {
			media = types.ChatPresenceMediaAudio
		}
	}
	if err := c.wa.SendChatPresence(ctx, chat, state, media); err != nil && !meow.BrokenOff(ctx, err) {
		return fmt.Errorf("send typing: %w", err)
	}
	return nil
}
