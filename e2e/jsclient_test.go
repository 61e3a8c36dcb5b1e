package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/e2e/lab/jsclient"
	"crosschat/simulator/control"
)

// element is a user with matrix-js-sdk, and a WhatsApp account that they logged in to through the bot.
type element struct {
	*stage
	client *jsclient.Client
	chat   string // the room with the bot
}

// TestMatrixJSSDK shows a chat through a client that none of us wrote, in rooms that are encrypted. While the user logs in
// and later sends, their client shuts out devices that their owners have not signed.
func TestMatrixJSSDK(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	if setting.Encryption == lab.EncryptionOff {
		lab.Notice("matrix-js-sdk in an encrypted room: needs encryption, the setting is %s", setting)
		t.SkipNow() // the notice has said so loudly
	}
	dir, err := jsclient.Ensure(t.Context())
	if err != nil {
		lab.Notice("matrix-js-sdk as the user's client: %v", err)
		t.SkipNow() // the notice has said so loudly
	}
	shared := &lazyStack{t: t, setting: setting}
	e := &element{stage: newStage(t, shared.get(t), whatsapp{}, "jssdk")}
	e.enters(dir)
	anna := e.newPerson(control.NewPerson{Name: "Anna", Avatar: photo(64, 64, 3)})
	room := e.meets(anna)
	e.looksAt(room, anna)
	e.talks(room, anna)
	e.isolated(room, anna)
	e.showsPictures(room, anna)
	e.relates(room, anna)
	e.restart() // the keys must survive it
	e.talks(room, anna)
}

// enters logs the user in to Matrix and, with a pairing code, to WhatsApp.
func (e *element) enters(dir string) {
	e.Helper()
	localpart, password := "element-"+randomHex(3), "pass"+randomHex(8)
	_, err := e.stack.Homeserver.Register(e.ctx, localpart, password)
	e.must(err)
	e.secrets = append(e.secrets, password)
	e.client, err = jsclient.Start(e.ctx, dir, filepath.Join(e.stack.Dir, "jsclient.log"), e.stack.Homeserver.URL, localpart, password)
	e.must(err)
	e.Cleanup(func() {
		if err := e.client.Stop(); err != nil {
			e.Error(err)
		}
	})
	e.must(e.client.Do(e.ctx, "isolate", map[string]any{"on": true}, nil))
	bot := e.stack.Bridge.Bot.String()
	var room struct{ Room string }
	e.must(e.client.Do(e.ctx, "direct", map[string]any{"user": bot}, &room))
	e.chat = room.Room
	_, err = e.client.Await(e.ctx, 0, "the bot to come in", func(evt jsclient.Event) bool {
		return evt.Type == "m.room.member" && evt.Room == e.chat && evt.Sender == bot && evt.Content["membership"] == "join"
	})
	e.must(err)
	e.mustBeSigned(bot)
	from := e.client.Mark()
	_, err = e.client.Say(e.ctx, e.chat, "login whatsapp-code")
	e.must(err)
	e.answer(from, "enter your phone number")
	_, err = e.client.Say(e.ctx, e.chat, "+"+e.me.Phone)
	e.must(err)
	code := pairingCode.FindString(e.answerThat(from, "a pairing code", pairingCode.MatchString))
	e.secrets = append(e.secrets, code, strings.ReplaceAll(code, "-", ""))
	_, err = e.stack.Simulator.EnterCode(e.ctx, e.side.control(), e.me.ID, code)
	e.must(err)
	e.answer(from, e.me.Name)
	// A puppet writes with the bot's device, which such a client takes for another's: see docs/decisions.md.
	e.must(e.client.Do(e.ctx, "isolate", map[string]any{"on": false}, nil))
}

