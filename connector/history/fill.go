package history

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/ledger"
)

// Message is a message of before with what belongs to it.
type Message struct {
	// ID is what it would have in its chat.
	ID networkid.MessageID
	// Sender may be the user: in rooms of history their own messages come from their ghost, as they can't write there.
	Sender networkid.UserID
	Time   time.Time
	// ReplyTo is the message in the chat that it answers, if it does.
	ReplyTo networkid.MessageID
	// Convert is ledger.Message's. answered says that the message points at what it answers, which need not be repeated;
	// that pointer is not Convert's to set.
	Convert   func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, answered bool) (*bridgev2.ConvertedMessage, error)
	Reactions []Reaction
}

// Reaction is one that a message of before has by now.
type Reaction struct {
	Sender networkid.UserID
	Emoji  string
	Time   time.Time
}

// Fill puts what of past, oldest first, stands in no room of a chat's history into one. It returns how many messages these
// were, and the room. After an error the same call goes on where this one ended: what stands in a room is known by its id.
func (r Rooms) Fill(ctx context.Context, chat networkid.PortalKey, past []Message) (count int, room id.RoomID, err error) {
	var key networkid.PortalKey
	for _, m := range past {
		if stands, err := r.row(ctx, m.ID); err != nil {
			return count, room, err
		} else if stands != nil {
			continue
		}
		if key.ID == "" {
			if key, err = r.Open(ctx, chat.ID, m.Time); err != nil {
				return count, room, err
			}
		}
		if err = r.Put(ctx, key, m); err != nil {
			return count, room, err
		}
		if count++; room == "" {
			room = r.Link(ctx, chat, key)
		}
	}
	return count, room, nil
}

// row is that of a message in the history; nil if it is not there.
func (r Rooms) row(ctx context.Context, inChat networkid.MessageID) (*database.Message, error) {
	if inChat == "" {
		return nil, nil
	}
	row, err := r.Login.Bridge.DB.Message.GetFirstPartByID(ctx, r.Login.ID, MessageID(inChat))
	if err != nil {
		return nil, fmt.Errorf("look for message %q of history: %w", inChat, err)
	}
	return row, nil
}

// Put puts a message and its reactions into a room of history.
func (r Rooms) Put(ctx context.Context, key networkid.PortalKey, m Message) error {
	name := MessageID(m.ID)
	meta := simplevent.EventMeta{
		LogContext: func(with zerolog.Context) zerolog.Context { return with.Str("message_id", string(name)) },
		PortalKey:  key, Sender: bridgev2.EventSender{Sender: m.Sender}, CreatePortal: true, Timestamp: m.Time,
	}
	err := ledger.DeliverMessage(ctx, r.Login, meta, ledger.Message{
		ID: name,
		Convert: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			// What a message answers is known in the chat by another id than here.
			here, err := r.row(ctx, m.ReplyTo)
			if err != nil {
				return nil, err
			}
			converted, err := m.Convert(ctx, portal, intent, here != nil)
			if err == nil {
				if converted.ReplyTo = nil; here != nil {
					converted.ReplyTo = &networkid.MessageOptionalPartID{MessageID: here.ID}
				}
			}
			return converted, err
		},
	})
	if err != nil {
		return err
	}
	for _, reaction := range m.Reactions {
		meta.Type, meta.Timestamp = bridgev2.RemoteEventReaction, reaction.Time
		meta.Sender = bridgev2.EventSender{Sender: reaction.Sender}
		err := ledger.Deliver(ctx, r.Login, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
			return &simplevent.Reaction{EventMeta: meta, TargetMessage: name, Emoji: reaction.Emoji}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
