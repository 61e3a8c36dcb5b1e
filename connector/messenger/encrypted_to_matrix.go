package messenger

import (
	"context"
	"fmt"
	"html"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
	armadillo "go.mau.fi/whatsmeow/proto"
	"go.mau.fi/whatsmeow/proto/waArmadilloApplication"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waMsgApplication"
	"go.mau.fi/whatsmeow/proto/waMultiDevice"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	crosschatdb "crosschat/database"
)

type (
	consumerContent  = waConsumerApplication.ConsumerApplication_Content
	armadilloContent = waArmadilloApplication.Armadillo_Content
)

// inbound is a message of the encrypted plane on its way to Matrix.
type inbound struct {
	e      *encrypted
	portal *bridgev2.Portal
	intent convert.Uploader
	evt    *events.FBMessage
}

// toMatrix converts a message. Content that can't be shown becomes a notice; an error means that another try may help.
func (e *encrypted) toMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, evt *events.FBMessage) (converted *bridgev2.ConvertedMessage, err error) {
	defer func() {
		// What a stranger sent must neither end the process nor come back for ever.
		if value := recover(); value != nil {
			zerolog.Ctx(ctx).Error().Str("panic", fmt.Sprint(value)).Bytes("stack", debug.Stack()).Msg("Conversion panicked")
			converted = &bridgev2.ConvertedMessage{Parts: notice("A Messenger message could not be shown: the bridge failed at it. Look at Messenger.")}
			err = nil
		}
	}()
	m := &inbound{e, portal, intent, evt}
	parts, err := m.parts(ctx)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		parts = notice("A Messenger message of a kind that is not bridged came. Look at Messenger.")
	}
	for i, part := range parts {
		if i > 0 {
			part.ID = networkid.PartID(strconv.Itoa(i))
		}
		if part.Content.FileName != "" && part.DBMetadata == nil {
			part.DBMetadata = &crosschatdb.MessageMetadata{Messenger: &crosschatdb.MessengerMessage{File: true}}
		}
	}
	converted = &bridgev2.ConvertedMessage{Parts: parts, Disappear: lifeOf(evt.FBApplication)}
	if err = m.answer(ctx, converted); err != nil {
		return nil, err
	}
	e.learnTimer(ctx, portal, evt)
	return converted, nil
}

// parts converts what a message carries; none if it is of a kind that is not known.
func (m *inbound) parts(ctx context.Context) ([]*bridgev2.ConvertedMessagePart, error) {
	switch msg := m.evt.Message.(type) {
	case *waConsumerApplication.ConsumerApplication:
		return m.consumer(ctx, msg.GetPayload().GetContent())
	case *waArmadilloApplication.Armadillo:
		return m.armadillo(ctx, msg.GetPayload().GetContent())
	case *armadillo.Unsupported_PaymentApplication:
		return notice("A payment came on Messenger; payments are not bridged. Look at Messenger."), nil
	case *armadillo.Unsupported_BusinessApplication:
		return notice("A message of a business came that is not bridged. Look at Messenger."), nil
	}
	return nil, nil
}

// isControl is whether a message other than a consumer's is only for devices.
func isControl(msg armadillo.MessageApplicationSub) bool {
	switch m := msg.(type) {
	case *waArmadilloApplication.Armadillo:
		return m.GetPayload().GetContent() == nil
	case *waMultiDevice.MultiDevice, *armadillo.Unsupported_Voip:
		return true
	}
	return false
}

// textPart makes the parts of a text, none if it is empty.
func (m *inbound) textPart(ctx context.Context, msg *waCommon.MessageText) []*bridgev2.ConvertedMessagePart {
	text, mentions, everybody := m.e.c.textOf(msg)
	if text == "" {
		return nil
	}
	parts := m.e.c.textParts(ctx, m.portal, text, mentions)
	if everybody && parts[0].Content.Mentions != nil {
		parts[0].Content.Mentions.Room = true
	}
	return parts
}

