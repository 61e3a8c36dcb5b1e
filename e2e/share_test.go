package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

// share is a message in which something of the network is shared, and what is to be seen of it.
type share struct {
	raw   json.RawMessage
	title string
	holds []string // what else is in it
	text  string   // what the sender has written to it, if anything
	// noPicture is what a notice says of its picture, which is not fetched.
	noPicture string
}

// shareSide is a side on which posts, reels, stories and the like are shared.
type shareSide interface {
	// shares are messages of somebody. Those that have a picture have the given one, of 90x60.
	shares(s *stage, by *person, picture []byte) []share
}

func shareIn(s *stage) {
	anna, portal := s.withAnna()
	picture := photo(90, 60, 2)
	for _, share := range s.side.(shareSide).shares(s, anna, picture) {
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: share.raw})
		c := s.gets(portal, from, anna, "what is shared", holding(share.title)).Content.AsMessage()
		for _, want := range share.holds {
			if !strings.Contains(c.Body, want) {
				s.Errorf("what is shared is %q, want %q in it", c.Body, want)
			}
		}
		if share.text != "" {
			s.awaitBody(portal.Room, share.text)
		}
		if share.noPicture != "" {
			s.gets(portal, from, anna, "word of the picture", saying(share.noPicture))
			if c.MsgType != event.MsgText {
				s.Errorf("%s came as %s: %q", share.raw, c.MsgType, c.Body)
			}
			continue
		}
		if c.MsgType != event.MsgImage {
			s.Fatalf("%q came as %s, want its picture", c.Body, c.MsgType)
		}
		s.mustHold(c, picture)
	}
}

func (messenger) shares(s *stage, _ *person, picture []byte) (all []share) {
	s.Helper()
	for i, kind := range []string{"posts", "reel", "stories"} {
		title, link := s.text("One of the "+kind), fmt.Sprintf("https://www.facebook.com/ben/%s/%d", kind, i)
		all = append(all, share{title: title, holds: []string{"Ben Bauer", "said something", link}, raw: rawOf(s, map[string]any{
			"shares": []any{map[string]any{
				"FBID": fmt.Sprintf("7100%d", 4+i), "Header": "Ben Bauer", "Title": title, "Subtitle": "said something", "ActionURL": link,
			}},
			"pictures": []any{control.Media{Kind: "image", Data: picture, MIMEType: "image/jpeg", Width: 90, Height: 60}},
		})})
	}
	// A picture that would be fetched from somewhere else, or from this very machine, is not.
	for i, address := range []string{"https://example.org/x.jpg", "https://127.0.0.1:1/x.jpg", "http://169.254.169.254/latest/meta-data"} {
		title := s.text("A trap")
		all = append(all, share{title: title, noPicture: "not on Messenger's own servers", raw: sharing(s, "", map[string]any{
			"FBID": fmt.Sprintf("7101%d", i), "Title": title, "Preview": address, "PreviewMIME": "image/jpeg",
		})})
	}
	return all
}

// shares: its picture is a file of the encrypted plane, so one that was sent before goes along.
func (messengerE2EE) shares(s *stage, by *person, picture []byte) []share {
	s.Helper()
	sent := by.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: picture, MIMEType: "image/jpeg"}})
	var message struct {
		Consumer struct {
			Payload struct {
				Content struct {
					Message struct {
						Image map[string]any `json:"image"`
					} `json:"imageMessage"`
				} `json:"content"`
			} `json:"payload"`
		} `json:"consumer"`
	}
	s.must(json.Unmarshal(by.sees(control.Match{Kind: control.KindMessage, ID: sent.ID})[0].Raw, &message))
	const link = "https://www.facebook.com/ben/posts/1"
	title := s.text("A post of somebody")
	return []share{{title: title, holds: []string{"Ben Bauer", "said something", link}, raw: armadillo(s, map[string]any{
		"extendedContentMessage": map[string]any{
			"targetType": "FB_FEED_SHARE", "headerTitle": "Ben Bauer", "titleText": title, "subtitleText": "said something",
			"previews": []any{message.Consumer.Payload.Content.Message.Image}, "ctas": []any{map[string]any{"nativeURL": link}},
		},
	})}}
}

func (i instagram) shares(s *stage, _ *person, picture []byte) (all []share) {
	s.Helper()
	for _, of := range []struct{ kind, target, text, called string }{
		{kind: "MESSAGE_INLINE_SHARE", target: "https://www.instagram.com/reel/Cabc/?id=1"},
		{kind: "MESSAGE_INLINE_SHARE", target: "https://www.instagram.com/p/Cdef/"},
		{kind: "MONTAGE_SHARE_XMA", target: "https://www.instagram.com/stories/ben/3400000000000000001?reel_id=34000000002", called: "Shared story"},
		{
			kind: "MESSAGE_INLINE_SHARE", target: "https://www.instagram.com/stories/me/3400000000000000002?reel_id=34000000001",
			text: s.text("what a story"), called: "Reply to a story",
		},
	} {
		title := s.text("A post of somebody")
		all = append(all, share{
			title: title, text: of.text, holds: []string{of.called, "ben.bauer", of.target},
			raw: i.sharing(s, of.kind, of.text, picture, 90, 60, map[string]any{
				"target_id": "3400000000000000001", "target_url": of.target, "header_title_text": "ben.bauer", "title_text": title,
			}),
		})
	}
	return all
}
