package connector

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
)

func TestLoginCodesAreNotLogged(t *testing.T) {
	hideLoginSecrets()
	step := &bridgev2.LoginStep{
		StepID:               "step",
		DisplayAndWaitParams: &bridgev2.LoginDisplayAndWaitParams{Type: bridgev2.LoginDisplayTypeQR, Data: "canary", ImageURL: "canary"},
	}
	var out bytes.Buffer
	log := zerolog.New(&out)
	log.Debug().Object("next_step", step).Any("nil", (*bridgev2.LoginDisplayAndWaitParams)(nil)).Msg("Got next login step")
	if strings.Contains(out.String(), "canary") || !strings.Contains(out.String(), `"type":"qr"`) {
		t.Errorf("the log has %s", out.String())
	}
	if step.DisplayAndWaitParams.Data != "canary" {
		t.Error("logging changed the step")
	}
}
