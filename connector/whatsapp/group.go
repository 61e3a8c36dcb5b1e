package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	"crosschat/connector/uplink"
)

// groupTries bounds the tries to learn of a group whose room was made without knowing it.
const groupTries = 5

// groupInfo is a group as it is now, with its picture if that is not the known one. If WhatsApp can't be asked, so little is
// said that messages have a room, and the rest follows.
func (c *Client) groupInfo(ctx context.Context, chat types.JID, known networkid.AvatarID) *bridgev2.ChatInfo {
	info, err := c.askGroup(ctx, chat, known)
	if err == nil {
		return info
	}
	c.log.Warn().Err(err).Stringer("chat", chat).Msg("A group's room is made before the group is known")
	c.goDo("group", func() { c.learnGroup(chat) })
	info = c.describeGroup(ctx, &types.GroupInfo{JID: chat})
	info.Topic, info.Disappear = nil, nil
	return info
}

// learnGroup tells Matrix of a group as soon as WhatsApp can be asked.
func (c *Client) learnGroup(chat types.JID) {
	for try := range groupTries {
		if c.online.Wait(c.ctx) != nil {
			return
		}
		info, err := c.askGroup(c.ctx, chat, "")
		if err == nil {
			c.login.QueueRemoteEvent(&simplevent.ChatResync{
				EventMeta: simplevent.EventMeta{Type: bridgev2.RemoteEventChatResync, PortalKey: c.portalKey(chat)},
				ChatInfo:  info,
			})
			return
		}
		c.log.Warn().Err(err).Stringer("chat", chat).Msg("Could not ask for a group")
		if !hold(c.ctx, uplink.Backoff(try, c.network.Config.ReconnectMaxDelay)) {
			return
		}
	}
}

// askGroup asks for a group. It does not wait for a connection.
func (c *Client) askGroup(ctx context.Context, chat types.JID, known networkid.AvatarID) (*bridgev2.ChatInfo, error) {
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	group, err := c.wa.GetGroupInfo(ctx, chat)
	switch {
	case errors.Is(err, whatsmeow.ErrNotInGroup), errors.Is(err, whatsmeow.ErrGroupNotFound):
		// A room may still be wanted for what was said before.
		group = &types.GroupInfo{
			JID: chat, GroupAnnounce: types.GroupAnnounce{IsAnnounce: true}, GroupLocked: types.GroupLocked{IsLocked: true},
			MemberAddMode: types.GroupMemberAddModeAdmin,
		}
	case err != nil:
		return nil, fmt.Errorf("ask for group: %w", err)
	}
	info := c.describeGroup(ctx, group)
	info.Avatar, _ = c.picture(ctx, chat, known)
	return info, nil
}

// describeGroup makes a room's info of a group's. A group of which nothing is known keeps the room's members.
func (c *Client) describeGroup(ctx context.Context, group *types.GroupInfo) *bridgev2.ChatInfo {
	kind := database.RoomTypeDefault
	info := &bridgev2.ChatInfo{
		Type:         &kind,
		CanBackfill:  true,
		Members:      c.groupMembers(ctx, group),
		ExtraUpdates: c.settingsAtFirst(group.JID),
	}
	if name := convert.Clean(group.Name); name != "" {
		info.Name = &name
	}
	topic, timer := convert.Clean(group.Topic), timerOf(group.DisappearingTimer)
	info.Topic, info.Disappear = &topic, &timer
	return info
}

// onJoinedGroup is a group that the account has come into, or made on the phone. A community itself is no chat; its
// groups come as groups.
func (c *Client) onJoinedGroup(evt *events.JoinedGroup) bool {
	if !isGroup(evt.JID) || evt.IsParent {
		return true
	}
	info := c.describeGroup(c.ctx, &evt.GroupInfo)
	info.Avatar, _ = c.picture(c.ctx, evt.JID, "")
	return c.deliverInTurn(simplevent.EventMeta{
		Type:         bridgev2.RemoteEventChatResync,
		PortalKey:    c.portalKey(evt.JID),
		CreatePortal: true,
		Timestamp:    evt.GroupCreated,
	}, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.ChatResync{EventMeta: meta, ChatInfo: info}
	})
}