func (m *inbound) consumer(ctx context.Context, content *consumerContent) ([]*bridgev2.ConvertedMessagePart, error) {
	switch c := content.GetContent().(type) {
	case *waConsumerApplication.ConsumerApplication_Content_MessageText:
		return m.textPart(ctx, c.MessageText), nil
	case *waConsumerApplication.ConsumerApplication_Content_ExtendedTextMessage:
		return m.linked(ctx, c.ExtendedTextMessage)
	case *waConsumerApplication.ConsumerApplication_Content_ImageMessage:
		t, err := c.ImageMessage.Decode()
		return m.captioned(ctx, imageFile(t), err, c.ImageMessage.GetCaption())
	case *waConsumerApplication.ConsumerApplication_Content_VideoMessage:
		t, err := c.VideoMessage.Decode()
		return m.captioned(ctx, videoFile(t), err, c.VideoMessage.GetCaption())
	case *waConsumerApplication.ConsumerApplication_Content_AudioMessage:
		t, err := c.AudioMessage.Decode()
		return m.captioned(ctx, audioFile(t, c.AudioMessage.PTT == nil || c.AudioMessage.GetPTT()), err, nil)
	case *waConsumerApplication.ConsumerApplication_Content_DocumentMessage:
		t, err := c.DocumentMessage.Decode()
		return m.captioned(ctx, documentFile(t, c.DocumentMessage.GetFileName()), err, nil)
	case *waConsumerApplication.ConsumerApplication_Content_StickerMessage:
		t, err := c.StickerMessage.Decode()
		return m.captioned(ctx, encryptedSticker(t), err, nil)
	case *waConsumerApplication.ConsumerApplication_Content_ViewOnceMessage:
		return m.viewOnce(ctx, c.ViewOnceMessage)
	case *waConsumerApplication.ConsumerApplication_Content_LocationMessage:
		l := c.LocationMessage
		return locationParts(convert.Place{
			Latitude: l.GetLocation().GetDegreesLatitude(), Longitude: l.GetLocation().GetDegreesLongitude(),
			Name: l.GetLocation().GetName(), Address: l.GetAddress(),
		}), nil
	case *waConsumerApplication.ConsumerApplication_Content_LiveLocationMessage:
		return liveLocation(c.LiveLocationMessage), nil
	case *waConsumerApplication.ConsumerApplication_Content_ContactMessage:
		return m.contacts(ctx, c.ContactMessage)
	case *waConsumerApplication.ConsumerApplication_Content_ContactsArrayMessage:
		return m.contacts(ctx, c.ContactsArrayMessage.GetContacts()...)
	case *waConsumerApplication.ConsumerApplication_Content_GroupInviteMessage:
		return notice("An invitation to a group came on Messenger: " + c.GroupInviteMessage.GetGroupName() + " Look at Messenger."), nil
	case *waConsumerApplication.ConsumerApplication_Content_PollCreationMessage:
		return notice("A Messenger poll came: " + c.PollCreationMessage.GetName() + " Look at Messenger."), nil
	case *waConsumerApplication.ConsumerApplication_Content_PollUpdateMessage:
		return nil, bridgev2.ErrIgnoringRemoteEvent
	}
	return nil, nil
}

