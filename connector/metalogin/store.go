package metalogin

import (
	"context"
	"encoding/json"
	"fmt"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/metaweb/web"
	crosschatdb "crosschat/database"
)

// Stored reads the session of a login, and into state what its network keeps with it. Without a session it returns nil.
func Stored(ctx context.Context, sessions *crosschatdb.Meta, login networkid.UserLoginID, state any) (*web.Credentials, error) {
	stored, ok, err := sessions.Session(ctx, string(login))
	if err != nil || !ok {
		return nil, err
	}
	credentials := &web.Credentials{Cookies: web.NewCookies(nil)}
	if err = json.Unmarshal(stored.Credentials, credentials); err != nil {
		return nil, fmt.Errorf("read session of login %q: %w", login, err)
	}
	if err = json.Unmarshal(stored.State, state); err != nil {
		return nil, fmt.Errorf("read state of login %q: %w", login, err)
	}
	return credentials, nil
}

// StoreCredentials keeps what the network has changed of a login's session.
func StoreCredentials(ctx context.Context, sessions *crosschatdb.Meta, login networkid.UserLoginID, credentials *web.Credentials) error {
	data, err := json.Marshal(credentials)
	if err != nil {
		return fmt.Errorf("encode credentials: %w", err)
	}
	return sessions.SetCredentials(ctx, string(login), data)
}

// StoreState keeps a network's state with a login's session.
func StoreState(ctx context.Context, sessions *crosschatdb.Meta, login networkid.UserLoginID, state any) error {
	data, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	return sessions.SetState(ctx, string(login), data)
}

// begin stores a new session in the place of an earlier one.
func (s *Session) begin(ctx context.Context) error {
	data, err := json.Marshal(s.Credentials)
	if err != nil {
		return fmt.Errorf("encode credentials: %w", err)
	}
	return s.Sessions.BeginSession(ctx, string(s.Login), data)
}
