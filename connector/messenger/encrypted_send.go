package messenger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	armadillo "go.mau.fi/whatsmeow/proto"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/ledger"
	"crosschat/connector/meow"
	"crosschat/connector/messenger/wire"
)

// outbound is what a message to the encrypted plane holds.
type outbound = armadillo.RealMessageApplicationSub

// mostReceipts bounds one read receipt, which after a first login could name all there is.
const mostReceipts = 200

// chatIn is the address of a portal's chat.
func (e *encrypted) chatIn(portal *bridgev2.Portal) (types.JID, error) {
	key, err := parseID(portal.ID)
	if err != nil {
		return types.JID{}, fmt.Errorf("chat of portal: %w", err)
	}
	if known, _ := e.c.known.thread(key); known.group() {
		return groupJID(key), nil
	}
	return jidOf(key), nil
}

// handleMessage sends a message of a Matrix user. The login's work has begun.
func (e *encrypted) handleMessage(ctx context.Context, msg *bridgev2.MatrixMessage) (*bridgev2.MatrixMessageResponse, error) {
	chat, err := e.chatIn(msg.Portal)
	if err != nil {
		return nil, err
	}
	wa, err := e.connected()
	if err != nil {
		return nil, err
	}
	all, err := e.fromMatrix(ctx, wa, msg)
	if err != nil {
		return nil, e.pendingIfLost(err)
	}
	key := encryptedKey{Author: e.c.self, ID: e.messageID(msg.Event.ID, msg.Event.Timestamp)}
	key.Chat, _ = chatOf(chat)
	messageID, err := makeEncryptedID(key)
	if err != nil {
		return nil, err
	}
	if err = e.c.acceptBefore(ctx, key.Chat); err != nil {
		return nil, err
	}
	txn := networkid.TransactionID(messageID)
	msg.AddPendingToIgnore(txn)
	var sentAt time.Time
	for i, out := range all {
		head, name := headOf(msg), key.ID
		if i > 0 {
			name = e.messageID(msg.Event.ID+id.EventID(fmt.Sprintf("#%d", i)), msg.Event.Timestamp)
			head = headFor(msg.Portal)
		}
		at, err := e.send(ctx, wa, chat, out, head, name)
		if err != nil {
			msg.RemovePending(txn)
			if i > 0 { // and so much is there
				err = bridgev2.WrapErrorInStatus(err).WithIsCertain(false)
			}
			return nil, err
		}
		if i == 0 {
			sentAt = at
		}
	}
	return &bridgev2.MatrixMessageResponse{
		DB:            &database.Message{ID: messageID, SenderID: e.c.GetUserID(), Timestamp: sentAt},
		RemovePending: txn,
		PostSave:      ledger.RowStored(e.c.login),
	}, nil
}

// messageID is the id that a Matrix event has on this plane, the same each time it is sent.
func (e *encrypted) messageID(evt id.EventID, at int64) types.MessageID {
	return strconv.FormatInt(outgoingID(e.c.login.ID, evt, at), 10)
}

// connected is the library's client while the socket stands. It does not wait: the ledger does, outside of the portal's
// own queue. The error is ready for bridgev2.
func (e *encrypted) connected() (*whatsmeow.Client, error) {
	wa := e.client()
	if wa != nil && e.online.Open() {
		e.shown.Active()
		return wa, nil
	}
	why := e.fault()
	if errors.Is(why, wire.ErrNoCAT) || errors.Is(why, errReplaced) || errors.As(why, new(*refusedError)) {
		return nil, bridgev2.WrapErrorInStatus(why).WithIsCertain(true).WithSendNotice(true).
			WithMessage("this chat is encrypted, and Messenger does not let the bridge into encrypted chats; write on your phone")
	}
	return nil, sendError(wire.ErrNotConnected)
}

// pendingIfLost makes an error of before the sending that only comes from a lost connection one after which the ledger tries
// again.
func (e *encrypted) pendingIfLost(err error) error {
	if meow.ConnectionLost(err) || !e.online.Open() {
		return ledger.Pending(bridgev2.WrapErrorInStatus(err).WithIsCertain(true))
	}
	return err
}