func (m *inbound) armadillo(ctx context.Context, content *armadilloContent) ([]*bridgev2.ConvertedMessagePart, error) {
	switch c := content.GetContent().(type) {
	case *waArmadilloApplication.Armadillo_Content_CommonSticker_:
		return []*bridgev2.ConvertedMessagePart{{Type: event.EventMessage, Content: convert.Text("👍")}}, nil
	case *waArmadilloApplication.Armadillo_Content_ExtendedContentMessage:
		return m.extended(ctx, c.ExtendedContentMessage)
	case *waArmadilloApplication.Armadillo_Content_RavenMessage_:
		return m.raven(ctx, c.RavenMessage)
	case *waArmadilloApplication.Armadillo_Content_RavenMessageMsgr:
		return m.raven(ctx, c.RavenMessageMsgr)
	case *waArmadilloApplication.Armadillo_Content_ImageGalleryMessage_:
		return m.gallery(ctx, c.ImageGalleryMessage)
	case *waArmadilloApplication.Armadillo_Content_NoteReplyMessage_:
		return m.noteReply(ctx, c.NoteReplyMessage)
	case *waArmadilloApplication.Armadillo_Content_PaymentsTransactionMessage_:
		return notice("A payment came on Messenger; payments are not bridged. Look at Messenger."), nil
	case *waArmadilloApplication.Armadillo_Content_ScreenshotAction_:
		return notice("A screenshot of this chat was taken."), nil
	case *waArmadilloApplication.Armadillo_Content_BumpExistingMessage_:
		return notice("An earlier message was brought up again. Look at Messenger to see which."), nil
	case *waArmadilloApplication.Armadillo_Content_RavenActionNotifMessage_:
		return nil, bridgev2.ErrIgnoringRemoteEvent // somebody has opened a view-once picture
	}
	return nil, nil
}

// noteReply shows an answer to a note, which stands on top of the list of chats and is no message.
func (m *inbound) noteReply(ctx context.Context, msg *waArmadilloApplication.Armadillo_Content_NoteReplyMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	quote := "> Reply to a note: " + oneLine(msg.GetNoteText().GetText()) + "\n\n"
	switch c := msg.GetNoteReplyContent().(type) {
	case *waArmadilloApplication.Armadillo_Content_NoteReplyMessage_TextContent:
		text, mentions, _ := m.e.c.textOf(c.TextContent)
		for i := range mentions {
			mentions[i].offset += convert.Units(quote)
		}
		return m.e.c.textParts(ctx, m.portal, quote+text, mentions), nil
	case *waArmadilloApplication.Armadillo_Content_NoteReplyMessage_StickerContent:
		sticker := &waConsumerApplication.ConsumerApplication_StickerMessage{Sticker: c.StickerContent}
		t, err := sticker.Decode()
		parts, err := m.captioned(ctx, encryptedSticker(t), err, nil)
		return append(m.e.c.textParts(ctx, m.portal, quote, nil), parts...), err
	case *waArmadilloApplication.Armadillo_Content_NoteReplyMessage_VideoContent:
		video := &waConsumerApplication.ConsumerApplication_VideoMessage{Video: c.VideoContent}
		t, err := video.Decode()
		parts, err := m.captioned(ctx, videoFile(t), err, nil)
		return append(m.e.c.textParts(ctx, m.portal, quote, nil), parts...), err
	}
	return nil, nil
}

// oneLine brings something quoted into one line of bounded length.
func oneLine(words string) string {
	words = strings.Join(strings.Fields(convert.Clean(words)), " ")
	if runes := []rune(words); len(runes) > longestQuote {
		words = string(runes[:longestQuote]) + "…"
	}
	return words
}

func locationParts(place convert.Place) []*bridgev2.ConvertedMessagePart {
	content, err := convert.Location(place)
	if err != nil {
		return notice("A Messenger location came that is nowhere on earth.")
	}
	return []*bridgev2.ConvertedMessagePart{{Type: event.EventMessage, Content: content}}
}

func liveLocation(l *waConsumerApplication.ConsumerApplication_LiveLocationMessage) []*bridgev2.ConvertedMessagePart {
	parts := locationParts(convert.Place{
		Latitude: l.GetLocation().GetDegreesLatitude(), Longitude: l.GetLocation().GetDegreesLongitude(),
		Accuracy: float64(l.GetAccuracyInMeters()), Name: l.GetCaption().GetText(), Live: true,
	})
	parts[0].DBMetadata = &crosschatdb.MessageMetadata{Messenger: &crosschatdb.MessengerMessage{
		Live: &crosschatdb.MessengerLive{Sequence: l.GetSequenceNumber()},
	}}
	return parts
}

