package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	"crosschat/connector/meow"
	crosschatdb "crosschat/database"
)

// A file that could not be had leaves a placeholder, whose row remembers what it takes to show the file later. A reaction
// to the placeholder, or a command, has the account's phone upload it again; what the phone answers replaces the
// placeholder in place. Nothing is kept in memory, so that a restart in between does no harm.

const (
	askEmoji = "♻️"
	askHint  = "To ask your phone for it, react to this message with " + askEmoji + "."
)

var (
	errNotMissing = errors.New("the message lacks no file")
	// errPhoneRefused is a phone that has the file, or may have it, and does not send it.
	errPhoneRefused = errors.New("phone did not upload the file again")
)

// canBeAskedFor is whether asking the phone for a file that could not be had makes sense.
func canBeAskedFor(a attachment, err error) bool {
	return len(a.file.GetMediaKey()) > 0 && !errors.Is(err, bridgev2.ErrMediaTooLarge) && !errors.Is(err, meow.ErrUnencrypted)
}

// rememberAttachment is the metadata of a placeholder's row, nil if the file can't be remembered.
func rememberAttachment(a attachment) any {
	data, err := proto.Marshal(withoutContext(a.bare))
	if err != nil {
		return nil
	}
	return &crosschatdb.MessageMetadata{WhatsApp: &crosschatdb.WhatsAppMessage{Missing: data}}
}

// missingIn is the file that a row's placeholder stands for; false if it stands for none.
func missingIn(row *database.Message) (attachment, bool) {
	meta, ok := row.Metadata.(*crosschatdb.MessageMetadata)
	if !ok || meta.WhatsApp == nil || len(meta.WhatsApp.Missing) == 0 {
		return attachment{}, false
	}
	msg := &waE2E.Message{}
	if err := proto.Unmarshal(meta.WhatsApp.Missing, msg); err != nil {
		return attachment{}, false
	}
	return attachmentOf(msg)
}

// asksForMedia is whether a reaction is the click that asks for a missing file rather than one for the contact to see.
func asksForMedia(emoji string, target *database.Message) bool {
	if strings.TrimSuffix(emoji, "\ufe0f") != strings.TrimSuffix(askEmoji, "\ufe0f") {
		return false
	}
	_, missing := missingIn(target)
	return missing
}

// askForMedia has the phone upload a missing file again. It does not wait for the phone, which may be off.
func (c *Client) askForMedia(ctx context.Context, row *database.Message) error {
	a, ok := missingIn(row)
	if !ok {
		return errNotMissing
	}
	key, err := parseMessageID(row.ID)
	if err != nil {
		return err
	}
	ctx, cancel := c.bound(ctx, c.network.Config.SendTimeout)
	defer cancel()
	info := &types.MessageInfo{ID: key.ID, MessageSource: types.MessageSource{
		Chat: key.Chat, Sender: key.Sender, IsFromMe: key.Sender == c.self, IsGroup: key.Chat.Server == types.GroupServer,
	}}
	err = c.whileConnected(ctx, func() error { return c.wa.SendMediaRetryReceipt(ctx, info, a.file.GetMediaKey()) })
	if err != nil {
		return fmt.Errorf("ask phone for the file of message %q: %w", row.ID, err)
	}
	return nil
}

// onMediaRetry takes a phone's answer.
func (c *Client) onMediaRetry(evt *events.MediaRetry) {
	chat, author, ok := c.place(c.ctx, types.MessageSource{
		Chat: evt.ChatID, Sender: evt.SenderID, IsFromMe: evt.FromMe, IsGroup: isGroup(evt.ChatID),
	})
	if !ok {
		return
	}
	id, err := makeMessageID(messageKey{Chat: chat, Sender: author, ID: evt.MessageID})
	if err != nil {
		c.log.Warn().Err(err).Msg("Ignored a file for a message with a malformed id")
		return
	}
	meta := simplevent.EventMeta{
		Type:       bridgev2.RemoteEventEdit,
		LogContext: func(with zerolog.Context) zerolog.Context { return with.Str("message_id", evt.MessageID) },
		PortalKey:  c.portalKey(chat),
		Sender:     c.as(author),
		Timestamp:  evt.Timestamp,
	}
	err = ledger.Deliver(c.ctx, c.login, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[*events.MediaRetry]{
			EventMeta: meta, TargetMessage: id, Data: evt, ConvertEditFunc: c.replacePlaceholder,
		}
	})
	if err != nil && c.ctx.Err() == nil {
		c.log.Warn().Err(err).Msg("A file that the phone uploaded again was not bridged")
	}
}

