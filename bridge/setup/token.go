package setup

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/id"
)

// whoami asks the homeserver whose a token is: for an appservice's, its registration's own user.
func whoami(ctx context.Context, hs *homeserver, token string) (id.UserID, error) {
	client, err := hs.as("", token)
	if err != nil {
		return "", err
	}
	resp, err := client.Whoami(ctx)
	if err != nil {
		return "", err
	}
	return resp.UserID, nil
}

// isRefusal tells a homeserver that says no from one that isn't well.
func isRefusal(err error) bool {
	var http mautrix.HTTPError
	return errors.As(err, &http) && http.Response != nil && http.Response.StatusCode >= 400 &&
		http.Response.StatusCode < 500 && http.Response.StatusCode != 429 && http.RespError != nil
}

// judgeToken says what the answer to whoami means, "" if all is well.
func judgeToken(self id.UserID, err error, cfg *bridgeconfig.Config) (what, remedy string) {
	const load = "Give registration.yaml to the homeserver (app_service_config_files in Synapse's homeserver.yaml,\n" +
		"app_service_api.config_files in Dendrite's) and restart it: it reads registrations only when it starts."
	switch {
	case errors.Is(err, mautrix.MUnknownToken):
		return "the homeserver does not know the bridge's token (appservice.as_token)", load
	case err != nil:
		return "the homeserver refuses the bridge: " + matrixError(err), load
	case self.Homeserver() != cfg.Homeserver.Domain:
		return fmt.Sprintf("homeserver.domain is %q, but the homeserver calls itself %q", cfg.Homeserver.Domain, self.Homeserver()),
			"Correct homeserver.domain and write a new registration (-g)."
	default:
		return "", ""
	}
}

// outdatedText says that a homeserver is too old.
func outdatedText(hs *homeserver) (what, remedy string) {
	return fmt.Sprintf("%s is too old: it offers the Matrix specification up to %s, the bridge needs %s",
		hs, hs.versions.GetLatest(), matrix.MinSpecVersion), "Update it, or start with --ignore-unsupported-server at your own risk."
}

// matrixError is the core of a Matrix error: what the homeserver said.
func matrixError(err error) string {
	var http mautrix.HTTPError
	if errors.As(err, &http) && http.RespError != nil {
		return fmt.Sprintf("%s (%s)", http.RespError.Err, http.RespError.ErrCode)
	} else if errors.As(err, &http) && http.Response != nil {
		return fmt.Sprintf("HTTP %d", http.Response.StatusCode)
	}
	return networkError(err).Error()
}
