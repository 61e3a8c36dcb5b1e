package whatsapp

import (
	"context"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/ledger"
	"crosschat/connector/uplink"
)

// onEvent takes everything whatsmeow tells, in whatsmeow's goroutines. True means that the server may be told that the
// event was received; false makes it come again with the next connection.
func (c *Client) onEvent(raw any) (received bool) {
	if !c.work.Begin() {
		return false
	}
	defer c.work.Done()
	defer uplink.Recover(c.login, "whatsapp events")
	c.judge(raw)
	return uplink.Insist(c.ctx, func() bool { return c.take(raw) })
}

// take is false if something of ours, the database as a rule, could not take the event.
func (c *Client) take(raw any) bool {
	switch evt := raw.(type) {
	case *events.Message:
		return c.onMessage(evt)
	case *events.UndecryptableMessage:
		return c.onUndecryptable(evt)
	case *events.Receipt:
		return c.onReceipt(evt)
	case *events.ChatPresence:
		c.onTyping(evt)
	case *events.PushName:
		c.onPushName(evt)
	case *events.Picture:
		c.onPicture(evt)
	case *events.MediaRetry:
		// In a goroutine of its own, since nobody repeats it and a download would hold up what comes behind it.
		c.goDo("media retry", func() { c.onMediaRetry(evt) })
	case *events.Contact:
		c.onContact(evt)
	case *events.Presence:
		c.onPresence(evt)
	case *events.NotifyAccountReachoutTimelock:
		c.onTimelock(evt)
	case *events.IdentityChange:
		return c.onIdentityChange(evt)
	case *events.Mute:
		c.onChatSetting(evt.JID, evt.Timestamp)
	case *events.Pin:
		c.onChatSetting(evt.JID, evt.Timestamp)
	case *events.Archive:
		c.onChatSetting(evt.JID, evt.Timestamp)
	case *events.CallOffer:
		return c.onCall(evt.BasicCallMeta, isVideoCall(evt))
	case *events.CallOfferNotice:
		return c.onCall(evt.BasicCallMeta, evt.Media == "video")
	case *events.CallTerminate:
		return c.onCallEnd(evt.BasicCallMeta, evt.Reason)
	case *events.GroupInfo:
		return c.onGroupInfo(evt)
	case *events.JoinedGroup:
		return c.onJoinedGroup(evt)
	default:
		if !c.onState(raw) {
			c.log.Trace().Type("event_type", raw).Msg("Ignored an event")
		}
	}
	return true
}

func (c *Client) onMessage(evt *events.Message) bool {
	info := &evt.Info
	log := c.log.With().Str("message_id", info.ID).Stringer("chat", info.Chat).Logger()
	if done, received := c.fillPlaceholder(evt); done {
		return received
	}
	if carriesNothing(evt.Message) {
		return c.onProtocolMessage(info, evt.Message)
	}
	chat, id, meta, ok := c.messageMeta(info)
	if !ok {
		return true
	}
	c.learnName(info)
	c.watch(chat)
	if info.IsFromMe {
		c.wrote(chat)
	} else {
		c.unbar(chat) // whoever writes to us may be answered
	}
	c.rekey(chat, info.Chat, chatAlt(info.MessageSource))
	if received, isTimer := c.onTimer(evt, meta); isTimer {
		return received
	}
	if received, isChange := c.onChange(evt, chat); isChange {
		return received
	}
	c.order.Lock()
	defer c.order.Unlock()
	err := ledger.DeliverMessage(c.ctx, c.login, meta, ledger.Message{
		ID:            id,
		TransactionID: networkid.TransactionID(id),
		Convert: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			return c.toMatrix(ctx, portal, intent, evt)
		},
	})
	return c.delivered(log, err)
}

// delivered turns the ledger's answer into ours to whatsmeow.
func (c *Client) delivered(log zerolog.Logger, err error) bool {
	if err != nil {
		log.Debug().Err(err).Msg("Event is not acknowledged and will come again")
	}
	return err == nil
}

// onProtocolMessage takes what the account's own phone tells this device. whatsmeow itself handles keys and app state.
func (c *Client) onProtocolMessage(info *types.MessageInfo, msg *waE2E.Message) bool {
	if history := msg.GetProtocolMessage().GetHistorySyncNotification(); history != nil && info.IsFromMe {
		return c.onHistory(info.ID, history)
	}
	return true
}