// send blocks until the server has taken a message; by its id the server recognises a repeat. The error is ready for
// bridgev2.
func (e *encrypted) send(ctx context.Context, wa *whatsmeow.Client, chat types.JID, out outbound, head *messageHead, id types.MessageID) (time.Time, error) {
	ctx, cancel := e.c.bound(ctx, e.c.network.Config.SendTimeout)
	defer cancel()
	if err := e.c.wire.Pace(ctx); err != nil {
		return time.Time{}, sendError(wire.ErrNotConnected)
	}
	marked, release := meow.WithEncryption(ctx)
	ledger.Passing("network.sending")
	resp, err := wa.SendFBMessage(marked, chat, out, head, whatsmeow.SendRequestExtra{ID: id})
	release()
	ledger.Passing("network.sent")
	if err != nil {
		if meow.BrokenOff(ctx, err) && !meow.ConnectionLost(err) {
			err = &wire.UncertainError{Err: err}
		}
		return time.Time{}, encryptedError(err)
	}
	return resp.Timestamp, nil
}

// encryptedError says what a user can make of a failed action on the encrypted plane.
func encryptedError(err error) error {
	status := bridgev2.WrapErrorInStatus(err).WithSendNotice(true)
	switch {
	case errors.Is(err, whatsmeow.ErrServerReturnedError):
		text := err.Error()
		if strings.HasSuffix(text, " 403") || strings.HasSuffix(text, " 404") {
			status = status.WithStatus(event.MessageStatusFail)
		}
		return status.WithIsCertain(true).WithMessage(encryptedRefusal(text))
	case errors.Is(err, whatsmeow.ErrNotConnected):
		return sendError(wire.ErrNotConnected)
	case meow.ConnectionLost(err), errors.Is(err, whatsmeow.ErrMessageTimedOut), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, context.Canceled), errors.Is(err, whatsmeow.ErrNotLoggedIn), errors.As(err, new(*wire.UncertainError)):
		return sendError(&wire.UncertainError{Err: err})
	}
	return status.WithIsCertain(true).WithMessage("the message could not be sent to Messenger; try again")
}

// encryptedRefusal explains the server's error numbers. Which the real network uses is not known: these are WhatsApp's.
func encryptedRefusal(text string) string {
	switch {
	case strings.HasSuffix(text, " 403"):
		return "Messenger refused this: it does not let you write here"
	case strings.HasSuffix(text, " 404"):
		return "Messenger refused this: the other side has no device for encrypted chats"
	case strings.HasSuffix(text, " 429"), strings.HasSuffix(text, " 503"):
		return "Messenger takes no more messages just now; wait a while before you try again"
	case strings.HasSuffix(text, " 479"):
		return "Messenger refused the message because the contact's devices have changed; try again"
	}
	return fmt.Sprintf("Messenger refused the message (%s)", text)
}

// act sends something that makes no message of its own, by an id that messageID has made. head may be nil. Errors are ready
// for bridgev2.
func (e *encrypted) act(ctx context.Context, portal *bridgev2.Portal, name types.MessageID, head *messageHead, build func(chat types.JID) (outbound, error)) error {
	if _, err := e.c.begin(portal); err != nil {
		return err
	}
	defer e.c.work.Done()
	chat, err := e.chatIn(portal)
	if err != nil {
		return err
	}
	wa, err := e.connected()
	if err != nil {
		return err
	}
	out, err := build(chat)
	if err != nil {
		return err
	}
	if head == nil {
		head = headFor(portal)
	}
	_, err = e.send(ctx, wa, chat, out, head, name)
	return err
}

func consumerOf(content *consumerContent) outbound {
	return &waConsumerApplication.ConsumerApplication{Payload: &waConsumerApplication.ConsumerApplication_Payload{
		Payload: &waConsumerApplication.ConsumerApplication_Payload_Content{Content: content},
	}}
}

// emptyMessage is one without content, for what stands beside it. The library sends none without this wrapping.
func emptyMessage() outbound { return &waConsumerApplication.ConsumerApplication{} }

// react sends a reaction; an empty emoji takes it back.
func (e *encrypted) react(ctx context.Context, portal *bridgev2.Portal, evt *event.Event, target networkid.MessageID, emoji string) error {
	return e.act(ctx, portal, e.messageID(evt.ID, evt.Timestamp), nil, func(chat types.JID) (outbound, error) {
		key, err := parseEncryptedID(target)
		if err != nil {
			return nil, err
		}
		return consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_ReactionMessage{
			ReactionMessage: &waConsumerApplication.ConsumerApplication_ReactionMessage{
				Key: e.keyOf(chat, key), Text: proto.String(emoji), SenderTimestampMS: proto.Int64(evt.Timestamp),
			},
		}}), nil
	})
}

