package messenger

import (
	"context"
	"fmt"
	"strings"

	"go.mau.fi/util/emojirunes"
	"go.mau.fi/util/variationselector"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	"crosschat/connector/messenger/wire/lightspeed"
)

// longestEmoji is more bytes than any emoji has; the longest are families and flags of regions.
const longestEmoji = 64

// reaction brings a reaction. Everybody has one for each message.
func (c *Client) reaction(ctx context.Context, r lightspeed.Reaction) error {
	row, err := c.row(ctx, r.MessageID)
	if err != nil || row == nil {
		return err
	}
	emoji, ok := emojiOf(r)
	kind := bridgev2.RemoteEventReaction
	switch {
	case r.Removed || emoji == "":
		kind = bridgev2.RemoteEventReactionRemove
	case !ok:
		c.log.Warn().Str("message_id", r.MessageID).Msg("Ignored a reaction that is longer than an emoji")
		return nil
	}
	meta := c.meta(kind, r.ThreadKey, r.Actor, r.Timestamp)
	meta.PortalKey = row.Room
	key := fmt.Sprintf("reaction %s %d %d %s", r.MessageID, r.Actor, r.Timestamp, emoji)
	if kind == bridgev2.RemoteEventReactionRemove {
		key = "" // what is gone already is not redacted again
	}
	return c.deliver(ctx, key, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Reaction{EventMeta: meta, TargetMessage: row.ID, Emoji: emoji}
	})
}

// emojiOf is a reaction's emoji as Matrix writes it; false if it is none.
func emojiOf(r lightspeed.Reaction) (string, bool) {
	emoji := variationselector.FullyQualify(convert.Clean(r.Emoji))
	return emoji, !r.Removed && emoji != "" && len(emoji) <= longestEmoji
}

// PreHandleMatrixReaction implements bridgev2.ReactionHandlingNetworkAPI.
func (c *Client) PreHandleMatrixReaction(_ context.Context, msg *bridgev2.MatrixReaction) (bridgev2.MatrixReactionPreResponse, error) {
	if asksForMedia(msg.Content.RelatesTo.Key, msg.TargetMessage) {
		return c.preHandleAsk(msg), nil
	}
	emoji := variationselector.FullyQualify(msg.Content.RelatesTo.Key)
	if emoji == "" || len(emoji) > longestEmoji || !emojirunes.IsOnlyEmojis(emoji) {
		return bridgev2.MatrixReactionPreResponse{}, ledger.Refuse("Messenger has only emoji as reactions")
	}
	return bridgev2.MatrixReactionPreResponse{SenderID: c.GetUserID(), Emoji: emoji, MaxReactions: 1}, nil
}

// HandleMatrixReaction implements bridgev2.ReactionHandlingNetworkAPI. Messenger replaces an earlier one by itself.
func (c *Client) HandleMatrixReaction(ctx context.Context, msg *bridgev2.MatrixReaction) (*database.Reaction, error) {
	if strings.HasPrefix(string(msg.PreHandleResp.EmojiID), askMark) {
		return &database.Reaction{}, c.askForMedia(msg.TargetMessage)
	}
	if isEncrypted(msg.TargetMessage.ID) {
		return &database.Reaction{}, c.encrypted.react(ctx, msg.Portal, msg.Event, msg.TargetMessage.ID, msg.PreHandleResp.Emoji)
	}
	err := c.act(ctx, msg.Portal, msg.TargetMessage.ID, func(ctx context.Context, thread int64, mid string) error {
		return c.wire.React(ctx, thread, mid, msg.PreHandleResp.Emoji)
	})
	if err != nil {
		return nil, err
	}
	return &database.Reaction{}, nil
}

// HandleMatrixReactionRemove implements bridgev2.ReactionHandlingNetworkAPI.
func (c *Client) HandleMatrixReactionRemove(ctx context.Context, msg *bridgev2.MatrixReactionRemove) error {
	if strings.HasPrefix(string(msg.TargetReaction.EmojiID), askMark) {
		return nil
	}
	if isEncrypted(msg.TargetReaction.MessageID) {
		return c.encrypted.react(ctx, msg.Portal, msg.Event, msg.TargetReaction.MessageID, "")
	}
	return c.act(ctx, msg.Portal, msg.TargetReaction.MessageID, func(ctx context.Context, thread int64, mid string) error {
		return c.wire.React(ctx, thread, mid, "")
	})
}
