package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// pastMessage is a message that was sent before the user logged in.
type pastMessage struct {
	id, text string
	from     *person
	at       time.Time
}

// past makes count messages between the user and a contact, in turn, an hour apart, the last an hour ago, and gives them
// to the user's phone.
func (s *stage) past(p *person, count int) []pastMessage {
	s.Helper()
	now := time.Now().Truncate(time.Second)
	messages := make([]pastMessage, count)
	history := make([]control.HistoryMessage, count)
	for i := range count {
		m := pastMessage{
			id: strings.ToUpper(randomHex(10)), text: s.text(fmt.Sprintf("past %d", i)), from: p,
			at: now.Add(-time.Duration(count-i) * time.Hour),
		}
		if i%3 == 2 {
			m.from = s.me
		}
		messages[i] = m
		history[i] = control.HistoryMessage{Chat: p.ID, Sender: m.from.ID, ID: m.id, Text: m.text, Time: m.at}
	}
	s.must(s.stack.Simulator.AddHistory(s.ctx, s.side.control(), s.me.ID, history))
	return messages
}

// mustStand fails unless these messages, and no others of past, are in a room, in order, once and with their own times.
// The user's own may be from their ghost.
func (s *stage) mustStand(room *lab.Room, past, want []pastMessage) {
	s.Helper()
	var got, wanted []string
	for _, m := range want {
		wanted = append(wanted, m.text)
	}
	for _, evt := range room.Messages() {
		body := evt.Content.AsMessage().Body
		i := slices.IndexFunc(past, func(m pastMessage) bool { return m.text == body })
		if i < 0 {
			continue
		}
		got = append(got, body)
		m := past[i]
		if at := time.UnixMilli(evt.Timestamp); !at.Equal(m.at) {
			s.Errorf("%q has time %s, want its own %s", body, at, m.at)
		}
		if evt.Sender != m.from.mxid && !(m.from == s.me && evt.Sender == s.user.ID) {
			s.Errorf("%q is from %s, want %s", body, evt.Sender, m.from.Name)
		}
	}
	if !slices.Equal(got, wanted) {
		s.Errorf("room %s has the past messages %q,\nwant %q", room.ID, got, wanted)
	}
}

// awaitBody waits for a message with a text, whoever it is from.
func (s *stage) awaitBody(room *lab.Room, body string) *event.Event {
	s.Helper()
	evt, err := room.AwaitEvent(s.ctx, 0, fmt.Sprintf("message %q", body), func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && evt.Content.AsMessage().Body == body
	})
	s.must(err)
	return evt
}

// initialMessages is how many messages of each chat a first login brings: the default of the config.
const initialMessages = 50

func backfillFirst(s *stage) {
	s.patient(2 * time.Minute)
	anna, ben := s.newPerson(control.NewPerson{Name: "Anna"}), s.newPerson(control.NewPerson{Name: "Ben"})
	withAnna, withBen := s.past(anna, initialMessages+10), s.past(ben, 5)
	s.pastExtras(ben)
	s.logIn()
	for _, chat := range []struct {
		p    *person
		past []pastMessage
	}{{anna, withAnna}, {ben, withBen}} {
		want := chat.past[max(0, len(chat.past)-initialMessages):]
		room := s.portal(chat.p)
		s.mustBeEncrypted(s.awaitBody(room, want[len(want)-1].text))
		s.mustStand(room, chat.past, want)
	}
	s.mustHaveExtras(ben)
	// Live messages go on below.
	hello := s.text("and now?")
	anna.writes(s.me, hello)
	room := s.portal(anna)
	s.awaitBody(room, hello)
	messages := room.Messages()
	if last := messages[len(messages)-1].Content.AsMessage().Body; last != hello {
		s.Errorf("the last message is %q, want the live one %q", last, hello)
	}
	if !s.side.traits().progress {
		return
	}
	// The user sees how far it is.
	_, err := s.bot.AwaitEvent(s.ctx, 0, "the progress of the history", func(evt *event.Event) bool {
		content := evt.Content.AsMessage()
		return evt.Sender == s.bot.MXID && content != nil && strings.Contains(content.Body, "2 of 2 chats done")
	})
	s.must(err)
}

// pastExtras adds, before the login, a reply, a picture and a reaction to a chat's past.
func (s *stage) pastExtras(p *person) {
	s.Helper()
	question := p.writes(s.me, s.text("a question"))
	s.me.sees(control.Match{Kind: control.KindMessage, ID: question}) // or there is nothing to answer yet
	s.me.sends(control.SendRequest{To: p.ID, Text: s.text("the answer"), ReplyTo: question})
	picture := p.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{
		Kind: "image", Data: photo(120, 90, 9), MIMEType: "image/jpeg", Width: 120, Height: 90,
	}})
	s.me.sees(control.Match{Kind: control.KindMessage, ID: picture.ID})
	_, err := s.stack.Simulator.React(s.ctx, s.side.control(), p.ID, control.ReactRequest{
		Target: control.Target{Chat: s.me.ID, ID: question}, Emoji: "👍",
	})
	s.must(err)
	s.me.sees(control.Match{Kind: control.KindReaction, Ref: question})
}

