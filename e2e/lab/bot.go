package lab

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Bot is a user's management room: the chat with the bridge's bot, where commands need no prefix.
type Bot struct {
	*Room
	MXID id.UserID
}

// OpenBot opens a chat with the bot and waits for its welcome: before, it may not take the room for a management room.
func (u *User) OpenBot(ctx context.Context, bot id.UserID, encrypted bool) (*Bot, error) {
	room, err := u.OpenChat(ctx, bot, encrypted)
	if err != nil {
		return nil, err
	}
	b := &Bot{Room: room, MXID: bot}
	_, err = b.AwaitAnswer(ctx, 0, "the bot's welcome", func(string) bool { return true })
	return b, err
}

// AwaitAnswer waits for a text of the bot, at or after position from, that match accepts.
func (b *Bot) AwaitAnswer(ctx context.Context, from int, what string, match func(body string) bool) (string, error) {
	evt, err := b.AwaitEvent(ctx, from, what, func(evt *event.Event) bool {
		if evt.Sender != b.MXID || evt.Type != event.EventMessage {
			return false
		}
		content := evt.Content.AsMessage()
		return content.MsgType.IsText() && match(content.Body)
	})
	if err != nil {
		return "", err
	}
	return evt.Content.AsMessage().Body, nil
}

// Ask sends a command and returns the bot's next text.
func (b *Bot) Ask(ctx context.Context, command string) (string, error) {
	from := b.Mark()
	if _, err := b.SendText(ctx, command); err != nil {
		return "", err
	}
	return b.AwaitAnswer(ctx, from, fmt.Sprintf("the bot's answer to %q", command), func(string) bool { return true })
}

// StartLogin asks the bot to log in to a network as a person does who knows nothing: where the bot wants a flow named,
// it takes the one that it lists for this network and that kind (such as qr). It returns the position in the room from
// which on the bot's first step is to be found.
func (b *Bot) StartLogin(ctx context.Context, network, kind string) (from int, err error) {
	from = b.Mark()
	if _, err = b.SendText(ctx, "login"); err != nil {
		return 0, err
	}
	first, err := b.AwaitEvent(ctx, from, "the bot's answer to login", func(evt *event.Event) bool {
		return evt.Sender == b.MXID && evt.Type == event.EventMessage
	})
	if err != nil {
		return 0, err
	}
	body := first.Content.AsMessage().Body
	if !strings.Contains(body, "specify a login flow") {
		return from, nil
	}
	for _, flow := range loginFlow.FindAllStringSubmatch(body, -1) {
		if strings.Contains(flow[1], network) && strings.Contains(flow[1], kind) {
			from = b.Mark()
			_, err = b.SendText(ctx, "login "+flow[1])
			return from, err
		}
	}
	return 0, fmt.Errorf("the bot lists no %s login for %s: %q", kind, network, body)
}

// loginFlow finds the flows in the bot's list: a line each, the id in backquotes.
var loginFlow = regexp.MustCompile("(?m)^\\s*(?:[*•-]|\\d+\\.) `?([a-z0-9.-]+)`? - ")

// AwaitQR waits for a QR code of the bot at or after position from, other than the texts in seen, and reads the picture
// like a camera. The newest counts: the bot replaces the picture while it waits.
func (b *Bot) AwaitQR(ctx context.Context, from int, seen ...string) (string, error) {
	var text string
	err := b.User.Await(ctx, "a QR code from the bot", func(ctx context.Context) error {
		content := b.lastImage(from)
		if content == nil {
			return fmt.Errorf("no picture from the bot in the room, which has:\n%s", b.Describe())
		}
		data, err := b.User.Download(ctx, content)
		if err != nil {
			return err
		}
		if text, err = ReadQR(data); err != nil {
			return err
		}
		for _, old := range seen {
			if text == old {
				return errors.New("the bot still shows a code that was seen before")
			}
		}
		return nil
	})
	return text, err
}

func (b *Bot) lastImage(from int) (last *event.MessageEventContent) {
	timeline := b.Timeline()
	for _, evt := range timeline[min(from, len(timeline)):] {
		if evt.Sender != b.MXID || evt.Type != event.EventMessage {
			continue
		}
		content := evt.Content.AsMessage()
		if content.NewContent != nil {
			content = content.NewContent
		}
		if content.MsgType == event.MsgImage {
			last = content
		}
	}
	return last
}
