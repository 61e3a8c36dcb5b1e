package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// network is what benchmarks must know of a network.
type network struct {
	name  string // of the control API, and the prefix of ids
	title string
	flow  string // of the login
	// enter goes through the login's steps as a person with their account.
	enter func(ctx context.Context, s *stage, l *login) error
	// unhurried are config keys by which the bridge goes easy on the real network, with values that leave that out.
	unhurried map[string]string
	// hang makes the network stand still without going away: connections stay, nothing is answered, nothing told.
	hang []control.Fault
	// web says that one logs in with a browser's cookies, and that chats come with the login.
	web bool
}

// networks is the list of all there are.
func networks() []network { return []network{whatsApp, messenger, instagram} }

var whatsApp = network{
	name: "whatsapp", title: "WhatsApp", flow: "whatsapp-qr", enter: scanCode,
	hang: []control.Fault{{Kind: "ignore", Times: -1}, {Kind: "deaf"}},
}

var messenger = network{
	name: "messenger", title: "Messenger", flow: "messenger-cookies", enter: giveCookies, web: true,
	unhurried: map[string]string{
		"network.messenger.wire.send_interval": "1ms", "network.messenger.wire.request_interval": "1ms",
		"network.messenger.wire.thread_page_interval": "1ms",
	},
	hang: []control.Fault{
		{Kind: "drop_answer", Times: -1}, {Kind: "stall", Times: -1}, {Kind: "http_delay", Times: -1, Args: map[string]string{"ms": "600000"}},
	},
}

var instagram = network{
	name: "instagram", title: "Instagram", flow: "instagram-cookies", enter: giveCookies, web: true,
	unhurried: map[string]string{
		"network.instagram.wire.send_interval": "1ms", "network.instagram.wire.request_interval": "1ms",
		"network.instagram.wire.page_interval": "1ms",
	},
	hang: []control.Fault{{Kind: "http_delay", Times: -1, Args: map[string]string{"ms": "600000"}}, {Kind: "deaf"}},
}

// account is a Matrix user who is logged in to their account on a network.
type account struct {
	net  network
	user id.UserID
	me   control.Person
}

// login is a login under way through the provisioning API, and its present step.
type login struct {
	account
	bridge *lab.Bridge
	step   loginStep
}

type loginStep struct {
	Login  string `json:"login_id"`
	Type   string `json:"type"`
	Step   string `json:"step_id"`
	Waited struct {
		Data string `json:"data"`
	} `json:"display_and_wait"`
}

// submit goes to the next step.
func (l *login) submit(ctx context.Context, in any) error {
	path := fmt.Sprintf("/login/step/%s/%s/%s", l.step.Login, l.step.Step, l.step.Type)
	l.step.Waited.Data = ""
	return l.bridge.Provision(ctx, l.user, "POST", path, in, &l.step)
}

// scanCode scans the first code with the person's phone.
func scanCode(ctx context.Context, s *stage, l *login) error {
	scanned := make(chan error, 1)
	code := l.step.Waited.Data
	go func() {
		_, err := s.stack.Simulator.ScanQR(ctx, l.net.name, l.me.ID, code)
		scanned <- err
	}()
	err := l.submit(ctx, nil)
	return errors.Join(<-scanned, err)
}

// giveCookies gives those of a new browser of the person's.
func giveCookies(ctx context.Context, s *stage, l *login) error {
	var browser struct {
		Cookies map[string]string `json:"cookies"`
	}
	if err := s.stack.Simulator.Special(ctx, l.net.name, l.me.ID, "login", nil, &browser); err != nil {
		return err
	}
	return l.submit(ctx, browser.Cookies)
}

// newPerson makes somebody on a network.
func (s *stage) newPerson(ctx context.Context, net network, name string) (control.Person, error) {
	return s.stack.Simulator.AddPerson(ctx, net.name, control.NewPerson{Name: name})
}

// newAccount makes a Matrix user and a person, and logs them in.
func (s *stage) newAccount(ctx context.Context, net network, name string) (*account, error) {
	a, err := s.newStranger(ctx, net, name)
	if err != nil {
		return nil, err
	}
	return a, s.logIn(ctx, a)
}

// newStranger is newAccount without the login.
func (s *stage) newStranger(ctx context.Context, net network, name string) (*account, error) {
	user, err := s.home.newUser(ctx, name)
	if err != nil {
		return nil, err
	}
	me, err := s.newPerson(ctx, net, name)
	return &account{net, user, me}, err
}

// logIn logs an account in and returns when it is connected.
func (s *stage) logIn(ctx context.Context, a *account) error {
	l := &login{account: *a, bridge: s.stack.Bridge}
	err := l.bridge.Provision(ctx, l.user, "POST", "/login/start/"+a.net.flow, nil, &l.step)
	if err == nil {
		err = a.net.enter(ctx, s, l)
	}
	if err != nil {
		return fmt.Errorf("log in to %s: %w", a.net.title, err)
	}
	if l.step.Type != "complete" {
		return fmt.Errorf("log in to %s: the bridge wants a step more: %s", a.net.title, l.step.Step)
	}
	return s.awaitConnected(ctx, a)
}

// awaitConnected waits until the bridge says that all of an account's user's logins are connected.
func (s *stage) awaitConnected(ctx context.Context, a *account) error {
	for {
		var who struct {
			Logins []struct {
				State struct {
					Event string `json:"state_event"`
				} `json:"state"`
			} `json:"logins"`
		}
		if err := s.stack.Bridge.Provision(ctx, a.user, "GET", "/whoami", nil, &who); err != nil {
			return err
		}
		connected := 0
		for _, l := range who.Logins {
			if l.State.Event == "CONNECTED" {
				connected++
			}
		}
		if connected > 0 && connected == len(who.Logins) {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to be connected: %w; its logins are %+v", a.user, context.Cause(ctx), who.Logins)
		}
	}
}

// chat is a chat of an account with one other person, who wrote first.
type chat struct {
	*account
	person control.Person
	room   id.RoomID
}

// newChat has a new person write to an account.
func (s *stage) newChat(ctx context.Context, a *account, name string) (*chat, error) {
	person, err := s.newPerson(ctx, a.net, name)
	if err != nil {
		return nil, err
	}
	c := &chat{account: a, person: person}
	hello := s.text("hello")
	if err = s.write(ctx, c, hello); err != nil {
		return nil, err
	}
	found, err := s.seen.await(ctx, hello)
	c.room = found.room
	return c, err
}

// newChats is newChat for some.
func (s *stage) newChats(ctx context.Context, a *account, count int) ([]*chat, error) {
	var all []*chat
	for i := range count {
		c, err := s.newChat(ctx, a, fmt.Sprintf("Contact %d", i+1))
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// text is a text that was not written before.
func (s *stage) text(what string) string {
	return fmt.Sprintf("%s %d", what, s.texts.Add(1))
}

// write has the other person of a chat write.
func (s *stage) write(ctx context.Context, c *chat, body string) error {
	_, err := s.stack.Simulator.Send(ctx, c.net.name, c.person.ID, control.SendRequest{To: c.me.ID, Text: body})
	return err
}
