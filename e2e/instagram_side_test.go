package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

// instagram is Instagram's side.
type instagram struct{}

func (instagram) network() string             { return "instagram" }
func (instagram) control() string             { return "instagram" }
func (instagram) protocol() (id, name string) { return "instagram", "Instagram" }
func (instagram) flow() string                { return "cookies" }

func (instagram) ghost(p control.Person) string { return "crosschat_instagram-" + p.ID }

// browser implements cookieSide.
func (i instagram) browser(s *stage) map[string]string {
	s.Helper()
	var answer struct {
		Cookies map[string]string `json:"cookies"`
	}
	s.must(s.stack.Simulator.Special(s.ctx, i.control(), s.me.ID, "login", struct{}{}, &answer))
	for _, name := range []string{"sessionid", "csrftoken"} {
		s.secrets = append(s.secrets, answer.Cookies[name])
	}
	return answer.Cookies
}

func (instagram) session() (cookie, page string) {
	return "sessionid", "https://www.instagram.com/direct/inbox/"
}

func (instagram) stops() []string {
	return []string{"/checkpoint/1501092823525282/", "/challenge/?next=x", "/consent/?flow=user_cookie_choice", "/accounts/suspended/"}
}

// stop sends the session's requests elsewhere, and breaks its connection off, so that it makes one.
func (i instagram) stop(s *stage, path string) (start func()) {
	s.Helper()
	gate := s.breaks(control.Fault{Kind: "redirect", Person: s.me.ID, Times: -1, Args: map[string]string{"to": path}})
	s.breaks(control.Fault{Kind: "close", Person: s.me.ID})
	return func() {
		s.Helper()
		s.must(s.stack.Simulator.RemoveFault(s.ctx, i.control(), gate.ID))
	}
}

func (i instagram) logIn(s *stage, step loginStep) []string {
	s.Helper()
	cookies := i.browser(s)
	s.awaitPrompt(step.from)
	_, err := s.bot.SendText(s.ctx, pasted(s, cookies))
	s.must(err)
	return []string{cookies["sessionid"], cookies["csrftoken"]}
}

// account is what the special call of that name tells and changes.
type instagramAccount struct {
	FBID     string  `json:"fbid,omitempty"`
	Username *string `json:"username,omitempty"`
}

// account changes what is given of somebody's account, and tells what it is then.
func (i instagram) account(s *stage, p *person, change instagramAccount) (now instagramAccount) {
	s.Helper()
	var answer struct {
		instagramAccount
		Viewer       string `json:"viewer"`
		Professional *bool  `json:"professional"`
		Verified     *bool  `json:"verified"`
		Bot          string `json:"bot"`
	}
	s.must(s.stack.Simulator.Special(s.ctx, i.control(), p.ID, "account", change, &answer))
	return answer.instagramAccount
}

// called implements namingSide: by the user name.
func (i instagram) called(s *stage, p *person) string {
	s.Helper()
	return *i.account(s, p, instagramAccount{}).Username
}

func (instagram) identifiers(p control.Person) []string {
	return []string{"@" + p.Username, "https://www.instagram.com/" + p.Username + "/"}
}

func (instagram) id(p control.Person) string { return p.ID }

func (instagram) refusals(p control.Person) []refusal {
	fault := control.Fault{Kind: "error", Stanza: "graphql/sendText", Person: p.ID, Args: map[string]string{"code": "1545041", "summary": "No, you can't."}}
	return []refusal{{fault, "Instagram refused this: ", event.MessageStatusRetriable}}
}

func (instagram) lostAnswers(p control.Person) []control.Fault {
	return []control.Fault{
		{Kind: "http_drop", Stanza: "graphql/sendText", Person: p.ID, Args: map[string]string{"point": "after"}},
		{Kind: "http_drop", Stanza: "graphql/sendText", Person: p.ID},
	}
}

// sendsHuge: how large a file is shows on Instagram only when it is asked for.
func (instagram) sendsHuge(s *stage, p *person) string {
	s.Helper()
	p.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", MIMEType: "image/jpeg", FileName: "huge.jpg", Noise: 160 << 20}})
	return ""
}

// served implements measuring.
func (instagram) served(entry control.LogEntry) (bytes int64, ok bool) {
	n, err := fmt.Sscanf(entry.Data, "media/GET 200 %d bytes", &bytes)
	return bytes, entry.Direction == "out" && n == 1 && err == nil
}

// unmeasured implements measuring.
func (instagram) unmeasured() control.Fault {
	return control.Fault{Kind: "media_unsized", Stanza: "media", Times: -1}
}

// pictures implements picturingSide.
func (i instagram) pictures(s *stage, by *person, group string, jpeg []byte) {
	s.Helper()
	s.must(s.stack.Simulator.Special(s.ctx, i.control(), by.ID, "group_picture", map[string]any{"group": group, "jpeg": jpeg}, nil))
}

// encrypted: Instagram promises nothing.
func (instagram) encrypted(e control.Event) bool { return e.Encrypted == "" }

func (instagram) drops(r *rand.Rand, p control.Person) []drop {
	now := control.Fault{Kind: "close", Person: p.ID}
	fault := func(kind, stanza string, args map[string]string) control.Fault {
		return control.Fault{Kind: kind, Person: p.ID, Stanza: stanza, Args: args}
	}
	later := func(f control.Fault) control.Fault {
		f.Skip = r.IntN(3)
		return f
	}
	const message = "push/SlideUQPPNewMessage"
	all := []drop{
		{"in the quiet", []control.Fault{now}},
		{"with the answer to a sent message", []control.Fault{later(fault("http_drop", "graphql/sendText", map[string]string{"point": "after"})), now}},
		{"before a sent message is handled", []control.Fault{later(fault("http_drop", "graphql/sendText", nil))}},
		{"with a pushed message", []control.Fault{later(fault("close_before", message, nil))}},
		{"after a pushed message", []control.Fault{later(fault("close_after", message, nil))}},
		{"with the end of its stream", []control.Fault{fault("end_of_data", "", nil)}},
		{"again while it subscribes", []control.Fault{fault("close_subscribing", "", nil), now}},
		{"again, and the upgrade is refused", []control.Fault{fault("http_status", "socket/lightspeed", nil), now}},
		{"for good, so that all is asked for anew", []control.Fault{fault("forget_log", "", nil), now}},
		{"because the sync has failed", []control.Fault{fault("sync_failure", "", nil)}},
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// leftovers looks through what holds sessions, and what they told.
func (instagram) leftovers(ctx context.Context, db *sql.DB, p control.Person) ([]string, error) {
	return rowsOfLogin(ctx, db, "instagram", p)
}

// estrange implements estranging. Of requests nothing tells but looking for them.
func (i instagram) estrange(s *stage, p *person) {
	s.Helper()
	s.must(s.stack.Simulator.SetContact(s.ctx, i.control(), s.me.ID, control.Contact{ID: p.ID}))
}
