package instagram

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"crosschat/connector/instagram/wire"
)

// The example must say what the program does without it.
func TestExampleIsDefault(t *testing.T) {
	n := New()
	n.Config.Wire = wire.Config{} // so that only what the example says is there
	if err := yaml.Unmarshal([]byte(exampleConfig), &n.Config); err != nil {
		t.Fatal(err)
	}
	got, want := reflect.ValueOf(n.Config.Wire), reflect.ValueOf(wire.Default())
	for i := range got.NumField() {
		field := got.Type().Field(i)
		if got.Field(i).IsZero() || got.Field(i).Kind() == reflect.Map && got.Field(i).Len() == 0 {
			continue // not in the example: the default stays
		}
		if a, b := got.Field(i).Interface(), want.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			t.Errorf("wire.%s is %v in the example, %v by default", field.Tag.Get("yaml"), a, b)
		}
	}
}

// What the upgrader does not copy would be lost from a user's config.
func TestExampleIsCopied(t *testing.T) {
	var example struct {
		Wire map[string]any `yaml:"wire"`
	}
	if err := yaml.Unmarshal([]byte(exampleConfig), &example); err != nil {
		t.Fatal(err)
	}
	copied := map[string]bool{"identity": true}
	for _, keys := range wireKeys {
		for _, key := range keys {
			copied[key] = true
			if _, ok := example.Wire[key]; !ok {
				t.Errorf("wire.%s is copied but not in the example", key)
			}
		}
	}
	for key := range example.Wire {
		if !copied[key] {
			t.Errorf("wire.%s is in the example but not copied", key)
		}
	}
	identity, _ := example.Wire["identity"].(map[string]any)
	for _, key := range identityKeys {
		if _, ok := identity[key]; !ok {
			t.Errorf("wire.identity.%s is copied but not in the example", key)
		}
	}
	if len(identity) != len(identityKeys) {
		t.Errorf("the example's identity has %d keys, %d are copied", len(identity), len(identityKeys))
	}
}

func TestValidateConfig(t *testing.T) {
	valid := func() *Network {
		n := New()
		if err := yaml.Unmarshal([]byte(exampleConfig), &n.Config); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := valid().ValidateConfig(); err != nil {
		t.Errorf("the example is refused: %v", err)
	}
	for key, spoil := range map[string]func(*Config){
		"instagram.reconnect_max_delay": func(c *Config) { c.ReconnectMaxDelay = 0 },
		"instagram.send_timeout":        func(c *Config) { c.SendTimeout = time.Hour },
		"instagram.media_timeout":       func(c *Config) { c.MediaTimeout = -time.Second },
		"instagram.history_messages":    func(c *Config) { c.HistoryMessages = -1 },
		"instagram.max_text_length":     func(c *Config) { c.MaxTextLength = 0 },
		"instagram.wire.site":           func(c *Config) { c.Wire.Site = "instagram" },
	} {
		n := valid()
		spoil(&n.Config)
		if err := n.ValidateConfig(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("wrong %s gives %v, want an error that names it", key, err)
		}
	}
}

func TestSimulation(t *testing.T) {
	n := New()
	n.Simulate(Simulation{Address: "localhost"})
	if err := n.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "simulation.instagram.address") {
		t.Errorf("an address without port gives %v, want an error with the key", err)
	}
}
