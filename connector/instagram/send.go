package instagram

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/ledger"
	"crosschat/connector/metaweb/web"
	crosschatdb "crosschat/database"
)

// Instagram's limits (protocol notes, section 6.8).
const (
	maxEdits   = 5
	editWindow = 15 * time.Minute
)

// HandleMatrixMessage implements bridgev2.NetworkAPI: it blocks until Instagram has taken the message.
func (c *Client) HandleMatrixMessage(ctx context.Context, msg *bridgev2.MatrixMessage) (*bridgev2.MatrixMessageResponse, error) {
	at, err := c.begin(msg.Portal)
	if err != nil {
		return nil, err
	}
	defer c.work.Done()
	ctx, cancel := c.bound(ctx, c.network.Config.SendTimeout)
	defer cancel()
	if err = c.connected(); err != nil {
		return nil, sendError(err)
	}
	if err = ledger.Settled(ctx, c.login, msg.Event); err != nil {
		return nil, err
	}
	out, err := c.fromMatrix(ctx, at, msg)
	if err != nil {
		return nil, err
	}
	if err = c.accept(ctx, at); err != nil {
		return nil, sendError(err)
	}
	if out.attachment != 0 {
		return c.sendFile(ctx, at, msg, out)
	}
	sent, err := c.sendText(ctx, at, msg, out, whole)
	if err != nil {
		return nil, err
	}
	return c.answer(sent, c.pending(msg, whole))
}

// pending makes the id of (a half of) a message known, so that its echo is dropped.
func (c *Client) pending(msg *bridgev2.MatrixMessage, part half) networkid.TransactionID {
	return networkid.TransactionID(outgoingID(c.login.ID, msg.Event.ID, msg.Event.Timestamp, part).String())
}

// answer is the row of a message that was sent.
func (c *Client) answer(sent wire.Sent, txn networkid.TransactionID) (*bridgev2.MatrixMessageResponse, error) {
	messageID, err := makeMessageID(sent.ID)
	if err != nil {
		return nil, err
	}
	at := sent.Time
	if at.UnixMilli() <= 0 {
		at = time.Now()
	}
	return &bridgev2.MatrixMessageResponse{
		DB:            &database.Message{ID: messageID, SenderID: c.GetUserID(), Timestamp: at},
		RemovePending: txn,
		PostSave:      ledger.RowStored(c.login),
	}, nil
}

// sendText sends a text. Errors are ready for bridgev2.
func (c *Client) sendText(ctx context.Context, at place, msg *bridgev2.MatrixMessage, out *outgoing, part half) (wire.Sent, error) {
	text := wire.Text{
		OTID: outgoingID(c.login.ID, msg.Event.ID, msg.Event.Timestamp, part), Thread: at.short,
		Text: out.text, Mentions: out.mentions, ReplyTo: out.replyTo,
	}
	if at.short == 0 {
		known, err := c.reachable(ctx, at.Peer)
		if err != nil {
			return wire.Sent{}, err
		}
		text.To = wire.User{IGID: at.Peer, FBID: known.FBID, Username: known.Username, FullName: known.FullName}
	}
	txn := c.pending(msg, part)
	msg.AddPendingToIgnore(txn)
	ledger.Passing("network.sending")
	sent, err := c.wire.SendText(ctx, text)
	ledger.Passing("network.sent")
	if err != nil {
		msg.RemovePending(txn) // of what was sent all the same the echo tells, see settle
		return sent, sendError(err)
	}
	return sent, nil
}

// sendFile sends a file and, right after it, its caption: Instagram has none. If only the second fails, both are tried
// again, with the same ids.
func (c *Client) sendFile(ctx context.Context, at place, msg *bridgev2.MatrixMessage, out *outgoing) (*bridgev2.MatrixMessageResponse, error) {
	part := whole
	if out.text != "" {
		part = fileOfTwo
	}
	txn := c.pending(msg, part)
	msg.AddPendingToIgnore(txn)
	ledger.Passing("network.sending")
	sent, err := c.wire.SendMedia(ctx, wire.Media{
		OTID: outgoingID(c.login.ID, msg.Event.ID, msg.Event.Timestamp, part), Thread: at.ids(at.short),
		Attachment: out.attachment, ReplyTo: out.replyTo,
	})
	ledger.Passing("network.sent")
	if err != nil {
		msg.RemovePending(txn)
		return nil, sendError(err)
	}
	response, err := c.answer(sent, txn)
	if err != nil || out.text == "" {
		return response, err
	}
	caption := *out
	caption.replyTo = ""
	text, err := c.sendText(ctx, at, msg, &caption, captionOfTwo)
	if err != nil {
		msg.RemovePending(txn)
		return nil, bridgev2.WrapErrorInStatus(err).WithIsCertain(false) // the file is there
	}
	content, err := json.Marshal(msg.Content)
	if err != nil {
		return nil, fmt.Errorf("encode what the file is: %w", err)
	}
	response.DB.Metadata = &crosschatdb.MessageMetadata{Instagram: &crosschatdb.InstagramMessage{
		File: true, Caption: string(text.ID), Content: content,
	}}
	response.PostSave = func(ctx context.Context, row *database.Message) {
		ledger.Passing("caption.keeping")
		c.keepCaption(ctx, row, text)
		msg.RemovePending(c.pending(msg, captionOfTwo))
	}
	return response, nil
}

