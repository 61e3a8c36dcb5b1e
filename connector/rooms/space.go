package rooms

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// The kinds of a user's spaces; a network's own is of the network's id. They are stored in settings and rooms.
const (
	kindTop      = "crosschat"
	kindRequests = "requests"
)

const (
	// spaceSetting begins the names of the settings that hold spaces: "crosschat_space <user> <kind>".
	spaceSetting = "crosschat_space "
	// beingMade stands in a setting instead of a room from before the space is made until its id is stored.
	beingMade = "being made"
	// channelPrefix begins the channel's id in a space's m.bridge (MSC2346), by which one is found that an earlier run was
	// just making.
	channelPrefix = "__crosschat_space__"
)

func settingOf(user id.UserID, kind string) string { return spaceSetting + string(user) + " " + kind }

// networkSpace is the space of a login's network, made if need be.
func (r *Rooms) networkSpace(ctx context.Context, loginID networkid.UserLoginID) (id.RoomID, error) {
	login := r.bridge.GetCachedUserLoginByID(loginID)
	if login == nil {
		return "", fmt.Errorf("make space of login %q: %w", loginID, bridgev2.ErrNotLoggedIn)
	}
	name, ok := r.nameOf(string(loginID))
	if !ok {
		return "", fmt.Errorf("make space of login %q: it belongs to no network", loginID)
	}
	return r.space(ctx, login.User, name.NetworkID, name, "Your chats on "+name.DisplayName)
}

// requestSpace is the space of a user's requests, made if need be.
func (r *Rooms) requestSpace(ctx context.Context, user *bridgev2.User) (id.RoomID, error) {
	name := r.bridge.Network.GetName()
	name.DisplayName, name.NetworkIcon = "Requests", ""
	return r.space(ctx, user, kindRequests, name, "Chats that you have not accepted yet. Write in one to accept it")
}

// space is a user's space of a kind, made if need be, within the user's space for everything.
func (r *Rooms) space(ctx context.Context, user *bridgev2.User, kind string, name bridgev2.BridgeName, topic string) (id.RoomID, error) {
	r.making.Lock()
	defer r.making.Unlock()
	top, err := r.haveSpace(ctx, user, kindTop, "", r.bridge.Network.GetName(), "Your chats on all networks that Crosschat joins to Matrix")
	if err != nil {
		return "", err
	}
	return r.haveSpace(ctx, user, kind, top, name, topic)
}

// spaceIfAny is a user's space of a kind, empty if there is none.
func (r *Rooms) spaceIfAny(ctx context.Context, user id.UserID, kind string) (id.RoomID, error) {
	value, err := r.settings.Get(ctx, settingOf(user, kind))
	if value == beingMade {
		value = ""
	}
	return id.RoomID(value), err
}

// haveSpace looks a space up or makes it. The caller holds making.
func (r *Rooms) haveSpace(ctx context.Context, user *bridgev2.User, kind string, parent id.RoomID, name bridgev2.BridgeName, topic string) (id.RoomID, error) {
	setting := settingOf(user.MXID, kind)
	stored, err := r.settings.Get(ctx, setting)
	if err != nil {
		return "", err
	}
	room := id.RoomID(stored)
	switch stored {
	case "":
		if err = r.settings.Set(ctx, setting, beingMade); err != nil {
			return "", err
		}
		room = ""
	case beingMade:
		if room, err = r.orphan(ctx, user.MXID, kind); err != nil {
			return "", err
		}
	default:
		return room, nil
	}
	if room == "" {
		if room, err = r.bot.CreateRoom(ctx, r.spaceRequest(user.MXID, kind, parent, name, topic)); err != nil {
			return "", fmt.Errorf("make space %q of %s: %w", kind, user.MXID, err)
		}
	}
	if parent != "" {
		if err = r.setChild(ctx, parent, room, true); err != nil {
			return "", err
		}
	}
	if puppet := user.DoublePuppet(ctx); puppet != nil {
		if err = puppet.EnsureJoined(ctx, room); err != nil {
			r.log.Warn().Err(err).Stringer("room_id", room).Msg("Could not let a user into their space; they are invited")
		}
	}
	return room, r.settings.Set(ctx, setting, string(room))
}

