package messenger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/util/variationselector"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	crosschatdb "crosschat/database"
)

var errOthers = errors.New("the message is somebody else's")

// onReaction brings a reaction; everybody has one for each message. An empty one takes it back.
func (e *encrypted) onReaction(evt *events.FBMessage, p placed, msg *waConsumerApplication.ConsumerApplication_ReactionMessage) bool {
	target, err := e.resolve(p.chat, p.key.Author, msg.GetKey())
	var id networkid.MessageID
	if err == nil {
		id, err = makeEncryptedID(target)
	}
	emoji := variationselector.FullyQualify(convert.Clean(msg.GetText()))
	if err == nil && len(emoji) > longestEmoji {
		err = errors.New("it is longer than an emoji")
	}
	if err != nil {
		return e.ignored(p, err, "Ignored a reaction")
	}
	kind, key := bridgev2.RemoteEventReaction, "reaction "+string(p.id)
	if emoji == "" {
		kind, key = bridgev2.RemoteEventReactionRemove, "" // what is gone already is not redacted again
	}
	if at := msg.GetSenderTimestampMS(); at > 0 {
		p.meta.Timestamp = time.UnixMilli(at)
	}
	return e.deliverAbout(p, id, kind, key, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Reaction{EventMeta: meta, TargetMessage: id, Emoji: emoji}
	})
}

// onRevoke takes a message away that its author, or in groups an administrator, has unsent.
func (e *encrypted) onRevoke(evt *events.FBMessage, p placed, key *waCommon.MessageKey) bool {
	target, err := e.resolve(p.chat, p.key.Author, key)
	byAdmin := p.chat.Server == types.GroupServer && evt.Info.Edit == types.EditAttributeAdminRevoke
	if err == nil && target.Author != p.key.Author && !byAdmin {
		err = errOthers
	}
	var id networkid.MessageID
	if err == nil {
		id, err = makeEncryptedID(target)
	}
	if err != nil {
		return e.ignored(p, err, "Ignored a deletion")
	}
	return e.deliverAbout(p, id, bridgev2.RemoteEventMessageRemove, "remove "+string(id), func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.MessageRemove{EventMeta: meta, TargetMessage: id}
	})
}

// onEdit brings a new text for a message, or for the caption of its file.
func (e *encrypted) onEdit(evt *events.FBMessage, p placed, msg *waConsumerApplication.ConsumerApplication_EditMessage) bool {
	target, err := e.resolve(p.chat, p.key.Author, msg.GetKey())
	if err == nil && target.Author != p.key.Author {
		err = errOthers
	}
	var id networkid.MessageID
	if err == nil {
		id, err = makeEncryptedID(target)
	}
	if err != nil {
		return e.ignored(p, err, "Ignored an edit")
	}
	at := msg.GetTimestampMS()
	return e.deliverAbout(p, id, bridgev2.RemoteEventEdit, fmt.Sprintf("edit %s %d", id, at), func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[*events.FBMessage]{
			EventMeta: meta, Data: evt, TargetMessage: id,
			ConvertEditFunc: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, existing []*database.Message, evt *events.FBMessage) (*bridgev2.ConvertedEdit, error) {
				if meta := messageMeta(existing[0]); at <= meta.EditedAt {
					return nil, bridgev2.ErrIgnoringRemoteEvent
				}
				return e.convertEdit(ctx, portal, existing, msg)
			},
		}
	})
}

func (e *encrypted) convertEdit(ctx context.Context, portal *bridgev2.Portal, existing []*database.Message, msg *waConsumerApplication.ConsumerApplication_EditMessage) (*bridgev2.ConvertedEdit, error) {
	text, mentions, _ := e.c.textOf(msg.GetMessage())
	parts := e.c.textParts(ctx, portal, text, mentions)
	if existing = convert.InOrder(existing); hasFile(existing[0]) {
		content, err := e.withCaption(ctx, portal, existing[0], parts[0].Content)
		if err != nil {
			return nil, err
		}
		parts[0].Content = content
	}
	edit := convert.Edit(existing, parts)
	for _, part := range edit.ModifiedParts {
		messageMeta(part.Part).EditedAt = msg.GetTimestampMS()
		part.Part.EditCount++
	}
	return edit, nil
}

// withCaption is a file's event with another caption. An edit does not tell the file, so it is taken from the room.
func (e *encrypted) withCaption(ctx context.Context, portal *bridgev2.Portal, row *database.Message, caption *event.MessageEventContent) (*event.MessageEventContent, error) {
	evt, err := e.c.network.bridge.Bot.GetEvent(ctx, portal.MXID, row.MXID)
	if err != nil {
		return nil, fmt.Errorf("read the event of a file whose caption was edited: %w", err)
	}
	content, ok := evt.Content.Parsed.(*event.MessageEventContent)
	if !ok {
		return nil, bridgev2.ErrIgnoringRemoteEvent
	}
	edited := *content
	edited.RelatesTo, edited.NewContent = nil, nil
	putCaption(&edited, caption)
	return &edited, nil
}

// messageMeta is our part of what is stored with a message, made if there is none.
func messageMeta(row *database.Message) *crosschatdb.MessengerMessage {
	meta, ok := row.Metadata.(*crosschatdb.MessageMetadata)
	if !ok {
		meta = &crosschatdb.MessageMetadata{}
		row.Metadata = meta
	}
	if meta.Messenger == nil {
		meta.Messenger = &crosschatdb.MessengerMessage{}
	}
	return meta.Messenger
}

// onLiveLocation takes a further position of a location that is being shared: it replaces the one before. It is false if
// the start is not in Matrix: then the position becomes a message of its own.
func (e *encrypted) onLiveLocation(evt *events.FBMessage, p placed, msg *waConsumerApplication.ConsumerApplication_LiveLocationMessage) (received, done bool) {
	now := evt.Info.Timestamp
	rows, err := e.c.network.bridge.DB.Message.GetMessagesBetweenTimeQuery(e.c.ctx, p.meta.PortalKey, now.Add(-longestShare), now)
	if err != nil {
		e.log.Error().Err(err).Msg("Could not look for the start of a live location")
		return false, true
	}
	var start *database.Message
	for _, row := range rows {
		if row.SenderID == p.meta.Sender.Sender && messageMeta(row).Live != nil && (start == nil || row.Timestamp.After(start.Timestamp)) {
			start = row
		}
	}
	if start == nil {
		return false, false
	}
	return e.deliverChange(p, bridgev2.RemoteEventEdit, "move "+string(p.id), func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[*events.FBMessage]{
			EventMeta: meta, Data: evt, TargetMessage: start.ID,
			ConvertEditFunc: func(_ context.Context, _ *bridgev2.Portal, _ bridgev2.MatrixAPI, existing []*database.Message, _ *events.FBMessage) (*bridgev2.ConvertedEdit, error) {
				if live := messageMeta(existing[0]).Live; live == nil || live.Sequence >= msg.GetSequenceNumber() {
					return nil, bridgev2.ErrIgnoringRemoteEvent
				}
				return convert.Edit(existing[:1], liveLocation(msg)), nil
			},
		}
	}), true
}
