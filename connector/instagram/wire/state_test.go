package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/page"
	"crosschat/connector/metaweb/web"
	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
)

func TestAdvise(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want Advice
	}{
		"challenge":     {fmt.Errorf("x: %w", &web.StopError{Kind: web.Challenge, URL: "u"}), Advice{Action: AskUser, Kind: web.Challenge, URL: "u"}},
		"rate limit":    {&RateLimitError{time.Minute}, Advice{After: time.Minute}},
		"document":      {&StaleDocumentError{"inbox", "1"}, Advice{Action: GiveUp, After: failure.GiveUpPause}},
		"page":          {&page.MissingError{What: []string{"x"}}, Advice{Action: GiveUp, After: failure.GiveUpPause}},
		"deaf":          {ErrDeaf, Advice{AtOnce: true}},
		"stream":        {fmt.Errorf("%w: x", errStreamOver), Advice{AtOnce: true}},
		"interrupted":   {&interruptedError{&dgw.CloseError{Code: dgw.CloseGraceful}}, Advice{AtOnce: true}},
		"unauthorized":  {&interruptedError{&dgw.CloseError{Code: dgw.CloseUnauthorized}}, Advice{}},
		"resnapshot":    {&resnapshotError{"x", true}, Advice{AtOnce: true}},
		"another one":   {&resnapshotError{"x", false}, Advice{}},
		"unreadable":    {ErrUnreadable, Advice{}},
		"network":       {errors.New("x"), Advice{}},
		"context":       {context.Canceled, Advice{}},
		"page too soon": {&ReloadError{Reason: "x", Wait: time.Hour}, Advice{After: time.Hour}},
	} {
		if got := Advise(test.err); got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}

func TestConfig(t *testing.T) {
	good := Default()
	if err := good.Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	for name, change := range map[string]func(*Config){
		"site":        func(c *Config) { c.Site = "instagram" },
		"gateway":     func(c *Config) { c.Gateway = "https://gateway" },
		"hosts":       func(c *Config) { c.Hosts = nil },
		"page_age":    func(c *Config) { c.PageAge = 0 },
		"block_pause": func(c *Config) { c.BlockPause = -1 },
		"sendtext":    func(c *Config) { c.Documents = map[string]string{"sendtext": "1"} },
		"sendmedia":   func(c *Config) { c.Variables = map[string]map[string]any{"sendmedia": {"x": 1}} },
		"send_text":   func(c *Config) { c.Documents = map[string]string{"send_text": "x"} },
	} {
		c := Default()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want an error that names it", name, err)
		}
	}
	if names := DocumentNames(); len(names) != len(operations) {
		t.Errorf("%d names for %d operations", len(names), len(operations))
	}
}

func TestCredentials(t *testing.T) {
	cfg := Default()
	good := `{"sessionid":"1%3Ax","csrftoken":"a","ds_user_id":"1","mid":"b","ig_did":"c","rur":"\"NCG\\\\054x\""}`
	if c, err := cfg.ParseCredentials(good); err != nil || c.Cookies.Get("ds_user_id") != "1" {
		t.Errorf("got %v and %v", c, err)
	}
	var missing *web.MissingCookiesError
	if _, err := cfg.ParseCredentials(`{"sessionid":"x","mid":"b"}`); !errors.As(err, &missing) ||
		!reflect.DeepEqual(missing.Names, []string{"csrftoken", "ds_user_id", "ig_did"}) {
		t.Errorf("got %v, want the missing cookies", err)
	}
	var wrong *web.WrongSiteError
	if _, err := cfg.ParseCredentials(`curl 'https://www.facebook.com/' -b 'sessionid=x'`); !errors.As(err, &wrong) {
		t.Errorf("got %v, want that it is another site", err)
	}
	credentials := &web.Credentials{Cookies: web.NewCookies(map[string]string{"ds_user_id": "x"})}
	if _, err := New(Options{Config: cfg, Credentials: credentials, Handler: newRecorder()}); err == nil {
		t.Error("account without a number was taken")
	}
}

func TestOTIDsAreNew(t *testing.T) {
	c := &Client{}
	seen := make(map[OTID]bool)
	for range 1000 {
		id := c.NewOTID()
		if id <= 0 || seen[id] {
			t.Fatalf("id %d is not positive or not new", id)
		}
		seen[id] = true
	}
}

func TestEchoesAreBounded(t *testing.T) {
	e := newEchoes()
	for i := range OTID(2 * maxEchoes) {
		e.add(i+1, Sent{})
	}
	if len(e.sent) != maxEchoes || len(e.order) != maxEchoes {
		t.Errorf("remembers %d and %d, want %d", len(e.sent), len(e.order), maxEchoes)
	}
	if _, ok := e.sent[2*maxEchoes]; !ok {
		t.Error("the newest is forgotten")
	}
}

