package connector

import (
	"context"
	"fmt"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
)

// errorLoginBroken is the bridge state error of a login that can't be built.
const errorLoginBroken status.BridgeStateErrorCode = "crosschat-login-broken"

func init() {
	status.BridgeStateHumanErrors.Update(status.BridgeStateErrorMap{
		errorLoginBroken: "This login can't be loaded. Log out and log in again.",
	})
}

// brokenClient stands in for a login that can't be built, so that the others start, the user is told, and the login can
// be logged out.
type brokenClient struct {
	login *bridgev2.UserLogin
	cause error
}

var _ bridgev2.NetworkAPI = (*brokenClient)(nil)

// Connect implements bridgev2.NetworkAPI.
func (b *brokenClient) Connect(context.Context) {
	b.login.Log.Error().Err(b.cause).Msg("Login can't be loaded")
	b.login.BridgeState.Send(status.BridgeState{
		StateEvent: status.StateBadCredentials,
		Error:      errorLoginBroken,
		Info:       map[string]any{"cause": b.cause.Error()},
	})
}

// Disconnect implements bridgev2.NetworkAPI.
func (b *brokenClient) Disconnect() {}

// IsLoggedIn implements bridgev2.NetworkAPI.
func (b *brokenClient) IsLoggedIn() bool { return false }

// LogoutRemote implements bridgev2.NetworkAPI. There is nothing to log out with.
func (b *brokenClient) LogoutRemote(context.Context) {}

// IsThisUser implements bridgev2.NetworkAPI.
func (b *brokenClient) IsThisUser(context.Context, networkid.UserID) bool { return false }

// GetChatInfo implements bridgev2.NetworkAPI.
func (b *brokenClient) GetChatInfo(context.Context, *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
	return nil, b.err()
}

// GetUserInfo implements bridgev2.NetworkAPI.
func (b *brokenClient) GetUserInfo(context.Context, *bridgev2.Ghost) (*bridgev2.UserInfo, error) {
	return nil, b.err()
}

// GetCapabilities implements bridgev2.NetworkAPI.
func (b *brokenClient) GetCapabilities(context.Context, *bridgev2.Portal) *event.RoomFeatures {
	return &event.RoomFeatures{ID: "crosschat.broken.1"}
}

// HandleMatrixMessage implements bridgev2.NetworkAPI.
func (b *brokenClient) HandleMatrixMessage(context.Context, *bridgev2.MatrixMessage) (*bridgev2.MatrixMessageResponse, error) {
	return nil, bridgev2.WrapErrorInStatus(b.err()).
		WithMessage("This login can't be loaded. Log out and log in again.").WithIsCertain(true)
}

func (b *brokenClient) err() error {
	return fmt.Errorf("login %q can't be loaded: %w", b.login.ID, b.cause)
}
