package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/command"
	"crosschat/connector/ledger"
)

// What a user chooses for a chat on their phone (muted, pinned, archived) shows in their Matrix account as a push rule and
// as the tags m.favourite and m.lowpriority. The other way homeservers tell a bridge only if they hand it account data,
// which Synapse and Dendrite do not; there the commands below take the place.

var (
	_ bridgev2.MuteHandlingNetworkAPI         = (*Client)(nil)
	_ bridgev2.TagHandlingNetworkAPI          = (*Client)(nil)
	_ bridgev2.MarkedUnreadHandlingNetworkAPI = (*Client)(nil)
)

// longestMute is what counts as for ever: WhatsApp itself offers eight hours, a week and always.
const longestMute = 10 * 365 * 24 * time.Hour

// onChatSetting is a change of a chat's settings by the phone or another device; whatsmeow has stored it.
func (c *Client) onChatSetting(address types.JID, at time.Time) {
	chat, ok := c.chatOf(c.ctx, address)
	if !ok {
		return
	}
	c.login.QueueRemoteEvent(&simplevent.ChatInfoChange{
		EventMeta: simplevent.EventMeta{
			Type:      bridgev2.RemoteEventChatInfoChange,
			PortalKey: c.portalKey(chat),
			Timestamp: at,
		},
		ChatInfoChange: &bridgev2.ChatInfoChange{ChatInfo: &bridgev2.ChatInfo{UserLocal: c.userLocal(c.ctx, address)}},
	})
}

// onChatSettings is all settings as a whole, after linking: rooms may have been made before they came.
func (c *Client) onChatSettings() {
	portals, err := c.network.bridge.DB.UserPortal.GetAllForLogin(c.ctx, c.login.UserLogin)
	if err != nil {
		c.fault(err, "Could not list the rooms to give them the settings of their chats")
		return
	}
	for _, portal := range portals {
		chat, err := parseChat(portal.Portal.ID)
		if err != nil {
			continue
		}
		if settings, _ := c.settingsOf(c.ctx, chat); settings.Found {
			c.onChatSetting(chat, time.Now())
		}
	}
}

// chatOf is the chat that an address of the settings means.
func (c *Client) chatOf(ctx context.Context, address types.JID) (types.JID, bool) {
	if _, err := rawChat(address); err == nil && address.Server == types.GroupServer {
		return address, true
	}
	return c.peer(ctx, address, types.EmptyJID)
}

// settingsOf are the settings of a chat and the address that they are kept under: a person's chat may have been set by
// its phone number or its LID.
func (c *Client) settingsOf(ctx context.Context, chat types.JID) (types.LocalChatSettings, types.JID) {
	addresses := []types.JID{chat}
	if _, ok := person(chat); ok {
		addresses = c.addresses(ctx, chat)
	}
	for _, address := range addresses {
		settings, err := c.wa.Store.ChatSettings.GetChatSettings(ctx, address)
		if err != nil {
			c.log.Warn().Err(err).Msg("Could not look up a chat's settings")
		} else if settings.Found {
			return settings, address
		}
	}
	return types.LocalChatSettings{}, chat
}

// settingsAtFirst gives a new room the settings of its chat when the user is in it: bridgev2 itself would tag the room
// before, which homeservers refuse.
func (c *Client) settingsAtFirst(chat types.JID) bridgev2.ExtraUpdater[*bridgev2.Portal] {
	return func(ctx context.Context, portal *bridgev2.Portal) bool {
		if portal.MXID != "" {
			return false
		}
		if settings, _ := c.settingsOf(ctx, chat); settings.Found {
			c.onChatSetting(chat, time.Now()) // waits behind what makes the room
		}
		return false
	}
}

// userLocal is what the Matrix account is to show.
func (c *Client) userLocal(ctx context.Context, chat types.JID) *bridgev2.UserLocalPortalInfo {
	settings, _ := c.settingsOf(ctx, chat)
	tag := event.RoomTag("")
	switch {
	case settings.Archived:
		tag = event.RoomTagLowPriority
	case settings.Pinned:
		tag = event.RoomTagFavourite
	}
	until := bridgev2.Unmuted
	if settings.MutedUntil.Equal(store.MutedForever) {
		until = event.MutedForever
	} else if settings.MutedUntil.After(time.Now()) {
		until = settings.MutedUntil
	}
	return &bridgev2.UserLocalPortalInfo{MutedUntil: &until, Tag: &tag}
}

// HandleMute implements bridgev2.MuteHandlingNetworkAPI.
func (c *Client) HandleMute(ctx context.Context, msg *bridgev2.MatrixMute) error {
	return c.mute(ctx, msg.Portal, msg.Content.GetMuteDuration(), msg.Content.IsMuted())
}

func (c *Client) mute(ctx context.Context, portal *bridgev2.Portal, span time.Duration, muted bool) error {
	if span < 0 || span > longestMute {
		span = 0 // for ever
	}
	return c.set(ctx, portal, func(chat types.JID) appstate.PatchInfo { return appstate.BuildMute(chat, muted, span) })
}

