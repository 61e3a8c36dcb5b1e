package messenger

import (
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/metalogin"
	"crosschat/connector/option/optiontest"
)

// The example must say what the program does without it.
func TestExampleIsDefault(t *testing.T) {
	n := New()
	n.Config.Wire = wire.Config{} // so that only what the example says is there
	if err := yaml.Unmarshal([]byte(exampleConfig), &n.Config); err != nil {
		t.Fatal(err)
	}
	optiontest.MustBeDefault(t, "wire", n.Config.Wire, wire.Default())
}

func TestExampleIsCopied(t *testing.T) {
	optiontest.MustBeCopied(t, exampleConfig, wireKeys, metalogin.IdentityKeys())
}

func TestValidateConfig(t *testing.T) {
	optiontest.MustBeChecked(t, map[string]func(*Config){
		"messenger.reconnect_max_delay": func(c *Config) { c.ReconnectMaxDelay = 0 },
		"messenger.send_timeout":        func(c *Config) { c.SendTimeout = time.Hour },
		"messenger.media_timeout":       func(c *Config) { c.MediaTimeout = -time.Second },
		"messenger.history_messages":    func(c *Config) { c.HistoryMessages = -1 },
		"messenger.wire.site":           func(c *Config) { c.Wire.Site = "facebook" },
	}, func(spoil func(*Config)) error {
		n := New()
		if err := yaml.Unmarshal([]byte(exampleConfig), &n.Config); err != nil {
			t.Fatal(err)
		}
		spoil(&n.Config)
		return n.ValidateConfig()
	})
}

func TestSimulation(t *testing.T) {
	n := New()
	n.Simulate(Simulation{Address: "localhost"})
	if err := n.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "simulation.messenger.address") {
		t.Errorf("an address without port gives %v, want an error with the key", err)
	}
}
