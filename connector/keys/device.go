package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"
	"maunium.net/go/mautrix/id"
)

// The names of what is kept in the database's settings; stored for ever.
const (
	deviceSetting = "crosschat.device" // the device that the bot had when it was last looked at
	tellSetting   = "crosschat.renewed_keys_to_tell/"
)

// bot is what is needed of the bot's account.
type bot interface {
	device() id.DeviceID
	devices(context.Context) ([]mautrix.RespDeviceInfo, error)
	remove(context.Context, id.DeviceID) error
}

// recognise looks whether the bot's device is the one that it was. If it is not, the store of keys was lost, or the
// homeserver had forgotten the device: the library has made a new one by then. What is left of the old one is removed and
// the users are noted, who have to be told. An error is one of the database.
func (k *Keys) recognise(ctx context.Context, bot bot) error {
	known, err := k.settings.Get(ctx, deviceSetting)
	if err != nil || known == bot.device().String() {
		return err
	}
	log := k.log.With().Str("device_id", bot.device().String()).Logger()
	left, err := leftovers(ctx, bot)
	if err != nil {
		log.Warn().Err(err).Msg("Could not look for devices that the bot had before; will look again at the next start")
		return nil
	}
	if known != "" || len(left) > 0 {
		log.Warn().Str("known_device_id", known).Any("left_device_ids", left).
			Msg("The keys of the bot's device were lost; it has a new device, and messages sent meanwhile may have to be sent again")
		if err = k.noteUsers(ctx); err != nil {
			return err
		}
	}
	for _, device := range left {
		if err = bot.remove(ctx, device); err != nil {
			log.Warn().Err(err).Str("left_device_id", device.String()).Msg("Could not remove a device whose keys are lost; it does no harm")
		}
	}
	return k.settings.Set(ctx, deviceSetting, bot.device().String())
}

// leftovers are the devices that the bridge made for the bot, by the name that the library gives them, and no longer uses.
func leftovers(ctx context.Context, bot bot) (left []id.DeviceID, err error) {
	all, err := bot.devices(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the bot's devices: %w", err)
	}
	own := slices.IndexFunc(all, func(d mautrix.RespDeviceInfo) bool { return d.DeviceID == bot.device() })
	if own < 0 {
		return nil, fmt.Errorf("list the bot's devices: device %q is not there", bot.device())
	}
	for _, device := range all {
		if device.DeviceID != bot.device() && device.DisplayName == all[own].DisplayName {
			left = append(left, device.DeviceID)
		}
	}
	return left, nil
}

// noteUsers notes everybody who uses the bridge, and its admins, as somebody who has to be told.
func (k *Keys) noteUsers(ctx context.Context) error {
	users, err := k.bridge.DB.UserLogin.GetAllUserIDsWithLogins(ctx)
	if err != nil {
		return fmt.Errorf("list users with logins: %w", err)
	}
	for name, level := range k.bridge.Config.Permissions {
		if admin := id.UserID(name); isUser(admin) && level.Admin && !slices.Contains(users, admin) {
			users = append(users, admin)
		}
	}
	for _, user := range users {
		if err = k.settings.Set(ctx, tellSetting+user.String(), "1"); err != nil {
			return err
		}
	}
	return nil
}

func isUser(mxid id.UserID) bool {
	_, _, err := mxid.Parse()
	return err == nil
}

// firstPause and longestPause are how long tell waits until it tries again.
const (
	firstPause   = 5 * time.Second
	longestPause = 10 * time.Minute
)

// tell tells the users who were noted, until all know.
func (k *Keys) tell() {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		left, err := k.tellOnce()
		if err == nil && !left {
			return
		}
		if k.ctx.Err() == nil {
			k.log.Warn().Err(err).Stringer("next_try_in", pause).Msg("Not everybody could be told that keys were lost")
		}
		select {
		case <-k.ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// renewed is what users are told.
const renewed = "The bridge had lost its encryption keys and has made new ones. " +
	"Messages that you sent while they were lost can't be read by the bridge: where one is marked as failed, please send it again. " +
	"Your client may say that this bot has a new device, or a new identity if that was lost too; messages go on either way."

// tellOnce tries once to tell everybody who was noted; left says that somebody still has to be.
func (k *Keys) tellOnce() (left bool, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			left, err = true, fmt.Errorf("panic: %v", caught)
		}
	}()
	users, err := k.settings.WithPrefix(k.ctx, tellSetting)
	if err != nil {
		return true, err
	}
	for name := range users {
		if err = k.tellUser(id.UserID(name)); err != nil {
			left = true
			k.log.Warn().Err(err).Str("user_id", name).Msg("Could not tell a user that keys were lost")
			continue
		}
		if err = k.settings.Set(k.ctx, tellSetting+name, ""); err != nil {
			return true, err
		}
	}
	return left, nil
}

// tellUser tells somebody in their chat with the bot. An admin who has none is not bothered with one.
func (k *Keys) tellUser(mxid id.UserID) error {
	user, err := k.bridge.GetExistingUserByMXID(k.ctx, mxid)
	if err != nil || user == nil {
		return err
	}
	if user.ManagementRoom == "" && len(user.GetUserLogins()) == 0 {
		return nil
	}
	room, err := user.GetManagementRoom(k.ctx)
	if err != nil {
		return err
	}
	content := format.TextToContent(renewed)
	content.MsgType = event.MsgNotice
	_, err = k.bridge.Bot.SendMessage(k.ctx, room, event.EventMessage, &event.Content{Parsed: &content}, nil)
	return err
}

// account is the bot's account at the homeserver, by the client of its device.
type account struct {
	client *mautrix.Client
	as     *appservice.AppService
}

func (a account) device() id.DeviceID { return a.client.DeviceID }

func (a account) devices(ctx context.Context) ([]mautrix.RespDeviceInfo, error) {
	resp, err := a.client.GetDevicesInfo(ctx)
	if err != nil {
		return nil, err
	}
	return resp.Devices, nil
}

// remove deletes a device (client-server API, DELETE /devices/{deviceId}). Only MSC4190 lets appservices do so without a
// password; otherwise the bot logs in as that device once more, and out.
func (a account) remove(ctx context.Context, device id.DeviceID) error {
	_, refused := a.client.MakeRequest(ctx, "DELETE", a.client.BuildClientURL("v3", "devices", device), struct{}{}, nil)
	if refused == nil {
		return nil
	}
	old := a.as.NewMautrixClient(a.client.UserID)
	_, err := old.Login(ctx, &mautrix.ReqLogin{
		Type: mautrix.AuthTypeAppservice, DeviceID: device, StoreCredentials: true,
		Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: a.client.UserID.String()},
	})
	if err == nil {
		_, err = old.Logout(ctx)
	}
	if err != nil {
		return errors.Join(refused, fmt.Errorf("log it out: %w", err))
	}
	return nil
}
