package ledger

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
)

// A homeserver may be stopped and be back before the bridge asks it for anything, and forget what it was about to hand over
// all the same (see missed). What tells is that it closes the connections to it: then it is asked whether it is there.

// watchConnections makes a transport whose connections call ended when the other side has closed them. ended must not
// block. Transports of other kinds than net/http's are left as they are; nil is http.DefaultTransport.
func watchConnections(next http.RoundTripper, ended func()) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	base, ok := next.(*http.Transport)
	if !ok {
		return next
	}
	base = base.Clone()
	dial := base.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &watchedConn{Conn: conn, ended: sync.OnceFunc(ended)}, nil
	}
	return base
}

type watchedConn struct {
	net.Conn
	ended func()
}

// Read implements net.Conn. net/http reads idle connections, too.
func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.ended()
	}
	return n, err
}

// connectionEnded asks whether the homeserver is there. If it is not, the request itself tells, see Guards.Missed. It is
// asked once for all connections that end meanwhile.
func (l *Ledger) connectionEnded() {
	if l.ctx.Err() != nil || !l.asking.CompareAndSwap(false, true) {
		return
	}
	l.goDo(func() {
		defer l.asking.Store(false)
		_ = l.matrix.answers(l.ctx)
	})
}
