package setup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/util/random"
	"maunium.net/go/mautrix"
)

// checkPing lets the homeserver call the bridge. If the bridge runs it answers itself; else doctor
// listens in its place for that moment.
func (x *examination) checkPing(ctx context.Context) result {
	address := x.cfg.AppService.Address
	if x.cfg.Homeserver.Websocket {
		return result{ok, "not needed: the bridge calls the homeserver (websocket)", ""}
	}
	if !x.hs.versions.Supports(mautrix.FeatureAppservicePing) {
		return result{limited, fmt.Sprintf("%s can't be asked whether it reaches %s", x.hs.software, address),
			"write to the bot to find out"}
	}
	stand, err := x.standIn()
	running := errors.Is(err, errPortInUse)
	if err != nil && !running {
		return result{wrong, err.Error(), "correct appservice.hostname or appservice.port"}
	}
	defer stand.Close()
	client, err := x.hs.as(x.bot(), x.cfg.AppService.ASToken)
	if err != nil {
		return result{wrong, err.Error(), ""}
	}
	client.SetAppServiceUserID = false
	txn := "crosschat-doctor-" + random.String(8)
	pong, err := client.AppservicePing(ctx, x.cfg.AppService.ID, txn)
	heard, otherToken := stand.heard(txn)
	switch {
	case otherToken:
		return result{wrong, "the homeserver calls with another hs_token", "give it the registration that fits the config and restart it"}
	case err != nil:
		return x.pingFailed(err, running)
	case !running && !heard:
		return result{wrong, fmt.Sprintf("at %s the homeserver reaches something else than this machine's port %d", address, x.cfg.AppService.Port),
			"correct appservice.address, here and in the registration"}
	case running:
		return result{ok, fmt.Sprintf("the homeserver reaches the running bridge at %s (%d ms)", address, pong.DurationMS), ""}
	default:
		return result{ok, fmt.Sprintf("the homeserver reaches %s (%d ms)", address, pong.DurationMS), ""}
	}
}

// pingFailed puts the error codes of the appservice ping (MSC2659) into words.
func (x *examination) pingFailed(err error, running bool) result {
	address := x.cfg.AppService.Address
	var code string
	var failure mautrix.HTTPError
	if errors.As(err, &failure) && failure.RespError != nil {
		code = failure.RespError.ErrCode
	}
	const reach = "set appservice.address (and url in the registration) to where the homeserver reaches the bridge;\n" +
		"if one of them runs in a container, localhost is not the same place for both: appservice.hostname must be 0.0.0.0 then"
	switch {
	case strings.HasSuffix(code, "CONNECTION_FAILED"):
		return result{wrong, fmt.Sprintf("the homeserver can't connect to %s", address), reach}
	case strings.HasSuffix(code, "CONNECTION_TIMED_OUT"), strings.HasSuffix(code, "CONNECTION_TIMEOUT"):
		return result{wrong, fmt.Sprintf("the homeserver gets no answer from %s", address), reach}
	case strings.HasSuffix(code, "BAD_STATUS") && running:
		return result{wrong, fmt.Sprintf("at %s the homeserver reaches another program, or a bridge with other tokens", address),
			"is another program on that port? " + reach}
	case strings.HasSuffix(code, "BAD_STATUS"):
		return result{wrong, fmt.Sprintf("at %s the homeserver reaches another program", address), reach}
	case strings.HasSuffix(code, "URL_NOT_SET"):
		return result{wrong, "the registration at the homeserver has no url", "give it the registration that fits the config and restart it"}
	case code == "M_FORBIDDEN":
		return result{wrong, fmt.Sprintf("the registration at the homeserver has another id than %q", x.cfg.AppService.ID),
			"give it the registration that fits the config and restart it"}
	default:
		return result{wrong, "the homeserver could not try it: " + matrixError(err), reach}
	}
}
