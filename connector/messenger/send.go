package messenger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/ledger"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
	"crosschat/connector/metaweb/web"
)

// Messenger's limits (protocol notes, section 3.8).
const (
	maxTextLength = 20000 // UTF-16 units
	maxEdits      = 5
	editWindow    = 15 * time.Minute
)

// HandleMatrixMessage implements bridgev2.NetworkAPI: it blocks until Messenger has taken the message.
func (c *Client) HandleMatrixMessage(ctx context.Context, msg *bridgev2.MatrixMessage) (*bridgev2.MatrixMessageResponse, error) {
	key, err := c.begin(msg.Portal)
	if err != nil {
		return nil, err
	}
	defer c.work.Done()
	if c.onEncrypted(msg.Portal) {
		return c.encrypted.handleMessage(ctx, msg)
	}
	ctx, cancel := c.bound(ctx, c.network.Config.SendTimeout)
	defer cancel()
	if err = c.connected(); err != nil {
		return nil, sendError(err)
	}
	if err = ledger.Settled(ctx, c.login, msg.Event); err != nil {
		return nil, err
	}
	out, err := c.fromMatrix(ctx, key, msg)
	if err != nil {
		return nil, err
	}
	out.ThreadID, out.OTID = c.known.plainKey(key), outgoingID(c.login.ID, msg.Event.ID, msg.Event.Timestamp)
	if err = c.accept(ctx, key); err != nil {
		return nil, sendError(err)
	}
	txn := networkid.TransactionID(strconv.FormatInt(out.OTID, 10))
	msg.AddPendingToIgnore(txn)
	ledger.Passing("network.sending")
	mid, err := c.wire.Send(ctx, *out)
	ledger.Passing("network.sent")
	if err != nil {
		msg.RemovePending(txn) // of what was sent all the same the echo tells, see settle
		moved := c.movedAway(ctx, key, err)
		if moved {
			c.relabel(key)
		}
		if moved || c.behind(err) {
			return nil, ledger.Pending(sendError(err))
		}
		return nil, sendError(err)
	}
	messageID, err := makeMessageID(mid)
	if err != nil {
		return nil, err
	}
	return &bridgev2.MatrixMessageResponse{
		// The network's own time comes with the echo.
		DB:            &database.Message{ID: messageID, SenderID: c.GetUserID(), Timestamp: time.Now()},
		RemovePending: txn,
		PostSave:      ledger.RowStored(c.login),
	}, nil
}

const (
	// idTimeBits is by how many bits the time is shifted in ids that senders choose.
	idTimeBits = 22
	idRandom   = 1<<idTimeBits - 1
)

// outgoingID is the id a Matrix event has on Messenger, the same each time it is sent, in the form of the web client's own:
// a time, and behind it bits that differ.
func outgoingID(login networkid.UserLoginID, evt id.EventID, at int64) int64 {
	seed := ledger.Seed(login, evt)
	const lastTime = 1<<41 - 1
	return max(1, min(at, lastTime))<<idTimeBits | int64(binary.BigEndian.Uint32(seed[:4])&idRandom)
}

// act has something done with a message. Errors are ready for bridgev2.
func (c *Client) act(ctx context.Context, portal *bridgev2.Portal, target networkid.MessageID, do func(ctx context.Context, thread int64, mid string) error) error {
	mid, err := parseMessageID(target)
	if err != nil {
		return ledger.Refuse("this message is not on Messenger")
	}
	return c.onThread(ctx, portal, func(ctx context.Context, key int64) error {
		ledger.Passing("network.sending")
		err := do(ctx, c.known.plainKey(key), mid)
		ledger.Passing("network.sent")
		return err
	})
}

// connected says that there is no connection, if so. It does not wait: while the portal's events wait here, what the sync
// brings for it can't be handled, and without that there is no connection. The ledger waits outside.
func (c *Client) connected() error {
	if !c.online.Open() {
		return wire.ErrNotConnected
	}
	return nil
}

// HandleMatrixEdit implements bridgev2.EditHandlingNetworkAPI.
func (c *Client) HandleMatrixEdit(ctx context.Context, msg *bridgev2.MatrixEdit) error {
	switch {
	case msg.EditTarget.SenderID != c.GetUserID():
		return ledger.Refuse("only your own messages can be edited on Messenger")
	case time.Since(msg.EditTarget.Timestamp) > editWindow:
		return ledger.Refuse("Messenger lets messages be edited for 15 minutes only, and this one is older")
	case msg.EditTarget.EditCount >= maxEdits:
		return ledger.Refuse("Messenger lets a message be edited five times only")
	case msg.EditTarget.PartID != "":
		return ledger.Refuse("a message that is in several pieces here can be edited on Messenger only")
	}
	switch msg.Content.MsgType {
	case event.MsgText, event.MsgNotice, event.MsgEmote:
	default:
		return ledger.Refuse("Messenger lets only texts be edited")
	}
	if isEncrypted(msg.EditTarget.ID) {
		err := c.encrypted.edit(ctx, msg)
		if err == nil {
			msg.EditTarget.EditCount++
		}
		return err
	}
	text, _, err := c.textFromMatrix(msg.Content)
	if err != nil {
		return err
	}
	err = c.act(ctx, msg.Portal, msg.EditTarget.ID, func(ctx context.Context, _ int64, mid string) error {
		return c.wire.Edit(ctx, mid, text)
	})
	if err == nil {
		msg.EditTarget.EditCount++
	}
	return err
}

