package whatsapp

import (
	"context"
	"errors"

	"go.mau.fi/util/emojirunes"
	"go.mau.fi/util/variationselector"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
)

// longestEmoji is more bytes than any emoji has; the longest are families and flags of regions.
const longestEmoji = 64

// onReaction takes a reaction. Everybody has one for each message; an empty one takes it back.
func (c *Client) onReaction(evt *events.Message, chat, author types.JID, reaction *waE2E.ReactionMessage) bool {
	target, _, err := c.target(c.ctx, chat, author, reaction.GetKey())
	emoji := variationselector.FullyQualify(convert.Clean(reaction.GetText()))
	if err == nil && len(emoji) > longestEmoji {
		err = errors.New("it is longer than an emoji")
	}
	if err != nil {
		return c.ignored(evt, err, "Ignored a reaction")
	}
	kind := bridgev2.RemoteEventReaction
	if emoji == "" {
		kind = bridgev2.RemoteEventReactionRemove
	}
	return c.deliverChange(evt, kind, chat, author, target, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Reaction{EventMeta: meta, TargetMessage: target, Emoji: emoji}
	})
}

// onEncryptedReaction takes a reaction as community announcement groups have it.
func (c *Client) onEncryptedReaction(evt *events.Message, chat, author types.JID) bool {
	reaction, err := c.wa.DecryptReaction(c.ctx, evt)
	if err != nil {
		return c.ignored(evt, err, "Ignored a reaction")
	}
	reaction.Key = evt.Message.GetEncReactionMessage().GetTargetMessageKey()
	return c.onReaction(evt, chat, author, reaction)
}

// PreHandleMatrixReaction implements bridgev2.ReactionHandlingNetworkAPI.
func (c *Client) PreHandleMatrixReaction(_ context.Context, msg *bridgev2.MatrixReaction) (bridgev2.MatrixReactionPreResponse, error) {
	if asksForMedia(msg.Content.RelatesTo.Key, msg.TargetMessage) {
		return c.preHandleMediaClick(msg), nil
	}
	emoji := variationselector.FullyQualify(msg.Content.RelatesTo.Key)
	if emoji == "" || len(emoji) > longestEmoji || !emojirunes.IsOnlyEmojis(emoji) {
		return bridgev2.MatrixReactionPreResponse{}, ledger.Refuse("WhatsApp has only emoji as reactions")
	}
	return bridgev2.MatrixReactionPreResponse{SenderID: c.GetUserID(), Emoji: emoji, MaxReactions: 1}, nil
}

// HandleMatrixReaction implements bridgev2.ReactionHandlingNetworkAPI. WhatsApp replaces an earlier one by itself.
func (c *Client) HandleMatrixReaction(ctx context.Context, msg *bridgev2.MatrixReaction) (*database.Reaction, error) {
	if isMediaClick(msg.PreHandleResp.EmojiID) {
		return &database.Reaction{}, c.handleMediaClick(ctx, msg.TargetMessage)
	}
	chat, key, done, err := c.beginChange(msg.Portal, msg.TargetMessage.ID)
	if err != nil {
		return nil, err
	}
	defer done()
	reaction := c.wa.BuildReaction(chat, key.Sender, key.ID, msg.PreHandleResp.Emoji)
	if _, err = c.send(ctx, chat, reaction, outgoingID(c.login.ID, msg.Event.ID)); err != nil {
		return nil, err
	}
	return &database.Reaction{}, nil
}

// HandleMatrixReactionRemove implements bridgev2.ReactionHandlingNetworkAPI.
func (c *Client) HandleMatrixReactionRemove(ctx context.Context, msg *bridgev2.MatrixReactionRemove) error {
	if isMediaClick(msg.TargetReaction.EmojiID) {
		return nil
	}
	chat, key, done, err := c.beginChange(msg.Portal, msg.TargetReaction.MessageID)
	if err != nil {
		return err
	}
	defer done()
	if msg.TargetReaction.SenderID != c.GetUserID() {
		return ledger.Refuse("only your own reactions can be taken back")
	}
	_, err = c.send(ctx, chat, c.wa.BuildReaction(chat, key.Sender, key.ID, ""), outgoingID(c.login.ID, msg.Event.ID))
	return err
}