// mustHaveExtras checks what pastExtras made.
func (s *stage) mustHaveExtras(p *person) {
	s.Helper()
	room := s.portal(p)
	var question, answer id.EventID
	await := func(what string, match func(*event.Event) bool) *event.Event {
		s.Helper()
		evt, err := room.AwaitEvent(s.ctx, 0, what, match)
		s.must(err)
		return evt
	}
	question = await("the question", func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && strings.HasPrefix(evt.Content.AsMessage().Body, "a question")
	}).ID
	reply := await("the answer", func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && strings.Contains(evt.Content.AsMessage().Body, "the answer")
	})
	if answer = reply.Content.AsMessage().RelatesTo.GetReplyTo(); answer != question {
		s.Errorf("the answer replies to %q, want %q", answer, question)
	}
	picture := await("the picture", func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgImage
	})
	data, err := s.user.Download(s.ctx, picture.Content.AsMessage())
	s.must(err)
	if !slices.Equal(data, photo(120, 90, 9)) {
		s.Errorf("the picture has other bytes than the one that was sent")
	}
	await("the reaction", func(evt *event.Event) bool {
		return evt.Type == event.EventReaction && evt.Content.AsReaction().RelatesTo.EventID == question && evt.Sender == p.mxid
	})
}

// historyRoom waits for the room of history that a notice in a chat links to.
func (s *stage) historyRoom(room *lab.Room, from int) *lab.Room {
	s.Helper()
	evt, err := room.AwaitEvent(s.ctx, from, "a link to the history", func(evt *event.Event) bool {
		return evt.Sender == s.stack.Bridge.Bot && evt.Type == event.EventMessage &&
			strings.HasPrefix(evt.Content.AsMessage().Body, "Older messages of this chat: ")
	})
	s.must(err)
	link := strings.TrimPrefix(evt.Content.AsMessage().Body, "Older messages of this chat: ")
	uri, err := id.ParseMatrixURIOrMatrixToURL(link)
	s.must(err)
	history := s.user.Room(uri.RoomID())
	s.await("the user to be in the room of history", func(ctx context.Context) error {
		rooms, err := s.user.JoinedRooms(ctx)
		if err == nil && !slices.ContainsFunc(rooms, func(r *lab.Room) bool { return r.ID == history.ID }) {
			err = fmt.Errorf("%s has not joined %s", s.user.ID, history.ID)
		}
		return err
	})
	return history
}

func backfillMore(s *stage) {
	s.patient(3 * time.Minute)
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	// More than the phone sends by itself.
	const older = 280
	past := s.past(anna, older)
	s.logIn()
	room := s.portal(anna)
	s.awaitBody(room, past[older-1].text)
	s.mustStand(room, past, past[older-initialMessages:])

	ask := func() string {
		s.Helper()
		from := room.Mark()
		_, err := room.SendText(s.ctx, "!cc "+s.prefix()+"-history")
		s.must(err)
		evt, err := room.AwaitEvent(s.ctx, from, "the end of the history", func(evt *event.Event) bool {
			return evt.Sender == s.stack.Bridge.Bot && evt.Type == event.EventMessage &&
				strings.Contains(evt.Content.AsMessage().Body, "older messages") && !strings.HasPrefix(evt.Content.AsMessage().Body, "Asking") &&
				!strings.HasPrefix(evt.Content.AsMessage().Body, "Older")
		})
		s.must(err)
		return evt.Content.AsMessage().Body
	}
	from := room.Mark()
	if answer := ask(); !strings.HasPrefix(answer, fmt.Sprint(older-initialMessages)) {
		s.Errorf("the bot answers %q, want %d older messages", answer, older-initialMessages)
	}
	history := s.historyRoom(room, from)
	s.awaitBody(history, past[older-initialMessages-1].text)
	s.mustStand(history, past, past[:older-initialMessages])
	s.mustStand(room, past, past[older-initialMessages:])

	// Asking again doubles nothing.
	if answer := ask(); !strings.Contains(answer, "no older messages") {
		s.Errorf("the bot answers %q when asked again, want that there is nothing", answer)
	}
	s.mustStand(history, past, past[:older-initialMessages])
	s.mustStand(room, past, past[older-initialMessages:])

	// Nor does bringing all chats their history.
	answer, err := s.bot.Ask(s.ctx, s.prefix()+"-history")
	s.must(err)
	if !strings.Contains(answer, "Your chats have all") {
		s.Errorf("the bot answers %q when asked for all history, want that there is nothing", answer)
	}

	// The room of history is to be read only.
	s.mustNotWrite(history)
	var topic event.TopicEventContent
	s.must(s.user.Client.StateEvent(s.ctx, history.ID, event.StateTopic, "", &topic))
	if !strings.Contains(topic.Topic, "Older") {
		s.Errorf("the room of history has topic %q", topic.Topic)
	}
}
