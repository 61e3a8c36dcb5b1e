package messenger

import (
	"context"
	"time"

	"go.mau.fi/util/jsontime"
	"go.mau.fi/whatsmeow/proto/waMsgApplication"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/ledger"
	crosschatdb "crosschat/database"
)

// An encrypted chat's timer stands beside the content of each of its messages, with the time at which it was set (protocol
// notes, section 6.3). bridgev2 keeps what is due when in its database and deletes it, over restarts, too.

var _ bridgev2.DisappearTimerChangingNetworkAPI = (*Client)(nil)

type (
	timerSetting = waMsgApplication.MessageApplication_EphemeralSetting
	messageHead  = waMsgApplication.MessageApplication_Metadata
)

const (
	// longestTimer is more than any client offers; a longer one is taken for none.
	longestTimer = 366 * 24 * time.Hour
	// seenOnce is how long what is to be seen once stays after it was.
	seenOnce = 5 * time.Minute
)

// timers are those that Messenger's apps offer.
var timers = &event.DisappearingTimerCapability{
	Types: []event.DisappearingType{event.DisappearingTypeAfterSend},
	Timers: []jsontime.Milliseconds{
		jsontime.MS(24 * time.Hour), jsontime.MS(7 * 24 * time.Hour), jsontime.MS(90 * 24 * time.Hour),
	},
}

func timerOf(setting *timerSetting) database.DisappearingSetting {
	timer := time.Duration(setting.GetEphemeralExpiration()) * time.Second
	if timer <= 0 || timer > longestTimer {
		return database.DisappearingSetting{}
	}
	switch setting.GetEphemeralityType() {
	case waMsgApplication.MessageApplication_EphemeralSetting_SEEN_ONCE:
		return database.DisappearingSetting{Type: event.DisappearingTypeAfterRead, Timer: seenOnce}
	case waMsgApplication.MessageApplication_EphemeralSetting_SEEN_BASED_WITH_TIMER:
		return database.DisappearingSetting{Type: event.DisappearingTypeAfterRead, Timer: timer}
	}
	return database.DisappearingSetting{Type: event.DisappearingTypeAfterSend, Timer: timer}
}

// lifeOf is how long a message says that it lives.
func lifeOf(app *waMsgApplication.MessageApplication) database.DisappearingSetting {
	return timerOf(app.GetMetadata().GetChatEphemeralSetting())
}

// portalMeta is our part of a portal's metadata, made if need be.
func portalMeta(portal *bridgev2.Portal) *crosschatdb.MessengerPortal {
	meta, ok := portal.Metadata.(*crosschatdb.PortalMetadata)
	if !ok {
		meta = &crosschatdb.PortalMetadata{}
		portal.Metadata = meta
	}
	if meta.Messenger == nil {
		meta.Messenger = &crosschatdb.MessengerPortal{}
	}
	return meta.Messenger
}

// onTimer takes a message that has no content but the chat's timer.
func (e *encrypted) onTimer(evt *events.FBMessage, p placed) bool {
	setting := evt.FBApplication.GetMetadata().GetChatEphemeralSetting()
	if setting == nil {
		return true
	}
	timer := timerOf(setting)
	p.meta.CreatePortal = true
	return e.deliverChange(p, bridgev2.RemoteEventChatInfoChange, "timer "+string(p.id), func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		change := &simplevent.ChatInfoChange{EventMeta: meta, ChatInfoChange: &bridgev2.ChatInfoChange{ChatInfo: &bridgev2.ChatInfo{}}}
		change.PreHandleFunc = func(_ context.Context, portal *bridgev2.Portal) {
			if noteTimer(portal, setting) {
				change.ChatInfoChange.ChatInfo.Disappear = &timer
			}
		}
		return change
	})
}

// noteTimer keeps when a chat's timer was set; it is false if a later setting is known. The portal is saved with the
// timer itself.
func noteTimer(portal *bridgev2.Portal, setting *timerSetting) bool {
	meta := portalMeta(portal)
	if setting.GetEphemeralSettingTimestamp() < meta.TimerSetAt {
		return false
	}
	meta.TimerSetAt, meta.TimerType = setting.GetEphemeralSettingTimestamp(), int32(setting.GetEphemeralityType())
	return true
}

// learnTimer takes the chat's timer from a message: it may have been set when we were not there.
func (e *encrypted) learnTimer(ctx context.Context, portal *bridgev2.Portal, evt *events.FBMessage) {
	setting := evt.FBApplication.GetMetadata().GetChatEphemeralSetting()
	if setting == nil || portal == nil || portal.MXID == "" || portalMeta(portal).TimerSetAt == setting.GetEphemeralSettingTimestamp() ||
		!noteTimer(portal, setting) {
		return
	}
	if timer := timerOf(setting); timer != portal.Disappear {
		portal.UpdateDisappearingSetting(ctx, timer, bridgev2.UpdateDisappearingSettingOpts{
			Timestamp: evt.Info.Timestamp, Implicit: true, Save: true, SendNotice: true,
		})
	}
}

// headFor is what stands beside a message for a chat: its timer, as it was set.
func headFor(portal *bridgev2.Portal) *messageHead {
	head := &messageHead{ThreadType: waMsgApplication.MessageApplication_Metadata_DEFAULT.Enum()}
	if meta := portalMeta(portal); meta.TimerSetAt > 0 {
		putTimer(head, portal.Disappear.Timer, meta)
	}
	return head
}

func putTimer(head *messageHead, timer time.Duration, meta *crosschatdb.MessengerPortal) {
	setting := &timerSetting{
		EphemeralExpiration: proto.Uint32(uint32(timer / time.Second)), EphemeralSettingTimestamp: proto.Int64(meta.TimerSetAt),
	}
	if meta.TimerType != 0 {
		setting.EphemeralityType = waMsgApplication.MessageApplication_EphemeralSetting_EphemeralityType(meta.TimerType).Enum()
	}
	head.Ephemeral = &waMsgApplication.MessageApplication_Metadata_ChatEphemeralSetting{ChatEphemeralSetting: setting}
}

// HandleMatrixDisappearingTimer implements bridgev2.DisappearTimerChangingNetworkAPI.
func (c *Client) HandleMatrixDisappearingTimer(ctx context.Context, msg *bridgev2.MatrixDisappearingTimer) (bool, error) {
	setting := database.DisappearingSettingFromEvent(msg.Content).Normalize()
	if err := c.setTimer(ctx, msg.Portal, setting, msg.Event.ID, msg.Event.Timestamp); err != nil {
		return false, err
	}
	msg.Portal.Disappear = setting
	return true, nil
}

// setTimer tells Messenger of a new timer. Only encrypted chats have one. The error is ready for bridgev2.
func (c *Client) setTimer(ctx context.Context, portal *bridgev2.Portal, setting database.DisappearingSetting, evt id.EventID, at int64) error {
	if !c.onEncrypted(portal) {
		return ledger.Refuse("only encrypted chats of Messenger have a timer for disappearing messages")
	}
	meta := portalMeta(portal)
	next := *meta
	next.TimerSetAt, next.TimerType = time.Now().Unix(), 0
	if setting.Type == event.DisappearingTypeAfterRead {
		next.TimerType = int32(waMsgApplication.MessageApplication_EphemeralSetting_SEEN_BASED_WITH_TIMER)
	}
	head := headFor(portal)
	putTimer(head, setting.Timer, &next)
	e := c.encrypted
	err := e.act(ctx, portal, e.messageID(evt, at), head, func(types.JID) (outbound, error) { return emptyMessage(), nil })
	if err == nil {
		*meta = next
	}
	return err
}
