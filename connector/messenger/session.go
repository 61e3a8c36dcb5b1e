package messenger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/metaweb/web"
)

// session is a wire client with what it was made of. A login makes one to try cookies, and hands it on to its Client, so
// that the page is loaded once.
type session struct {
	wire        *wire.Client
	credentials *web.Credentials
	transports  web.Transports
	relay       *relay
}

func (n *Network) openSession(credentials *web.Credentials, state wire.State, log zerolog.Logger) (*session, error) {
	identity := credentials.IdentityOr(n.Config.Wire.Identity)
	s := &session{credentials: credentials, transports: n.transports(identity.UserAgent), relay: &relay{}}
	config := n.Config.Wire
	// The ledger repeats what a lost connection took with it. Meanwhile a portal must be free for what the sync brings.
	config.SendAttempts, config.ConnectWait = 1, time.Second
	var err error
	s.wire, err = wire.New(wire.Options{
		Config: config, Credentials: credentials, State: state, Transports: s.transports, Handler: s.relay, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("open messenger session: %w", err)
	}
	return s, nil
}

// close ends what a session that is not used any more keeps open.
func (s *session) close() { s.transports.CloseIdle() }

// relay hands on what the wire tells once there is somebody to take it: a session is tried before its login exists.
type relay struct {
	to atomic.Pointer[receiver]
}

var _ wire.Handler = (*relay)(nil)

var errNobody = errors.New("no login takes what the connection brings")

// HandleTable implements wire.Handler.
func (r *relay) HandleTable(ctx context.Context, d wire.Delivery) error {
	if to := r.to.Load(); to != nil {
		return to.HandleTable(ctx, d)
	}
	return errNobody
}

// SaveState implements wire.Handler.
func (r *relay) SaveState(ctx context.Context, state wire.State) error {
	if to := r.to.Load(); to != nil {
		return to.SaveState(ctx, state)
	}
	return errNobody
}

// Connected implements wire.Handler.
func (r *relay) Connected(ctx context.Context) {
	if to := r.to.Load(); to != nil {
		to.Connected(ctx)
	}
}

// CaughtUp implements wire.Handler.
func (r *relay) CaughtUp(ctx context.Context) {
	if to := r.to.Load(); to != nil {
		to.CaughtUp(ctx)
	}
}

// CookiesChanged implements wire.Handler.
func (r *relay) CookiesChanged(cookies *web.Cookies) {
	if to := r.to.Load(); to != nil {
		to.CookiesChanged(cookies)
	}
}
