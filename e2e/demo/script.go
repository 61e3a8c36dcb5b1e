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
	"strings"
	"time"

	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

const network = "whatsapp"

// demo is one run of the show. Everything but watching happens in the main goroutine.
type demo struct {
	options
	stack  *lab.Stack
	screen *screen
	user   *lab.User
	me     control.Person
	// people are those who talk with the user, botRoom is the user's chat with the bridge's bot.
	people  []control.Person
	botRoom id.RoomID
}

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

// logIn makes the user and their phone, and links the two like a person would: by the bot and a QR code.
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
	sim := d.stack.Simulator
	if d.me, err = sim.AddPerson(ctx, network, control.NewPerson{Name: "You"}); err != nil {
		return err
	}
	for i, name := range []string{"Anna", "Ben"} {
		p, err := sim.AddPerson(ctx, network, control.NewPerson{Name: name, Avatar: picture(128, 128, i)})
		if err != nil {
			return err
		}
		d.people = append(d.people, p)
	}
	d.screen.say("\n%s opens a chat with the bridge's bot %s and types \"login\".", d.user.ID, d.stack.Bridge.Bot)
	bot, err := d.user.OpenBot(ctx, d.stack.Bridge.Bot, d.encryption != string(lab.EncryptionOff))
	if err != nil {
		return err
	}
	d.botRoom = bot.ID
	from, err := bot.StartLogin(ctx, network, "qr")
	if err != nil {
		return err
	}
	code, err := bot.AwaitQR(ctx, from)
	if err != nil {
		return err
	}
	d.screen.say("The bot shows a QR code. A simulated phone (+%s) scans it.", d.me.Phone)
	if _, err = sim.ScanQR(ctx, network, d.me.ID, code); err != nil {
		return err
	}
	answer, err := bot.AwaitAnswer(ctx, from, "the bot's confirmation", func(body string) bool {
		return strings.Contains(body, d.me.Name) || strings.Contains(body, d.me.Phone)
	})
	if err != nil {
		return err
	}
	d.screen.say("The bot answers: %s\n", answer)
	return nil
}

// converse plays the scripted part: two people write, one sends a picture, the user answers, and all of it arrives.
func (d *demo) converse(ctx context.Context) error {
	anna, ben := d.people[0], d.people[1]
	if err := d.write(ctx, anna, "Hi! I hear you have left WhatsApp for Matrix?"); err != nil {
		return err
	}
	const answer = "Only the app. You still reach me here."
	if err := d.answer(ctx, anna, answer); err != nil {
		return err
	}
	_, err := d.stack.Simulator.Send(ctx, network, ben.ID, control.SendRequest{To: d.me.ID, Media: &control.Media{
		Kind: "image", Data: picture(640, 480, 2), MIMEType: "image/jpeg", Width: 640, Height: 480,
		Caption: "The view from my window", Thumbnail: picture(64, 48, 2),
	}})
	if err != nil {
		return err
	}
	if err = d.answer(ctx, ben, "What colours!"); err != nil {
		return err
	}
	// Four messages, each seen on both sides. What is shown comes from watchers, which may lag behind.
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err = d.screen.awaitLines(ctx, 8); err != nil {
		return fmt.Errorf("show the whole conversation on both sides: %w", err)
	}
	return nil
}

func (d *demo) write(ctx context.Context, from control.Person, text string) error {
	_, err := d.stack.Simulator.Send(ctx, network, from.ID, control.SendRequest{To: d.me.ID, Text: text})
	return err
}

// answer waits until the person's last message is in its room, answers there, and waits until the phone has the answer.
func (d *demo) answer(ctx context.Context, to control.Person, text string) error {
	ghost := id.NewUserID("crosschat_whatsapp-lid-"+to.LID, d.serverName())
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
	_, err = d.stack.Simulator.Await(ctx, network, to.ID, control.Match{Kind: control.KindMessage, Sender: d.me.ID, Text: text}, 30*time.Second)
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
