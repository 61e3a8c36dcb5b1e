package instagram

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/instagram/wire"
)

// HandleMatrixReadReceipt implements bridgev2.ReadReceiptHandlingNetworkAPI. Requests are not marked read before they are
// accepted: the other side would see that.
func (c *Client) HandleMatrixReadReceipt(ctx context.Context, receipt *bridgev2.MatrixReadReceipt) error {
	at, err := c.begin(receipt.Portal)
	if err != nil {
		return nil // it says nothing that the user has to know
	}
	defer c.work.Done()
	if at.isRequest(receipt.Portal) || at.short == 0 {
		return nil
	}
	row := receipt.ExactMessage
	if row == nil {
		row, err = c.network.bridge.DB.Message.GetLastNonFakePartAtOrBeforeTime(ctx, receipt.Portal.PortalKey, receipt.ReadUpTo)
		if err != nil {
			return fmt.Errorf("look for the message that was read: %w", err)
		}
	}
	if row == nil {
		return nil
	}
	mid, err := parseMessageID(row.ID)
	if err != nil {
		return nil
	}
	// In a goroutine, since it may have to wait for a connection: see connected.
	c.goDo("read receipt", func() {
		ctx, cancel := c.bound(c.ctx, c.network.Config.SendTimeout)
		defer cancel()
		err := c.online.Wait(ctx)
		if err == nil {
			var long wire.LongID
			if long, err = c.longID(ctx, at); err == nil {
				err = c.wire.MarkRead(ctx, long, mid, row.Timestamp)
			}
		}
		if err != nil && c.ctx.Err() == nil {
			c.log.Warn().Err(err).Str("portal_id", string(receipt.Portal.ID)).Msg("Could not mark a thread read")
		}
	})
	return nil
}

// HandleMatrixTyping implements bridgev2.TypingHandlingNetworkAPI. Without a connection typing is forgotten.
func (c *Client) HandleMatrixTyping(ctx context.Context, msg *bridgev2.MatrixTyping) error {
	at, err := c.begin(msg.Portal)
	if err != nil {
		return nil
	}
	defer c.work.Done()
	if !c.online.Open() || at.isRequest(msg.Portal) || at.Long == "" {
		return nil
	}
	if err = c.wire.Typing(ctx, at.Long, msg.IsTyping); err != nil && !errors.Is(err, wire.ErrNotConnected) {
		return fmt.Errorf("send typing: %w", err)
	}
	return nil
}

// HandleMute implements bridgev2.MuteHandlingNetworkAPI.
func (c *Client) HandleMute(ctx context.Context, msg *bridgev2.MatrixMute) error {
	span := time.Duration(0)
	if at := msg.Content.GetMutedUntilTime(); at.Equal(event.MutedForever) {
		span = wire.MuteForever
	} else if at.After(time.Now()) {
		span = time.Until(at)
	}
	return c.mute(ctx, msg.Portal, span)
}

func (c *Client) mute(ctx context.Context, portal *bridgev2.Portal, span time.Duration) error {
	return c.onThread(ctx, portal, func(ctx context.Context, at place) error { return c.wire.Mute(ctx, at.short, span) })
}

// HandleRoomTag implements bridgev2.TagHandlingNetworkAPI: favourites are what is pinned. There is no archive.
func (c *Client) HandleRoomTag(ctx context.Context, msg *bridgev2.MatrixRoomTag) error {
	_, pinned := msg.Content.Tags[event.RoomTagFavourite]
	return c.pin(ctx, msg.Portal, pinned)
}

func (c *Client) pin(ctx context.Context, portal *bridgev2.Portal, pinned bool) error {
	return c.onThread(ctx, portal, func(ctx context.Context, at place) error {
		if at.Pinned == pinned {
			return nil
		}
		return c.wire.PinThread(ctx, at.short, pinned)
	})
}

// HandleMarkedUnread implements bridgev2.MarkedUnreadHandlingNetworkAPI.
func (c *Client) HandleMarkedUnread(ctx context.Context, msg *bridgev2.MatrixMarkedUnread) error {
	return c.onThread(ctx, msg.Portal, func(ctx context.Context, at place) error {
		return c.wire.MarkUnread(ctx, at.short, msg.Content.Unread)
	})
}
