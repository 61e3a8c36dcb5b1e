package whatsapp

import (
	"context"
	"html"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/convert"
)

const (
	// longestQuote is how many characters of another message are repeated where a reply can't point at it.
	longestQuote = 300
	// quoteTimeout bounds the look at the message that is answered; without it the quote is empty.
	quoteTimeout = 5 * time.Second
)

// answering says what a message answers. Where that is in no room of ours, for being older than the bridge or a status,
// its text is repeated.
func (c *Client) answering(ctx context.Context, portal *bridgev2.Portal, evt *events.Message, info *waE2E.ContextInfo, parts []*bridgev2.ConvertedMessagePart) ([]*bridgev2.ConvertedMessagePart, *networkid.MessageOptionalPartID) {
	if evt.IsEdit || info.GetStanzaID() == "" || info.GetStanzaID() == evt.Info.ID {
		return parts, nil // an edit answers what it did before, and nothing answers itself
	}
	target := c.replyTarget(ctx, evt, info)
	if target != nil && (c.isComing(target.MessageID) || c.row(ctx, portal, target.MessageID) != nil) {
		return parts, target
	}
	if info.GetQuotedMessage() == nil {
		return parts, nil
	}
	quoted := (&events.Message{RawMessage: info.GetQuotedMessage()}).UnwrapRaw().Message
	return quoting(summary(quoted), parts), nil
}

// storedMessage is a message of the portal that is in Matrix, nil if there is none.
func (c *Client) storedMessage(ctx context.Context, portal *bridgev2.Portal, id networkid.MessageID) *database.Message {
	row, err := c.network.bridge.DB.Message.GetFirstPartByID(ctx, portal.Receiver, id)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Could not look up the message that another one is about")
		return nil
	}
	return row
}

// summary is a message's text, or what it is.
func summary(msg *waE2E.Message) string {
	for _, text := range []string{
		msg.GetConversation(), msg.GetExtendedTextMessage().GetText(), msg.GetImageMessage().GetCaption(),
		msg.GetVideoMessage().GetCaption(), msg.GetDocumentMessage().GetCaption(), msg.GetDocumentMessage().GetFileName(),
		poll(msg).GetName(), msg.GetContactMessage().GetDisplayName(), msg.GetLocationMessage().GetName(),
	} {
		if text = strings.TrimSpace(convert.Clean(text)); text != "" {
			return shorten(text, longestQuote)
		}
	}
	if kind := contentKind(msg); kind != "" {
		return "[" + kind + "]"
	}
	return "[message]"
}

// shorten cuts a text after most characters.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// quoting puts a quote before what a message says.
func quoting(quote string, parts []*bridgev2.ConvertedMessagePart) []*bridgev2.ConvertedMessagePart {
	plain := "> " + strings.ReplaceAll(quote, "\n", "\n> ")
	formatted := "<blockquote>" + strings.ReplaceAll(html.EscapeString(quote), "\n", "<br>") + "</blockquote>"
	first := parts[0].Content
	if first == nil || first.MsgType != event.MsgText || parts[0].Type != event.EventMessage {
		content := convert.Text(plain)
		content.Format, content.FormattedBody = event.FormatHTML, formatted
		return append([]*bridgev2.ConvertedMessagePart{{Type: event.EventMessage, Content: content}}, parts...)
	}
	if first.FormattedBody == "" {
		if len(first.Body) > 10*1024 {
			first.Body = plain + "\n\n" + first.Body // the HTML would double it
			return parts
		}
		first.FormattedBody = strings.ReplaceAll(html.EscapeString(first.Body), "\n", "<br>")
	}
	first.Format, first.FormattedBody = event.FormatHTML, formatted+first.FormattedBody
	first.Body = plain + "\n\n" + first.Body
	return parts
}

// addReply notes in an outgoing message what it answers.
func (c *Client) addReply(ctx context.Context, msg *bridgev2.MatrixMessage, out *waE2E.Message) {
	if msg.Content == nil || msg.Content.RelatesTo.GetReplyTo() == "" {
		return
	}
	answered := msg.Content.RelatesTo.GetReplyTo()
	quoted := c.quotedMessage(ctx, msg.Portal.MXID, answered)
	if msg.ReplyTo != nil {
		if key, err := parseMessageID(msg.ReplyTo.ID); err == nil {
			if info := contextOf(out); info != nil {
				info.StanzaID, info.Participant = proto.String(key.ID), proto.String(key.Sender.String())
				info.QuotedMessage = quoted
			}
			return
		}
	}
	// It is nothing that WhatsApp knows, so it is repeated.
	text := out.ExtendedTextMessage.GetText()
	if out.Conversation != nil {
		text = out.GetConversation()
	}
	if text == "" || quoted.Conversation != nil && quoted.GetConversation() == "" {
		return
	}
	text = "> " + strings.ReplaceAll(summary(quoted), "\n", "\n> ") + "\n" + text
	if utf8.RuneCountInString(text) > maxTextLength {
		return
	}
	if out.Conversation != nil {
		out.Conversation = proto.String(text)
	} else {
		out.ExtendedTextMessage.Text = proto.String(text)
	}
}

// quotedMessage is what a reply shows of the answered message: text or kind, without the file. WhatsApp's clients take it
// from the reply. If it can't be had, it is empty.
func (c *Client) quotedMessage(ctx context.Context, room id.RoomID, answered id.EventID) *waE2E.Message {
	ctx, cancel := context.WithTimeout(ctx, quoteTimeout)
	defer cancel()
	empty := &waE2E.Message{Conversation: proto.String("")}
	evt, err := c.network.bridge.Bot.GetEvent(ctx, room, answered)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Could not read the answered message, its quote stays empty")
		return empty
	}
	content, ok := evt.Content.Parsed.(*event.MessageEventContent)
	if !ok {
		return empty
	}
	content.RemoveReplyFallback()
	caption := shorten(content.GetCaption(), longestQuote)
	switch {
	case evt.Type == event.EventSticker:
		return &waE2E.Message{StickerMessage: &waE2E.StickerMessage{}}
	case content.MsgType == event.MsgImage:
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String(caption), Mimetype: mimeOf(content)}}
	case content.MsgType == event.MsgVideo:
		return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{Caption: proto.String(caption), Mimetype: mimeOf(content)}}
	case content.MsgType == event.MsgAudio:
		voice := content.MSC3245Voice != nil
		return &waE2E.Message{AudioMessage: &waE2E.AudioMessage{PTT: proto.Bool(voice), Mimetype: mimeOf(content)}}
	case content.MsgType == event.MsgFile:
		name := shorten(content.GetFileName(), longestQuote)
		return &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{FileName: proto.String(name), Caption: proto.String(caption), Mimetype: mimeOf(content)}}
	default:
		text, _ := c.markedText(content)
		return &waE2E.Message{Conversation: proto.String(shorten(text, longestQuote))}
	}
}

func mimeOf(content *event.MessageEventContent) *string {
	if content.Info == nil {
		return nil
	}
	return proto.String(content.Info.MimeType)
}
