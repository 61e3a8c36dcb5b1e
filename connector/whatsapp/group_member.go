package whatsapp

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
)

// Power levels in a group's room. What is not bridged to WhatsApp (everything but name, topic, picture and members) nobody
// may change in Matrix.
const (
	levelMember  = 0
	levelAdmin   = 50
	levelCreator = 75
	levelNobody  = 99
)

// mostMembers is WhatsApp's own limit for groups; of a list that is longer only so many are shown.
const mostMembers = 1024

// groupMembers are all members of a group, and what they may do.
func (c *Client) groupMembers(ctx context.Context, group *types.GroupInfo) *bridgev2.ChatMemberList {
	members := bridgev2.ChatMemberMap{}
	for _, participant := range group.Participants[:min(len(group.Participants), mostMembers)] {
		jid, ok := c.peer(ctx, participant.JID, participant.LID)
		if !ok || participant.Error != 0 {
			continue
		}
		level := levelMember
		switch {
		case participant.IsSuperAdmin:
			level = levelCreator
		case participant.IsAdmin:
			level = levelAdmin
		}
		members.Set(c.groupMember(ctx, jid, level))
	}
	list := &bridgev2.ChatMemberList{
		IsFull:           len(members) > 0,
		TotalMemberCount: len(group.Participants),
		MemberMap:        members,
		PowerLevels:      groupLevels(group),
	}
	if len(members) == 0 {
		members.Set(bridgev2.ChatMember{EventSender: c.as(c.self)})
	}
	return list
}

// groupMember is a member with the name that their ghost is to have.
func (c *Client) groupMember(ctx context.Context, jid types.JID, level int) bridgev2.ChatMember {
	member := bridgev2.ChatMember{EventSender: c.as(jid), Membership: event.MembershipJoin, PowerLevel: &level}
	if ghost, err := c.network.bridge.GetGhostByID(ctx, mustID[networkid.UserID](jid)); err == nil {
		member.UserInfo = c.nameInfo(ctx, ghost, jid)
	}
	return member
}

// groupLevels are the levels of a group's room: who may do what there may do it on WhatsApp.
func groupLevels(group *types.GroupInfo) *bridgev2.PowerLevelOverrides {
	nobody, admin := levelNobody, levelAdmin
	levels := &bridgev2.PowerLevelOverrides{
		EventsDefault: levelOf(group.IsAnnounce),
		StateDefault:  &nobody,
		Invite:        levelOf(group.MemberAddMode == types.GroupMemberAddModeAdmin),
		Kick:          &admin,
		Ban:           &nobody,
		Events:        looksLevels(group.IsLocked),
	}
	levels.Events[event.EventReaction] = levelMember
	return levels
}

// looksLevels are those of what a group looks like.
func looksLevels(locked bool) map[event.Type]int {
	level := *levelOf(locked)
	return map[event.Type]int{event.StateRoomName: level, event.StateTopic: level, event.StateRoomAvatar: level}
}

// levelOf is the level for what only admins, or all members, may do.
func levelOf(onlyAdmins bool) *int {
	level := levelMember
	if onlyAdmins {
		level = levelAdmin
	}
	return &level
}
