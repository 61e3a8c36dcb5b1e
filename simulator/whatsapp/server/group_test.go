package server

import (
	"errors"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/whatsapp/stanza"
)

func mustGroup(t *testing.T, p *pair, members ...types.JID) types.JID {
	t.Helper()
	info, err := p.a.CreateGroup(withPatience(t), whatsmeow.ReqCreateGroup{Name: "Climbing", Participants: members})
	if err != nil {
		t.Fatal(err)
	}
	return info.JID
}

func TestGroupMessages(t *testing.T) {
	p := mustPairs(t, Config{})
	carol := mustRegister(t, p.s, 3)
	id := mustGroup(t, p, p.bob.Account().LIDJID())
	joined, _ := await(t, p.b, 0, any1[*events.JoinedGroup])
	if joined.Name != "Climbing" || len(joined.Participants) != 2 || joined.AddressingMode != types.AddressingModeLID {
		t.Errorf("joined %+v", joined.GroupInfo)
	}
	mustSend(t, p.a, id, "who is in?")
	got, _ := await(t, p.b, 0, isText("who is in?"))
	if got.Info.Chat != id || got.Info.Sender != deviceJID(p.alice.Account().LIDJID(), 1) {
		t.Errorf("message in %s by %s", got.Info.Chat, got.Info.Sender)
	}
	mustSend(t, p.b, id, "me")
	await(t, p.a, 0, isText("me"))
	ctx := withPatience(t)
	if err := p.b.MarkRead(ctx, []types.MessageID{got.Info.ID}, got.Info.Timestamp, id, got.Info.Sender); err != nil {
		t.Fatal(err)
	}
	read, _ := await(t, p.a, 0, func(r *events.Receipt) bool { return r.Type == types.ReceiptTypeRead })
	if read.Chat != id || read.Sender != p.bob.Account().LIDJID() {
		t.Errorf("read receipt %+v", read)
	}
	if err := p.a.SendChatPresence(ctx, id, types.ChatPresenceComposing, types.ChatPresenceMediaText); err != nil {
		t.Fatal(err)
	}
	typing, _ := await(t, p.b, 0, any1[*events.ChatPresence])
	if typing.Chat != id || typing.Sender != p.alice.Account().LIDJID() {
		t.Errorf("typing %+v", typing)
	}
	ack, err := carol.Request(ctx, stanza.New("message", stanza.Attrs{"id": "X", "to": id, "type": "text"}))
	if err != nil || stanza.Str(*ack, "error") != "403" {
		t.Errorf("message of a stranger answered with %v, %v; want 403", ack, err)
	}
}

func TestGroupRetry(t *testing.T) {
	p := mustPairs(t, Config{})
	id := mustGroup(t, p, p.bob.Account().LIDJID())
	mustFault(t, p.s, Fault{Kind: "corrupt", Person: p.bob.Account().Phone, Stanza: "message"})
	mustSend(t, p.a, id, "read at the second try")
	await(t, p.b, 0, any1[*events.UndecryptableMessage])
	await(t, p.b, 0, isText("read at the second try"))
}

