package messenger

import (
	"context"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/ledger"
	"crosschat/connector/uplink"
)

// onEvent takes everything the library tells, in the library's goroutines. True means that the server may be told that the
// event was received; false makes it come again with the next connection.
func (e *encrypted) onEvent(raw any) (received bool) {
	if !e.c.work.Begin() {
		return false
	}
	defer e.c.work.Done()
	defer uplink.Recover(e.c.login, "messenger encrypted events")
	return e.onState(raw) || uplink.Insist(e.c.ctx, func() bool { return e.take(raw) })
}

// take is false if something of ours, the database as a rule, could not take the event.
func (e *encrypted) take(raw any) bool {
	switch evt := raw.(type) {
	case *events.FBMessage:
		e.heard.Store(time.Now().UnixNano())
		return e.onMessage(evt)
	case *events.UndecryptableMessage:
		e.heard.Store(time.Now().UnixNano())
		return e.onUndecryptable(evt)
	case *events.Receipt:
		e.heard.Store(time.Now().UnixNano())
		return e.onReceipt(evt)
	case *events.ChatPresence:
		e.heard.Store(time.Now().UnixNano())
		e.onTyping(evt)
	case *events.IdentityChange:
		return e.onIdentityChange(evt)
	default:
		e.log.Trace().Type("event_type", raw).Msg("Ignored an event")
	}
	return true
}

// placed is a message of the encrypted plane with its place here.
type placed struct {
	key  encryptedKey
	id   networkid.MessageID
	chat types.JID
	meta simplevent.EventMeta
}

// place finds where a message belongs. It is false, with a note in the log, if it can't be bridged.
func (e *encrypted) place(info *types.MessageInfo) (p placed, ok bool) {
	log := e.log.With().Str("message_id", info.ID).Stringer("chat", info.Chat).Logger()
	p.chat = info.Chat.ToNonAD()
	p.key.ID = info.ID
	if p.key.Chat, ok = chatOf(p.chat); ok {
		p.key.Author, ok = personOf(info.Sender)
	}
	if !ok {
		log.Debug().Msg("Ignored a message of a kind of chat that is not bridged")
		return p, false
	}
	var err error
	if p.id, err = makeEncryptedID(p.key); err != nil {
		log.Warn().Err(err).Msg("Ignored a message with a strange id")
		return p, false
	}
	return p, true
}

// meta is the head of an event in the chat of p, after the chat was noted as encrypted.
func (e *encrypted) metaOf(p placed, at time.Time) simplevent.EventMeta {
	meta := e.c.meta(bridgev2.RemoteEventMessage, p.key.Chat, p.key.Author, at.UnixMilli())
	meta.LogContext = func(with zerolog.Context) zerolog.Context {
		return with.Str("message_id", p.key.ID).Int64("thread_key", p.key.Chat)
	}
	return meta
}

func (e *encrypted) onMessage(evt *events.FBMessage) bool {
	p, ok := e.place(&evt.Info)
	if !ok {
		return true
	}
	if err := e.noted(p); err != nil {
		e.log.Error().Err(err).Msg("Could not store that a chat is encrypted")
		return false
	}
	p.meta = e.metaOf(p, evt.Info.Timestamp)
	if done, received := e.fillPlaceholder(evt, p); done {
		return received
	}
	if evt.Message == nil {
		return e.onTimer(evt, p)
	}
	consumer, _ := evt.Message.(*waConsumerApplication.ConsumerApplication)
	content := consumer.GetPayload().GetContent()
	switch {
	case consumer.GetPayload().GetApplicationData().GetRevoke() != nil:
		return e.onRevoke(evt, p, consumer.GetPayload().GetApplicationData().GetRevoke().GetKey())
	case content.GetReactionMessage() != nil:
		return e.onReaction(evt, p, content.GetReactionMessage())
	case content.GetEditMessage() != nil:
		return e.onEdit(evt, p, content.GetEditMessage())
	case carriesNothing(evt):
		return e.onTimer(evt, p)
	case content.GetLiveLocationMessage().GetTimeOffset() > 0:
		if received, done := e.onLiveLocation(evt, p, content.GetLiveLocationMessage()); done {
			return received
		}
	}
	return e.deliverMessage(p, func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
		return e.toMatrix(ctx, portal, intent, evt)
	})
}

// carriesNothing is whether a message has no content that a user could see: control messages between devices.
func carriesNothing(evt *events.FBMessage) bool {
	switch m := evt.Message.(type) {
	case *waConsumerApplication.ConsumerApplication:
		switch m.GetPayload().GetPayload().(type) {
		case *waConsumerApplication.ConsumerApplication_Payload_Content, *waConsumerApplication.ConsumerApplication_Payload_SubProtocol:
			return false
		}
	case interface{ IsMessageApplicationSub() }:
		return isControl(m)
	}
	return true
}

