package instagram_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
)

// TestOverHTTP uses the control API as other programs do.
func TestOverHTTP(t *testing.T) {
	r := newRig(t)
	web := httptest.NewServer(control.NewServer(r.net))
	t.Cleanup(web.Close)
	api := &control.Client{BaseURL: web.URL}
	var login instagram.Login
	r.must(api.Special(r.ctx, instagram.Name, r.own.ID, "login", nil, &login))
	for _, name := range []string{"sessionid", "csrftoken", "ds_user_id", "mid", "ig_did", "rur"} {
		if login.Cookies[name] == "" {
			t.Errorf("no cookie %s", name)
		}
	}
	if rur := login.Cookies["rur"]; !strings.HasPrefix(rur, `"`) || !strings.Contains(rur, `\054`) {
		t.Errorf("rur is %s", rur)
	}
	var account instagram.Account
	r.must(api.Special(r.ctx, instagram.Name, r.own.ID, "account", instagram.Account{}, &account))
	if *account.Username != "own" || account.FBID == "" {
		t.Errorf("account is %+v", account)
	}
	entries, err := api.Log(r.ctx, instagram.Name, 0)
	if err != nil || len(entries) != 0 {
		t.Errorf("log is %+v, %v", entries, err)
	}
	if ready := r.net.Ready("ca.pem"); ready.Address != r.server.Address() || ready.CAFile != "ca.pem" {
		t.Errorf("ready is %+v", ready)
	}
}

// TestLog finds what happened in the log, without any secret.
func TestLog(t *testing.T) {
	r := newRig(t)
	b, f, short := r.mediaThread()
	b.say(short, "in the log", "1")
	f.deltas("NewMessage")
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	for _, match := range []control.LogMatch{
		{Contains: "graphql/sendText POST www.instagram.com/api/graphql", Direction: "in", Person: r.own.ID},
		{Pattern: `graphql/sendText 200 .*in the log`, Direction: "out"},
		{Pattern: `lightspeed frame 13 .*SlideUQPPNewMessage.*in the log`, Direction: "out", Device: b.device},
	} {
		if _, err := r.net.AwaitLog(ctx, match); err != nil {
			t.Error(err)
		}
	}
	entries, err := r.net.Log(r.ctx, 0)
	r.must(err)
	data, err := json.Marshal(entries)
	r.must(err)
	for _, secret := range []string{b.page.dtsg, b.cookies["sessionid"], b.cookies["csrftoken"]} {
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("secret %q is in the log", secret)
		}
	}
}

func TestProfile(t *testing.T) {
	r := newRig(t)
	anna, err := r.net.AddPerson(r.ctx, control.NewPerson{
		Name: "Ärla Ö", About: "hi", Avatar: []byte("jpeg"), Contacts: []string{r.own.ID},
	})
	r.must(err)
	second := r.person("Ärla Ö")
	if got := *r.account(second).Username; got != "rla2" {
		t.Errorf("second user name is %q", got)
	}
	if got := *r.account(r.person("!")).Username; got != "person" {
		t.Errorf("user name of signs is %q", got)
	}
	name, about, avatar := "Other", "x", []byte{}
	changed, err := r.net.SetProfile(r.ctx, anna.ID, control.Profile{Name: &name, About: &about, Avatar: &avatar})
	r.must(err)
	if changed.Name != name || changed.About != about || changed.AvatarID != "" || anna.AvatarID == "" {
		t.Errorf("changed from %+v to %+v", anna, changed)
	}
	avatar = []byte("new")
	changed, err = r.net.SetProfile(r.ctx, anna.ID, control.Profile{Avatar: &avatar})
	r.must(err)
	if changed.AvatarID == anna.AvatarID || changed.AvatarID == "" {
		t.Errorf("avatar is %q", changed.AvatarID)
	}
	username, verified, bot := "renamed", true, "bot"
	got := special[instagram.Account](r, anna, "account", instagram.Account{Username: &username, Verified: &verified, Bot: &bot})
	if *got.Username != username || !*got.Verified || *got.Bot != bot {
		t.Errorf("account is %+v", got)
	}
	taken := []byte(`{"username":"OWN"}`)
	if _, err := r.net.Special(r.ctx, anna.ID, "account", taken); err == nil {
		t.Error("a user name was given twice")
	}
	b := r.ready(r.own)
	user := call[map[string]any](b, "userByFbid", map[string]any{"messaging_user_fbid": got.FBID})
	if user["username"] != username || user["is_verified"] != true || user["ai_agent_type"] != bot {
		t.Errorf("user is %+v", user)
	}
	link, ok := user["profile_pic_url"].(string)
	if picture := b.fetch(link); !ok || string(picture.body) != "new" {
		t.Errorf("picture is %q", picture.body)
	}
}