// spaceRequest describes a space. Its user may rearrange it.
func (r *Rooms) spaceRequest(user id.UserID, kind string, parent id.RoomID, name bridgev2.BridgeName, topic string) *mautrix.ReqCreateRoom {
	key := r.bridgeInfoKey()
	info := &event.BridgeEventContent{
		BridgeBot: r.bot.GetMXID(), Creator: r.bot.GetMXID(), Protocol: name.AsBridgeInfoSection(),
		Channel:          event.BridgeInfoSection{ID: channelPrefix + kind, Receiver: string(user)},
		BeeperRoomTypeV2: "personal_filtering_space",
	}
	req := &mautrix.ReqCreateRoom{
		Visibility: "private", Preset: "private_chat", Name: name.DisplayName, Topic: topic, Invite: []id.UserID{user},
		CreationContent: map[string]any{"type": event.RoomTypeSpace},
		PowerLevelOverride: &event.PowerLevelsEventContent{
			Users: map[id.UserID]int{r.bot.GetMXID(): 9001, user: 50},
		},
		InitialState: []*event.Event{{Type: event.StateBridge, StateKey: &key, Content: event.Content{Parsed: info}}},
	}
	if name.NetworkIcon != "" {
		req.InitialState = append(req.InitialState, &event.Event{
			Type: event.StateRoomAvatar, Content: event.Content{Parsed: &event.RoomAvatarEventContent{URL: name.NetworkIcon}},
		})
	}
	if parent != "" {
		parentKey := parent.String()
		req.InitialState = append(req.InitialState, &event.Event{
			Type: event.StateSpaceParent, StateKey: &parentKey,
			Content: event.Content{Parsed: &event.SpaceParentEventContent{Via: r.via(), Canonical: true}},
		})
	}
	return req
}

func (r *Rooms) via() []string { return []string{r.bridge.Matrix.ServerName()} }

// bridgeInfoKey is the state key of our m.bridge events, as bridgev2 has it in portals.
func (r *Rooms) bridgeInfoKey() string {
	if named, ok := r.bridge.Matrix.(bridgev2.MatrixConnectorWithBridgeIdentifier); ok {
		return named.GetUniqueBridgeID()
	}
	return string(r.bridge.ID)
}

// orphan finds a space that an earlier run was making when it ended, empty if it had not come so far.
func (r *Rooms) orphan(ctx context.Context, user id.UserID, kind string) (id.RoomID, error) {
	if r.library == nil {
		return "", nil
	}
	joined, err := r.library.Bot.JoinedRooms(ctx)
	if err != nil {
		return "", fmt.Errorf("list the bot's rooms: %w", err)
	}
	// The newest are likely to be last, and one search may be long.
	for _, room := range slices.Backward(joined.JoinedRooms) {
		var info event.BridgeEventContent
		err := r.library.Bot.StateEvent(ctx, room, event.StateBridge, r.bridgeInfoKey(), &info)
		if err == nil && info.BridgeBot == r.bot.GetMXID() && info.Channel.ID == channelPrefix+kind && info.Channel.Receiver == string(user) {
			return room, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	return "", nil
}

// setChild puts a room into a space, or takes it out.
func (r *Rooms) setChild(ctx context.Context, space, child id.RoomID, in bool) error {
	content := &event.SpaceChildEventContent{}
	if in {
		content.Via = r.via()
	}
	_, err := r.bot.SendState(ctx, space, event.StateSpaceChild, child.String(), &event.Content{Parsed: content}, time.Now())
	if err != nil {
		return fmt.Errorf("change place of %s in space %s: %w", child, space, err)
	}
	return nil
}

// leaveSpace is asked before bridgev2 deletes the space of a login that ended. It is true if the space must stay; if not,
// it is forgotten, and with a user's last the requests and the space around them are deleted.
func (r *Rooms) leaveSpace(ctx context.Context, room id.RoomID) (keep bool, err error) {
	r.making.Lock()
	defer r.making.Unlock()
	spaces, err := r.settings.WithPrefix(ctx, spaceSetting)
	if err != nil {
		return false, err
	}
	of := make(map[string]map[string]id.RoomID) // by user and kind
	var user, kind string
	for name, value := range spaces {
		u, k, _ := strings.Cut(name, " ")
		if of[u] == nil {
			of[u] = make(map[string]id.RoomID)
		}
		of[u][k] = id.RoomID(value)
		if value == string(room) {
			user, kind = u, k
		}
	}
	if user == "" {
		return false, nil
	}
	for _, login := range r.bridge.GetAllCachedUserLogins() {
		if login.SpaceRoom == room {
			return true, nil
		}
	}
	if err = r.settings.Set(ctx, settingOf(id.UserID(user), kind), ""); err != nil {
		return false, err
	}
	delete(of[user], kind)
	if top := of[user][kindTop]; top != "" {
		if err = r.setChild(ctx, top, room, false); err != nil {
			r.log.Warn().Err(err).Msg("Could not take the space of an ended login out of its user's")
		}
	}
	for other := range of[user] {
		if other != kindTop && other != kindRequests {
			return false, nil
		}
	}
	for other, space := range of[user] {
		if err = r.settings.Set(ctx, settingOf(id.UserID(user), other), ""); err != nil {
			return false, err
		}
		if err = r.bot.DeleteRoom(ctx, space, false); err != nil {
			r.log.Warn().Err(err).Stringer("room_id", space).Msg("Could not delete the last spaces of a user")
		}
	}
	return false, nil
}
