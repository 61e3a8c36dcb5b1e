package whatsapp

import (
	"context"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/convert"
)

// markup are the marks that WhatsApp's clients understand ("How to format your messages", faq.whatsapp.com).
var markup = convert.Markup{
	Bold: "*", Italic: "_", Strike: "~", Code: "`", Block: "```",
	Quote: "> ", Bullet: "- ", OtherBullets: []string{"* "}, Numbered: true,
}

// mostMentions is as many people as one message is searched for. Groups have up to 1,024 members.
const mostMentions = 1024

// markedParts makes the parts of a text with marks and mentions.
func (c *Client) markedParts(ctx context.Context, text string, info *waE2E.ContextInfo) []*bridgev2.ConvertedMessagePart {
	text = convert.Clean(text)
	if text == "" || len(convert.Split(text)) > 1 {
		return textParts(text)
	}
	content := convert.Format(text, markup, c.mentionsIn(ctx, text, info.GetMentionedJID()))
	return []*bridgev2.ConvertedMessagePart{{Type: event.EventMessage, Content: content}}
}

// mentionsIn finds the people whom a text names as @<number>.
func (c *Client) mentionsIn(ctx context.Context, text string, named []string) (found []convert.Mention) {
	if !strings.Contains(text, "@") {
		return nil
	}
	done := make(map[string]bool)
	for _, raw := range named[:min(len(named), mostMentions)] {
		jid, err := types.ParseJID(raw)
		if err != nil {
			continue
		}
		who, ok := person(jid)
		if !ok || done[who.User] || !strings.Contains(text, "@"+who.User) {
			continue
		}
		done[who.User] = true
		if who, ok = c.peer(ctx, who, types.EmptyJID); !ok {
			continue
		}
		user, name := c.whoIs(ctx, who)
		mark := "@" + jid.User
		for from := 0; user != ""; {
			at := strings.Index(text[from:], mark)
			if at < 0 {
				break
			}
			start := from + at
			from = start + len(mark)
			if from < len(text) && text[from] >= '0' && text[from] <= '9' {
				continue // a longer number
			}
			found = append(found, convert.Mention{Start: start, End: from, User: user, Name: name})
		}
	}
	return found
}

// mentionName is the Matrix user who stands for a person, and the name to show. The user is empty if there is none.
func (c *Client) mentionName(ctx context.Context, who types.JID) (id.UserID, string) {
	if who == c.self {
		return c.login.UserMXID, c.login.RemoteName
	}
	ghost, err := c.network.bridge.GetGhostByID(ctx, mustID[networkid.UserID](who))
	if err != nil {
		c.log.Warn().Err(err).Msg("Could not look up who is mentioned")
		return "", ""
	}
	name := ghost.Name
	if name == "" {
		name = who.User
	}
	return ghost.Intent.GetMXID(), name
}

// markedText writes a Matrix text with WhatsApp's marks; mentioned are the people named in it.
func (c *Client) markedText(content *event.MessageEventContent) (text string, mentioned []string) {
	seen := make(map[string]bool)
	text, _ = markup.FromHTML(content, func(user id.UserID) (string, bool) {
		jid, ok := c.userOf(user)
		if !ok {
			return "", false
		}
		if address := jid.String(); !seen[address] {
			seen[address] = true
			mentioned = append(mentioned, address)
		}
		return "@" + jid.User, true
	})
	return text, mentioned
}

// userOf is the person for whom a Matrix user stands: the account itself or a ghost.
func (c *Client) userOf(user id.UserID) (types.JID, bool) {
	if user == c.login.UserMXID {
		return c.self, true
	}
	if c.network.bridge == nil {
		return types.EmptyJID, false
	}
	ghost, ok := c.network.bridge.Matrix.ParseGhostMXID(user)
	if !ok {
		return types.EmptyJID, false
	}
	jid, err := parseID(ghost)
	return jid, err == nil
}

// textMessage converts a text; the error is ready for bridgev2.
func (c *Client) textMessage(content *event.MessageEventContent) (*waE2E.Message, error) {
	text, mentioned := c.markedText(content)
	msg, err := textFromMatrix(text)
	if err == nil && len(mentioned) > 0 {
		contextOf(msg).MentionedJID = mentioned
	}
	return msg, err
}

// markCaption turns the marks and mentions in a file's caption into HTML.
func (c *Client) markCaption(ctx context.Context, file *event.MessageEventContent, info *waE2E.ContextInfo) {
	marked := convert.Format(file.Body, markup, c.mentionsIn(ctx, file.Body, info.GetMentionedJID()))
	file.Body, file.Format, file.FormattedBody, file.Mentions = marked.Body, marked.Format, marked.FormattedBody, marked.Mentions
}

// plainMarked writes a file's caption with WhatsApp's marks. Pills become @<number>, which addMentions names.
func (c *Client) plainMarked(content *event.MessageEventContent) string {
	text, _ := c.markedText(content)
	return text
}

// addMentions names in an outgoing message the people whom its caption mentions; texts have them already.
func (c *Client) addMentions(content *event.MessageEventContent, out *waE2E.Message) {
	if content == nil || out.Conversation != nil || out.ExtendedTextMessage != nil || content.FormattedBody == "" {
		return
	}
	if _, mentioned := c.markedText(content); len(mentioned) > 0 {
		if info := contextOf(out); info != nil {
			info.MentionedJID = mentioned
		}
	}
}

// contextOf is the part of a message that says what it answers and whom it mentions, made if it has none. It is nil if
// the message is of a kind that has no place for it.
func contextOf(msg *waE2E.Message) (info *waE2E.ContextInfo) {
	if msg.Conversation != nil {
		msg.ExtendedTextMessage = &waE2E.ExtendedTextMessage{Text: proto.String(msg.GetConversation())}
		msg.Conversation = nil
	}
	msg.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Kind() != protoreflect.MessageKind || field.IsList() {
			return true
		}
		if wrapped, ok := value.Message().Interface().(*waE2E.FutureProofMessage); ok {
			info = contextOf(wrapped.GetMessage())
			return info == nil
		}
		holder := value.Message().Descriptor().Fields().ByName("contextInfo")
		if holder == nil {
			return true
		}
		info, _ = value.Message().Mutable(holder).Message().Interface().(*waE2E.ContextInfo)
		return info == nil
	})
	return info
}
