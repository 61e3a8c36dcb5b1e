package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"crosschat/simulator/control"
)

// TestInstagramAlerts shows what happens when Instagram changes under the bridge, or has more than it lists: each thing is
// told once in the user's chat with the bot, over restarts, and counted for whoever runs it.
func TestInstagramAlerts(t *testing.T) {
	t.Parallel()
	o := operate(t, settingFromEnv(t), instagram{})
	o.announced = append(o.announced, "Instagram needs the attention of whoever runs the bridge",
		"Instagram has retired a document; set its new id in the config")
	o.failsToSend()
	o.retiredQuery()
	o.professionalAccount()
}

// retiredQuery has Instagram retire a query whose new number is nowhere to be found.
func (o *operated) retiredQuery() {
	o.Helper()
	const told = `no longer knows the query "react"`
	o.mustBeTold(told, 0)
	o.breaks(control.Fault{Kind: "rotate_doc", Args: map[string]string{"op": "react", "lazy": "1"}})
	for i, emoji := range []string{"👍", "🎉", "😂"} {
		if i == 2 {
			o.restart()
		}
		from := o.room.Mark()
		_, err := o.room.React(o.ctx, o.room.greeting.ID, emoji)
		o.must(err)
		o.tells(o.room, from, "Instagram has changed")
		o.mustBeTold(told, 1)
		o.awaitAlerts("stale_document", 1)
	}
	// What does not need that query works on.
	o.userWrites(1)
	o.annaWrites(1)
	o.mustHaveAll()
}

// professionalAccount makes the account one whose inbox has a part that browsers list apart, and moves the chat there.
func (o *operated) professionalAccount() {
	o.Helper()
	const told = "This is a professional account"
	o.mustBeTold(told, 0)
	special := func(name string, argument any) {
		o.Helper()
		o.must(o.stack.Simulator.Special(o.ctx, o.side.control(), o.me.ID, name, argument, nil))
	}
	special("account", map[string]any{"professional": true})
	special("folder", map[string]string{"chat": o.anna.ID, "to": "general"})
	o.mustBeTold(told, 1)
	o.awaitAlerts("professional", 1)
	o.annaWrites(1)
	o.mustHaveAll()
	o.mustBeTold(told, 1)
}

// mustBeTold waits until the bot has told something so often, and fails if it was more often.
func (o *operated) mustBeTold(words string, times int) {
	o.Helper()
	o.await(fmt.Sprintf("the bot to say %q %d times", words, times), func(context.Context) error {
		count := 0
		for _, evt := range o.bot.Messages() {
			if evt.Sender == o.bot.MXID && strings.Contains(evt.Content.AsMessage().Body, words) {
				count++
			}
		}
		if count > times {
			o.Fatalf("the bot has said %q %d times, want %d", words, count, times)
		}
		if count < times {
			return fmt.Errorf("it was said %d times", count)
		}
		return nil
	})
}

// awaitAlerts waits until so many alerts of a kind are counted since the bridge's start.
func (o *operated) awaitAlerts(kind string, count int) {
	o.Helper()
	line := fmt.Sprintf("crosschat_alerts_total{kind=%q,network=%q} %d\n", kind, o.side.network(), count)
	o.await(line, func(ctx context.Context) error {
		code, body, err := o.ask(ctx, "/metrics")
		if err != nil || code != http.StatusOK || !strings.Contains(body, line) {
			return fmt.Errorf("status %d, %w: %.200s", code, err, body)
		}
		return nil
	})
}