// replacePlaceholder is the edit that puts the file where its placeholder is, or says there why it does not come.
func (c *Client) replacePlaceholder(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, existing []*database.Message, evt *events.MediaRetry) (*bridgev2.ConvertedEdit, error) {
	for _, row := range existing {
		if a, ok := missingIn(row); ok {
			part, err := c.retried(ctx, portal, intent, a, evt)
			if err != nil {
				return nil, ledger.Unconverted(ctx, err)
			}
			row.Metadata = &crosschatdb.MessageMetadata{}
			if part.DBMetadata != nil {
				row.Metadata = part.DBMetadata
			}
			return &bridgev2.ConvertedEdit{ModifiedParts: []*bridgev2.ConvertedEditPart{{
				Part: row, Type: part.Type, Content: part.Content, Extra: part.Extra,
			}}}, nil
		}
	}
	return nil, fmt.Errorf("%w: %w", bridgev2.ErrIgnoringRemoteEvent, errNotMissing)
}

// retried is what stands for a file after the phone's answer.
func (c *Client) retried(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, a attachment, evt *events.MediaRetry) (*bridgev2.ConvertedMessagePart, error) {
	path, err := retriedPath(evt, a.file.GetMediaKey())
	switch {
	case errors.Is(err, whatsmeow.ErrMediaNotAvailableOnPhone):
		return convert.Notice(fmt.Sprintf("A WhatsApp %s could not be bridged: neither WhatsApp's servers nor your phone have it any more.", a.word)), nil
	case err != nil:
		zerolog.Ctx(ctx).Warn().Err(err).Msg("The phone did not give a missing file")
		part := convert.Notice(fmt.Sprintf("A WhatsApp %s could not be bridged: your phone did not send it. %s", a.word, askHint))
		part.DBMetadata = rememberAttachment(a)
		return part, nil
	}
	setDirectPath(a.bare, path)
	// The caption was sent beside the placeholder, and an edit can't turn a message into a sticker event.
	a.source.Caption = ""
	parts, err := c.attachmentToMatrix(ctx, portal, intent, a)
	if err != nil {
		return nil, err
	}
	if a.source.Sticker && parts[0].Content.MsgType == "" {
		asImage(parts[0])
	}
	return parts[0], nil
}

// retriedPath is where the phone has put the file.
func retriedPath(evt *events.MediaRetry, mediaKey []byte) (string, error) {
	answer, err := whatsmeow.DecryptMediaRetryNotification(evt, mediaKey)
	if err != nil {
		return "", fmt.Errorf("read phone's answer: %w", err)
	}
	switch answer.GetResult() {
	case waMmsRetry.MediaRetryNotification_SUCCESS:
	case waMmsRetry.MediaRetryNotification_NOT_FOUND:
		return "", whatsmeow.ErrMediaNotAvailableOnPhone
	default:
		return "", fmt.Errorf("%w: %s", errPhoneRefused, answer.GetResult())
	}
	if answer.GetStanzaID() != evt.MessageID || !strings.HasPrefix(answer.GetDirectPath(), "/") {
		return "", fmt.Errorf("%w: its answer is malformed", errPhoneRefused)
	}
	return answer.GetDirectPath(), nil
}

// handleMediaClick takes the reaction that asks for a file. It is shown on Matrix only.
func (c *Client) handleMediaClick(ctx context.Context, row *database.Message) error {
	if !c.IsLoggedIn() || !c.work.Begin() {
		return errNotLoggedIn()
	}
	defer c.work.Done()
	if err := c.askForMedia(ctx, row); err != nil {
		return bridgev2.WrapErrorInStatus(err).WithSendNotice(true).WithIsCertain(true).
			WithMessage("your phone could not be asked for the file; try again when WhatsApp is connected")
	}
	return nil
}

// mediaClickMark begins the ids of clicks on placeholders. It sets them apart from reactions that the contact sees.
const mediaClickMark = "ask-"

// preHandleMediaClick gives each click an id of its own, so that bridgev2 takes none for a repeat.
func (c *Client) preHandleMediaClick(msg *bridgev2.MatrixReaction) bridgev2.MatrixReactionPreResponse {
	id := networkid.EmojiID(mediaClickMark + string(msg.Event.ID))
	return bridgev2.MatrixReactionPreResponse{SenderID: c.GetUserID(), EmojiID: id, Emoji: askEmoji}
}

// isMediaClick is whether a reaction's id is one of preHandleMediaClick's.
func isMediaClick(id networkid.EmojiID) bool {
	return strings.HasPrefix(string(id), mediaClickMark)
}
