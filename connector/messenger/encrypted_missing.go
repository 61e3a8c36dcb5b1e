package messenger

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	crosschatdb "crosschat/database"
)

const waitingText = "Waiting for this Messenger message: it could not be decrypted and was asked for again. It may help to open Messenger on your phone."

// onUndecryptable shows that there is a message. By now the library has asked the sender's device for it; the answer comes
// as a normal message of the same id, and takes the placeholder's place.
func (e *encrypted) onUndecryptable(evt *events.UndecryptableMessage) bool {
	e.log.Warn().Str("message_id", evt.Info.ID).Stringer("chat", evt.Info.Chat).Bool("unavailable", evt.IsUnavailable).
		Msg("Message could not be decrypted and was asked for again")
	if evt.DecryptFailMode == events.DecryptFailHide {
		return true // nothing that people would miss, such as a reaction
	}
	p, ok := e.place(&evt.Info)
	if !ok {
		return true
	}
	if err := e.noted(p); err != nil {
		e.log.Error().Err(err).Msg("Could not store that a chat is encrypted")
		return false
	}
	p.meta = e.metaOf(p, evt.Info.Timestamp)
	return e.deliverMessage(p, func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
		parts := notice(waitingText)
		parts[0].DBMetadata = &crosschatdb.MessageMetadata{Messenger: &crosschatdb.MessengerMessage{Placeholder: true}}
		return &bridgev2.ConvertedMessage{Parts: parts}, nil
	})
}

func isPlaceholder(row *database.Message) bool {
	meta, ok := row.Metadata.(*crosschatdb.MessageMetadata)
	return ok && meta.Messenger != nil && meta.Messenger.Placeholder
}

// fillPlaceholder puts a message that came late into its placeholder's place. It is false if the message has none.
func (e *encrypted) fillPlaceholder(evt *events.FBMessage, p placed) (done, received bool) {
	rows, err := e.c.network.bridge.DB.Message.GetAllPartsByID(e.c.ctx, p.meta.PortalKey.Receiver, p.id)
	if err != nil {
		e.log.Error().Err(err).Msg("Could not look for the placeholder of a message")
		return true, false
	}
	if len(rows) == 0 || !isPlaceholder(rows[0]) {
		return false, false
	}
	return true, e.deliverChange(p, bridgev2.RemoteEventEdit, "fill "+string(p.id), func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[*events.FBMessage]{
			EventMeta: meta, ID: p.id, TargetMessage: p.id, Data: evt,
			ConvertEditFunc: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, existing []*database.Message, evt *events.FBMessage) (*bridgev2.ConvertedEdit, error) {
				if !isPlaceholder(existing[0]) {
					return nil, bridgev2.ErrIgnoringRemoteEvent // done by an earlier try
				}
				converted, err := e.toMatrix(ctx, portal, intent, evt)
				if err != nil {
					return nil, err
				}
				existing[0].Metadata = &crosschatdb.MessageMetadata{}
				return convert.Edit(existing[:1], converted.Parts), nil
			},
		}
	})
}

// sameChange is within what time two reports of new keys of one person mean the same change: the server's notification,
// and the first message that shows it.
const sameChange = 10 * time.Minute

// onIdentityChange says in the chat, if it has a room, that the contact's keys are new. The library trusts them: messages
// go on.
func (e *encrypted) onIdentityChange(evt *events.IdentityChange) bool {
	person, ok := personOf(evt.JID)
	if !ok || person == e.c.self {
		return true
	}
	last, known := e.keys.Load(person)
	if known && time.Since(last.(time.Time)) < sameChange && evt.Implicit {
		return true
	}
	p := placed{chat: jidOf(person), key: encryptedKey{person, person, fmt.Sprintf("identity.%d", evt.Timestamp.Unix())}}
	p.meta = e.metaOf(p, evt.Timestamp)
	portal, err := e.c.network.bridge.GetExistingPortalByKey(e.c.ctx, p.meta.PortalKey)
	if err != nil {
		e.log.Error().Err(err).Msg("Could not look for the room of a contact with a new security code")
		return false
	}
	if portal == nil || portal.MXID == "" {
		return true
	}
	if p.id, err = makeEncryptedID(p.key); err != nil {
		return true
	}
	e.order.Lock()
	defer e.order.Unlock()
	err = ledger.DeliverMessage(e.c.ctx, e.c.login, p.meta, ledger.Message{
		ID: p.id, TransactionID: networkid.TransactionID(p.id),
		Convert: func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			return &bridgev2.ConvertedMessage{Parts: notice("The security code with this contact has changed: they have a new phone " +
				"or have installed Messenger anew. Compare it on your phone if you want to be sure.")}, nil
		},
	})
	if err == nil {
		e.keys.Store(person, time.Now())
	}
	return e.delivered(p, err)
}
