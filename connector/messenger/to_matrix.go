package messenger

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/convert"
	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/remoteid"
	crosschatdb "crosschat/database"
)

// markup are the marks that Messenger's clients understand (protocol notes, section 6.1).
var markup = convert.Markup{Bold: "*", Italic: "_", Strike: "~", Code: "`", Block: "```", Quote: "> ", Find: findMarks, Flat: true}

// toMatrix converts a message. Content that can't be shown becomes a notice; an error means that another try may help.
func (c *Client) toMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m lightspeed.Message, attached *lightspeed.Attachments) (converted *bridgev2.ConvertedMessage, err error) {
	defer func() {
		// What a stranger sent must neither end the process nor come back for ever.
		if value := recover(); value != nil {
			zerolog.Ctx(ctx).Error().Str("panic", fmt.Sprint(value)).Bytes("stack", debug.Stack()).Msg("Conversion panicked")
			converted = &bridgev2.ConvertedMessage{Parts: notice("A Messenger message could not be shown: the bridge failed at it. Look at Messenger.")}
			err = nil
		}
	}()
	parts, err := c.contentToMatrix(ctx, portal, intent, m, attached)
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		if i > 0 {
			part.ID = networkid.PartID(strconv.Itoa(i))
		}
		if part.Content.FileName != "" && part.DBMetadata == nil {
			part.DBMetadata = &crosschatdb.MessageMetadata{Messenger: &crosschatdb.MessengerMessage{File: true}}
		}
	}
	return &bridgev2.ConvertedMessage{Parts: parts, ReplyTo: replyTarget(m)}, nil
}

func notice(text string) []*bridgev2.ConvertedMessagePart {
	return []*bridgev2.ConvertedMessagePart{convert.Notice(text)}
}

// contentToMatrix converts what a message carries, to one part or more.
func (c *Client) contentToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m lightspeed.Message, attached *lightspeed.Attachments) (parts []*bridgev2.ConvertedMessagePart, err error) {
	if m.Admin && m.Text != "" {
		return notice(m.Text), nil // a word of the service, of calls for example
	}
	var preview *event.BeeperLinkPreview
	if attached != nil && !isThumbsUp(m, attached) {
		if parts, preview, err = c.attachmentParts(ctx, portal, intent, m, attached); err != nil {
			return nil, err
		}
	}
	switch {
	case isThumbsUp(m, attached):
		return []*bridgev2.ConvertedMessagePart{{Type: event.EventMessage, Content: convert.Text("👍")}}, nil
	case m.Text == "" && len(parts) == 0:
		zerolog.Ctx(ctx).Debug().Int64("displayed_content", m.DisplayedContent).Msg("Message of a kind that is not bridged")
		return notice("A Messenger message of a kind that is not bridged came. Look at Messenger."), nil
	case m.Text == "":
		return parts, nil
	}
	quote, err := c.quote(ctx, m)
	if err != nil {
		return nil, err
	}
	mentions := mentionsOf(m)
	for i := range mentions {
		mentions[i].offset += convert.Units(quote)
	}
	text := c.textParts(ctx, portal, quote+m.Text, mentions)
	if preview != nil {
		text[0].Content.BeeperLinkPreviews = []*event.BeeperLinkPreview{preview}
	}
	if len(parts) == 1 && len(text) == 1 && takesCaption(parts[0]) {
		caption := text[0].Content
		content := parts[0].Content
		content.Body, content.Format, content.FormattedBody = caption.Body, caption.Format, caption.FormattedBody
		content.Mentions = caption.Mentions
		return parts, nil
	}
	return append(parts, text...), nil
}

// takesCaption says whether a part is a file that shows no text of its own yet.
func takesCaption(part *bridgev2.ConvertedMessagePart) bool {
	content := part.Content
	return part.Type == event.EventMessage && content.FileName != "" && content.Body == content.FileName
}

// textParts makes the parts of a text with marks and mentions. There is one at least.
func (c *Client) textParts(ctx context.Context, portal *bridgev2.Portal, text string, mentions []mention) []*bridgev2.ConvertedMessagePart {
	parts := convert.TextParts(text, markup, func(text string) []convert.Mention { return c.placeMentions(ctx, text, mentions) })
	if len(parts) == 0 {
		return notice("An empty Messenger message came.")
	}
	return parts
}

