package instagram

import (
	"context"
	"fmt"

	"go.mau.fi/util/emojirunes"
	"go.mau.fi/util/variationselector"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/convert"
	"crosschat/connector/instagram/wire"
	"crosschat/connector/ledger"
	crosschatdb "crosschat/database"
)

// longestEmoji is more bytes than any emoji has; the longest are families and flags of regions.
const longestEmoji = 64

// noteReaction notes the line that the log of reactions has of one.
func (c *Client) noteReaction(ctx context.Context, mid wire.MessageID, r wire.Reaction) error {
	if r.LogID == "" {
		return nil
	}
	about := crosschatdb.ReactionLog{Message: string(mid), Sender: int64(r.Sender)}
	return c.network.db.Instagram().SetReactionLog(ctx, string(c.login.ID), string(r.LogID), about)
}

// reacted brings a reaction, in the place of the sender's earlier one.
func (c *Client) reacted(ctx context.Context, t thread, mid wire.MessageID, r wire.Reaction) error {
	if err := c.noteReaction(ctx, mid, r); err != nil {
		return err
	}
	row, _, err := c.row(ctx, mid)
	if err != nil || row == nil {
		return err
	}
	emoji, ok := reactionEmoji(r.Emoji)
	if !ok {
		c.log.Warn().Str("message_id", string(mid)).Msg("Ignored a reaction that is no emoji")
		return nil
	}
	sender, err := c.sender(ctx, t, r.Sender, nil)
	if err != nil || sender.Sender == "" {
		return err
	}
	meta := c.meta(bridgev2.RemoteEventReaction, row.Room, sender, r.Time)
	key := fmt.Sprintf("reaction %s %d %d %s", mid, r.Sender, r.Time.UnixMilli(), emoji)
	return c.deliver(ctx, key, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Reaction{EventMeta: meta, TargetMessage: row.ID, Emoji: emoji}
	})
}

// reactionEmoji is what Matrix shows of a reaction; false if it is no emoji.
func reactionEmoji(emoji string) (string, bool) {
	emoji = variationselector.FullyQualify(convert.Clean(emoji))
	return emoji, emoji != "" && len(emoji) <= longestEmoji
}

// removedReaction is the message and the sender of a reaction that was removed. Some removals name only the line that the log
// of reactions has of it; of one that is not known the message is empty.
func (c *Client) removedReaction(ctx context.Context, mid wire.MessageID, r wire.Reaction) (wire.MessageID, wire.Reaction, error) {
	if r.Sender != 0 {
		return mid, r, nil
	}
	about, ok, err := c.network.db.Instagram().ReactionLog(ctx, string(c.login.ID), string(r.LogID))
	if err != nil || !ok {
		return "", r, err
	}
	r.Sender = wire.FBID(about.Sender)
	return wire.MessageID(about.Message), r, nil
}

// unreacted takes a reaction away.
func (c *Client) unreacted(ctx context.Context, t thread, mid wire.MessageID, r wire.Reaction) error {
	row, _, err := c.row(ctx, mid)
	if err != nil || row == nil {
		return err
	}
	sender, err := c.sender(ctx, t, r.Sender, nil)
	if err != nil || sender.Sender == "" {
		return err
	}
	meta := c.meta(bridgev2.RemoteEventReactionRemove, row.Room, sender, time0)
	return c.deliver(ctx, "", meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent { // what is gone is not redacted again
		return &simplevent.Reaction{EventMeta: meta, TargetMessage: row.ID}
	})
}

// PreHandleMatrixReaction implements bridgev2.ReactionHandlingNetworkAPI.
func (c *Client) PreHandleMatrixReaction(_ context.Context, msg *bridgev2.MatrixReaction) (bridgev2.MatrixReactionPreResponse, error) {
	emoji := variationselector.FullyQualify(msg.Content.RelatesTo.Key)
	if emoji == "" || len(emoji) > longestEmoji || !emojirunes.IsOnlyEmojis(emoji) {
		return bridgev2.MatrixReactionPreResponse{}, ledger.Refuse("Instagram has only emoji as reactions")
	}
	return bridgev2.MatrixReactionPreResponse{SenderID: c.GetUserID(), Emoji: emoji, MaxReactions: 1}, nil
}

// HandleMatrixReaction implements bridgev2.ReactionHandlingNetworkAPI. Instagram replaces an earlier one by itself.
func (c *Client) HandleMatrixReaction(ctx context.Context, msg *bridgev2.MatrixReaction) (*database.Reaction, error) {
	if asksForFile(msg.PreHandleResp.Emoji, msg.TargetMessage) {
		return nil, c.askAgain(ctx, msg.Portal, msg.TargetMessage)
	}
	err := c.act(ctx, msg.Portal, msg.TargetMessage.ID, func(ctx context.Context, at place, mid wire.MessageID) error {
		return c.wire.React(ctx, at.short, mid, variationselector.Remove(msg.PreHandleResp.Emoji))
	})
	if err != nil {
		return nil, err
	}
	return &database.Reaction{}, nil
}

// HandleMatrixReactionRemove implements bridgev2.ReactionHandlingNetworkAPI.
func (c *Client) HandleMatrixReactionRemove(ctx context.Context, msg *bridgev2.MatrixReactionRemove) error {
	return c.act(ctx, msg.Portal, msg.TargetReaction.MessageID, func(ctx context.Context, at place, mid wire.MessageID) error {
		return c.wire.Unreact(ctx, at.short, mid, variationselector.Remove(msg.TargetReaction.Emoji))
	})
}
