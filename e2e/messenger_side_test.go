package e2e_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"math/rand/v2"
	"strings"

	"crosschat/simulator/control"
)

// messenger is the side of Messenger's plain plane.
type messenger struct{}

func (messenger) network() string             { return "messenger" }
func (messenger) control() string             { return "messenger" }
func (messenger) protocol() (id, name string) { return "messenger", "Messenger" }
func (messenger) flow() string                { return "cookies" }

func (messenger) ghost(p control.Person) string { return "crosschat_messenger-" + p.ID }

// browser logs the user's account in with a browser of their own, and answers its cookies.
func (m messenger) browser(s *stage) map[string]string {
	s.Helper()
	var answer struct {
		Cookies map[string]string `json:"cookies"`
	}
	s.must(s.stack.Simulator.Special(s.ctx, m.control(), s.me.ID, "login", nil, &answer))
	for _, name := range []string{"xs", "datr"} {
		s.secrets = append(s.secrets, answer.Cookies[name])
	}
	return answer.Cookies
}

func (messenger) session() (cookie, page string) { return "xs", "https://www.facebook.com/messages/" }

func (messenger) stops() []string {
	return []string{"/checkpoint/1501092823525282/", "/challenge/?next=x", "/consent/?flow=user_cookie_choice", "/accounts/suspended/"}
}

func (m messenger) stop(s *stage, path string) (start func()) {
	s.Helper()
	gate := func(path string) {
		s.Helper()
		s.must(s.stack.Simulator.Special(s.ctx, m.control(), s.me.ID, "gate", map[string]string{"path": path}, nil))
	}
	gate(path)
	return func() { gate("") }
}

// pasted writes cookies as JSON.
func pasted(s *stage, cookies map[string]string) string {
	s.Helper()
	text, err := json.Marshal(cookies)
	s.must(err)
	return string(text)
}

func (m messenger) logIn(s *stage, step loginStep) []string {
	s.Helper()
	cookies := m.browser(s)
	s.awaitPrompt(step.from)
	_, err := s.bot.SendText(s.ctx, pasted(s, cookies))
	s.must(err)
	return []string{cookies["xs"], cookies["datr"]}
}

// encrypted: the plain plane promises nothing.
func (messenger) encrypted(e control.Event) bool { return e.Encrypted == "" }

func (messenger) drops(r *rand.Rand, p control.Person) []drop {
	now := control.Fault{Kind: "close", Person: p.ID}
	fault := func(kind, stanza string, args map[string]string) control.Fault {
		return control.Fault{Kind: kind, Person: p.ID, Stanza: stanza, Args: args}
	}
	later := func(f control.Fault) control.Fault {
		f.Skip = r.IntN(3)
		return f
	}
	all := []drop{
		{"in the quiet", []control.Fault{now}},
		{"with the answer to a sent message", []control.Fault{later(fault("drop_answer", "task/46", nil)), now}},
		{"before a sent message is handled", []control.Fault{later(fault("close_before", "task/46", nil))}},
		{"after a sent message is handled", []control.Fault{later(fault("close_after", "task/46", nil))}},
		{"with a pushed message", []control.Fault{later(fault("close_before", "push/1", nil))}},
		{"after a pushed message", []control.Fault{later(fault("close_after", "push/1", nil))}},
		{"again before the sync", []control.Fault{fault("close_before", "query/1", nil), now}},
		{"again after the sync", []control.Fault{fault("close_after", "query/1", nil), now}},
		{"because of its age", []control.Fault{fault("drain", "", nil)}},
		{"with the end of the mailbox's stream", []control.Fault{fault("end_stream", "", nil)}},
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// leftovers looks through what holds sessions, and what their sync told.
func (messenger) leftovers(ctx context.Context, db *sql.DB, p control.Person) ([]string, error) {
	return rowsOfLogin(ctx, db, "messenger", p)
}

// repliesBesides implements replySide: an answer to a story says what it answers.
func (messenger) repliesBesides(s *stage, portal *roomOf, by *person) {
	s.Helper()
	snippet, text, from := s.text("a story"), s.text("what a story"), portal.Mark()
	raw, err := json.Marshal(map[string]any{"text": text, "reply_kind": 2, "snippet": snippet})
	s.must(err)
	by.sends(control.SendRequest{To: s.me.ID, Raw: raw})
	c := s.gets(portal, from, by, "a reply to a story", holding(text)).Content.AsMessage()
	if !strings.Contains(c.Body, "story") || !strings.Contains(c.Body, snippet) {
		s.Errorf("the reply to a story is %q", c.Body)
	}
}
