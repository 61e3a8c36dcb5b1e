package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

func textIn(s *stage) {
	avatar := photo(64, 64, 1)
	anna := s.newPerson(control.NewPerson{Name: "Anna Aal " + randomHex(2), Avatar: avatar})
	s.logIn()
	text := s.text("hello, it's me")
	anna.writes(s.me, text)
	portal := s.portal(anna)
	evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
	s.mustBeEncrypted(evt)
	if got := texts(portal, anna.mxid); !slices.Equal(got, []string{text}) {
		s.Errorf("the room has %q, want %q once", got, text)
	}
	s.await("the ghost to have the contact's name and picture", func(ctx context.Context) error {
		members, err := portal.Members(ctx)
		if err != nil {
			return err
		}
		ghost := members[anna.mxid]
		if !strings.Contains(ghost.Name, anna.Name) {
			return fmt.Errorf("its name is %q, want %q in it", ghost.Name, anna.Name)
		}
		if ghost.Avatar.IsEmpty() {
			return fmt.Errorf("it has no picture")
		}
		data, err := s.user.Client.DownloadBytes(ctx, ghost.Avatar)
		if err == nil && !bytes.Equal(data, avatar) {
			err = fmt.Errorf("its picture has %d bytes, want the contact's %d", len(data), len(avatar))
		}
		return err
	})
	info, err := portal.Info(s.ctx)
	s.must(err)
	if id, name := s.side.protocol(); info.Protocol.ID != id || info.Protocol.DisplayName != name {
		s.Errorf("m.bridge has protocol %q %q, want %q %q", info.Protocol.ID, info.Protocol.DisplayName, id, name)
	}
	if info.Bot != s.stack.Bridge.Bot {
		s.Errorf("m.bridge has bot %q, want %q", info.Bot, s.stack.Bridge.Bot)
	}
}

func textOut(s *stage) {
	anna, portal := s.withAnna()
	reply := s.text("hello to you")
	_, err := portal.SendText(s.ctx, reply)
	s.must(err)
	anna.reads(s.me, reply)
	if got := anna.textsFrom(s.me); !slices.Equal(got, []string{reply}) {
		s.Errorf("Anna's phone has %q, want %q once", got, reply)
	}
	// The user's own phone shows what was sent from Matrix.
	own := s.me.sees(control.Match{Kind: control.KindMessage, Chat: anna.ID, Text: reply})[0]
	if !own.FromMe {
		s.Errorf("the user's phone shows %q as from %s", reply, own.Sender)
	}
	_, err = portal.AwaitText(s.ctx, 0, s.user.ID, reply)
	s.must(err)
	if got := texts(portal.Room, s.user.ID); !slices.Equal(got, []string{reply}) {
		s.Errorf("the room has %q of the user, want %q once", got, reply)
	}
}

// greeted has a contact write first, and returns the room of the chat.
func (s *stage) greeted(p *person) *roomOf {
	s.Helper()
	text := s.text("hi")
	p.writes(s.me, text)
	portal := s.portal(p)
	evt, err := portal.AwaitText(s.ctx, 0, p.mxid, text)
	s.must(err)
	return &roomOf{Room: portal, greeting: evt}
}

// withAnna logs the user in and has Anna write to them: what most scenarios begin with.
func (s *stage) withAnna() (anna *person, portal *roomOf) {
	s.Helper()
	anna = s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	return anna, s.greeted(anna)
}

func textSelf(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	// First in a chat that has no room yet, then in one that has.
	var want []string
	for _, words := range []string{"I write first", "and again"} {
		text := s.text(words)
		want = append(want, text)
		s.me.writes(anna, text)
		portal := s.portal(anna)
		evt, err := portal.AwaitText(s.ctx, 0, s.user.ID, text)
		s.must(err)
		s.mustBeEncrypted(evt)
	}
	portal := s.portal(anna)
	answer := s.text("answer")
	anna.writes(s.me, answer)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, answer)
	s.must(err)
	if got := texts(portal, s.user.ID); !slices.Equal(got, want) {
		s.Errorf("the room has %q of the user, want %q", got, want)
	}
	if got := anna.textsFrom(s.me); !slices.Equal(got, want) {
		s.Errorf("Anna's phone has %q, want %q", got, want)
	}
}

