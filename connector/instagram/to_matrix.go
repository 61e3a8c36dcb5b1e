package instagram

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
	"crosschat/connector/instagram/wire"
	crosschatdb "crosschat/database"
)

// markup are the marks that Instagram's clients understand (protocol notes, section 13).
var markup = convert.Markup{Bold: "*", Italic: "_", Strike: "~", Code: "`", Block: "```", Quote: "> "}

// toMatrix converts a message. Content that can't be shown becomes a notice; an error means that another try may help.
func (c *Client) toMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m wire.Message) (converted *bridgev2.ConvertedMessage, err error) {
	defer func() {
		// What a stranger sent must neither end the process nor come back for ever.
		if value := recover(); value != nil {
			zerolog.Ctx(ctx).Error().Str("panic", fmt.Sprint(value)).Bytes("stack", debug.Stack()).Msg("Conversion panicked")
			converted = &bridgev2.ConvertedMessage{Parts: notice("An Instagram message could not be shown: the bridge failed at it. Look at Instagram.")}
			err = nil
		}
	}()
	parts, err := c.contentToMatrix(ctx, portal, intent, m)
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		if i > 0 {
			part.ID = networkid.PartID(strconv.Itoa(i))
		}
		if part.Content.FileName != "" || part.Type == event.EventSticker {
			meta := partMeta(part)
			meta.File = true
		}
	}
	return &bridgev2.ConvertedMessage{Parts: parts, ReplyTo: replyTarget(m)}, nil
}

// partMeta is our part of a part's metadata, made if need be.
func partMeta(part *bridgev2.ConvertedMessagePart) *crosschatdb.InstagramMessage {
	meta, ok := part.DBMetadata.(*crosschatdb.MessageMetadata)
	if !ok {
		meta = &crosschatdb.MessageMetadata{Instagram: &crosschatdb.InstagramMessage{}}
		part.DBMetadata = meta
	}
	return meta.Instagram
}

func notice(text string) []*bridgev2.ConvertedMessagePart {
	return []*bridgev2.ConvertedMessagePart{convert.Notice(text)}
}

// contentToMatrix converts what a message carries, to one part or more.
func (c *Client) contentToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m wire.Message) ([]*bridgev2.ConvertedMessagePart, error) {
	if files, ok := filesOf(m.Content); ok {
		return c.fileParts(ctx, portal, intent, m, files)
	}
	switch content := m.Content.(type) {
	case wire.TextContent:
		return c.quoted(ctx, m)
	case wire.ViewOnceContent:
		return c.viewOnce(ctx, portal, intent, m, content)
	case wire.ShareContent:
		return c.shareParts(ctx, portal, intent, m, content.Share)
	case wire.MusicContent:
		return c.music(ctx, portal, intent, m, content)
	case wire.AdminContent:
		text := content.Text
		if text == "" {
			text = m.Snippet
		}
		if text = strings.TrimSpace(convert.Clean(text)); text != "" {
			return notice(text), nil
		}
	case wire.AIContent:
		if strings.TrimSpace(content.Text) != "" {
			return c.textParts(ctx, content.Text, nil), nil
		}
	case wire.UnknownContent:
		zerolog.Ctx(ctx).Debug().Str("content", content.Type).Msg("Message of a kind that is not bridged")
	default:
		zerolog.Ctx(ctx).Debug().Type("content", content).Str("content_type", m.ContentType).Msg("Message of a kind that is not bridged")
	}
	return notice(unknownText(m)), nil
}

// unknownText stands for what can't be shown; the server's own summary says the most about it.
func unknownText(m wire.Message) string {
	if snippet := shortened(m.Snippet); snippet != "" {
		return fmt.Sprintf("An Instagram message of a kind that is not bridged came: %s. Look at Instagram.", strings.TrimSuffix(snippet, "."))
	}
	return "An Instagram message of a kind that is not bridged came. Look at Instagram."
}

// quoted is a text, with what it answers repeated in front where a relation can't say it: the message is not here.
func (c *Client) quoted(ctx context.Context, m wire.Message) ([]*bridgev2.ConvertedMessagePart, error) {
	quote := ""
	if m.ReplyTo != "" && m.ReplyTo != m.ID && m.Quoted != nil {
		row, _, err := c.row(ctx, m.ReplyTo)
		if err != nil {
			return nil, err
		}
		words := m.Quoted.Text
		if words == "" {
			words = m.Quoted.Snippet
		}
		if words = shortened(words); row == nil && words != "" {
			quote = "> " + words + "\n\n"
		}
	}
	mentions := make([]wire.Mention, len(m.Mentions))
	for i, mention := range m.Mentions {
		mention.Offset += convert.Units(quote)
		mentions[i] = mention
	}
	return c.textParts(ctx, quote+m.Text, mentions), nil
}

// longestQuote bounds what is repeated of something.
const longestQuote = 300

// shortened makes one short line of a text.
func shortened(text string) string {
	text = strings.Join(strings.Fields(convert.Clean(text)), " ")
	if runes := []rune(text); len(runes) > longestQuote {
		text = string(runes[:longestQuote]) + "…"
	}
	return text
}

// textParts makes the parts of a text with marks and mentions. There is one at least.
func (c *Client) textParts(ctx context.Context, text string, mentions []wire.Mention) []*bridgev2.ConvertedMessagePart {
	everyone := false
	parts := convert.TextParts(text, markup, func(text string) []convert.Mention {
		spans := make([]convert.Span, min(len(mentions), mostMentions))
		for i := range spans {
			spans[i] = convert.Span{Offset: mentions[i].Offset, Length: mentions[i].Length}
			everyone = everyone || mentions[i].Kind == wire.MentionEveryone
		}
		return convert.PlaceMentions(text, spans, func(i int, written string) (id.UserID, string) {
			return c.mentioned(ctx, mentions[i], written)
		})
	})
	if len(parts) == 0 {
		return notice("An empty Instagram message came.")
	}
	if everyone {
		content := parts[0].Content
		if content.Mentions == nil {
			content.Mentions = &event.Mentions{}
		}
		content.Mentions.Room = true
	}
	return parts
}

// mostMentions is as many as one message is searched for.
const mostMentions = 1000

// mentioned is the Matrix user who stands for somebody mentioned, and the name to show. The user is empty if there is none.
func (c *Client) mentioned(ctx context.Context, m wire.Mention, written string) (id.UserID, string) {
	if m.Kind != wire.MentionUser && m.Kind != "" {
		return "", ""
	}
	person, ok := c.known.personByFBID(m.User)
	if !ok {
		return "", "" // the name stands in the text
	}
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

// replyTarget is the message that one answers, nil if it answers none.
func replyTarget(m wire.Message) *networkid.MessageOptionalPartID {
	if m.ReplyTo == "" || m.ReplyTo == m.ID {
		return nil
	}
	target, err := makeMessageID(m.ReplyTo)
	if err != nil {
		return nil
	}
	return &networkid.MessageOptionalPartID{MessageID: target}
}
