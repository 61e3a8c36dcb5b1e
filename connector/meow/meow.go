// Package meow is what the networks that speak through whatsmeow share: WhatsApp, and Messenger's encrypted chats. It
// keeps a device's sessions from being changed twice at once, bounds downloads, routes the library's log and tells lost
// connections from other errors. It owns no connection and no store, and knows no network. Its functions may be called
// from any goroutine.
package meow

import (
	"context"
	"errors"
	"net"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/socket"
)

// ConnectionLost is whether an error of whatsmeow only says that there is no connection just now.
func ConnectionLost(err error) bool {
	return errors.Is(err, whatsmeow.ErrNotConnected) ||
		errors.Is(err, socket.ErrSocketClosed) ||
		errors.Is(err, whatsmeow.ErrIQTimedOut) ||
		errors.As(err, new(*whatsmeow.DisconnectedError))
}

// BrokenOff is whether an error, ctx being alive, only says that the connection went while something was written to it: the
// library hands on what the socket says then. Of media the same errors may mean that only its host can't be reached.
func BrokenOff(ctx context.Context, err error) bool {
	return ConnectionLost(err) ||
		errors.Is(err, context.Canceled) && ctx.Err() == nil ||
		errors.Is(err, net.ErrClosed) ||
		errors.As(err, new(*net.OpError)) ||
		errors.As(err, new(websocket.CloseError))
}