func (c *Client) onReceipt(evt *events.Receipt) bool {
	var kind bridgev2.RemoteEventType
	switch evt.Type {
	case types.ReceiptTypeRead, types.ReceiptTypeReadSelf, types.ReceiptTypePlayed, types.ReceiptTypePlayedSelf:
		kind = bridgev2.RemoteEventReadReceipt
	case types.ReceiptTypeDelivered, types.ReceiptTypeInactive:
		kind = bridgev2.RemoteEventDeliveryReceipt
	default:
		return true
	}
	if kind == bridgev2.RemoteEventDeliveryReceipt && evt.IsFromMe {
		return true
	}
	chat, reader, ok := c.place(c.ctx, evt.MessageSource)
	if !ok {
		return true
	}
	// What others tell is of the account's messages, what its other devices tell is of somebody else's.
	author := c.author(chat, !evt.IsFromMe)
	if chat.Server == types.GroupServer && evt.IsFromMe {
		if author, ok = c.peer(c.ctx, evt.MessageSender, types.EmptyJID); !ok {
			return true
		}
	}
	var targets []networkid.MessageID
	for _, waID := range evt.MessageIDs {
		id, err := makeMessageID(messageKey{Chat: chat, Sender: author, ID: waID})
		if err == nil {
			targets = append(targets, id)
		}
	}
	if len(targets) == 0 {
		return true
	}
	meta := simplevent.EventMeta{
		Type:      kind,
		PortalKey: c.portalKey(chat),
		Sender:    c.as(reader),
		Timestamp: evt.Timestamp,
	}
	c.order.Lock()
	defer c.order.Unlock()
	err := ledger.Deliver(c.ctx, c.login, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		receipt := &simplevent.Receipt{EventMeta: meta, Targets: targets}
		receipt.PreHandleFunc = func(ctx context.Context, portal *bridgev2.Portal) {
			receipt.LastTarget = ledger.Newest(ctx, c.login, portal, targets)
		}
		return receipt
	})
	return c.delivered(c.log, err)
}

// onTyping is not acknowledged by anyone and not kept: it is queued and forgotten.
func (c *Client) onTyping(evt *events.ChatPresence) {
	if evt.IsFromMe {
		return
	}
	chat, author, ok := c.place(c.ctx, evt.MessageSource)
	if !ok {
		return
	}
	typing := &simplevent.Typing{
		EventMeta: simplevent.EventMeta{
			Type:      bridgev2.RemoteEventTyping,
			PortalKey: c.portalKey(chat),
			Sender:    c.as(author),
		},
	}
	if evt.State == types.ChatPresenceComposing {
		typing.Timeout = c.network.Config.TypingTimeout
	}
	if evt.Media == types.ChatPresenceMediaAudio {
		typing.Type = bridgev2.TypingTypeRecordingMedia
	}
	c.login.QueueRemoteEvent(typing)
}

// chatAlt is the other address (LID or phone number) of a 1:1 chat, if the server gave it.
func chatAlt(source types.MessageSource) types.JID {
	if source.IsFromMe {
		return source.RecipientAlt
	}
	return source.SenderAlt
}

// peer is the one address under which a person's chat is kept, LID if known. It is false if chat is no person's.
func (c *Client) peer(ctx context.Context, chat, alt types.JID) (types.JID, bool) {
	p, ok := person(chat)
	if !ok {
		return types.EmptyJID, false
	}
	if p.Server == types.HiddenUserServer {
		return p, true
	}
	if a, ok := person(alt); ok && a.Server == types.HiddenUserServer {
		return a, true
	}
	lid, err := c.wa.Store.LIDs.GetLIDForPN(ctx, p)
	if err != nil {
		c.log.Warn().Err(err).Msg("Could not look up a LID")
	} else if l, ok := person(lid); ok {
		return l, true
	}
	return p, true
}

// author is who wrote in a 1:1 chat.
func (c *Client) author(chat types.JID, fromMe bool) types.JID {
	if fromMe {
		return c.self
	}
	return chat
}

// sender is author for bridgev2. chat is a person's address.
func (c *Client) sender(chat types.JID, fromMe bool) bridgev2.EventSender {
	if fromMe {
		return bridgev2.EventSender{IsFromMe: true, SenderLogin: c.login.ID, Sender: c.GetUserID()}
	}
	return bridgev2.EventSender{Sender: mustID[networkid.UserID](chat)}
}

// rekey moves a portal that was made under a phone number, when its LID was not known, to the LID. It is done at most
// once for each peer and run of the program.
func (c *Client) rekey(chat, address, alt types.JID) {
	if chat.Server != types.HiddenUserServer {
		return
	}
	if _, known := c.rekeyed.LoadOrStore(chat, true); known {
		return
	}
	pn, ok := person(address)
	if !ok || pn.Server != types.DefaultUserServer {
		if pn, ok = person(alt); !ok || pn.Server != types.DefaultUserServer {
			return
		}
	}
	old, err := c.network.bridge.GetExistingPortalByKey(c.ctx, c.portalKey(pn))
	if err == nil && old != nil {
		if _, _, err = c.network.bridge.ReIDPortal(c.ctx, old.PortalKey, c.portalKey(chat)); err == nil {
			c.afterRekey(chat)
		}
	}
	if err != nil {
		c.fault(err, "Could not move a portal from phone number to LID")
	}
}