// isolated shows that what the user sends goes through where their client encrypts only for signed devices.
func (e *element) isolated(room string, p *person) {
	e.Helper()
	e.must(e.client.Do(e.ctx, "isolate", map[string]any{"on": true}, nil))
	text := e.text("for signed devices only")
	_, err := e.client.Say(e.ctx, room, text)
	e.must(err)
	p.reads(e.me, text)
	e.must(e.client.Do(e.ctx, "isolate", map[string]any{"on": false}, nil))
}

func (e *element) answer(from int, words string) string {
	e.Helper()
	return e.answerThat(from, fmt.Sprintf("the bot to say %q", words), func(body string) bool { return strings.Contains(body, words) })
}

func (e *element) answerThat(from int, what string, match func(string) bool) string {
	e.Helper()
	evt := e.shown(from, what, func(evt jsclient.Event) bool {
		return evt.Room == e.chat && evt.Sender == e.stack.Bridge.Bot.String() && match(body(evt))
	})
	return body(evt)
}

// shown waits for an encrypted event that the client could read.
func (e *element) shown(from int, what string, match func(jsclient.Event) bool) jsclient.Event {
	e.Helper()
	evt, err := e.client.Await(e.ctx, from, what, func(evt jsclient.Event) bool { return evt.Failure == "" && match(evt) })
	e.must(err)
	if !evt.Encrypted && evt.Type != "m.reaction" && evt.Type != "m.room.redaction" {
		e.Errorf("%s came unencrypted: %+v", what, evt)
	}
	return evt
}

func body(evt jsclient.Event) string {
	text, _ := evt.Content["body"].(string)
	return text
}

// mustBeSigned checks that all devices of a user are signed by their owner, and that there is one.
func (e *element) mustBeSigned(user string) {
	e.Helper()
	e.await(fmt.Sprintf("devices of %s that their owner has signed", user), func(ctx context.Context) error {
		var known struct {
			Devices []struct {
				Device string
				Signed bool `json:"signed_by_owner"`
			}
		}
		if err := e.client.Do(ctx, "devices", map[string]any{"user": user}, &known); err != nil {
			return err
		}
		if len(known.Devices) == 0 {
			return fmt.Errorf("%s has no devices", user)
		}
		for _, device := range known.Devices {
			if !device.Signed {
				return fmt.Errorf("%s has device %q, which is not signed", user, device.Device)
			}
		}
		return nil
	})
}

// meets has somebody write first, and returns the room that the client then joined.
func (e *element) meets(p *person) (room string) {
	e.Helper()
	from, text := e.client.Mark(), e.text("hello Element")
	p.writes(e.me, text)
	evt := e.shown(from, "the first text", func(evt jsclient.Event) bool { return evt.Sender == p.mxid.String() && body(evt) == text })
	return evt.Room
}

// looksAt checks what a person sees of a portal room before they open it.
func (e *element) looksAt(room string, p *person) {
	e.await("a direct chat with name and picture of the contact", func(ctx context.Context) error {
		var seen struct {
			Name, Avatar      string
			Encrypted, Direct bool
			Members           []struct{ ID, Name, Avatar string }
		}
		if err := e.client.Do(ctx, "room", map[string]any{"room": room}, &seen); err != nil {
			return err
		}
		if seen.Name != p.Name || seen.Avatar == "" || !seen.Encrypted || !seen.Direct {
			return fmt.Errorf("the room is %+v, want an encrypted direct chat with %q and an avatar", seen, p.Name)
		}
		for _, member := range seen.Members {
			if member.ID == p.mxid.String() && member.Name != "" && member.Avatar != "" {
				return nil
			}
		}
		return fmt.Errorf("members are %+v, want %s with name and avatar", seen.Members, p.mxid)
	})
	e.mustBeSigned(e.stack.Bridge.Bot.String())
}