// keepCaption stores a row for the text that is a file's caption, so that what happens to it is known to happen to the
// file's event.
func (c *Client) keepCaption(ctx context.Context, file *database.Message, text wire.Sent) {
	captionID, err := makeMessageID(text.ID)
	if err == nil {
		var mid wire.MessageID
		if mid, err = parseMessageID(file.ID); err == nil {
			row := &database.Message{
				ID: captionID, Room: file.Room, SenderID: file.SenderID, SenderMXID: file.SenderMXID, Timestamp: text.Time,
				Metadata: &crosschatdb.MessageMetadata{Instagram: &crosschatdb.InstagramMessage{CaptionOf: string(mid)}},
			}
			row.SetFakeMXID()
			err = c.network.bridge.DB.Message.Insert(ctx, row)
		}
	}
	if err != nil {
		c.log.Error().Err(err).Msg("Could not store which text is the caption of a file")
	}
}

// half says which of the messages that one event makes on Instagram an id is for.
type half int

const (
	whole        half = iota // the event is one message
	fileOfTwo                // a file that a caption follows
	captionOfTwo             // that caption
)

const (
	// idTimeBits is by how many bits the time is shifted in ids that senders choose (protocol notes, section 2.3).
	idTimeBits = 22
	idRandom   = 1<<idTimeBits - 1
)

// outgoingID is the id a Matrix event has on Instagram, the same each time it is sent, in the form of the web client's own:
// a time, and behind it bits that differ.
func outgoingID(login networkid.UserLoginID, evt id.EventID, at int64, part half) wire.OTID {
	seed := ledger.Seed(login, evt)
	const lastTime = 1<<41 - 1
	return wire.OTID(max(1, min(at, lastTime))<<idTimeBits | int64(binary.BigEndian.Uint32(seed[4*part:])&idRandom))
}

// connected says that there is no connection, if so. It does not wait: the ledger does, outside of the portal's loop.
func (c *Client) connected() error {
	if !c.online.Open() {
		return wire.ErrNotConnected
	}
	return nil
}

// HandleMatrixEdit implements bridgev2.EditHandlingNetworkAPI.
func (c *Client) HandleMatrixEdit(ctx context.Context, msg *bridgev2.MatrixEdit) error {
	meta := messageMeta(msg.EditTarget)
	switch {
	case msg.EditTarget.SenderID != c.GetUserID():
		return ledger.Refuse("only your own messages can be edited on Instagram")
	case time.Since(msg.EditTarget.Timestamp) > editWindow:
		return ledger.Refuse("Instagram lets messages be edited for 15 minutes only, and this one is older")
	case msg.EditTarget.EditCount >= maxEdits:
		return ledger.Refuse("Instagram lets a message be edited five times only")
	case msg.EditTarget.PartID != "":
		return ledger.Refuse("a message that is in several pieces here can be edited on Instagram only")
	}
	content := msg.Content
	switch content.MsgType {
	case event.MsgText, event.MsgNotice, event.MsgEmote:
	default:
		if meta.Caption == "" {
			return ledger.Refuse("Instagram has no captions: what is said of a file is a message of its own there, and this file came without; write one")
		}
		if content.GetCaption() == "" {
			return c.dropCaption(ctx, msg, meta)
		}
		caption := *content
		caption.MsgType = event.MsgText
		content = &caption
	}
	text, _, err := c.textFromMatrix(content)
	if err != nil {
		return err
	}
	otid := outgoingID(c.login.ID, msg.Event.ID, msg.Event.Timestamp, whole)
	return c.act(ctx, msg.Portal, msg.EditTarget.ID, func(ctx context.Context, at place, mid wire.MessageID) error {
		if meta.Caption != "" {
			mid = wire.MessageID(meta.Caption)
		}
		c.edits.begin(mid, text)
		sent, err := c.wire.Edit(ctx, at.short, mid, text, otid)
		if err == nil {
			msg.EditTarget.EditCount++
			meta.EditedAt = max(meta.EditedAt, sent.Time.UnixMilli())
		}
		return err
	})
}

// dropCaption takes back the text that was a file's caption.
func (c *Client) dropCaption(ctx context.Context, msg *bridgev2.MatrixEdit, meta *crosschatdb.InstagramMessage) error {
	return c.act(ctx, msg.Portal, msg.EditTarget.ID, func(ctx context.Context, at place, _ wire.MessageID) error {
		err := c.unsend(ctx, at, wire.MessageID(meta.Caption))
		if err == nil {
			meta.Caption = ""
		}
		return err
	})
}