// TestFirstTextNamesItsRecipientTheOtherWay has a server that wants the messaging id.
func TestFirstTextNamesItsRecipientTheOtherWay(t *testing.T) {
	var asked []string
	c := scripted(t, func(_ *http.Request, body []byte) (int, http.Header, []byte) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(form.Get("variables"), `"recipient_igids":["333"]`) {
			asked = append(asked, "fbid")
			return 200, nil, []byte(`{"data":{"` + rootText + `":{"message_id":"mid.$x","timestamp_ms":"1785585600000"}}}`)
		}
		asked = append(asked, "igid")
		return 200, nil, []byte(`{"data":{"` + rootText + `":null}}`)
	})
	for range 2 {
		sent, err := c.SendText(t.Context(), Text{OTID: c.NewOTID(), To: User{IGID: 44, FBID: 333}, Text: "x"})
		if err != nil || sent.ID != "mid.$x" {
			t.Fatalf("got %+v and %v", sent, err)
		}
	}
	if want := []string{"igid", "fbid", "fbid"}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked by %v, want %v", asked, want)
	}
	if _, err := c.SendText(t.Context(), Text{OTID: 1, Text: "x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: got %v, want %v", err, ErrNotFound)
	}
	if _, err := c.SendText(t.Context(), Text{Thread: 5, Text: "x"}); err == nil {
		t.Error("sent without an OTID")
	}
}