func TestGroupChanges(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	carol := mustRegister(t, p.s, 3)
	id := mustGroup(t, p, p.bob.Account().LIDJID())
	await(t, p.b, 0, any1[*events.JoinedGroup])
	heard := func(what string, ok func(*events.GroupInfo) bool) {
		t.Helper()
		await(t, p.b, 0, func(e *events.GroupInfo) bool { return e.JID == id && ok(e) })
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.a.SetGroupName(ctx, id, "Bouldering"))
	heard("name", func(e *events.GroupInfo) bool { return e.Name != nil && e.Name.Name == "Bouldering" })
	must(p.a.SetGroupTopic(ctx, id, "", "", "every Tuesday"))
	heard("topic", func(e *events.GroupInfo) bool { return e.Topic != nil && e.Topic.Topic == "every Tuesday" })
	must(p.a.SetGroupAnnounce(ctx, id, true))
	heard("announcement", func(e *events.GroupInfo) bool { return e.Announce != nil && e.Announce.IsAnnounce })
	ack, err := p.bob.Request(ctx, stanza.New("message", stanza.Attrs{"id": "X", "to": id, "type": "text"}))
	if err != nil || stanza.Str(*ack, "error") != "403" {
		t.Errorf("message of one who may not speak answered with %v, %v; want 403", ack, err)
	}
	must(p.a.SetGroupAnnounce(ctx, id, false))
	must(p.a.SetGroupLocked(ctx, id, true))
	heard("locked", func(e *events.GroupInfo) bool { return e.Locked != nil && e.Locked.IsLocked })
	must(p.a.SetDisappearingTimer(ctx, id, whatsmeow.DisappearingTimer24Hours, p.s.cfg.Now()))
	heard("timer", func(e *events.GroupInfo) bool { return e.Ephemeral != nil && e.Ephemeral.DisappearingTimer == 86400 })
	if err = p.b.SetGroupName(ctx, id, "Mine"); !errors.Is(err, whatsmeow.ErrIQForbidden) {
		t.Errorf("rename of a locked group: %v, want %v", err, whatsmeow.ErrIQForbidden)
	}
	_, err = p.a.UpdateGroupParticipants(ctx, id, []types.JID{carol.Account().LIDJID()}, whatsmeow.ParticipantChangeAdd)
	must(err)
	heard("join", func(e *events.GroupInfo) bool { return len(e.Join) == 1 && e.Join[0] == carol.Account().LIDJID() })
	_, err = p.a.UpdateGroupParticipants(ctx, id, []types.JID{carol.Account().LIDJID()}, whatsmeow.ParticipantChangePromote)
	must(err)
	heard("promotion", func(e *events.GroupInfo) bool { return len(e.Promote) == 1 })
	picture, err := p.a.SetGroupPhoto(ctx, id, jpeg)
	must(err)
	await(t, p.b, 0, func(e *events.Picture) bool { return e.JID == id && e.PictureID == picture })
	if _, err = p.a.SetGroupPhoto(ctx, id, []byte("png")); !errors.Is(err, whatsmeow.ErrInvalidImageFormat) {
		t.Errorf("picture that is no JPEG: %v, want %v", err, whatsmeow.ErrInvalidImageFormat)
	}
	info, err := p.b.GetGroupInfo(ctx, id)
	must(err)
	if info.Name != "Bouldering" || info.Topic != "every Tuesday" || !info.IsLocked || info.IsAnnounce || len(info.Participants) != 3 {
		t.Errorf("group is %+v", info)
	}
	groups, err := p.b.GetJoinedGroups(ctx)
	if err != nil || len(groups) != 1 {
		t.Errorf("%d groups, %v; want one", len(groups), err)
	}
	must(p.b.LeaveGroup(ctx, id))
	await(t, p.a, 0, func(e *events.GroupInfo) bool { return len(e.Leave) == 1 })
	if _, err = p.b.GetGroupInfo(ctx, id); !errors.Is(err, whatsmeow.ErrNotInGroup) {
		t.Errorf("group after leaving: %v, want %v", err, whatsmeow.ErrNotInGroup)
	}
	mustNothingUnexpected(t, p.s)
}

func TestGroupInvites(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	id := mustGroup(t, p)
	if _, err := p.b.GetGroupInviteLink(ctx, id, false); !errors.Is(err, whatsmeow.ErrNotInGroup) {
		t.Errorf("link for a stranger: %v, want %v", err, whatsmeow.ErrNotInGroup)
	}
	revoked, err := p.a.GetGroupInviteLink(ctx, id, false)
	if err != nil {
		t.Fatal(err)
	}
	link, err := p.a.GetGroupInviteLink(ctx, id, true)
	if err != nil {
		t.Fatal(err)
	}
	for bad, want := range map[string]error{revoked: whatsmeow.ErrInviteLinkRevoked, "short": whatsmeow.ErrInviteLinkInvalid} {
		if _, err = p.b.JoinGroupWithLink(ctx, bad); !errors.Is(err, want) {
			t.Errorf("join by %q: %v, want %v", bad, err, want)
		}
	}
	info, err := p.b.GetGroupInfoFromLink(ctx, link)
	if err != nil || info.JID != id {
		t.Errorf("group behind the link %+v, %v", info, err)
	}
	joined, err := p.b.JoinGroupWithLink(ctx, link)
	if err != nil || joined != id {
		t.Errorf("joined %s, %v; want %s", joined, err, id)
	}
	await(t, p.a, 0, func(e *events.GroupInfo) bool { return len(e.Join) == 1 })
}
