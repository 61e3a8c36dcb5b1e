package messenger

import (
	"context"

	"maunium.net/go/mautrix/bridgev2"
)

var (
	_ bridgev2.MessageRequestAcceptingNetworkAPI = (*Client)(nil)
	_ bridgev2.DeleteChatHandlingNetworkAPI      = (*Client)(nil)
)

// HandleMatrixAcceptMessageRequest implements bridgev2.MessageRequestAcceptingNetworkAPI.
func (c *Client) HandleMatrixAcceptMessageRequest(ctx context.Context, msg *bridgev2.MatrixAcceptMessageRequest) error {
	return c.onThread(ctx, msg.Portal, c.accept)
}

// HandleMatrixDeleteChat implements bridgev2.DeleteChatHandlingNetworkAPI. Deleting a message request declines it.
func (c *Client) HandleMatrixDeleteChat(ctx context.Context, msg *bridgev2.MatrixDeleteChat) error {
	return c.onThread(ctx, msg.Portal, func(ctx context.Context, key int64) error {
		known, _ := c.known.thread(key)
		return c.wire.DeleteThread(ctx, c.known.plainKey(key), known.encrypted())
	})
}

// accept accepts a message request, if the chat is one still.
func (c *Client) accept(ctx context.Context, key int64) error {
	if known, _ := c.known.thread(key); !known.Pending {
		return nil
	}
	return c.wire.AcceptRequest(ctx, c.known.plainKey(key))
}

// isRequest is whether a chat is a message request still. One that was accepted here is none, even if Messenger has not told so
// yet.
func (c *Client) isRequest(portal *bridgev2.Portal, key int64) bool {
	known, _ := c.known.thread(key)
	return known.Pending && portal.MessageRequest
}

// acceptBefore accepts a message request before the encrypted plane answers it. Errors are ready for bridgev2.
func (c *Client) acceptBefore(ctx context.Context, key int64) error {
	ctx, cancel := c.bound(ctx, c.network.Config.SendTimeout)
	defer cancel()
	if err := c.accept(ctx, key); err != nil {
		return sendError(err)
	}
	return nil
}

// onThread has something done with a chat. Errors are ready for bridgev2.
func (c *Client) onThread(ctx context.Context, portal *bridgev2.Portal, do func(context.Context, int64) error) error {
	key, err := c.begin(portal)
	if err != nil {
		return err
	}
	defer c.work.Done()
	ctx, cancel := c.bound(ctx, c.network.Config.SendTimeout)
	defer cancel()
	if err = c.connected(); err == nil {
		err = do(ctx, key)
	}
	if err != nil {
		return sendError(err)
	}
	return nil
}
