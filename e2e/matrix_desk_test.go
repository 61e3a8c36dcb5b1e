package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

// TestCommands walks through what the bot's desk does, for a user of two networks, and shows that no command that help
// lists leaves them without an answer that says what to do.
func TestCommands(t *testing.T) {
	t.Parallel()
	shared := &lazyStack{t: t, setting: settingFromEnv(t)}
	s := newStage(t, shared.get(t), whatsapp{}, "commands")
	bot := s.openBot()
	says := func(command string, wants ...string) string {
		s.Helper()
		answer, err := bot.Ask(s.ctx, command)
		s.must(err)
		for _, want := range wants {
			if !strings.Contains(answer, want) {
				s.Errorf("to %q the bot answers %q, want %q in it", command, answer, want)
			}
		}
		return answer
	}
	// Before a login.
	says("list", "not logged in", "login")
	says("logout", "not logged in")
	says("lgoin", "Did you mean", "login")
	click := func(words, key string) {
		s.Helper()
		list, err := bot.AwaitEvent(s.ctx, 0, fmt.Sprintf("the bot's answer with %q", words), func(evt *event.Event) bool {
			return evt.Sender == bot.MXID && evt.Type == event.EventMessage && strings.Contains(evt.Content.AsMessage().Body, words)
		})
		s.must(err)
		_, err = bot.AwaitEvent(s.ctx, 0, "the reaction to click "+key, func(evt *event.Event) bool {
			return evt.Sender == bot.MXID && evt.Type == event.EventReaction && evt.Content.AsReaction().RelatesTo.EventID == list.ID &&
				evt.Content.AsReaction().RelatesTo.Key == key
		})
		s.must(err)
		s.clicks(bot.Room, list.ID, key)
	}
	from := bot.Mark()
	click("Did you mean", "✅")
	_, err := bot.AwaitAnswer(s.ctx, from, "the command that was meant", func(body string) bool {
		return strings.Contains(body, "1. ") && strings.Contains(body, "whatsapp-qr")
	})
	s.must(err)
	says("xyzzy-plugh-foo", "Unknown command", "help")
	for _, name := range []string{"accept", "chats", "encrypt", "list", "login", "logout", "outbox", "requests", "search", "security", "start-chat", "whatsapp-history"} {
		says("help "+name, name)
	}
	says("help chats", "For example", "!cc chats 50")
	says("help nothing-like-it", "no command")
	says("security", "plain text")
	says("encrypt", "encrypted")
	says("chats", "20 newest")

	s.logIn()
	other := s.alsoOn(messenger{})
	other.logIn()
	says("list", "1. Messenger: "+other.me.Name, "2. WhatsApp: "+s.me.Name, "connected")
	says("requests", "no requests")
	says("search", "Usage")
	zora := other.newPerson(control.NewPerson{Name: "Zora " + randomHex(3)})
	says("search "+zora.Name, "Messenger: "+zora.Name, zora.ID) // whichever login is the first
	says("1", "Created chat with", zora.Name)
	says("start-chat", "Usage")
	says("outbox", "Nothing")
	says("chats none", "when somebody writes")
	says("whatsapp-requests maybe", "Usage")
	says("accept", "portal")
	says("logout", "1. Messenger", "2. WhatsApp")
	says("logout 3", "no account 3")
	from = bot.Mark()
	click("Which account?", "1️⃣")
	_, err = bot.AwaitAnswer(s.ctx, from, "that it is logged out", func(body string) bool { return body == "Logged out" })
	s.must(err)
	if answer := says("list", "1. WhatsApp: "+s.me.Name); strings.Contains(answer, "Messenger") {
		s.Errorf("after a logout the bot still lists %q", answer)
	}
}