// onGroupInfo is a change of a group.
func (c *Client) onGroupInfo(evt *events.GroupInfo) bool {
	if !isGroup(evt.JID) {
		return true
	}
	if c.isAdded(evt) {
		if group, err := c.wa.GetGroupInfo(c.ctx, evt.JID); err == nil {
			return c.onJoinedGroup(&events.JoinedGroup{GroupInfo: *group})
		}
		// Its room is made with the first message.
	}
	change := c.groupChange(c.ctx, evt)
	return c.deliverInTurn(simplevent.EventMeta{
		Type:      bridgev2.RemoteEventChatInfoChange,
		PortalKey: c.portalKey(evt.JID),
		Sender:    c.changer(evt),
		Timestamp: evt.Timestamp,
	}, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.ChatInfoChange{EventMeta: meta, ChatInfoChange: change}
	})
}

// isAdded says whether a change brings the account itself into a group.
func (c *Client) isAdded(evt *events.GroupInfo) bool {
	return slices.ContainsFunc(evt.Join, func(address types.JID) bool {
		jid, ok := c.peer(c.ctx, address, types.EmptyJID)
		return ok && jid == c.self
	})
}

// deliverInTurn hands a change of a chat to Matrix in turn with its messages. True means that it is there.
func (c *Client) deliverInTurn(meta simplevent.EventMeta, make func(simplevent.EventMeta) bridgev2.RemoteEvent) bool {
	c.order.Lock()
	defer c.order.Unlock()
	return c.delivered(c.log, ledger.Deliver(c.ctx, c.login, meta, make))
}

// changer is who changed a group, nobody if that is not said: then the bot does it.
func (c *Client) changer(evt *events.GroupInfo) bridgev2.EventSender {
	if evt.Sender == nil {
		return bridgev2.EventSender{}
	}
	alt := types.EmptyJID
	if evt.SenderPN != nil {
		alt = *evt.SenderPN
	}
	if jid, ok := c.peer(c.ctx, *evt.Sender, alt); ok {
		return c.as(jid)
	}
	return bridgev2.EventSender{}
}

func (c *Client) groupChange(ctx context.Context, evt *events.GroupInfo) *bridgev2.ChatInfoChange {
	change := &bridgev2.ChatInfoChange{}
	if evt.Name != nil || evt.Topic != nil || evt.Ephemeral != nil {
		change.ChatInfo = &bridgev2.ChatInfo{}
	}
	if evt.Name != nil {
		name := convert.Clean(evt.Name.Name)
		change.ChatInfo.Name = &name
	}
	if evt.Topic != nil {
		topic := convert.Clean(evt.Topic.Topic)
		change.ChatInfo.Topic = &topic
	}
	if evt.Ephemeral != nil {
		timer := timerOf(evt.Ephemeral.DisappearingTimer)
		change.ChatInfo.Disappear = &timer
	}
	members := bridgev2.ChatMemberMap{}
	each := func(jids []types.JID, set func(types.JID)) {
		for _, address := range jids[:min(len(jids), mostMembers)] {
			if jid, ok := c.peer(ctx, address, types.EmptyJID); ok {
				set(jid)
			}
		}
	}
	level := func(to int) func(types.JID) {
		return func(jid types.JID) { members.Set(c.groupMember(ctx, jid, to)) }
	}
	each(evt.Join, level(levelMember))
	each(evt.Demote, level(levelMember))
	each(evt.Promote, level(levelAdmin))
	each(evt.Leave, func(jid types.JID) {
		members.Set(bridgev2.ChatMember{EventSender: c.as(jid), Membership: event.MembershipLeave})
	})
	levels := &bridgev2.PowerLevelOverrides{}
	if evt.Announce != nil {
		levels.EventsDefault = levelOf(evt.Announce.IsAnnounce)
	}
	if evt.Locked != nil {
		levels.Events = looksLevels(evt.Locked.IsLocked)
	}
	if len(members) > 0 || evt.Announce != nil || evt.Locked != nil {
		change.MemberChanges = &bridgev2.ChatMemberList{MemberMap: members, PowerLevels: levels}
	}
	return change
}

// onGroupPicture is a new picture of a group, or one that went. It is fetched when the room's turn comes.
func (c *Client) onGroupPicture(evt *events.Picture) {
	c.login.QueueRemoteEvent(&simplevent.ChatResync{
		EventMeta: simplevent.EventMeta{
			Type:      bridgev2.RemoteEventChatResync,
			PortalKey: c.portalKey(evt.JID),
			Timestamp: evt.Timestamp,
		},
		GetChatInfoFunc: func(ctx context.Context, portal *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
			avatar, _ := c.picture(ctx, evt.JID, portal.AvatarID)
			return &bridgev2.ChatInfo{Avatar: avatar}, nil
		},
	})
}