// TestRefused makes calls of the control API that make no sense.
func TestRefused(t *testing.T) {
	r := newRig(t)
	ctx, own := r.ctx, r.own.ID
	yes := true
	nobody := "1"
	media := func(m control.Media) control.SendRequest { return control.SendRequest{To: r.alice.ID, Media: &m} }
	send := func(req control.SendRequest) error { _, err := r.net.Send(ctx, own, req); return err }
	target := control.Target{Chat: r.alice.ID, ID: "mid.$cx"}
	sent := r.send(r.alice, own, "theirs")
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"unknown person": {err: func() error { _, err := r.net.Person(ctx, nobody); return err }(), status: 404},
		"no number":      {err: func() error { _, err := r.net.Person(ctx, "x"); return err }(), status: 404},
		"phone number":   {err: func() error { _, err := r.net.AddPerson(ctx, control.NewPerson{Phone: "1"}); return err }(), status: 501},
		"unknown contact": {err: func() error {
			_, err := r.net.AddPerson(ctx, control.NewPerson{Contacts: []string{nobody}})
			return err
		}(), status: 404},
		"nothing to send":   {err: send(control.SendRequest{To: r.alice.ID}), status: 400},
		"two at once":       {err: send(control.SendRequest{To: r.alice.ID, Text: "x", Media: &control.Media{}}), status: 400},
		"caption":           {err: send(media(control.Media{Kind: "image", Data: []byte("x"), Caption: "x"})), status: 501},
		"media of nothing":  {err: send(media(control.Media{Kind: "image"})), status: 400},
		"document":          {err: send(media(control.Media{Kind: "document", Data: []byte("x")})), status: 501},
		"voice once":        {err: send(media(control.Media{Kind: "voice", Data: []byte("x"), ViewOnce: true})), status: 501},
		"by number":         {err: send(control.SendRequest{To: r.alice.ID, Text: "x", ByNumber: true}), status: 501},
		"to nobody":         {err: send(control.SendRequest{To: nobody, Text: "x"}), status: 404},
		"mention missing":   {err: send(control.SendRequest{To: r.alice.ID, Text: "x", Mentions: []string{r.alice.ID}}), status: 400},
		"mention of nobody": {err: send(control.SendRequest{To: r.alice.ID, Text: "x", Mentions: []string{nobody}}), status: 404},
		"raw":               {err: send(control.SendRequest{To: r.alice.ID, Raw: json.RawMessage(`{"content":1}`)}), status: 400},
		"post of nobody": {err: send(control.SendRequest{To: r.alice.ID,
			Raw: json.RawMessage(`{"content":{"__typename":"x"},"posts":[{"owner":"1"}]}`)}), status: 404},
		"post without its file": {err: send(control.SendRequest{To: r.alice.ID,
			Raw: json.RawMessage(`{"content":{"__typename":"x"},"posts":[{"owner":"` + own + `","files":["x"]}]}`)}), status: 400},
		"react to nothing": {err: func() error { _, err := r.net.React(ctx, own, control.ReactRequest{Target: target}); return err }(), status: 404},
		"edit of a foreign": {err: func() error {
			_, err := r.net.Edit(ctx, own, control.EditRequest{Target: control.Target{Chat: r.alice.ID, ID: sent.ID}})
			return err
		}(), status: 409},
		"unsend of a foreign": {err: func() error {
			_, err := r.net.Revoke(ctx, own, control.Target{Chat: r.alice.ID, ID: sent.ID})
			return err
		}(), status: 409},
		"played":            {err: r.net.Receipt(ctx, own, control.ReceiptRequest{Type: "played"}), status: 501},
		"typing in no chat": {err: r.net.Typing(ctx, own, control.TypingRequest{Chat: own}), status: 404},
		"call in no chat":   {err: func() error { _, err := r.net.Call(ctx, own, control.CallRequest{To: "x"}); return err }(), status: 404},
		"decryption":        {err: r.net.SetBehaviour(ctx, own, control.Behaviour{HoldDelivery: &yes}), status: 501},
		"follow nobody":     {err: r.net.SetContact(ctx, own, control.Contact{ID: nobody}), status: 404},
		"block nobody":      {err: r.net.Block(ctx, own, nobody, true), status: 404},
		"archive": {err: func() error {
			_, err := r.net.SetChat(ctx, own, control.ChatSettings{Chat: r.alice.ID, Archived: &yes})
			return err
		}(), status: 501},
		"settings of no chat": {err: func() error { _, err := r.net.Chat(ctx, own, "x"); return err }(), status: 404},
		"group of two": {err: func() error {
			_, err := r.net.CreateGroup(ctx, own, control.NewGroup{Members: []string{r.alice.ID}})
			return err
		}(), status: 409},
		"a chat is no group": {err: func() error { _, err := r.net.Group(ctx, own, r.alice.ID); return err }(), status: 404},
		"spoil a text":       {err: r.net.SpoilMedia(ctx, own, control.SpoilRequest{ID: sent.ID, How: "expired"}), status: 404},
		"presence":           {err: r.net.Presence(ctx, own, control.PresenceRequest{}), status: 501},
		"reinstall":          {err: r.net.Reinstall(ctx, own), status: 501},
		"scan":               {err: func() error { _, err := r.net.ScanQR(ctx, own, "x"); return err }(), status: 501},
		"code":               {err: func() error { _, err := r.net.EnterCode(ctx, own, "x"); return err }(), status: 501},
		"token":              {err: r.net.IssueToken(ctx, own, r.alice.ID), status: 501},
		"timeline of nobody": {err: func() error { _, err := r.net.Timeline(ctx, nobody, 0); return err }(), status: 404},
		"await of nobody":    {err: func() error { _, err := r.net.Await(ctx, nobody, control.Match{}); return err }(), status: 404},
		"special of nobody":  {err: func() error { _, err := r.net.Special(ctx, nobody, "login", nil); return err }(), status: 404},
	} {
		var refusal *control.Error
		if !errors.As(test.err, &refusal) || refusal.Status != test.status {
			t.Errorf("%s: %v, want status %d", name, test.err, test.status)
		}
	}
}

// TestNotesToSelf writes to oneself.
func TestNotesToSelf(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	f := b.follow()
	r.send(r.own, r.own.ID, "note")
	short := f.deltas("Create1To1Thread", "NewMessage")[1].Thread
	thread := call[threadNode](b, "thread", map[string]any{"thread_fbid": short}).Thread
	if thread.Key != r.account(r.own).FBID || len(thread.Users) != 0 {
		t.Errorf("thread is %+v", thread)
	}
	if e := r.await(r.own, control.Match{Text: "note"})[0]; e.Chat != r.own.ID || !e.FromMe {
		t.Errorf("event is %+v", e)
	}
}