func textOrder(s *stage) {
	const count = 200
	anna, portal := s.withAnna()
	mark := s.text("nr")
	wantIn, wantOut := make([]string, count), make([]string, count)
	for i := range count {
		wantIn[i], wantOut[i] = fmt.Sprintf("%s in %d", mark, i), fmt.Sprintf("%s out %d", mark, i)
	}
	s.patient(3 * time.Minute)
	sent := make(chan error, 1)
	go func() {
		for _, text := range wantIn {
			if _, err := s.stack.Simulator.Send(s.ctx, s.side.control(), anna.ID, control.SendRequest{To: s.me.ID, Text: text}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for _, text := range wantOut {
		_, err := portal.SendText(s.ctx, text)
		s.must(err)
	}
	s.must(<-sent)
	s.await("all texts on both sides", func(ctx context.Context) error {
		return arrived(texts(portal.Room, anna.mxid), count+1, anna.textsFrom(s.me), count)
	})
	compare(s, "in Matrix", texts(portal.Room, anna.mxid)[1:], wantIn)
	compare(s, "on the contact's phone", anna.textsFrom(s.me), wantOut)
}

// arrived fails while texts of one of the two lists are missing or not decrypted.
func arrived(inMatrix []string, wantIn int, onPhone []string, wantOut int) error {
	inMatrix = slices.DeleteFunc(slices.Clone(inMatrix), func(text string) bool { return text == notDecrypted })
	if len(inMatrix) < wantIn || len(onPhone) < wantOut {
		return fmt.Errorf("%d of %d are in Matrix, %d of %d on the contact's phone", len(inMatrix), wantIn, len(onPhone), wantOut)
	}
	return nil
}

// compare says where two long lists begin to differ.
func compare(s *stage, where string, got, want []string) {
	s.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			s.Errorf("%s: %d texts, want %d; %q is missing", where, len(got), len(want), want[i])
		case i >= len(want):
			s.Errorf("%s: %d texts, want %d; %q is too much", where, len(got), len(want), got[i])
		case got[i] != want[i]:
			s.Errorf("%s: text %d is %q, want %q", where, i, got[i], want[i])
		default:
			continue
		}
		return
	}
}

func textUnicode(s *stage) {
	anna, portal := s.withAnna()
	for name, words := range map[string]string{
		"emoji with modifiers": "👍🏽 👩🏿‍🚒 ❤️ 🇺🇦 1️⃣",
		"right to left":        "שלום עולם, مرحبا بالعالم, mixed עם English",
		"direction marks":      "a\u202eb\u202cc \u2067abc\u2069",
		"combining marks":      "Z\u0351\u036b\u0343a\u0328\u0301 e\u0301 vs \u00e9",
		"joiners":              "👨‍👩‍👧‍👦 क्\u200dष zero\u200bwidth",
		"four bytes":           "𝕳𝖊𝖑𝖑𝖔 𠜎𠜱𡿨 🦄",
		"newlines":             "one\ntwo\n\nfour\tand a tab",
		"markup characters":    "a < b & c > d \"quoted\" 'single' \\ backslash",
		"spaces":               "two  spaces and\u00a0one that does not break",
	} {
		in, out := s.text(words), s.text(words)
		anna.writes(s.me, in)
		if _, err := portal.AwaitText(s.ctx, 0, anna.mxid, in); err != nil {
			s.Errorf("%s, from the contact: %v", name, err)
		}
		if _, err := portal.SendText(s.ctx, out); err != nil {
			s.Fatal(err)
		}
		if e := anna.sees(control.Match{Kind: control.KindMessage, Sender: s.me.ID, Text: out})[0]; e.Text != out {
			s.Errorf("%s: the contact got %q, want %q", name, e.Text, out)
		}
	}
	for _, evt := range portal.Messages() {
		if evt.Sender == anna.mxid && evt.Type == event.EventMessage && evt.Content.AsMessage().FormattedBody != "" {
			s.Errorf("plain text %q got markup: %q", evt.Content.AsMessage().Body, evt.Content.AsMessage().FormattedBody)
		}
	}
}

func textLong(s *stage) {
	const limit = 65536 // characters, on WhatsApp
	anna, portal := s.withAnna()
	from := len(texts(portal.Room, anna.mxid))
	long := s.text("long") + " " + strings.Repeat("wörter über wörter ", limit)
	long = string([]rune(long)[:limit])
	anna.writes(s.me, long)
	s.await("all of the long text", func(context.Context) error {
		if got := strings.Join(texts(portal.Room, anna.mxid)[from:], ""); got != long {
			return fmt.Errorf("%d bytes are here, want %d", len(got), len(long))
		}
		return nil
	})
	// No Matrix event holds as much, but HTML gets longer: 512 lines of 64 characters, quoted 32 times.
	line := strings.Repeat("a", 63)
	quoted := func(last string) string {
		lines := strings.Repeat(line+"<br>", 511) + last
		return strings.Repeat("<blockquote>", 32) + lines + strings.Repeat("</blockquote>", 32)
	}
	before := len(anna.timeline())
	_, err := portal.SendHTML(s.ctx, "at the limit", quoted(line+"b"))
	s.must(err)
	e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
	if n := len([]rune(e.Text)); n != limit || !strings.HasSuffix(e.Text, "ab") {
		s.Errorf("the text at the limit has %d characters, want %d", n, limit)
	}
	s.failsToSend()
	mark := portal.Mark()
	_, err = portal.SendHTML(s.ctx, "over the limit", quoted(line+"bc"))
	s.must(err)
	s.tells(portal, mark, "65537", "at most 65536")
	s.fence(portal, anna)
	if got := anna.textsFrom(s.me); len(got) != 2 {
		s.Errorf("Anna's phone has %d texts, want the one at the limit and the fence", len(got))
	}
}

// metaTextLong: texts are shorter there, and one event holds them.
func metaTextLong(s *stage) {
	const limit = 20000 // UTF-16 units
	anna, portal := s.withAnna()
	words := s.text("long")
	long := words + strings.Repeat("ä🦄", limit/3)
	long = long[:len(words)] + string([]rune(long[len(words):])[:(limit-len(words))/3*2])
	anna.writes(s.me, long)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, long)
	s.must(err)
	full := words + strings.Repeat("x", limit-len(words))
	_, err = portal.SendText(s.ctx, full)
	s.must(err)
	anna.reads(s.me, full)
	s.failsToSend()
	mark := portal.Mark()
	_, err = portal.SendText(s.ctx, full+"y")
	s.must(err)
	s.tells(portal, mark, "20001", "at most 20000")
	s.fence(portal, anna)
	if got := anna.textsFrom(s.me); len(got) != 2 {
		s.Errorf("Anna's app has %d texts, want the one at the limit and the fence", len(got))
	}
}