// HandleMatrixMessageRemove implements bridgev2.RedactionHandlingNetworkAPI.
func (c *Client) HandleMatrixMessageRemove(ctx context.Context, msg *bridgev2.MatrixMessageRemove) error {
	if msg.TargetMessage.SenderID != c.GetUserID() {
		return ledger.Refuse("only your own messages can be unsent on Messenger; it is gone here only")
	}
	if isEncrypted(msg.TargetMessage.ID) {
		return c.encrypted.unsend(ctx, msg)
	}
	return c.act(ctx, msg.Portal, msg.TargetMessage.ID, func(ctx context.Context, _ int64, mid string) error {
		return c.wire.Unsend(ctx, mid)
	})
}

// HandleMatrixReadReceipt implements bridgev2.ReadReceiptHandlingNetworkAPI. Requests are not marked read before they are
// accepted: the other side would see that. Nor is anything for whoever wants it so.
func (c *Client) HandleMatrixReadReceipt(ctx context.Context, receipt *bridgev2.MatrixReadReceipt) error {
	key, err := c.begin(receipt.Portal)
	if err != nil {
		return nil // it says nothing that the user has to know
	}
	defer c.work.Done()
	if c.isRequest(receipt.Portal, key) || loginMeta(c.login.UserLogin).HideReads {
		return nil
	}
	upTo := receipt.ReadUpTo
	unread, plain, err := c.unread(ctx, receipt)
	if err != nil {
		return err
	}
	chat, err := c.encrypted.chatIn(receipt.Portal)
	if err != nil {
		return err
	}
	plain = plain || !c.onEncrypted(receipt.Portal)
	// In a goroutine, since it may have to wait for a connection: see connected.
	c.goDo("read receipt", func() {
		ctx, cancel := c.bound(c.ctx, c.network.Config.SendTimeout)
		defer cancel()
		err := c.online.Wait(ctx)
		if err == nil && plain {
			err = c.wire.MarkRead(ctx, c.known.plainKey(key), upTo)
		}
		if err == nil && len(unread) > 0 {
			err = c.encrypted.markRead(ctx, chat, unread)
		}
		if err != nil && c.ctx.Err() == nil {
			c.log.Warn().Err(err).Int64("thread_key", key).Msg("Could not mark a thread read")
		}
	})
	return nil
}

// HandleMatrixTyping implements bridgev2.TypingHandlingNetworkAPI. Without a connection typing is forgotten.
func (c *Client) HandleMatrixTyping(ctx context.Context, msg *bridgev2.MatrixTyping) error {
	key, err := c.begin(msg.Portal)
	if err != nil {
		return nil
	}
	defer c.work.Done()
	if c.isRequest(msg.Portal, key) {
		return nil
	}
	if c.onEncrypted(msg.Portal) {
		return c.encrypted.typing(ctx, msg)
	}
	if !c.online.Open() {
		return nil
	}
	known, _ := c.known.thread(key)
	kind := known.Type
	if kind == 0 {
		kind = lightspeed.ThreadOneToOne
	}
	if err = c.wire.Typing(ctx, c.known.plainKey(key), kind, msg.IsTyping); err != nil && !errors.Is(err, wire.ErrNotConnected) {
		return fmt.Errorf("send typing: %w", err)
	}
	return nil
}

// HandleMute implements bridgev2.MuteHandlingNetworkAPI.
func (c *Client) HandleMute(ctx context.Context, msg *bridgev2.MatrixMute) error {
	until := int64(0)
	if at := msg.Content.GetMutedUntilTime(); at.Equal(event.MutedForever) {
		until = task.Forever
	} else if at.After(time.Now()) {
		until = at.UnixMilli()
	}
	return c.muteUntil(ctx, msg.Portal, until)
}

// muteUntil mutes a chat until a time in Unix milliseconds, task.Forever, or no more (0).
func (c *Client) muteUntil(ctx context.Context, portal *bridgev2.Portal, until int64) error {
	return c.onThread(ctx, portal, func(ctx context.Context, key int64) error { return c.wire.Mute(ctx, c.known.plainKey(key), until) })
}

// sendError says what a user can make of a failed action. What may be tried again with the same id is pending.
func sendError(err error) error {
	var rejected *wire.RejectedError
	var stop *web.StopError
	status := bridgev2.WrapErrorInStatus(err).WithSendNotice(true)
	switch {
	case errors.As(err, &rejected):
		text := rejected.Message
		if text == "" {
			text = "it gave no reason"
		}
		return status.WithIsCertain(true).WithMessage(fmt.Sprintf("Messenger refused this: %s", text))
	case errors.As(err, &stop):
		return names.ErrStopped(string(stop.Kind))
	case errors.Is(err, wire.ErrNotConnected):
		return ledger.Pending(status.WithIsCertain(true).WithErrorReason(event.MessageStatusNetworkError).
			WithMessage("there was no connection to Messenger; try again when it is back"))
	default:
		return ledger.Pending(status.WithIsCertain(false).WithErrorReason(event.MessageStatusNetworkError).
			WithMessage("Messenger did not confirm this in time; look there before you try again"))
	}
}