// contacts shows cards, readable, and as a file.
func (m *inbound) contacts(ctx context.Context, messages ...*waConsumerApplication.ConsumerApplication_ContactMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	var cards []convert.SentCard
	for _, msg := range messages {
		if t, err := msg.Decode(); err == nil && t.GetIntegral().GetVcard() != "" {
			cards = append(cards, convert.SentCard{Name: t.GetAncillary().GetDisplayName(), VCard: t.GetIntegral().GetVcard()})
		}
	}
	if len(cards) == 0 {
		return notice("A contact came on Messenger that can't be read. Look at Messenger."), nil
	}
	return convert.Contacts(ctx, m.intent, m.portal.MXID, cards)
}

// answer says what a message answers. Where that is not here, the plane tells none of its words.
func (m *inbound) answer(ctx context.Context, converted *bridgev2.ConvertedMessage) error {
	quoted := m.evt.FBApplication.GetMetadata().GetQuotedMessage()
	if quoted.GetStanzaID() == "" || quoted.GetStanzaID() == m.evt.Info.ID {
		return nil
	}
	target, ok := m.answered(quoted)
	if !ok {
		return nil
	}
	row, err := m.e.c.network.bridge.DB.Message.GetFirstPartByID(ctx, m.portal.Receiver, target)
	if err != nil {
		return fmt.Errorf("look for message %q: %w", target, err)
	}
	if row != nil {
		converted.ReplyTo = &networkid.MessageOptionalPartID{MessageID: target}
		return nil
	}
	converted.Parts = quoting(quotedWords(quoted), converted.Parts)
	return nil
}

// answered is the message that one answers, on either plane.
func (m *inbound) answered(quoted *waMsgApplication.MessageApplication_Metadata_QuotedMessage) (networkid.MessageID, bool) {
	if strings.HasPrefix(quoted.GetStanzaID(), "mid.") {
		target, err := makeMessageID(quoted.GetStanzaID())
		return target, err == nil
	}
	key := encryptedKey{ID: quoted.GetStanzaID()}
	key.Chat, _ = chatOf(m.evt.Info.Chat)
	if participant, err := types.ParseJID(quoted.GetParticipant()); err == nil {
		key.Author, _ = personOf(participant)
	}
	target, err := makeEncryptedID(key)
	return target, err == nil
}

// earlier stands for a message that is answered and not here.
const earlier = "[an earlier message]"

// quoting puts a quote before what a message says, in its text or, if it has none, in a part of its own.
func quoting(words string, parts []*bridgev2.ConvertedMessagePart) []*bridgev2.ConvertedMessagePart {
	quote := convert.Text("> " + words)
	quote.Format, quote.FormattedBody = event.FormatHTML, "<blockquote>"+html.EscapeString(words)+"</blockquote>"
	first := parts[0].Content
	if parts[0].Type != event.EventMessage || first.MsgType != event.MsgText {
		return append([]*bridgev2.ConvertedMessagePart{{ID: "quote", Type: event.EventMessage, Content: quote}}, parts...)
	}
	if first.FormattedBody == "" {
		first.FormattedBody = strings.ReplaceAll(html.EscapeString(first.Body), "\n", "<br>")
	}
	first.Format, first.FormattedBody = event.FormatHTML, quote.FormattedBody+first.FormattedBody
	first.Body = quote.Body + "\n\n" + first.Body
	return parts
}

// quotedWords is what a message repeats of what it answers.
func quotedWords(quoted *waMsgApplication.MessageApplication_Metadata_QuotedMessage) string {
	payload := quoted.GetPayload().GetSubProtocol().GetConsumerMessage()
	if payload == nil {
		return earlier
	}
	msg, err := (&waMsgApplication.MessageApplication_SubProtocolPayload_ConsumerMessage{ConsumerMessage: payload}).Decode()
	if err != nil {
		return earlier
	}
	content := msg.GetPayload().GetContent()
	for _, text := range []string{
		content.GetMessageText().GetText(), content.GetExtendedTextMessage().GetText().GetText(),
		content.GetImageMessage().GetCaption().GetText(), content.GetVideoMessage().GetCaption().GetText(),
		content.GetDocumentMessage().GetFileName(),
	} {
		if text = oneLine(text); text != "" {
			return text
		}
	}
	return earlier
}