// edit sends a new text for a message of the account's own.
func (e *encrypted) edit(ctx context.Context, msg *bridgev2.MatrixEdit) error {
	text, err := e.textFromMatrix(msg.Content)
	if err != nil {
		return err
	}
	return e.act(ctx, msg.Portal, e.messageID(msg.Event.ID, msg.Event.Timestamp), nil, func(chat types.JID) (outbound, error) {
		key, err := parseEncryptedID(msg.EditTarget.ID)
		if err != nil {
			return nil, err
		}
		return consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_EditMessage{
			EditMessage: &waConsumerApplication.ConsumerApplication_EditMessage{
				Key: e.keyOf(chat, key), Message: text, TimestampMS: proto.Int64(msg.Event.Timestamp),
			},
		}}), nil
	})
}

// unsend takes a message of the account's own back for everybody.
func (e *encrypted) unsend(ctx context.Context, msg *bridgev2.MatrixMessageRemove) error {
	return e.act(ctx, msg.Portal, e.messageID(msg.Event.ID, msg.Event.Timestamp), nil, func(chat types.JID) (outbound, error) {
		key, err := parseEncryptedID(msg.TargetMessage.ID)
		if err != nil {
			return nil, err
		}
		return &waConsumerApplication.ConsumerApplication{Payload: &waConsumerApplication.ConsumerApplication_Payload{
			Payload: &waConsumerApplication.ConsumerApplication_Payload_ApplicationData{
				ApplicationData: &waConsumerApplication.ConsumerApplication_ApplicationData{
					ApplicationContent: &waConsumerApplication.ConsumerApplication_ApplicationData_Revoke{
						Revoke: &waConsumerApplication.ConsumerApplication_RevokeMessage{Key: e.keyOf(chat, key)},
					},
				},
			},
		}}, nil
	})
}

// markRead tells the senders of messages that they were read, each message by its name. It waits for a connection.
func (e *encrypted) markRead(ctx context.Context, chat types.JID, unread map[int64][]types.MessageID) error {
	if err := e.online.Wait(ctx); err != nil {
		return fmt.Errorf("wait for connection: %w", err)
	}
	e.shown.Active()
	for author, ids := range unread {
		if err := e.client().MarkRead(ctx, ids, time.Now(), chat, jidOf(author)); err != nil {
			return fmt.Errorf("mark %d messages read: %w", len(ids), err)
		}
	}
	return nil
}

// unread finds the messages of others that a receipt covers and the one before did not: those of this plane by author,
// newest first, and whether there are any of the other plane. This plane's times are whole seconds, so that of the last
// receipt is looked at again.
func (c *Client) unread(ctx context.Context, receipt *bridgev2.MatrixReadReceipt) (unread map[int64][]types.MessageID, plain bool, err error) {
	since := receipt.LastRead
	if !since.IsZero() {
		since = since.Add(-time.Second)
	}
	rows, err := c.network.bridge.DB.Message.GetMessagesBetweenTimeQuery(ctx, receipt.Portal.PortalKey, since, receipt.ReadUpTo)
	if err != nil {
		return nil, false, fmt.Errorf("find read messages: %w", err)
	}
	slices.SortStableFunc(rows, func(a, b *database.Message) int { return b.Timestamp.Compare(a.Timestamp) })
	unread = make(map[int64][]types.MessageID)
	for _, row := range rows[:min(len(rows), mostReceipts)] {
		key, err := parseEncryptedID(row.ID)
		if err != nil {
			plain = true
			continue
		}
		if key.Author != c.self && !slices.Contains(unread[key.Author], key.ID) {
			unread[key.Author] = append(unread[key.Author], key.ID)
		}
	}
	return unread, plain, nil
}

// typing shows or stops the typing notice. Without a connection it is forgotten.
func (e *encrypted) typing(ctx context.Context, msg *bridgev2.MatrixTyping) error {
	chat, err := e.chatIn(msg.Portal)
	wa := e.client()
	if err != nil || wa == nil || !e.online.Open() {
		return err
	}
	state, media := types.ChatPresencePaused, types.ChatPresenceMediaText
	if msg.IsTyping {
		e.shown.Active()
		state = types.ChatPresenceComposing
		if msg.Type == bridgev2.TypingTypeRecordingMedia {
			media = types.ChatPresenceMediaAudio
		}
	}
	if err = wa.SendChatPresence(ctx, chat, state, media); err != nil && !meow.ConnectionLost(err) {
		return fmt.Errorf("send typing: %w", err)
	}
	return nil
}
