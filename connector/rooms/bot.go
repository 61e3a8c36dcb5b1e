package rooms

import (
	"context"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// bot is the bridge's bot as bridgev2 sees it: what it does to spaces goes through the keeper.
type bot struct {
	bridgev2.MatrixAPI
	rooms *Rooms
}

// librarySpace is the id that bridgev2 gives the space of a login in m.bridge.
const librarySpace = "__personal_filtering_space__"

// CreateRoom implements bridgev2.MatrixAPI.
func (b bot) CreateRoom(ctx context.Context, req *mautrix.ReqCreateRoom) (id.RoomID, error) {
	info := bridgeInfoOf(req)
	if info == nil {
		return b.MatrixAPI.CreateRoom(ctx, req)
	} else if info.Channel.ID == librarySpace {
		return b.rooms.networkSpace(ctx, networkid.UserLoginID(info.Channel.Receiver))
	}
	label := b.rooms.labelNew(ctx, networkid.PortalKey{
		ID: networkid.PortalID(info.Channel.ID), Receiver: networkid.UserLoginID(info.Channel.Receiver),
	}, req)
	room, err := b.MatrixAPI.CreateRoom(ctx, req)
	if err == nil && label != nil {
		b.rooms.noteLabel(ctx, room, label)
	}
	return room, err
}

// bridgeInfoOf is the m.bridge of a room that is about to be made, nil if it is no portal and no login's space.
func bridgeInfoOf(req *mautrix.ReqCreateRoom) *event.BridgeEventContent {
	for _, evt := range req.InitialState {
		if info, ok := evt.Content.Parsed.(*event.BridgeEventContent); ok && evt.Type == event.StateBridge {
			return info
		}
	}
	return nil
}

// SendState implements bridgev2.MatrixAPI.
func (b bot) SendState(ctx context.Context, room id.RoomID, kind event.Type, key string, content *event.Content, at time.Time) (*mautrix.RespSendEvent, error) {
	if child, ok := content.Parsed.(*event.SpaceChildEventContent); ok && kind == event.StateSpaceChild && len(child.Via) > 0 {
		if space, err := b.rooms.divert(ctx, room, id.RoomID(key)); err != nil {
			return nil, err
		} else if space != "" {
			room = space
		}
	}
	resp, err := b.MatrixAPI.SendState(ctx, room, kind, key, content, at)
	if err != nil && invites(kind, content) {
		err = b.rooms.refused(ctx, room, id.UserID(key), err)
	}
	return resp, err
}

// DeleteRoom implements bridgev2.MatrixAPI. A network's space stays while another login stands in it.
func (b bot) DeleteRoom(ctx context.Context, room id.RoomID, puppetsOnly bool) error {
	if keep, err := b.rooms.leaveSpace(ctx, room); err != nil || keep {
		return err
	}
	b.rooms.forgetLabel(ctx, room)
	return b.MatrixAPI.DeleteRoom(ctx, room, puppetsOnly)
}