// HandleMatrixMessageRemove implements bridgev2.RedactionHandlingNetworkAPI. A file's caption goes first, so that another
// try finds the file; a caption that is not to be unsent, perhaps because an earlier try has done it, does not keep the file.
func (c *Client) HandleMatrixMessageRemove(ctx context.Context, msg *bridgev2.MatrixMessageRemove) error {
	if msg.TargetMessage.SenderID != c.GetUserID() {
		return ledger.Refuse("only your own messages can be unsent on Instagram; it is gone here only")
	}
	caption := messageMeta(msg.TargetMessage).Caption
	return c.act(ctx, msg.Portal, msg.TargetMessage.ID, func(ctx context.Context, at place, mid wire.MessageID) error {
		if caption != "" {
			err := c.unsend(ctx, at, wire.MessageID(caption))
			if err != nil && !errors.Is(err, wire.ErrNotFound) && !errors.As(err, new(*wire.RejectedError)) {
				return err
			}
			ledger.Passing("caption.unsent")
		}
		return c.unsend(ctx, at, mid)
	})
}

func (c *Client) unsend(ctx context.Context, at place, mid wire.MessageID) error {
	long, err := c.longID(ctx, at)
	if err != nil {
		return err
	}
	return c.wire.Unsend(ctx, long, mid)
}

// longID is the id that some calls want. It is asked for if nothing has told it.
func (c *Client) longID(ctx context.Context, at place) (wire.LongID, error) {
	if at.Long != "" {
		return at.Long, nil
	}
	ids, err := c.wire.Resolve(ctx, at.Key)
	if err != nil {
		return "", fmt.Errorf("ask for the long id of thread %d: %w", at.short, err)
	}
	_, _, err = c.known.learn(ctx, func(change *change) {
		change.thread(at.short, func(t *thread) { t.Long = ids.Long })
	})
	return ids.Long, err
}

// act has something done with a message. Errors are ready for bridgev2.
func (c *Client) act(ctx context.Context, portal *bridgev2.Portal, target networkid.MessageID, do func(ctx context.Context, at place, mid wire.MessageID) error) error {
	mid, err := parseMessageID(target)
	if err != nil {
		return ledger.Refuse("this message is not on Instagram")
	}
	return c.onThread(ctx, portal, func(ctx context.Context, at place) error {
		ledger.Passing("network.sending")
		err := do(ctx, at, mid)
		ledger.Passing("network.sent")
		return err
	})
}

// onThread has something done with a chat. Errors are ready for bridgev2.
func (c *Client) onThread(ctx context.Context, portal *bridgev2.Portal, do func(context.Context, place) error) error {
	at, err := c.begin(portal)
	if err != nil {
		return err
	}
	defer c.work.Done()
	ctx, cancel := c.bound(ctx, c.network.Config.SendTimeout)
	defer cancel()
	switch err = c.connected(); {
	case err != nil:
	case at.short == 0:
		err = wire.ErrNotFound
	default:
		err = do(ctx, at)
	}
	if err == nil || errors.As(err, new(bridgev2.MessageStatus)) {
		return err
	}
	return sendError(err)
}

// sendError says what a user can make of a failed action. What may be tried again with the same id is pending.
func sendError(err error) error {
	var (
		rejected *wire.RejectedError
		blocked  *wire.BlockedError
		stale    *wire.StaleDocumentError
		stop     *web.StopError
		unsure   *wire.UncertainError
	)
	status := bridgev2.WrapErrorInStatus(err).WithSendNotice(true)
	network := status.WithErrorReason(event.MessageStatusNetworkError)
	switch {
	case errors.As(err, &rejected):
		return status.WithIsCertain(true).WithMessage("Instagram refused this: " + reason(rejected.Message))
	case errors.As(err, &blocked):
		return status.WithIsCertain(true).WithMessage(fmt.Sprintf(
			"Instagram has blocked this for now: %s. The bridge tries nothing like it for %s; try again then", reason(blocked.Message), blocked.Wait))
	case errors.As(err, &stale):
		return status.WithIsCertain(true).WithMessage("Instagram has changed, and this does not work until the bridge is brought up to date; see what its bot wrote")
	case errors.As(err, &stop):
		return names.ErrStopped(string(stop.Kind))
	case errors.Is(err, wire.ErrNotFound):
		return status.WithIsCertain(true).WithMessage("this is not on Instagram any more")
	case errors.Is(err, wire.ErrNotConnected):
		return ledger.Pending(network.WithIsCertain(true).
			WithMessage("there was no connection to Instagram; try again when it is back"))
	case errors.As(err, &unsure), errors.Is(err, context.DeadlineExceeded):
		return ledger.Pending(network.WithIsCertain(false).
			WithMessage("Instagram did not confirm this in time; look there before you try again"))
	default:
		return ledger.Pending(network.WithIsCertain(true).WithMessage("Instagram can't do this right now; try again later"))
	}
}

func reason(text string) string {
	if text == "" {
		return "it gave no reason"
	}
	return text
}
