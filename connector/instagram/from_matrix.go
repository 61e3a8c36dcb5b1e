package instagram

import (
	"context"
	"fmt"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/convert"
	"crosschat/connector/instagram/wire"
	"crosschat/connector/ledger"
)

// outgoing is a message on its way to Instagram: a text, or a file with a caption, which follows it as a text.
type outgoing struct {
	text     string
	mentions []wire.Mention
	replyTo  wire.MessageID
	// attachment is the uploaded file, 0 if there is none.
	attachment wire.AttachmentID
}

// fromMatrix converts a message; the error is ready for bridgev2. It uploads media.
func (c *Client) fromMatrix(ctx context.Context, at place, msg *bridgev2.MatrixMessage) (*outgoing, error) {
	if msg.Content == nil {
		return nil, bridgev2.ErrUnexpectedParsedContentType
	}
	out := &outgoing{}
	var err error
	switch msg.Content.MsgType {
	case event.MsgText, event.MsgNotice, event.MsgEmote:
		out.text, out.mentions, err = c.textFromMatrix(msg.Content)
	case event.MsgImage, event.MsgVideo, event.MsgAudio, event.CapMsgSticker:
		err = c.fileFromMatrix(ctx, at, msg, out)
	case event.MsgFile:
		err = ledger.Refuse("Instagram has no files, only pictures, videos and voice messages")
	default:
		err = fmt.Errorf("%w %q", bridgev2.ErrUnsupportedMessageType, msg.Content.MsgType)
	}
	if err != nil {
		return nil, err
	}
	if msg.ReplyTo != nil {
		if target, err := parseMessageID(msg.ReplyTo.ID); err == nil {
			out.replyTo = target
		}
	}
	return out, nil
}

// textFromMatrix writes a text with Instagram's marks. The error is ready for bridgev2.
func (c *Client) textFromMatrix(content *event.MessageEventContent) (string, []wire.Mention, error) {
	text, named := markup.FromMatrix(content, func(user id.UserID) (string, bool) {
		person, ok := c.userOf(user)
		if !ok {
			return "", false
		}
		return "@" + c.nameOf(person), true
	})
	most := c.network.Config.MaxTextLength
	switch length := convert.Units(text); {
	case strings.TrimSpace(text) == "":
		return "", nil, ledger.Refuse("the message is empty")
	case length > most:
		return "", nil, ledger.Refuse(fmt.Sprintf("the text has %d characters, Instagram takes at most %d", length, most))
	}
	return text, c.mentionsFromMatrix(text, named), nil
}

// mentionsFromMatrix names people by their messaging ids. Of whom that is not known, only the name goes.
func (c *Client) mentionsFromMatrix(text string, named []convert.Mention) (mentions []wire.Mention) {
	for _, m := range named {
		person, ok := c.userOf(m.User)
		if !ok || m.Start < 0 || m.End > len(text) || m.Start >= m.End {
			continue
		}
		known, _ := c.known.person(person)
		if known.FBID == 0 {
			continue
		}
		mentions = append(mentions, wire.Mention{
			Offset: convert.Units(text[:m.Start]), Length: convert.Units(text[m.Start:m.End]), Kind: wire.MentionUser, User: known.FBID,
		})
	}
	return mentions
}

// userOf is the person for whom a Matrix user stands: the account itself or a ghost.
func (c *Client) userOf(user id.UserID) (wire.IGID, bool) {
	if user == c.login.UserMXID {
		return c.self, true
	}
	ghost, ok := c.network.bridge.Matrix.ParseGhostMXID(user)
	if !ok {
		return 0, false
	}
	person, err := parseID(ghost)
	return person, err == nil
}

// nameOf is what Instagram calls a person in a text: the user name.
func (c *Client) nameOf(person wire.IGID) string {
	known, _ := c.known.person(person)
	if known.Username != "" {
		return known.Username
	}
	if name := known.name(); name != "" {
		return name
	}
	return person.String()
}