// deliverMessage hands a message to Matrix and says whether it may be acknowledged.
func (e *encrypted) deliverMessage(p placed, convert func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error)) bool {
	if known, _ := e.c.known.thread(p.key.Chat); known.hidden() {
		return true
	}
	p.meta.CreatePortal = true
	e.order.Lock()
	defer e.order.Unlock()
	return e.delivered(p, ledger.DeliverMessage(e.c.ctx, e.c.login, p.meta, ledger.Message{
		ID: p.id, TransactionID: networkid.TransactionID(p.id), Convert: convert,
	}))
}

// deliverChange hands on what changes a chat, or is about messages that need not be here. key is that of ledger.DeliverOnce.
func (e *encrypted) deliverChange(p placed, kind bridgev2.RemoteEventType, key string, build func(simplevent.EventMeta) bridgev2.RemoteEvent) bool {
	p.meta.Type = kind
	e.order.Lock()
	defer e.order.Unlock()
	return e.delivered(p, e.c.deliver(e.c.ctx, key, p.meta, build))
}

// deliverAbout hands on what changes a message, when that is here: it may be overtaken.
func (e *encrypted) deliverAbout(p placed, target networkid.MessageID, kind bridgev2.RemoteEventType, key string, build func(simplevent.EventMeta) bridgev2.RemoteEvent) bool {
	p.meta.Type = kind
	e.order.Lock()
	defer e.order.Unlock()
	return e.delivered(p, ledger.WhenThere(e.c.ctx, e.c.login, target, func(ctx context.Context) error {
		return e.c.deliver(ctx, key, p.meta, build)
	}))
}

// delivered turns the ledger's answer into ours to the library.
func (e *encrypted) delivered(p placed, err error) bool {
	if err != nil {
		e.log.Debug().Err(err).Str("message_id", p.key.ID).Msg("Event is not acknowledged and will come again")
	}
	return err == nil
}

// ignored says in the log why a change is not shown. It may be acknowledged: it would not get better.
func (e *encrypted) ignored(p placed, err error, what string) bool {
	e.log.Warn().Err(err).Str("message_id", p.key.ID).Stringer("chat", p.chat).Msg(what)
	return true
}

// onReceipt brings that somebody has read or got messages.
func (e *encrypted) onReceipt(evt *events.Receipt) bool {
	kind := bridgev2.RemoteEventReadReceipt
	switch evt.Type {
	case types.ReceiptTypeRead, types.ReceiptTypeReadSelf:
	case types.ReceiptTypeDelivered, types.ReceiptTypeInactive:
		if kind = bridgev2.RemoteEventDeliveryReceipt; evt.IsFromMe {
			return true
		}
	default:
		return true
	}
	chat := evt.Chat.ToNonAD()
	p := placed{chat: chat}
	reader, ok := personOf(evt.Sender)
	if ok {
		p.key.Chat, ok = chatOf(chat)
	}
	if !ok {
		return true
	}
	// What others tell is of the account's messages, what its other devices tell is of somebody else's.
	author := e.c.self
	if evt.IsFromMe {
		if author = p.key.Chat; chat.Server == types.GroupServer {
			if author, ok = personOf(evt.MessageSender); !ok {
				return true
			}
		}
	}
	var targets []networkid.MessageID
	for _, waID := range evt.MessageIDs {
		if id, err := makeEncryptedID(encryptedKey{p.key.Chat, author, waID}); err == nil {
			targets = append(targets, id)
		}
	}
	if len(targets) == 0 {
		return true
	}
	p.meta = e.c.meta(kind, p.key.Chat, reader, evt.Timestamp.UnixMilli())
	return e.deliverChange(p, kind, "", func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		receipt := &simplevent.Receipt{EventMeta: meta, Targets: targets}
		receipt.PreHandleFunc = func(ctx context.Context, portal *bridgev2.Portal) {
			receipt.LastTarget = ledger.Newest(ctx, e.c.login, portal, targets)
		}
		return receipt
	})
}

// onTyping is not acknowledged by anyone and not kept: it is queued and forgotten.
func (e *encrypted) onTyping(evt *events.ChatPresence) {
	key, ok := chatOf(evt.Chat)
	person, isPerson := personOf(evt.Sender)
	if !ok || !isPerson || evt.IsFromMe {
		return
	}
	typing := &simplevent.Typing{EventMeta: e.c.meta(bridgev2.RemoteEventTyping, key, person, 0)}
	if evt.State == types.ChatPresenceComposing {
		typing.Timeout = typingShown
	}
	if evt.Media == types.ChatPresenceMediaAudio {
		typing.Type = bridgev2.TypingTypeRecordingMedia
	}
	e.c.login.QueueRemoteEvent(typing)
}