// HandleRoomTag implements bridgev2.TagHandlingNetworkAPI.
func (c *Client) HandleRoomTag(ctx context.Context, msg *bridgev2.MatrixRoomTag) error {
	chat, err := parseChat(msg.Portal.ID)
	if err != nil || c.wa == nil {
		return err
	}
	settings, _ := c.settingsOf(ctx, chat)
	_, pinned := msg.Content.Tags[event.RoomTagFavourite]
	_, archived := msg.Content.Tags[event.RoomTagLowPriority]
	if archived != settings.Archived {
		err = c.archive(ctx, msg.Portal, archived)
	}
	if pinned != settings.Pinned && !archived {
		err = errors.Join(err, c.pin(ctx, msg.Portal, pinned))
	}
	return err
}

// HandleMarkedUnread implements bridgev2.MarkedUnreadHandlingNetworkAPI.
func (c *Client) HandleMarkedUnread(ctx context.Context, msg *bridgev2.MatrixMarkedUnread) error {
	at, key := c.lastMessage(ctx, msg.Portal)
	return c.set(ctx, msg.Portal, func(chat types.JID) appstate.PatchInfo {
		return appstate.BuildMarkChatAsRead(chat, !msg.Content.Unread, at, key)
	})
}

func (c *Client) pin(ctx context.Context, portal *bridgev2.Portal, pinned bool) error {
	return c.set(ctx, portal, func(chat types.JID) appstate.PatchInfo { return appstate.BuildPin(chat, pinned) })
}

func (c *Client) archive(ctx context.Context, portal *bridgev2.Portal, archived bool) error {
	at, key := c.lastMessage(ctx, portal)
	return c.set(ctx, portal, func(chat types.JID) appstate.PatchInfo {
		return appstate.BuildArchive(chat, archived, at, key)
	})
}

// lastMessage is what a change of a chat is as of, as WhatsApp wants it told; nothing if the room is empty.
func (c *Client) lastMessage(ctx context.Context, portal *bridgev2.Portal) (time.Time, *waCommon.MessageKey) {
	rows, err := c.network.bridge.DB.Message.GetLastNInPortal(ctx, portal.PortalKey, 1)
	if err != nil || len(rows) == 0 {
		return time.Time{}, nil
	}
	key, err := parseMessageID(rows[0].ID)
	if err != nil {
		return time.Time{}, nil
	}
	return rows[0].Timestamp, &waCommon.MessageKey{
		RemoteJID: proto.String(key.Chat.String()), FromMe: proto.Bool(key.Sender == c.self), ID: proto.String(key.ID),
	}
}

// set writes a change of a chat's settings to the account's synchronised state, from where phone and other devices get it.
func (c *Client) set(ctx context.Context, portal *bridgev2.Portal, patch func(types.JID) appstate.PatchInfo) error {
	if !c.IsLoggedIn() {
		return bridgev2.ErrNotLoggedIn
	}
	if !c.work.Begin() {
		return ledger.ErrStopping()
	}
	defer c.work.Done()
	chat, err := parseChat(portal.ID)
	if err != nil {
		return err
	}
	_, address := c.settingsOf(ctx, chat)
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	if err = c.online.Wait(ctx); err != nil {
		return fmt.Errorf("wait for connection: %w", err)
	}
	if err = c.wa.SendAppState(ctx, patch(address)); err != nil {
		return fmt.Errorf("change settings of chat: %w", err)
	}
	return nil
}

// called begins and explains our commands.
var called = command.Network{Prefix: "whatsapp", Name: "WhatsApp"}

// settingCommands change a chat's settings from its room.
func settingCommands() []commands.CommandHandler {
	return []commands.CommandHandler{
		command.Setting(called, "mute", "<hours|on|off>", "Mute this chat on WhatsApp, too, for some hours or until you say off",
			func(c *Client, ce *commands.Event, arg string) error {
				hours, err := strconv.ParseUint(arg, 10, 16)
				if err == nil && hours > 0 {
					return c.mute(ce.Ctx, ce.Portal, time.Duration(hours)*time.Hour, true)
				}
				return command.OnOff(arg, func(on bool) error { return c.mute(ce.Ctx, ce.Portal, 0, on) })
			}),
		command.Setting(called, "archive", "<on|off>", "Archive this chat on WhatsApp, too",
			func(c *Client, ce *commands.Event, arg string) error {
				return command.OnOff(arg, func(on bool) error { return c.archive(ce.Ctx, ce.Portal, on) })
			}),
		command.Setting(called, "pin", "<on|off>", "Pin this chat on WhatsApp, too",
			func(c *Client, ce *commands.Event, arg string) error {
				return command.OnOff(arg, func(on bool) error { return c.pin(ce.Ctx, ce.Portal, on) })
			}),
		command.Setting(called, "disappear", "<24h|7d|90d|off>", "Let this chat's messages disappear after a time",
			func(c *Client, ce *commands.Event, arg string) error { return c.disappearCommand(ce, arg) }),
	}
}
