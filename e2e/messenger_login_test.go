package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// cookieSide is a side whose accounts log in by cookies.
type cookieSide interface {
	side
	// browser logs the user's account in with a browser of their own, and answers its cookies.
	browser(*stage) map[string]string
	// session is the cookie that is the session, page the address of the messages page.
	session() (cookie, page string)
	// stops are pages that a session may be sent to instead; stop has the user's sent there until start is called.
	stops() []string
	stop(s *stage, path string) (start func())
}

func loginCookies(s *stage) {
	s.openBot()
	side, ok := s.side.(cookieSide)
	if !ok {
		s.Fatalf("logins to %s are not made by cookies", s.side.network())
	}
	cookies := side.browser(s)
	without := func(name string) map[string]string {
		left := maps.Clone(cookies)
		delete(left, name)
		return left
	}
	session, page := side.session()
	expired := maps.Clone(cookies)
	expired[session] = "00:expired" + randomHex(8)
	s.secrets = append(s.secrets, expired[session])
	// What is pasted before the bot asks is a command to it, and an unknown one. The log has commands in lower case.
	for _, cookies := range []map[string]string{cookies, expired} {
		s.secrets = append(s.secrets, strings.ToLower(cookies[session]), strings.ToLower(cookies["datr"]))
	}
	from := s.bot.Mark()
	tooEarly, err := s.bot.SendText(s.ctx, strings.ReplaceAll(pasted(s, expired), " ", ""))
	s.must(err)
	early, err := s.bot.AwaitAnswer(s.ctx, from, "an answer to a paste before the bot asks", func(string) bool { return true })
	s.must(err)
	s.redacted(s.bot.Room, tooEarly, s.bot.MXID)
	if strings.Contains(strings.ToLower(early), strings.ToLower(expired[session])) {
		s.Errorf("the bot repeats a cookie: %q", early)
	}
	// Each mistake has its own answer, and leaves nothing behind.
	type mistake struct{ name, paste, want string }
	mistakes := []mistake{
		{"no cookies at all", "these are my cookies", "parse input"},
		{"a cookie is missing", pasted(s, without(session)), session},
		{"an expired session", pasted(s, expired), "expired"},
	}
	var lies []siteLie
	if liar, ok := s.side.(lyingSide); ok {
		lies = liar.lies(s.me.Person)
	}
	for _, lie := range lies {
		mistakes = append(mistakes, mistake{lie.name, pasted(s, cookies), lie.want})
	}
	for i, mistake := range mistakes {
		if lie := i - len(mistakes) + len(lies); lie >= 0 {
			s.breaks(lies[lie].fault)
		}
		from, err := s.bot.StartLogin(s.ctx, s.prefix(), s.side.flow())
		s.must(err)
		s.awaitPrompt(from)
		from = s.bot.Mark()
		sent, err := s.bot.SendText(s.ctx, mistake.paste)
		s.must(err)
		answer, err := s.bot.AwaitAnswer(s.ctx, from, "an answer to a paste with a mistake", func(string) bool { return true })
		s.must(err)
		if !strings.Contains(answer, mistake.want) {
			s.Errorf("%s: the bot says %q, want %q in it", mistake.name, answer, mistake.want)
		}
		if strings.Contains(answer, cookies[session]) || strings.Contains(answer, expired[session]) {
			s.Errorf("%s: the bot repeats a cookie", mistake.name)
		}
		s.redacted(s.bot.Room, sent, s.bot.MXID)
		_, err = s.bot.Ask(s.ctx, "cancel")
		s.must(err)
	}
	held, err := s.side.leftovers(s.ctx, s.openDatabase(), s.me.Person)
	s.must(err)
	if len(held) > 0 {
		s.Errorf("after failed logins the database holds %q", held)
	}
	// A copied request works as well as JSON does.
	from, err = s.bot.StartLogin(s.ctx, s.prefix(), s.side.flow())
	s.must(err)
	s.awaitPrompt(from)
	sent, err := s.bot.SendText(s.ctx, copiedRequest(page, cookies))
	s.must(err)
	_, err = s.bot.AwaitAnswer(s.ctx, from, "a confirmation with the account's name", func(body string) bool {
		return strings.Contains(body, s.me.Name)
	})
	s.must(err)
	s.redacted(s.bot.Room, sent, s.bot.MXID)
	s.await("the session to be the browser's", func(context.Context) error {
		for _, c := range s.companions() {
			if c.Connected && c.Active && strings.Contains(c.Name, "Firefox/143.0") {
				return nil
			}
		}
		return fmt.Errorf("sessions are %+v", s.companions())
	})
	if login := s.loginID(); !strings.Contains(login, s.me.ID) {
		s.Errorf("the bot lists login %q, want one for %s", login, s.me.ID)
	}
	s.mustBeTaken(side)
}

// lyingSide is a side whose pages can be other than they should.
type lyingSide interface {
	lies(control.Person) []siteLie
}

// siteLie is a page that is none: what the bot then says of a login.
type siteLie struct {
	name  string
	fault control.Fault
	want  string
}

