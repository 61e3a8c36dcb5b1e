package messenger_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger"
	"crosschat/simulator/messenger/server"
)

func TestRegistration(t *testing.T) {
	r := newRig(t)
	c := r.register(r.own)
	number := c.device.ID.Device
	if again, err := c.icdc(nil); err != nil || again != int(number) {
		t.Errorf("registered again as %d, error %v; want %d", again, err, number)
	}
	r.clean = true
	for name, spoil := range map[string]func(url.Values){
		"unsigned list":      func(f url.Values) { f.Set("icdc_list", "") },
		"other sequence":     func(f url.Values) { f.Set("icdc_seq", "99") },
		"wrong hash":         func(f url.Values) { f.Set("ihash", "AAAAAAAAAAAAAA==") },
		"other identity":     func(f url.Values) { f.Set("e_ident", f.Get("e_skey_val")) },
		"bad signed prekey":  func(f url.Values) { f.Set("e_skey_val", f.Get("e_ident")) },
		"wrong key type":     func(f url.Values) { f.Set("e_keytype", "Bg==") },
		"short registration": func(f url.Values) { f.Set("e_regid", "AA==") },
		"no token":           func(f url.Values) { f.Del("fb_cat") },
		"other app":          func(f url.Values) { f.Set("app_id", "1") },
		"no device":          func(f url.Values) { f.Del("device_id") },
		"somebody else":      func(f url.Values) { f.Set("fbid", r.alice.ID) },
	} {
		if _, err := c.icdc(spoil); err == nil {
			t.Errorf("%s: registered", name)
		}
	}
	r.fault(control.Fault{Kind: "icdc_status", Stanza: "icdc/register", Args: map[string]string{"status": "500"}})
	if _, err := c.icdc(nil); err == nil {
		t.Error("registered in spite of the fault")
	}
	c.connect()
}

func TestLoginFailures(t *testing.T) {
	r := newRig(t)
	c := r.register(r.own)
	c.EnableAutoReconnect = false
	for _, reason := range []int{400, 402, 405, 409, 415, 418} {
		from := c.count()
		r.fault(control.Fault{Kind: "failure", Args: map[string]string{"reason": fmt.Sprint(reason), "code": "101", "expire": "60"}})
		r.check(c.Connect())
		switch reason {
		case 402:
			awaitEvent(c, from, func(e *events.TemporaryBan) bool { return e.Expire == time.Minute })
		case 405:
			awaitEvent(c, from, func(*events.ClientOutdated) bool { return true })
		default:
			awaitEvent(c, from, func(e *events.ConnectFailure) bool { return int(e.Reason) == reason })
		}
		c.Disconnect()
	}
	c.EnableAutoReconnect = true
	r.check(r.api.Special(r.ctx, messenger.EncryptedName, r.own.ID, "expire_cat", nil, nil))
	c.connect() // refreshes the token by itself
	from := c.count()
	r.fault(control.Fault{Kind: "forget_device"})
	awaitEvent(c, from, func(e *events.ConnectFailure) bool { return int(e.Reason) == 415 })
}

func TestRemovedAndReplaced(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	from := c.count()
	r.fault(control.Fault{Kind: "stream_error", Args: map[string]string{"conflict": "replaced"}})
	awaitEvent(c, from, func(*events.StreamReplaced) bool { return true })
	c.Disconnect()
	c.connect()
	from = c.count()
	r.fault(control.Fault{Kind: "stream_error", Args: map[string]string{"code": "515"}})
	awaitEvent(c, from, func(*events.Connected) bool { return true })
	p, err := r.api.Person(r.ctx, messenger.EncryptedName, r.own.ID)
	r.check(err)
	if len(p.Companions) != 1 || !p.Companions[0].Connected {
		t.Fatalf("companions %+v", p.Companions)
	}
	r.check(r.api.Unlink(r.ctx, messenger.EncryptedName, r.own.ID, p.Companions[0].Device))
	awaitEvent(c, from, func(*events.LoggedOut) bool { return true })
}

func TestIdentityChange(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	c.say(r.alice, "before")
	r.await(r.alice, control.Match{Text: "before"})
	r.check(r.api.Reinstall(r.ctx, messenger.EncryptedName, r.alice.ID))
	awaitEvent(c, 0, func(e *events.IdentityChange) bool { return e.JID == jid(r.alice) })
	c.say(r.alice, "after")
	r.await(r.alice, control.Match{Text: "after"})
	sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "new phone"})
	c.message(sent.ID)
}

func TestSecondClientOfTheSamePerson(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	c.say(r.alice, "from one")
	second := r.online(r.own)
	resp := c.say(r.alice, "to both")
	if m := second.message(resp.ID); !m.Info.IsFromMe || text(m) != "to both" {
		t.Errorf("got %+v", m.Info)
	}
	sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "for both"})
	c.message(sent.ID)
	second.message(sent.ID)
}

