package dgw

import (
	"errors"
	"fmt"

	"github.com/coder/websocket"
)

// Errors of a connection. A *CloseError is there too when the server closed with a code.
var (
	// ErrUnauthorized is the close code 4003: the server does not take the session.
	ErrUnauthorized = errors.New("gateway says unauthorized")
	// ErrKeepalive means that nothing came from the server for too long.
	ErrKeepalive = errors.New("gateway is silent")
	// ErrClosed is what calls get after the connection ended; the reason is wrapped too.
	ErrClosed = errors.New("gateway connection is closed")
	// ErrTimeout means that an answer did not come in time. What was asked may have been done.
	ErrTimeout = errors.New("gateway did not answer in time")
	// ErrRefused means that the server did not establish a stream.
	ErrRefused = errors.New("gateway refused the stream")
	// ErrStreamEnded means that the server ended the stream.
	ErrStreamEnded = errors.New("gateway ended the stream")
	// ErrBacklog means that the server does not take what is written.
	ErrBacklog = errors.New("too much waits to be written to the gateway")
)

// Close codes of the gateway.
const (
	CloseGraceful     = 4000
	CloseKeepalive    = 4001
	CloseServerError  = 4002
	CloseUnauthorized = 4003
	CloseRejected     = 4004
	CloseBadRequest   = 4005
)

// CloseError is a close by the server.
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("gateway closed the connection with code %d (%q)", e.Code, e.Reason)
}

// Is makes the code 4003 an ErrUnauthorized.
func (e *CloseError) Is(target error) bool {
	return target == ErrUnauthorized && e.Code == CloseUnauthorized
}

// StreamError is an end of a stream with a reason.
type StreamError struct {
	Reason byte
}

func (e *StreamError) Error() string {
	return fmt.Sprintf("gateway ended the stream: %s", reasonName(endReasons[:], e.Reason))
}

// Is makes it an ErrStreamEnded.
func (e *StreamError) Is(target error) bool { return target == ErrStreamEnded }

// PanicError is a panic in one of the connection's goroutines or in a stream's handler.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

var (
	drainReasons = [...]string{"ELB", "SLB", "app server push", "grace period expired", "unknown", "max connection age"}
	endReasons   = [...]string{"unknown", "upstream termination", "client has finished sending", "stream error",
		"auth error", "parsing error", "client puback error", "upstream exception", "draining",
		"endpoint registration failed"}
)

func reasonName(names []string, reason byte) string {
	if int(reason) < len(names) {
		return names[reason]
	}
	return fmt.Sprintf("reason %d", reason)
}

// readError turns the websocket library's close error into ours.
func readError(err error) error {
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		return &CloseError{int(closed.Code), closed.Reason}
	}
	return fmt.Errorf("read from gateway: %w", err)
}