func (messenger) lies(p control.Person) []siteLie {
	return []siteLie{
		{"another page", control.Fault{Kind: "http_html", Person: p.ID, Stanza: "page"}, "not what the bridge expects"},
		{"a redirection to elsewhere", control.Fault{Kind: "redirect", Person: p.ID, Args: map[string]string{"url": "https://example.org/messages"}}, "not what the bridge expects"},
		{"a redirection to this machine", control.Fault{Kind: "redirect", Person: p.ID, Args: map[string]string{"url": "http://127.0.0.1:1/"}}, "not what the bridge expects"},
	}
}

// mustBeTaken shows that another user can't log in to the account, and that the first one's login stays.
func (s *stage) mustBeTaken(side cookieSide) {
	s.Helper()
	mine, anna := s.bot, s.newPerson(control.NewPerson{Name: "Anna"})
	other, err := s.stack.NewUser(s.ctx, "other-"+randomHex(3), "pass"+randomHex(8))
	s.must(err)
	defer other.Close()
	s.bot, err = other.OpenBot(s.ctx, s.stack.Bridge.Bot, s.stack.Setting.Encryption != lab.EncryptionOff)
	s.must(err)
	defer func() { s.bot = mine }()
	from, err := s.bot.StartLogin(s.ctx, s.side.network(), s.side.flow())
	s.must(err)
	s.awaitPrompt(from)
	from = s.bot.Mark()
	_, err = s.bot.SendText(s.ctx, pasted(s, side.browser(s)))
	s.must(err)
	answer, err := s.bot.AwaitAnswer(s.ctx, from, "an answer to cookies of somebody else's account", func(string) bool { return true })
	s.must(err)
	if !strings.Contains(answer, "already logged in for "+s.user.ID.String()) {
		s.Errorf("the bot tells another user %q, want that the account is logged in for %s", answer, s.user.ID)
	}
	text := s.text("to whom it belongs")
	anna.writes(s.me, text)
	_, err = s.portal(anna).AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
}

// awaitPrompt waits until the bot asks for cookies.
func (s *stage) awaitPrompt(from int) {
	s.Helper()
	_, err := s.bot.AwaitAnswer(s.ctx, from, "the bot to ask for cookies", func(body string) bool {
		return strings.Contains(body, "Login URL")
	})
	s.must(err)
}

// copiedRequest is what Firefox copies as cURL.
func copiedRequest(page string, cookies map[string]string) string {
	var pairs []string
	for name, value := range cookies {
		pairs = append(pairs, name+"="+value)
	}
	return "curl '" + page + "' -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0' " +
		"-H 'Accept-Language: en-US,en;q=0.5' -H 'Cookie: " + strings.Join(pairs, "; ") + "'"
}

// checkpoint shows each way in which the network stops a session: the user is told once what to open, nothing is tried
// before they say so, over a restart neither, and the same session goes on afterwards.
func checkpoint(s *stage) {
	anna, portal := s.withAnna()
	s.settled(portal.Room)
	side, ok := s.side.(cookieSide)
	if !ok {
		s.Fatalf("%s does not stop sessions", s.side.network())
	}
	_, page := side.session()
	host := strings.Split(page, "/")[2]
	for i, path := range side.stops() {
		from := s.bot.Mark()
		start := side.stop(s, path)
		told, err := s.bot.AwaitAnswer(s.ctx, from, "word of what to open", func(body string) bool {
			return strings.Contains(body, host+strings.SplitAfter(path, "/")[0])
		})
		s.must(err)
		if !strings.Contains(told, strings.TrimSuffix(path, "/")) {
			s.Errorf("the bot says %q, want the address %s in it", told, path)
		}
		logged, err := s.stack.Simulator.Log(s.ctx, s.side.control(), 0)
		s.must(err)
		if i == 0 {
			s.restart()
		}
		missed := s.text("while it was stopped")
		anna.writes(s.me, missed)
		_, err = s.bot.Ask(s.ctx, "version")
		s.must(err)
		after, err := s.stack.Simulator.Log(s.ctx, s.side.control(), len(logged))
		s.must(err)
		for _, entry := range after {
			// A socket may be seen to end a little later.
			if entry.Person == s.me.ID && entry.Direction == "in" && !strings.HasSuffix(entry.Data, "socket ended") {
				s.Errorf("the bridge asked the network for something while it was stopped: %+v", entry)
			}
		}
		start()
		_, err = s.bot.SendText(s.ctx, s.prefix()+"-resume")
		s.must(err)
		_, err = portal.AwaitText(s.ctx, 0, anna.mxid, missed)
		s.must(err)
		reply := s.text("goes on")
		_, err = portal.SendText(s.ctx, reply)
		s.must(err)
		anna.reads(s.me, reply)
		count := 0
		for _, evt := range s.bot.Timeline()[from:] {
			if evt.Sender == s.bot.MXID && evt.Type == event.EventMessage && strings.Contains(evt.Content.AsMessage().Body, path) {
				count++
			}
		}
		if count != 1 {
			s.Errorf("the user was told of %s %d times, want once", path, count)
		}
	}
}
