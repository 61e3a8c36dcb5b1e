package instagram

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/rs/zerolog"

	"crosschat/connector/instagram/wire"
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
	var err error
	s.wire, err = wire.New(wire.Options{
		Config: n.Config.Wire, Credentials: credentials, State: state, Transports: s.transports, Handler: s.relay, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("open instagram session: %w", err)
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

// HandleThreads implements wire.Handler.
func (r *relay) HandleThreads(ctx context.Context, threads []wire.Thread, source wire.Source) error {
	if to := r.to.Load(); to != nil {
		return to.HandleThreads(ctx, threads, source)
	}
	return errNobody
}

// HandleEvent implements wire.Handler.
func (r *relay) HandleEvent(ctx context.Context, event wire.Event) error {
	if to := r.to.Load(); to != nil {
		return to.HandleEvent(ctx, event)
	}
	return errNobody
}

// SaveState implements wire.Handler. What is told before there is a login is stored with the first state after it.
func (r *relay) SaveState(ctx context.Context, state wire.State) error {
	if to := r.to.Load(); to != nil {
		return to.SaveState(ctx, state)
	}
	return nil
}

// Connected implements wire.Handler.
func (r *relay) Connected(ctx context.Context) {
	if to := r.to.Load(); to != nil {
		to.Connected(ctx)
	}
}

// HandleTyping implements wire.Handler.
func (r *relay) HandleTyping(ctx context.Context, typing wire.Typing) {
	if to := r.to.Load(); to != nil {
		to.HandleTyping(ctx, typing)
	}
}

// Alert implements wire.Handler.
func (r *relay) Alert(alert wire.Alert) {
	if to := r.to.Load(); to != nil {
		to.Alert(alert)
	}
}

// CookiesChanged implements wire.Handler.
func (r *relay) CookiesChanged(cookies *web.Cookies) {
	if to := r.to.Load(); to != nil {
		to.CookiesChanged(cookies)
	}
}
