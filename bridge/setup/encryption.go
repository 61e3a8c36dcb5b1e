package setup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/util/random"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// checkEncryption says whether the bot can take part in encrypted rooms here, and by which way.
func (x *examination) checkEncryption(ctx context.Context) result {
	cfg := x.cfg.Encryption
	switch {
	case !cfg.Allow:
		return result{limited, "off: the bridge can't read encrypted rooms", "if you want it, see encryption in the config"}
	case cfg.Appservice && x.hs.software == dendrite:
		return result{wrong, "Dendrite sends appservices no keys, so appservice mode can't decrypt anything",
			"set encryption.appservice and encryption.msc4190 to false, write a new registration (-g), give it to the homeserver and restart it"}
	case cfg.MSC4190 && x.hs.software == dendrite:
		return result{wrong, "Dendrite does not let appservices make devices (MSC4190)", "set encryption.msc4190 to false and write a new registration (-g)"}
	}
	if lost := x.checkKeys(ctx); lost != nil {
		return *lost
	}
	how := fmt.Sprintf("on (default %t), keys come by /sync", cfg.Default)
	if cfg.Appservice {
		how = fmt.Sprintf("on (default %t), keys come with the homeserver's transactions", cfg.Default)
	}
	if !cfg.MSC4190 {
		if refused := x.checkLogin(ctx); refused != nil {
			return *refused
		}
	}
	shown := notTried
	if cfg.MSC4190 {
		tried, refused := x.tryDevice(ctx)
		if refused != nil {
			return *refused
		}
		shown = tried
	}
	switch {
	case cfg.Appservice:
		return x.judgeTrial(shown, how)
	case x.hs.software == dendrite:
		return result{limited, how + "; right after a join Dendrite may tell too little about a room", ""}
	default:
		return result{ok, how, ""}
	}
}

// trial is what came out of sending the bot something that only it can read.
type trial int

const (
	notTried  trial = iota // the bridge runs, or has run: then its own device is left alone
	nothing                // the homeserver passed nothing on
	noCounts               // it passed the message on, but says nothing of keys (MSC3202)
	wholeWay               // it passed both on
	undecided              // something else came that waits for the bridge, and may stand in the way
)

// judgeTrial says what a trial means for appservice mode.
func (x *examination) judgeTrial(shown trial, how string) result {
	const flags = "set experimental_features: msc2409_to_device_messages_enabled and msc3202_transaction_extensions\n" +
		"to true in Synapse's homeserver.yaml and restart it (on another homeserver: encryption.appservice and\n" +
		"encryption.msc4190 to false, and a new registration)"
	switch shown {
	case wholeWay:
		return result{ok, how + " (tried)", ""}
	case nothing:
		return result{wrong, "the homeserver passes no keys on to the bridge: nothing could be decrypted", flags}
	case noCounts:
		return result{wrong, "the homeserver passes keys on to the bridge, but not when they run out (MSC3202)", flags}
	case notTried, undecided:
		if x.hs.software == synapse {
			return result{ok, how + " (not tried, since the bridge runs or has run)", ""}
		}
		return result{limited, how + "; whether this homeserver sends them was not tried, since the bridge runs or has run", ""}
	}
	return result{limited, how, ""}
}

// checkLogin finds out whether the bot can log in the old way, which gives it its device. It returns
// nil if it can.
func (x *examination) checkLogin(ctx context.Context) *result {
	client, err := x.hs.as(x.bot(), x.cfg.AppService.ASToken)
	if err != nil {
		return &result{wrong, err.Error(), ""}
	}
	flows, err := client.GetLoginFlows(ctx)
	if err != nil {
		return &result{wrong, "the homeserver names no ways to log in: " + matrixError(err), "look into its log"}
	} else if !flows.HasFlow(mautrix.AuthTypeAppservice) {
		return &result{wrong, "the homeserver lets no appservice log in, so the bot can't have a device",
			"set encryption.msc4190 to true and write a new registration (-g)"}
	}
	return nil
}

// tryDevice finds out whether the bot can make a device (MSC4190), which is where its keys live, and
// in appservice mode whether what is sent to it arrives. Once the bridge has run its device is there
// and nothing is tried: a new one would be announced to everyone who shares a room with the bot.
func (x *examination) tryDevice(ctx context.Context) (trial, *result) {
	client, err := x.hs.as(x.bot(), x.cfg.AppService.ASToken)
	if err != nil {
		return notTried, &result{wrong, err.Error(), ""}
	}
	if devices, err := client.GetDevicesInfo(ctx); err == nil && len(devices.Devices) > 0 {
		return notTried, nil
	}
	device := id.DeviceID("CROSSCHATDOCTOR" + random.String(4))
	path := client.BuildClientURL("v3", "devices", device)
	if _, err = client.MakeRequest(ctx, "PUT", path, map[string]string{"display_name": "crosschat doctor"}, nil); err != nil {
		return notTried, &result{wrong, "the homeserver does not let the bot make a device (MSC4190): " + matrixError(err),
			"give it the registration that fits the config (io.element.msc4190: true) and restart it;\n" +
				"if it does not know MSC4190, set encryption.msc4190 and encryption.appservice to false"}
	}
	shown := notTried
	if x.cfg.Encryption.Appservice {
		shown, err = x.trySending(ctx, client, device)
	}
	if _, deleteError := client.MakeRequest(context.WithoutCancel(ctx), "DELETE", path, struct{}{}, nil); err == nil {
		err = deleteError
	}
	if err != nil {
		return shown, &result{limited, "trying a device of the bot's did not end well: " + matrixError(err), "look into the homeserver's log"}
	}
	return shown, nil
}

// trialPatience is how long a message to the bot's device may take to arrive here.
const trialPatience = 10 * time.Second

// trySending sends the bot's new device a message and listens for it in the bridge's place.
func (x *examination) trySending(ctx context.Context, client *mautrix.Client, device id.DeviceID) (trial, error) {
	stand, err := x.standIn()
	if errors.Is(err, errPortInUse) || stand == nil {
		return notTried, nil
	} else if err != nil {
		return notTried, err
	}
	defer stand.Close()
	_, err = client.SendToDevice(ctx, trialEvent, &mautrix.ReqSendToDevice{
		Messages: map[id.UserID]map[id.DeviceID]*event.Content{
			x.bot(): {device: {Raw: map[string]any{}}},
		},
	})
	if err != nil {
		return notTried, err
	}
	ctx, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	return stand.awaitTrial(ctx), nil
}
