package whatsapp

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/util/jsontime"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/command"
	"crosschat/connector/ledger"
)

// A chat's timer is set by a message; every message says itself how long it lives, counted from when it was sent.
// bridgev2 keeps what is due when in its database and deletes it, over restarts, too.

var _ bridgev2.DisappearTimerChangingNetworkAPI = (*Client)(nil)

// longestTimer is more than any client offers; a longer one is taken for none.
const longestTimer = 366 * 24 * time.Hour

// timers are those that WhatsApp's own clients offer ("About disappearing messages", faq.whatsapp.com) and take.
var timers = &event.DisappearingTimerCapability{
	Types: []event.DisappearingType{event.DisappearingTypeAfterSend},
	Timers: []jsontime.Milliseconds{
		{Duration: whatsmeow.DisappearingTimer24Hours},
		{Duration: whatsmeow.DisappearingTimer7Days},
		{Duration: whatsmeow.DisappearingTimer90Days},
	},
}

func timerOf(seconds uint32) database.DisappearingSetting {
	timer := time.Duration(seconds) * time.Second
	if timer <= 0 || timer > longestTimer {
		return database.DisappearingSetting{}
	}
	return database.DisappearingSetting{Type: event.DisappearingTypeAfterSend, Timer: timer}
}

// onTimer takes a message that changes the chat's timer; isTimer is false for any other.
func (c *Client) onTimer(evt *events.Message, meta simplevent.EventMeta) (received, isTimer bool) {
	protocol := evt.Message.GetProtocolMessage()
	if protocol.GetType() != waE2E.ProtocolMessage_EPHEMERAL_SETTING {
		return false, false
	}
	setting := timerOf(protocol.GetEphemeralExpiration())
	c.order.Lock()
	defer c.order.Unlock()
	meta.Type = bridgev2.RemoteEventChatInfoChange
	err := ledger.Deliver(c.ctx, c.login, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.ChatInfoChange{
			EventMeta:      meta,
			ChatInfoChange: &bridgev2.ChatInfoChange{ChatInfo: &bridgev2.ChatInfo{Disappear: &setting}},
		}
	})
	return c.delivered(c.log, err), true
}

// lifeOf is how long a message says that it lives.
func lifeOf(msg *waE2E.Message) database.DisappearingSetting {
	return timerOf(contextIn(msg).GetExpiration())
}

// learnTimer takes the chat's timer from a message that lives by another one: it was set when we were not there. A message
// without a life says nothing, since not every kind has a place for it.
func (c *Client) learnTimer(ctx context.Context, portal *bridgev2.Portal, evt *events.Message, life database.DisappearingSetting) {
	if portal == nil || portal.MXID == "" || life.Timer == 0 || life.Timer == portal.Disappear.Timer || evt.Info.IsGroup ||
		evt.SourceWebMsg != nil { // what history says is no news
		return
	}
	portal.UpdateDisappearingSetting(ctx, life, bridgev2.UpdateDisappearingSettingOpts{
		Timestamp: evt.Info.Timestamp, Implicit: true, Save: true, SendNotice: true,
	})
}

// contextIn is the context of a message that came, left as it is; nil if there is none.
func contextIn(msg *waE2E.Message) (found *waE2E.ContextInfo) {
	msg.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Kind() != protoreflect.MessageKind || field.IsList() || field.IsMap() {
			return true
		}
		holder, ok := value.Message().Interface().(interface{ GetContextInfo() *waE2E.ContextInfo })
		if ok {
			found = holder.GetContextInfo()
		}
		return found == nil
	})
	return found
}

// live gives a message from Matrix the life that its chat's messages have, if it has a place for it.
func live(msg *waE2E.Message, setting database.DisappearingSetting) {
	if setting.Type != event.DisappearingTypeAfterSend || setting.Timer <= 0 {
		return
	}
	if info := contextOf(msg); info != nil {
		info.Expiration = proto.Uint32(uint32(setting.Timer / time.Second))
	}
}

// HandleMatrixDisappearingTimer implements bridgev2.DisappearTimerChangingNetworkAPI.
func (c *Client) HandleMatrixDisappearingTimer(ctx context.Context, msg *bridgev2.MatrixDisappearingTimer) (bool, error) {
	setting := database.DisappearingSettingFromEvent(msg.Content).Normalize()
	if err := c.setTimer(ctx, msg.Portal, setting.Timer, outgoingID(c.login.ID, msg.Event.ID)); err != nil {
		return false, err
	}
	msg.Portal.Disappear = setting
	return true, nil
}

// setTimer tells WhatsApp of a new timer; the error is ready for bridgev2.
func (c *Client) setTimer(ctx context.Context, portal *bridgev2.Portal, timer time.Duration, waID types.MessageID) error {
	if isGroupPortal(portal) {
		return c.changeGroup(ctx, portal, func(ctx context.Context, group types.JID) error {
			return c.wa.SetDisappearingTimer(ctx, group, timer, time.Now())
		})
	}
	chat, done, err := c.beginSend(portal)
	if err != nil {
		return err
	}
	defer done()
	_, err = c.send(ctx, chat, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type:                      waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum(),
		EphemeralExpiration:       proto.Uint32(uint32(timer / time.Second)),
		EphemeralSettingTimestamp: proto.Int64(time.Now().Unix()),
	}}, waID)
	return err
}

// disappearCommand sets the timer from a client that has no button for it.
func (c *Client) disappearCommand(ce *commands.Event, arg string) error {
	timer, ok := whatsmeow.ParseDisappearingTimerString(arg)
	if !ok {
		return command.ErrUsage
	}
	if ce.Portal == nil {
		return errors.New("not in a chat's room")
	}
	if err := c.setTimer(ce.Ctx, ce.Portal, timer, outgoingID(c.login.ID, ce.EventID)); err != nil {
		return err
	}
	ce.Portal.UpdateDisappearingSetting(ce.Ctx, timerOf(uint32(timer/time.Second)), bridgev2.UpdateDisappearingSettingOpts{
		Save: true, SendNotice: true,
	})
	return nil
}