func TestEncryptedGroup(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	bob := r.person("Bob")
	group, err := r.api.CreateGroup(r.ctx, messenger.EncryptedName, r.alice.ID, control.NewGroup{Subject: "Friends", Members: []string{r.own.ID, bob.ID}})
	r.check(err)
	chat := types.NewJID(group.ID, types.GroupServer)
	info, err := c.GetGroupInfo(r.ctx, chat)
	r.check(err)
	if info.Name != "Friends" || len(info.Participants) != 3 {
		t.Errorf("group %+v", info)
	}
	sent := r.send(r.alice, control.SendRequest{To: group.ID, Text: "hello all"})
	m := c.message(sent.ID)
	if text(m) != "hello all" || m.Info.Chat != chat || m.Info.Sender.User != r.alice.ID {
		t.Errorf("got %+v", m.Info)
	}
	resp, err := c.SendFBMessage(r.ctx, chat, textMessage("hi group"), nil)
	r.check(err)
	for _, p := range []control.Person{r.alice, bob, r.own} {
		if e := r.await(p, control.Match{ID: resp.ID}); e.Text != "hi group" || e.Chat != group.ID || e.Encrypted != "skmsg" {
			t.Errorf("event of %s: %+v", p.Name, e)
		}
	}
	r.fault(control.Fault{Kind: "corrupt", Stanza: "message"})
	sent = r.send(bob, control.SendRequest{To: group.ID, Text: "garbled"})
	if m = c.message(sent.ID); text(m) != "garbled" {
		t.Errorf("got %q", text(m))
	}
	_, err = r.api.ChangeGroup(r.ctx, messenger.EncryptedName, r.alice.ID, group.ID, control.GroupChange{Remove: []string{r.own.ID}})
	r.check(err)
	if _, err = c.SendFBMessage(r.ctx, chat, textMessage("still here?"), nil); err == nil {
		t.Error("sent to a group after being removed")
	}
}

func TestRefusedMessages(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	r.fault(control.Fault{Kind: "ack_error", Stanza: "message"})
	if _, err := c.SendFBMessage(r.ctx, jid(r.alice), textMessage("x"), nil); err == nil {
		t.Error("no error")
	}
	r.clean = true
	if _, err := c.SendFBMessage(r.ctx, types.JID{User: "4711", Server: types.MessengerServer}, textMessage("x"), nil); err == nil {
		t.Error("sent to nobody")
	}
}

func TestCutoverAndRequests(t *testing.T) {
	r := newRig(t)
	web := r.browser(r.own)
	plainText, err := r.api.Send(r.ctx, messenger.Name, r.alice.ID, control.SendRequest{To: r.own.ID, Text: "plain"})
	r.check(err)
	cursors := map[int]string{}
	g, err := web.Connect(r.ctx, web.Parameters(), cursors)
	r.check(err)
	defer g.Close()
	for _, db := range []int{1, 95} {
		_, err = g.Sync(r.ctx, db, "")
		r.check(err)
	}
	c := r.online(r.own)
	sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "encrypted"})
	c.message(sent.ID)
	await := func(name string) {
		t.Helper()
		for {
			select {
			case p := <-g.Pushes:
				for _, row := range p.Rows {
					if row.Name == name {
						return
					}
				}
			case <-time.After(patience):
				t.Fatalf("no push with %s", name)
			}
		}
	}
	await("moveThreadToE2EECutoverFolder")
	_, err = r.api.React(r.ctx, messenger.EncryptedName, r.alice.ID, control.ReactRequest{Target: control.Target{Chat: r.own.ID, ID: plainText.ID}, Emoji: "❤"})
	r.check(err)
	await("upsertReaction")
	stranger := r.person("Stranger")
	r.check(r.api.SetContact(r.ctx, messenger.Name, r.own.ID, control.Contact{ID: stranger.ID}))
	sent = r.send(stranger, control.SendRequest{To: r.own.ID, Text: "may I?"})
	c.message(sent.ID)
	await("verifyHybridThreadExists")
	var key server.ThreadKey
	r.check(r.api.Special(r.ctx, messenger.Name, r.own.ID, "thread", server.ThreadChange{Chat: stranger.ID}, &key))
	if fmt.Sprint(key.Key) == stranger.ID {
		t.Error("a request has the same key on both planes")
	}
}

func TestClosedAppAndEcho(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	yes, no := true, false
	r.check(r.api.SetBehaviour(r.ctx, messenger.EncryptedName, r.alice.ID, control.Behaviour{Online: &no, Echo: &yes, AutoRead: &yes}))
	resp := c.say(r.alice, "anybody?")
	found, err := r.api.Timeline(r.ctx, messenger.EncryptedName, r.alice.ID, 0)
	r.check(err)
	if len(found) != 0 {
		t.Errorf("closed app has %+v", found)
	}
	r.check(r.api.SetBehaviour(r.ctx, messenger.EncryptedName, r.alice.ID, control.Behaviour{Online: &yes}))
	r.await(r.alice, control.Match{ID: resp.ID})
	awaitEvent(c, 0, func(m *events.FBMessage) bool { return text(m) == "anybody?" && !m.Info.IsFromMe })
	awaitEvent(c, 0, func(x *events.Receipt) bool { return x.Type == types.ReceiptTypeRead && x.MessageIDs[0] == resp.ID })
}
