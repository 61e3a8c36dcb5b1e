package instagram

import (
	"context"

	"maunium.net/go/mautrix/bridgev2"
)

// HandleMatrixAcceptMessageRequest implements bridgev2.MessageRequestAcceptingNetworkAPI.
func (c *Client) HandleMatrixAcceptMessageRequest(ctx context.Context, msg *bridgev2.MatrixAcceptMessageRequest) error {
	return c.onThread(ctx, msg.Portal, c.accept)
}

// HandleMatrixDeleteChat implements bridgev2.DeleteChatHandlingNetworkAPI. Deleting a message request declines it.
func (c *Client) HandleMatrixDeleteChat(ctx context.Context, msg *bridgev2.MatrixDeleteChat) error {
	return c.onThread(ctx, msg.Portal, func(ctx context.Context, at place) error {
		return c.wire.DeleteThread(ctx, at.short)
	})
}

// accept accepts a message request, if the chat is one still. That it is accepted comes back as an event.
func (c *Client) accept(ctx context.Context, at place) error {
	if !at.Folder.Request() || at.short == 0 {
		return nil
	}
	return c.wire.Accept(ctx, at.short)
}

// isRequest is whether a chat is a message request still. One that was accepted here is none, even if Instagram has not told so
// yet.
func (at place) isRequest(portal *bridgev2.Portal) bool {
	return at.Folder.Request() && portal.MessageRequest
}
