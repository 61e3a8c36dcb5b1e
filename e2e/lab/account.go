package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"crosschat/simulator/control"
)

// LogIn links the bridge to a simulated person's account as its owner would, in the chat with the bot: by scanning a QR code
// with their phone, or by pasting the cookies of a browser that is logged in. network is one of the simulator's. It returns
// the bot's confirmation.
func (s *Stack) LogIn(ctx context.Context, bot *Bot, network string, me control.Person) (string, error) {
	name := strings.TrimSuffix(network, "-e2ee") // to the bridge it is one account with Messenger's plain chats
	kind, step := "cookies", s.pasteCookies
	if name == "whatsapp" {
		kind, step = "qr", s.scanCode
	}
	from, err := bot.StartLogin(ctx, name, kind)
	if err != nil {
		return "", err
	}
	if err = step(ctx, bot, from, name, me); err != nil {
		return "", err
	}
	return bot.AwaitAnswer(ctx, from, "the bot's confirmation", func(body string) bool {
		return strings.HasPrefix(body, "Logged in") && (strings.Contains(body, me.Name) || me.Phone != "" && strings.Contains(body, me.Phone))
	})
}

func (s *Stack) scanCode(ctx context.Context, bot *Bot, from int, network string, me control.Person) error {
	code, err := bot.AwaitQR(ctx, from)
	if err != nil {
		return err
	}
	_, err = s.Simulator.ScanQR(ctx, network, me.ID, code)
	return err
}

func (s *Stack) pasteCookies(ctx context.Context, bot *Bot, from int, network string, me control.Person) error {
	var browser struct {
		Cookies map[string]string `json:"cookies"`
	}
	if err := s.Simulator.Special(ctx, network, me.ID, "login", nil, &browser); err != nil {
		return err
	}
	text, err := json.Marshal(browser.Cookies)
	if err != nil {
		return fmt.Errorf("encode cookies: %w", err)
	}
	if _, err = bot.AwaitAnswer(ctx, from, "the bot to ask for cookies", func(body string) bool { return strings.Contains(body, "Login URL") }); err != nil {
		return err
	}
	_, err = bot.SendText(ctx, string(text))
	return err
}

// Ghost is the localpart of a simulated person's ghost.
func Ghost(network string, p control.Person) string {
	switch network {
	case "whatsapp":
		return "crosschat_whatsapp-lid-" + p.LID
	case "messenger-e2ee":
		network = "messenger"
	}
	return "crosschat_" + network + "-" + p.ID
}
