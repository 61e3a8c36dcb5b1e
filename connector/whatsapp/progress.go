package whatsapp

import (
	"context"
	"fmt"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// progressPause is between two edits of a progress notice.
const progressPause = 3 * time.Second

// progress is a notice in the user's management room that tells how far long work is. Failing to tell stops no work.
type progress struct {
	c     *Client
	what  string
	total int
	room  id.RoomID
	sent  id.EventID
	next  time.Time
}

// startProgress tells nothing if there is nothing to do.
func (c *Client) startProgress(what string, total int) *progress {
	p := &progress{c: c, what: what, total: total}
	if total == 0 {
		return p
	}
	room, err := c.login.User.GetManagementRoom(c.ctx)
	if err != nil {
		c.log.Debug().Err(err).Msg("No management room for progress")
		return p
	}
	p.room = room
	p.tell(c.ctx, fmt.Sprintf("%s: 0 of %d chats done.", what, total))
	return p
}

// done tells that so many chats are done, now or with the next call; the last one is always told.
func (p *progress) done(ctx context.Context, count int) {
	if count < p.total && time.Now().Before(p.next) {
		return
	}
	p.tell(ctx, fmt.Sprintf("%s: %d of %d chats done.", p.what, count, p.total))
}

func (p *progress) tell(ctx context.Context, text string) {
	if p.room == "" {
		return
	}
	p.next = time.Now().Add(progressPause)
	content := &event.MessageEventContent{MsgType: event.MsgNotice, Body: text, Mentions: &event.Mentions{}}
	if p.sent != "" {
		content.SetEdit(p.sent)
	}
	resp, err := p.c.network.bridge.Bot.SendMessage(ctx, p.room, event.EventMessage, &event.Content{Parsed: content}, nil)
	if err != nil {
		p.c.log.Debug().Err(err).Msg("Could not tell progress")
	} else if p.sent == "" {
		p.sent = resp.EventID
	}
}
