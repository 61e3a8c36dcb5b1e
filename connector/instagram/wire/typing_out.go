package wire

import (
	"context"
	"net/url"

	"github.com/google/uuid"

	"crosschat/connector/instagram/wire/stream"
	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/graphql"
)

// outbox is the socket that says that the account types. It is opened when that is first said.
type outbox struct {
	n     *connection
	wants chan notice
}

// notice is something to be said. answer is told how it went.
type notice struct {
	payload []byte
	answer  chan error
}

func newOutbox(n *connection) *outbox { return &outbox{n, make(chan notice)} }

// Typing says that the account types, or stopped. It needs a connection, and a second or so for the first; nothing says
// whether it arrived. Without Config.Typing it does nothing. It must not be called for message requests.
func (c *Client) Typing(ctx context.Context, thread LongID, active bool) error {
	n, err := c.connected()
	if err != nil || n.outbox == nil {
		return err
	}
	status := 0
	if active {
		status = 1
	}
	payload, err := graphql.Encode(struct {
		Action  string `json:"action"`
		Status  int    `json:"activity_status"`
		Context string `json:"client_context"`
		Thread  LongID `json:"thread_id"`
	}{"indicate_activity", status, "", thread})
	if err != nil {
		return err
	}
	w := notice{stream.Publish("/ig_send_message", payload), make(chan error, 1)}
	select {
	case n.outbox.wants <- w:
	case <-n.conn.Done():
		return ErrNotConnected
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err = <-w.answer:
		return err
	case <-n.conn.Done():
		return ErrNotConnected
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve is the outbox's goroutine. What becomes of its socket never ends the connection.
func (o *outbox) serve(ctx context.Context) error {
	for {
		select {
		case w := <-o.wants:
			err := dgw.Guard(ctx, func(ctx context.Context) error { return o.serveOnce(ctx, w) })
			if ctx.Err() != nil {
				return ctx.Err()
			}
			o.n.c.log.Debug().Err(err).Msg("Socket for saying who types has ended")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// serveOnce opens the socket because of a first notice and keeps it for more.
func (o *outbox) serveOnce(ctx context.Context, first notice) error {
	device := o.n.site.DeviceID
	conn, err := dgw.Dial(ctx, o.n.c.gatewayOptions(o.n.site, "mqttbypass", device,
		url.Values{"x-dgw-loggingid": {uuid.NewString()}}))
	if err != nil {
		first.answer <- err
		return err
	}
	return dgw.Together(ctx, conn.Serve, func(ctx context.Context) error {
		over := make(chan error, 1)
		s, err := conn.Open(ctx, dgw.OpenOptions{
			First: stream.Connect(device), FirstWantsAck: true,
			Handle: func(d dgw.Delivery) { d.Done(nil) }, // answers say nothing of use
			Ended:  func(err error) { over <- err },
		})
		if err != nil {
			first.answer <- err
			return err
		}
		for w := first; ; {
			s.Tell(w.payload)
			w.answer <- nil
			select {
			case w = <-o.wants:
			case err = <-over:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}