func TestNewChatsADay(t *testing.T) {
	c := &Client{cfg: Config{NewChatsPerDay: 2}}
	now := time.Now()
	for igid, at := range map[IGID]time.Duration{1: 0, 2: time.Hour} {
		for range 5 { // tried again and again
			if err := c.mayBegin(User{IGID: igid}, now.Add(at)); err != nil {
				t.Errorf("with %d: %v", igid, err)
			}
		}
	}
	var blocked *BlockedError
	if err := c.mayBegin(User{IGID: 3}, now.Add(2*time.Hour)); !errors.As(err, &blocked) || blocked.Wait != 22*time.Hour {
		t.Errorf("third: got %v, want to wait for 22 hours", err)
	}
	if err := c.mayBegin(User{IGID: 3}, now.Add(24*time.Hour)); err != nil || len(c.state.Begun) != 2 {
		t.Errorf("a day later: got %v and %d chats, want two", err, len(c.state.Begun))
	}
	c.cfg.NewChatsPerDay = 0
	for igid := range IGID(50) {
		if err := c.mayBegin(User{IGID: igid}, now); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(c.state)
	var back State
	if err == nil {
		err = json.Unmarshal(data, &back)
	}
	if err != nil || len(back.Begun) != len(c.state.Begun) {
		t.Errorf("stored as %s (%v)", data, err)
	}
}

func TestPost(t *testing.T) {
	var paths []string
	answer := ""
	c := scripted(t, func(r *http.Request, _ []byte) (int, http.Header, []byte) {
		paths = append(paths, r.URL.RequestURI()+" "+r.Header.Get("Referer"))
		if r.Header.Get("Origin") != "" || r.Header.Get("X-Requested-With") == "" {
			t.Errorf("headers %v are not those of such a request", r.Header)
		}
		if answer == "" {
			return 404, nil, []byte("<html>")
		}
		return 200, nil, []byte(answer)
	})
	answer = `{"items":[{"pk":"77","user":{"username":"peer"},"caption":{"text":"cap"},"video_duration":3.5,
		"video_versions":[{"width":10,"height":10,"url":"small"},{"width":20,"height":10,"url":"large"}],
		"image_versions2":{"candidates":[{"width":1,"height":1,"url":"i"}]}}],"status":"ok"}`
	got, err := c.Post(t.Context(), PostRef{ID: "77", Code: "Cx"})
	if want := (&Post{"peer", "cap", []PostItem{{"large", "i", 20, 10, 3.5}}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("post: got %+v and %v, want %+v", got, err, want)
	}
	answer = `{"items":[{"pk":77,"carousel_media":[{"pk":"1","image_versions2":{"candidates":[{"width":1,"height":1,"url":"a"}]}},
		{"id":"2_77","image_versions2":{"candidates":[{"width":1,"height":1,"url":"b"}]}},{"pk":"3"}]}]}`
	if got, err = c.Post(t.Context(), PostRef{ID: "77"}); err != nil || len(got.Items) != 2 {
		t.Errorf("carousel: got %+v and %v, want two pictures", got, err)
	}
	if got, err = c.Post(t.Context(), PostRef{ID: "77", Child: "2"}); err != nil || len(got.Items) != 1 || got.Items[0].ImageURL != "b" {
		t.Errorf("one of a carousel: got %+v and %v, want b", got, err)
	}
	answer = `{"reels":{"5":{"items":[{"pk":"76"},{"pk":"77","image_versions2":{"candidates":[{"width":1,"height":1,"url":"s"}]}}]}}}`
	if got, err = c.Post(t.Context(), PostRef{ID: "77", Owner: "5"}); err != nil || got.Items[0].ImageURL != "s" {
		t.Errorf("story: got %+v and %v, want s", got, err)
	}
	for _, answer = range []string{"", `{"items":[]}`, `{"items":[{"pk":"77"}]}`, `{"items":"x"}`} {
		if _, err = c.Post(t.Context(), PostRef{ID: "77"}); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: got %v, want %v", answer, err, ErrNotFound)
		}
	}
	if _, err = c.Post(t.Context(), PostRef{ID: "../x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("odd id: got %v, want %v", err, ErrNotFound)
	}
	if paths[0] != "/api/v1/media/77/info/ https://www.instagram.com/p/Cx/" || paths[3] != "/api/v1/feed/reels_media/?media_id=77&reel_ids=5 https://www.instagram.com" {
		t.Errorf("asked %q", paths)
	}
}

func TestMessageAgain(t *testing.T) {
	n := newNetwork(t)
	n.must(n.AddHistory(t.Context(), n.own.ID, history(n, 30)))
	c, r := n.connected(nil)
	thread, err := c.Thread(t.Context(), r.threads[FromInbox][0].IDs.Short)
	n.must(err)
	newest := thread.Messages[len(thread.Messages)-1]
	for newer, id := range map[MessageID]MessageID{newest.ID: thread.Messages[len(thread.Messages)-2].ID, "": thread.Messages[0].ID} {
		if got, err := c.Message(t.Context(), thread.IDs.Short, id, newer); err != nil || got.ID != id {
			t.Errorf("got %+v and %v, want %q", got, err, id)
		}
	}
	if _, err = c.Message(t.Context(), thread.IDs.Short, "mid.$nothing", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want %v", err, ErrNotFound)
	}
}

func TestProfessionalAccount(t *testing.T) {
	n := newNetwork(t)
	yes := true
	special[instagram.Account](n, n.own, "account", instagram.Account{Professional: &yes})
	c, r := n.connected(nil)
	n.chat(c, r)
	special[any](n, n.own, "folder", map[string]string{"chat": n.alice.ID, "to": "general"})
	r.waitFor(t, "alert", func() bool { return len(r.alerts) == 1 && r.alerts[0].Kind == AlertProfessional })
	n.says(n.alice, n.own.ID, "in the other part")
	waitForEvent(t, r, "text", func(m NewMessage) bool { return m.Message.Text == "in the other part" })
}

// TestRestartWithAnOldPage loads the page again and lists nothing.
func TestRestartWithAnOldPage(t *testing.T) {
	n := newNetwork(t)
	r := newRecorder()
	credentials := n.credentials()
	stop := n.serve(n.client(r, credentials, State{}, nil))
	r.waitFor(t, "connection", func() bool { return r.connect > 0 })
	stop()
	n.says(n.alice, n.own.ID, "missed")
	state := r.state
	state.Page.LoadedAt = time.Now().Add(-25 * time.Hour)
	second := newRecorder()
	n.serve(n.client(second, credentials, state, nil))
	second.waitFor(t, "what was missed", func() bool { return len(second.events) == 1 })
	if len(second.threads) != 0 || time.Since(second.state.Page.LoadedAt) > time.Hour {
		t.Errorf("threads %v and page of %v, want none and a new one", second.threads, second.state.Page.LoadedAt)
	}
}

// TestOtherPeoplesState is a state that belongs to another account: it must not be used.
func TestOtherPeoplesState(t *testing.T) {
	n := newNetwork(t)
	state := State{Page: &PageState{IGID: 5, FBID: 6, LoadedAt: time.Now()}}
	c := n.client(newRecorder(), n.credentials(), state, nil)
	account, err := c.Load(t.Context())
	if err != nil || account.IGID != n.igid(n.own) {
		t.Errorf("got %+v and %v, want Own", account, err)
	}
}

func TestExpiredMedia(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	n.chat(c, r)
	sent, err := n.Send(t.Context(), n.alice.ID, control.SendRequest{To: n.own.ID, Media: &control.Media{Kind: "image", Data: gif, MIMEType: "image/gif"}})
	n.must(err)
	event := waitForEvent(t, r, "picture", func(m NewMessage) bool { _, ok := m.Message.Content.(ImagesContent); return ok })
	n.must(n.SpoilMedia(t.Context(), n.alice.ID, control.SpoilRequest{ID: sent.ID, How: "expired"}))
	link := event.Message.Content.(ImagesContent).Images[0].URL
	if _, err = c.Download(t.Context(), link, "image", 1<<20); err == nil {
		t.Error("expired link was good")
	}
	again, err := c.Message(t.Context(), event.Thread, event.Message.ID, "")
	n.must(err)
	images, ok := again.Content.(ImagesContent)
	if !ok || string(n.download(c, images.Images[0].URL)) != string(gif) {
		t.Errorf("fetched again: %+v", again)
	}
}
