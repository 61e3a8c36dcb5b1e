package phone

import (
	"context"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/phone/appstate"
)

// chat returns the settings of a chat, made on first use.
func (s *settings) chat(jid types.JID) *ChatSettings {
	c, ok := s.chats[jid]
	if !ok {
		c = &ChatSettings{Chat: jid}
		s.chats[jid] = c
	}
	return c
}

// learnSetting takes in one setting that another device made. Kinds that the simulation has no use for are passed over.
// p.mu is held.
func (p *Phone) learnSetting(a appstate.Action) {
	if len(a.Index) == 0 {
		return
	}
	if a.Index[0] == "setting_pushName" {
		p.settings.pushName = a.Value.GetPushNameSetting().GetName()
		return
	}
	if len(a.Index) < 2 {
		return
	}
	jid, err := types.ParseJID(a.Index[1])
	if err != nil {
		return
	}
	jid = p.toLID(jid)
	switch a.Index[0] {
	case "mute":
		mute := a.Value.GetMuteAction()
		until := int64(0)
		if mute.GetMuted() {
			until = mute.GetMuteEndTimestamp()
		}
		p.settings.chat(jid).MutedUntil = until
	case "pin_v1":
		p.settings.chat(jid).Pinned = a.Value.GetPinAction().GetPinned()
	case "archive":
		p.settings.chat(jid).Archived = a.Value.GetArchiveChatAction().GetArchived()
	case "markChatAsRead":
		p.settings.chat(jid).Unread = !a.Value.GetMarkChatAsReadAction().GetRead()
	case "contact":
		p.settings.contacts[jid] = a.Value.GetContactAction().GetFullName()
	}
}

// Chat is what the phone knows of a chat's settings.
func (p *Phone) Chat(chat types.JID) ChatSettings {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.settings.chats[chat]; ok {
		return *s
	}
	return ChatSettings{Chat: chat}
}

// SetChat stores the settings of a chat, only where they differ from those now in force, and lets the companions know.
func (p *Phone) SetChat(ctx context.Context, want ChatSettings) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	have := *p.settings.chat(want.Chat)
	jid := want.Chat.String()
	changes := []struct {
		changed    bool
		collection string
		action     appstate.Action
	}{
		{have.MutedUntil != want.MutedUntil, appstate.RegularHigh, appstate.Action{
			Index: []string{"mute", jid}, Version: 2, Value: muteValue(want.MutedUntil),
		}},
		{have.Pinned != want.Pinned, appstate.RegularLow, appstate.Action{
			Index: []string{"pin_v1", jid}, Version: 5, Value: &waSyncAction.SyncActionValue{
				PinAction: &waSyncAction.PinAction{Pinned: proto.Bool(want.Pinned)},
			},
		}},
		{have.Archived != want.Archived, appstate.RegularLow, appstate.Action{
			Index: []string{"archive", jid}, Version: 3, Value: &waSyncAction.SyncActionValue{
				ArchiveChatAction: &waSyncAction.ArchiveChatAction{Archived: proto.Bool(want.Archived)},
			},
		}},
		{have.Unread != want.Unread, appstate.RegularLow, appstate.Action{
			Index: []string{"markChatAsRead", jid}, Version: 3, Value: &waSyncAction.SyncActionValue{
				MarkChatAsReadAction: &waSyncAction.MarkChatAsReadAction{Read: proto.Bool(!want.Unread)},
			},
		}},
	}
	for _, c := range changes {
		if !c.changed {
			continue
		}
		if err := p.writeSettings(ctx, c.collection, []appstate.Action{c.action}); err != nil {
			return fmt.Errorf("change %s: %w", c.action.Index, err)
		}
	}
	p.settings.chats[want.Chat] = &want
	return nil
}

func muteValue(until int64) *waSyncAction.SyncActionValue {
	mute := &waSyncAction.MuteAction{Muted: proto.Bool(until != 0)}
	if until != 0 {
		mute.MuteEndTimestamp = proto.Int64(until)
	}
	return &waSyncAction.SyncActionValue{MuteAction: mute}
}

func nameAction(name string) appstate.Action {
	return appstate.Action{
		Index:   []string{"setting_pushName"},
		Version: 1,
		Value:   &waSyncAction.SyncActionValue{PushNameSetting: &waSyncAction.PushNameSetting{Name: proto.String(name)}},
	}
}

// SetContact names somebody in the owner's address book; an empty name removes them.
func (p *Phone) SetContact(ctx context.Context, pn, lid types.JID, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.learn(pn, lid)
	first, _, _ := strings.Cut(name, " ")
	action := appstate.Action{
		Index:   []string{"contact", pn.String()},
		Version: 2,
		Remove:  name == "",
		Value: &waSyncAction.SyncActionValue{ContactAction: &waSyncAction.ContactAction{
			FullName: proto.String(name), FirstName: proto.String(first), LidJID: proto.String(lid.String()),
			SaveOnPrimaryAddressbook: proto.Bool(true),
		}},
	}
	if action.Remove {
		if p.settings.contacts[lid] == "" {
			return nil // a removal of what was never there would not verify
		}
		action.Value = nil
	}
	if err := p.writeSettings(ctx, appstate.CriticalUnblockLow, []appstate.Action{action}); err != nil {
		return fmt.Errorf("name %s: %w", pn, err)
	}
	if action.Remove {
		delete(p.settings.contacts, lid)
	} else {
		p.settings.contacts[lid] = name
	}
	return nil
}

// SetPushName changes the account's public name, at the server and in the settings that companions read.
func (p *Phone) SetPushName(ctx context.Context, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.writeSettings(ctx, appstate.CriticalBlock, []appstate.Action{nameAction(name)}); err != nil {
		return fmt.Errorf("change name: %w", err)
	}
	p.settings.pushName = name
	return p.link.SetPushName(name)
}