// mention is a person named in a text; offset and length count UTF-16 units.
type mention struct {
	person         int64
	offset, length int
}

// mostMentions is as many as one message is searched for.
const mostMentions = 1000

// mentionsOf reads a message's four lists. Those of other things than people are left out: their names stand in the text.
func mentionsOf(m lightspeed.Message) (found []mention) {
	if m.MentionIDs == "" {
		return nil
	}
	ids, offsets := strings.SplitN(m.MentionIDs, ",", mostMentions), strings.SplitN(m.MentionOffsets, ",", mostMentions)
	lengths, kinds := strings.SplitN(m.MentionLengths, ",", mostMentions), strings.SplitN(m.MentionTypes, ",", mostMentions)
	for i := range min(len(ids), len(offsets), len(lengths), len(kinds)) {
		person, ok := remoteid.Number(strings.TrimSpace(ids[i]))
		offset, err := strconv.Atoi(strings.TrimSpace(offsets[i]))
		length, err2 := strconv.Atoi(strings.TrimSpace(lengths[i]))
		if kind := strings.TrimSpace(kinds[i]); ok && err == nil && err2 == nil && kind == "p" {
			found = append(found, mention{person, offset, length})
		}
	}
	return found
}

// placeMentions finds the Matrix users who are named in a text.
func (c *Client) placeMentions(ctx context.Context, text string, mentions []mention) []convert.Mention {
	var spans []convert.Span
	for _, m := range mentions {
		spans = append(spans, convert.Span{Offset: m.offset, Length: m.length})
	}
	return convert.PlaceMentions(text, spans, func(i int, written string) (id.UserID, string) {
		return c.mentionName(ctx, mentions[i].person, written)
	})
}

// mentionName is the Matrix user who stands for a person, and the name to show. The user is empty if there is none.
func (c *Client) mentionName(ctx context.Context, person int64, written string) (id.UserID, string) {
	name := strings.TrimPrefix(written, "@")
	if person == c.self {
		return c.login.UserMXID, name
	}
	ghost, err := c.network.bridge.GetGhostByID(ctx, makeID[networkid.UserID](person))
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Could not look up who is mentioned")
		return "", ""
	}
	return ghost.Intent.GetMXID(), name
}

// replyToMessage is the kind of reply source that is a message (protocol notes, section 3.4); higher ones are stories and notes.
const replyToMessage = 1

// replyTarget is the message that one answers, nil if it answers none.
func replyTarget(m lightspeed.Message) *networkid.MessageOptionalPartID {
	if m.ReplyTo == "" || m.ReplyTo == m.ID || m.ReplySourceType > replyToMessage {
		return nil
	}
	target, err := makeMessageID(m.ReplyTo)
	if err != nil {
		return nil
	}
	return &networkid.MessageOptionalPartID{MessageID: target}
}

// longestQuote bounds what is repeated of something answered.
const longestQuote = 300

// quote repeats what a message answers where a relation can't: stories, and messages that are not here. It is to stand
// before the text.
func (c *Client) quote(ctx context.Context, m lightspeed.Message) (string, error) {
	words := m.ReplyText
	if words == "" {
		words = m.ReplySnippet
	}
	switch {
	case m.ReplySourceType > replyToMessage:
		words = strings.TrimSpace("Reply to a story or note: " + words)
		if m.ReplySnippet == "" && m.ReplyText == "" {
			words = "Reply to a story or note"
		}
	case m.ReplyTo == "" || m.ReplyTo == m.ID || words == "":
		return "", nil
	default:
		if row, err := c.row(ctx, m.ReplyTo); err != nil || row != nil {
			return "", err
		}
	}
	words = strings.Join(strings.Fields(convert.Clean(words)), " ")
	if runes := []rune(words); len(runes) > longestQuote {
		words = string(runes[:longestQuote]) + "…"
	}
	return "> " + words + "\n\n", nil
}

// thumbsUps are the stickers that stand for a thumb, in three sizes (protocol notes, section 4.3).
var thumbsUps = map[int64]bool{369239263222822: true, 369239343222814: true, 369239383222810: true}

func isThumbsUp(m lightspeed.Message, attached *lightspeed.Attachments) bool {
	return thumbsUps[m.StickerID] && attached != nil && len(attached.Stickers) == 1 && len(attached.Blobs)+len(attached.XMAs) == 0
}
