package messenger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/task"
)

// fromMatrix converts a message; the error is ready for bridgev2. It uploads media.
func (c *Client) fromMatrix(ctx context.Context, key int64, msg *bridgev2.MatrixMessage) (*task.Message, error) {
	if msg.Content == nil {
		return nil, bridgev2.ErrUnexpectedParsedContentType
	}
	out := &task.Message{}
	var err error
	switch msg.Content.MsgType {
	case event.MsgText, event.MsgNotice, event.MsgEmote:
		out.Text, out.Mentions, err = c.textFromMatrix(msg.Content)
	case event.MsgImage, event.MsgVideo, event.MsgAudio, event.MsgFile, event.CapMsgSticker:
		err = c.fileFromMatrix(ctx, key, msg, out)
	default:
		return nil, fmt.Errorf("%w %q", bridgev2.ErrUnsupportedMessageType, msg.Content.MsgType)
	}
	if err != nil {
		return nil, err
	}
	if msg.ReplyTo != nil {
		if target, err := parseMessageID(msg.ReplyTo.ID); err == nil {
			out.ReplyTo = target
		}
	}
	return out, nil
}

// textFromMatrix writes a text with Messenger's marks. The error is ready for bridgev2.
func (c *Client) textFromMatrix(content *event.MessageEventContent) (string, task.Mentions, error) {
	text, named := markup.FromMatrix(content, func(user id.UserID) (string, bool) {
		person, ok := c.userOf(user)
		if !ok {
			return "", false
		}
		return "@" + c.nameOf(person), true
	})
	if err := checkText(text); err != nil {
		return "", task.Mentions{}, err
	}
	return text, c.mentionsFromMatrix(text, named), nil
}

// checkText refuses a text that Messenger does not take. The error is ready for bridgev2.
func checkText(text string) error {
	switch length := convert.Units(text); {
	case strings.TrimSpace(text) == "":
		return ledger.Refuse("the message is empty")
	case length > maxTextLength:
		return ledger.Refuse(fmt.Sprintf("the text has %d characters, Messenger takes at most %d", length, maxTextLength))
	}
	return nil
}

// mentionsFromMatrix makes the four lists of people who are named in a text.
func (c *Client) mentionsFromMatrix(text string, named []convert.Mention) task.Mentions {
	var ids, offsets, lengths, kinds []string
	for _, m := range named {
		person, ok := c.userOf(m.User)
		if !ok || m.Start < 0 || m.End > len(text) || m.Start >= m.End {
			continue
		}
		ids = append(ids, strconv.FormatInt(person, 10))
		offsets = append(offsets, strconv.Itoa(convert.Units(text[:m.Start])))
		lengths = append(lengths, strconv.Itoa(convert.Units(text[m.Start:m.End])))
		kinds = append(kinds, "p")
	}
	list := func(values []string) string { return strings.Join(values, ",") }
	return task.Mentions{IDs: list(ids), Offsets: list(offsets), Lengths: list(lengths), Types: list(kinds)}
}

// userOf is the person for whom a Matrix user stands: the account itself or a ghost.
func (c *Client) userOf(user id.UserID) (int64, bool) {
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

// nameOf is what Messenger calls a person.
func (c *Client) nameOf(person int64) string {
	if known, _ := c.known.contact(person); known.Name != "" {
		return known.Name
	}
	if person == c.self && c.login.RemoteName != "" {
		return c.login.RemoteName
	}
	return strconv.FormatInt(person, 10)
}

// fileFromMatrix uploads a file and puts it into a message. Errors are ready for bridgev2.
func (c *Client) fileFromMatrix(ctx context.Context, key int64, msg *bridgev2.MatrixMessage, out *task.Message) error {
	content := msg.Content
	if content.GetCaption() != "" {
		caption := *content
		caption.MsgType = event.MsgText
		var err error
		if out.Text, out.Mentions, err = c.textFromMatrix(&caption); err != nil {
			return err
		}
	}
	limit := int64(maxFileSize)
	if content.MsgType == event.MsgImage || content.MsgType == event.CapMsgSticker {
		limit = maxImageSize
	}
	err := convert.Download(ctx, c.network.bridge.Bot, content, limit, func(file *os.File, _ int64) error {
		ctx, cancel := c.bound(ctx, c.network.Config.MediaTimeout)
		defer cancel()
		return prepare(ctx, content, file, func(file *os.File, mimeType string) error {
			return c.upload(ctx, key, content, file, mimeType, out)
		})
	})
	return convert.RefuseUnconverted(err, "Messenger", "send it as a file")
}

// prepare gives use the file in a format that Messenger takes. Stickers can only be sent as pictures.
func prepare(ctx context.Context, content *event.MessageEventContent, file *os.File, use func(*os.File, string) error) error {
	mimeType := convert.MIMEType(content.GetInfo().MimeType, "application/octet-stream")
	if content.MsgType != event.MsgImage && content.MsgType != event.CapMsgSticker {
		return use(file, mimeType)
	}
	picture, ok, err := convert.InspectPicture(file)
	if err != nil {
		return err
	} else if ok {
		return use(file, picture.MIMEType)
	}
	if _, ok, err := convert.InspectWebP(file); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("%w: Messenger takes images as JPEG, PNG, GIF or WebP; send it as a file", bridgev2.ErrUnsupportedMediaType))
	}
	return convert.Transcode(ctx, file, ".png", []string{"-frames:v", "1"}, func(file *os.File) error { return use(file, "image/png") })
}

func (c *Client) upload(ctx context.Context, key int64, content *event.MessageEventContent, file *os.File, mimeType string, out *task.Message) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("size of file: %w", err)
	}
	upload := wire.Upload{
		ThreadID: key, Filename: convert.FileName(content.GetFileName(), "file", mimeType), MimeType: mimeType, Size: info.Size(),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(file, 0, info.Size())), nil },
	}
	if content.MsgType == event.MsgAudio && content.MSC3245Voice != nil {
		upload.Voice = true
		if audio := content.MSC1767Audio; audio != nil {
			for _, wave := range audio.Waveform {
				upload.Waveform = append(upload.Waveform, float64(min(max(wave, 0), convert.MaxLoudness))/convert.MaxLoudness)
			}
		}
	}
	fileID, err := c.wire.Upload(ctx, upload)
	if err != nil {
		return bridgev2.WrapErrorInStatus(fmt.Errorf("upload media: %w", err)).
			WithIsCertain(true).WithSendNotice(true).WithErrorReason(event.MessageStatusNetworkError).
			WithMessage("the file could not be uploaded to Messenger; try again")
	}
	out.Attachments = []int64{fileID}
	return nil
}
