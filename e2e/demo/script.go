package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"path/filepath"
	"time"

	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// demo is one run of the show. Everything but watching happens in the main goroutine.
type demo struct {
	options
	stack  *lab.Stack
	screen *screen
	user   *lab.User
	// people are those who talk with the user, botRoom is the user's chat with the bridge's bot.
	people  []person
	botRoom id.RoomID
}

// person is somebody who talks with the user, whose own account there is me.
type person struct {
	control.Person
	network network
	me      control.Person
}

// network is one of those that are joined.
type network struct{ key, name, friend string }

var networks = []network{{"whatsapp", "WhatsApp", "Anna"}, {"messenger", "Messenger", "Ben"}, {"instagram", "Instagram", "Clara"}}

func (d *demo) url() string {
	if d.homeserver != "" {
		return d.homeserver
	}
	return d.stack.Homeserver.URL
}

func (d *demo) serverName() string {
	if d.homeserver != "" {
		return d.domain
	}
	return d.stack.Homeserver.Domain
}

// logIn makes the user, their accounts and a friend on each network, and links the accounts like a person would: by the bot.
func (d *demo) logIn(ctx context.Context) error {
	if d.homeserver == "" {
		if d.password == "" {
			secret := make([]byte, 6)
			_, _ = rand.Read(secret)
			d.password = hex.EncodeToString(secret)
		}
		if _, err := d.stack.Homeserver.Register(ctx, d.options.user, d.password); err != nil {
			return err
		}
	}
	var err error
	if d.user, err = lab.Login(ctx, d.url(), d.options.user, d.password, filepath.Join(d.stack.Dir, "users")); err != nil {
		return err
	}
	d.screen.say("\n%s opens a chat with the bridge's bot %s.", d.user.ID, d.stack.Bridge.Bot)
	bot, err := d.user.OpenBot(ctx, d.stack.Bridge.Bot, d.encryption != string(lab.EncryptionOff))
	if err != nil {
		return err
	}
	d.botRoom = bot.ID
	for i, n := range networks {
		me, err := d.stack.Simulator.AddPerson(ctx, n.key, control.NewPerson{Name: "You"})
		if err != nil {
			return err
		}
		friend, err := d.stack.Simulator.AddPerson(ctx, n.key, control.NewPerson{Name: n.friend, Avatar: picture(128, 128, i)})
		if err != nil {
			return err
		}
		if n.key == "whatsapp" {
			d.screen.say("They type \"login\" and choose %s. The bot shows a QR code; a simulated phone (+%s) scans it.", n.name, me.Phone)
		} else {
			d.screen.say("They type \"login\" and choose %s. The bot asks for a browser's cookies; they paste those of a simulated one.", n.name)
		}
		answer, err := d.stack.LogIn(ctx, bot, n.key, me)
		if err != nil {
			return err
		}
		d.screen.say("The bot answers: %s\n", answer)
		d.people = append(d.people, person{friend, n, me})
	}
	return nil
}

// converse plays the scripted part: three people write, one sends a picture, the user answers, and all of it arrives.
func (d *demo) converse(ctx context.Context) error {
	anna, ben, clara := d.people[0], d.people[1], d.people[2]
	if err := d.write(ctx, anna, "Hi! I hear you have left WhatsApp for Matrix?"); err != nil {
		return err
	}
	if err := d.answer(ctx, anna, "Only the app. You still reach me here."); err != nil {
		return err
	}
	_, err := d.stack.Simulator.Send(ctx, ben.network.key, ben.ID, control.SendRequest{To: ben.me.ID, Media: &control.Media{
		Kind: "image", Data: picture(640, 480, 2), MIMEType: "image/jpeg", Width: 640, Height: 480,
		Caption: "The view from my window", Thumbnail: picture(64, 48, 2),
	}})
	if err != nil {
		return err
	}
	if err = d.answer(ctx, ben, "What colours!"); err != nil {
		return err
	}
	if err = d.write(ctx, clara, "Which app are you in just now?"); err != nil {
		return err
	}
	if err = d.answer(ctx, clara, "In none of them, and in all three."); err != nil {
		return err
	}
	// Each message is seen on both sides. What is shown comes from watchers, which may lag behind.
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err = d.screen.awaitLines(ctx, 2*2*len(d.people)); err != nil {
		return fmt.Errorf("show the whole conversation on both sides: %w", err)
	}
	return nil
}

func (d *demo) write(ctx context.Context, from person, text string) error {
	_, err := d.stack.Simulator.Send(ctx, from.network.key, from.ID, control.SendRequest{To: from.me.ID, Text: text})
	return err
}

// ghost is who a person is in Matrix.
func (p person) ghost(d *demo) id.UserID {
	return id.NewUserID(lab.Ghost(p.network.key, p.Person), d.serverName())
}

// answer waits until the person's last message is in its room, answers there, and waits until the phone has the answer.
func (d *demo) answer(ctx context.Context, to person, text string) error {
	ghost := to.ghost(d)
	room, err := d.user.AwaitPortal(ctx, ghost)
	if err != nil {
		return err
	}
	err = d.user.Await(ctx, fmt.Sprintf("a message of %s in Matrix", to.Name), func(context.Context) error {
		for _, evt := range room.Messages() {
			if evt.Sender == ghost {
				return nil
			}
		}
		return fmt.Errorf("the room has:\n%s", room.Describe())
	})
	if err != nil {
		return err
	}
	if _, err = room.SendText(ctx, text); err != nil {
		return err
	}
	_, err = d.stack.Simulator.Await(ctx, to.network.key, to.ID, control.Match{Kind: control.KindMessage, Sender: to.me.ID, Text: text}, 30*time.Second)
	return err
}

// picture paints waves in one of several colours.
func picture(width, height, colour int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			wave := math.Sin(float64(x)/float64(width)*9+float64(colour)) * float64(height) / 8
			light := uint8(90 + 130*max(0, min(1, (float64(y)-wave)/float64(height))))
			shades := []color.RGBA{{light, 120, 90, 255}, {90, light, 120, 255}, {110, 90, light, 255}}
			img.Set(x, y, shades[colour%len(shades)])
		}
	}
	var out bytes.Buffer
	_ = jpeg.Encode(&out, img, nil) // writing to memory can't fail
	return out.Bytes()
}
