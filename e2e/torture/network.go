package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// network is what differs between the networks.
type network struct {
	// name is that of the control API, of the bot's commands and of the rows of the table.
	name string
	// login is the network's name in the list of logins, if it is another.
	login string
	flow  string
	// ghost is the localpart of a person's ghost.
	ghost func(control.Person) string
	// logIn does what the first step of the login asks for, which is to be found in the bot's room from a position on.
	logIn func(ctx context.Context, stack *lab.Stack, bot *lab.Bot, from int, me control.Person) error
	// shut keeps everybody from connecting, end ends a person's connection.
	shut, end control.Fault
	// twice and late are faults of what a person is sent: that it comes twice, and later than what is behind it. A network
	// that is simulated without one lacks its kind.
	twice, late control.Fault
	// pictures says that there are no files but pictures, whose names are not told: they are known by their sizes. Their
	// captions are messages of their own.
	pictures bool
	// asked says that the bridge asks for a new chat as it is by then: what was edited before comes edited at once, and what
	// was deleted comes behind the others, to be deleted then, if it comes at all.
	asked bool
	// newest says that the network's cursor names the newest thing that was taken, so that something older that it still holds
	// back when the bridge ends does not come again (docs/reliability.md, what is not promised).
	newest bool
	// once says that what the bridge has confirmed does not come again, so that a power cut may take its row for good. The other
	// networks go on from a cursor that is stored with the rows.
	once bool
}

var networks = []network{
	{
		name: "whatsapp", flow: "qr", once: true,
		ghost: func(p control.Person) string { return "crosschat_whatsapp-lid-" + p.LID },
		logIn: scanCode,
		shut:  control.Fault{Kind: "http_status", Times: -1},
		end:   control.Fault{Kind: "close"},
		twice: control.Fault{Kind: "duplicate", Stanza: "message", Times: 20},
		late:  control.Fault{Kind: "delay", Stanza: "message", Times: 5, Args: map[string]string{"ms": fmt.Sprint(heldBack.Milliseconds())}},
	},
	{
		name: "messenger", flow: "cookies",
		ghost: func(p control.Person) string { return "crosschat_messenger-" + p.ID },
		logIn: pasteCookies("messenger"),
		shut:  control.Fault{Kind: "http_status", Stanza: "gateway", Times: -1},
		end:   control.Fault{Kind: "close"},
		twice: control.Fault{Kind: "duplicate_push", Stanza: "push/1", Times: 20},
		late:  control.Fault{Kind: "delay_push", Stanza: "push/1", Times: 5, Args: map[string]string{"ms": fmt.Sprint(heldBack.Milliseconds())}},
	},
	{
		name: "messenger-e2ee", login: "messenger", flow: "cookies", once: true,
		ghost: func(p control.Person) string { return "crosschat_messenger-" + p.ID },
		logIn: pasteCookies("messenger"),
		shut:  control.Fault{Kind: "close_before", Stanza: "success", Times: -1},
		end:   control.Fault{Kind: "close"},
		twice: control.Fault{Kind: "duplicate", Stanza: "message/text", Times: 20},
	},
	{
		name: "instagram", flow: "cookies", pictures: true, asked: true, newest: true,
		ghost: func(p control.Person) string { return "crosschat_instagram-" + p.ID },
		logIn: pasteCookies("instagram"),
		shut:  control.Fault{Kind: "http_status", Stanza: "socket", Times: -1},
		end:   control.Fault{Kind: "close"},
		twice: control.Fault{Kind: "duplicate", Stanza: "push/SlideUQPPNewMessage", Times: 20},
		late:  control.Fault{Kind: "delay", Stanza: "push/SlideUQPPNewMessage", Times: 5, Args: map[string]string{"ms": fmt.Sprint(heldBack.Milliseconds())}},
	},
}

// chosen are the networks of a list of names, all if it is empty.
func chosen(names string) ([]network, error) {
	if names == "" {
		return networks, nil
	}
	var wanted []network
	for _, name := range strings.Split(names, ",") {
		found := false
		for _, n := range networks {
			if n.name == name {
				wanted, found = append(wanted, n), true
			}
		}
		if !found {
			return nil, fmt.Errorf("network %q: there is none of that name", name)
		}
	}
	return wanted, nil
}

func scanCode(ctx context.Context, stack *lab.Stack, bot *lab.Bot, from int, me control.Person) error {
	code, err := bot.AwaitQR(ctx, from)
	if err != nil {
		return err
	}
	_, err = stack.Simulator.ScanQR(ctx, "whatsapp", me.ID, code)
	return err
}

// pasteCookies is how one logs in to a network by cookies.
func pasteCookies(network string) func(context.Context, *lab.Stack, *lab.Bot, int, control.Person) error {
	return func(ctx context.Context, stack *lab.Stack, bot *lab.Bot, from int, me control.Person) error {
		var answer struct {
			Cookies map[string]string `json:"cookies"`
		}
		if err := stack.Simulator.Special(ctx, network, me.ID, "login", nil, &answer); err != nil {
			return err
		}
		text, err := json.Marshal(answer.Cookies)
		if err != nil {
			return fmt.Errorf("encode cookies: %w", err)
		}
		if _, err = bot.AwaitAnswer(ctx, from, "the bot to ask for cookies", func(body string) bool { return strings.Contains(body, "Login URL") }); err != nil {
			return err
		}
		_, err = bot.SendText(ctx, string(text))
		return err
	}
}