// talks shows a text each way.
func (e *element) talks(room string, p *person) {
	from, hello, reply := e.client.Mark(), e.text("in"), e.text("out")
	p.writes(e.me, hello)
	evt := e.shown(from, "the text", func(evt jsclient.Event) bool { return evt.Sender == p.mxid.String() && body(evt) == hello })
	var shield struct{ Colour, Reason int }
	e.must(e.client.Do(e.ctx, "shield", map[string]any{"room": room, "event": evt.ID}, &shield))
	e.Logf("the client shows the puppet's text with shield %+v", shield)
	_, err := e.client.Say(e.ctx, room, reply)
	e.must(err)
	p.reads(e.me, reply)
}

// showsPictures shows a picture each way, encrypted.
func (e *element) showsPictures(room string, p *person) {
	from, taken := e.client.Mark(), photo(120, 80, 1)
	p.sends(control.SendRequest{To: e.me.ID, Media: &control.Media{Kind: "image", Data: taken, MIMEType: "image/jpeg"}})
	evt := e.shown(from, "the picture", func(evt jsclient.Event) bool {
		return evt.Sender == p.mxid.String() && evt.Content["msgtype"] == string(event.MsgImage)
	})
	var got struct{ Data string }
	e.must(e.client.Do(e.ctx, "download", map[string]any{"file": evt.Content["file"]}, &got))
	if plain, err := base64.StdEncoding.DecodeString(got.Data); err != nil || !bytes.Equal(plain, taken) {
		e.Errorf("the client decrypts a picture of %d bytes (%v), want the %d that were sent", len(plain), err, len(taken))
	}
	data, before := photo(80, 120, 2), len(p.timeline())
	e.must(e.client.Do(e.ctx, "upload", map[string]any{
		"room": room, "name": "garden.jpg", "mimetype": "image/jpeg", "msgtype": event.MsgImage, "data": data,
		"info": map[string]any{"w": 80, "h": 120},
	}, nil))
	seen := p.sees(control.Match{From: before, Kind: control.KindMessage, Sender: e.me.ID})[0]
	if seen.Media == nil || !bytes.Equal(seen.Media.Data, data) {
		e.Errorf("%s sees %+v, want the picture of %d bytes", p.Name, seen, len(data))
	}
}

// relates shows reply, reaction, edit and deletion each way.
func (e *element) relates(room string, p *person) {
	from, first := e.client.Mark(), e.text("to be related to")
	id := p.writes(e.me, first)
	target := e.shown(from, "the text", func(evt jsclient.Event) bool { return body(evt) == first })

	reply := e.text("a reply")
	_, err := e.client.Send(e.ctx, room, "m.room.message", map[string]any{
		"msgtype": "m.text", "body": reply, "m.relates_to": map[string]any{"m.in_reply_to": map[string]any{"event_id": target.ID}},
	})
	e.must(err)
	if seen := p.reads(e.me, reply); seen.ReplyTo != id {
		e.Errorf("the reply quotes %q, want %q", seen.ReplyTo, id)
	}
	_, err = e.client.Send(e.ctx, room, "m.reaction", map[string]any{
		"m.relates_to": map[string]any{"rel_type": "m.annotation", "event_id": target.ID, "key": "👍"},
	})
	e.must(err)
	p.sees(control.Match{Kind: control.KindReaction, Sender: e.me.ID, Ref: id, Text: "👍"})

	own := e.text("to be edited")
	sent, err := e.client.Say(e.ctx, room, own)
	e.must(err)
	there := p.reads(e.me, own)
	edited := e.text("edited")
	_, err = e.client.Send(e.ctx, room, "m.room.message", map[string]any{
		"msgtype": "m.text", "body": "* " + edited, "m.new_content": map[string]any{"msgtype": "m.text", "body": edited},
		"m.relates_to": map[string]any{"rel_type": "m.replace", "event_id": sent},
	})
	e.must(err)
	p.sees(control.Match{Kind: control.KindEdit, Ref: there.ID, Text: edited})
	e.must(e.client.Do(e.ctx, "redact", map[string]any{"room": room, "event": sent}, nil))
	p.sees(control.Match{Kind: control.KindRevoke, Ref: there.ID})
}
