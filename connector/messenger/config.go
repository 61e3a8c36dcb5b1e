package messenger

import (
	"cmp"
	_ "embed"
	"fmt"
	"time"

	"go.mau.fi/util/configupgrade"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/metalogin"
	"crosschat/connector/option"
)

//go:embed example-config.yaml
var exampleConfig string

// Config is Messenger's section of the config; example-config.yaml explains each key and holds the defaults.
type Config struct {
	ReconnectMaxDelay time.Duration `yaml:"reconnect_max_delay"`
	SendTimeout       time.Duration `yaml:"send_timeout"`
	// EncryptedQuiet and OnlineAfterActivity may be 0.
	EncryptedQuiet      time.Duration `yaml:"encrypted_quiet"`
	OnlineAfterActivity time.Duration `yaml:"online_after_activity"`
	MediaTimeout        time.Duration `yaml:"media_timeout"`
	HistoryMessages     int           `yaml:"history_messages"`
	ViewOnceMedia       bool          `yaml:"view_once_media"`
	// Wire is what may change on the network's side. New fills it with the defaults of today.
	Wire wire.Config `yaml:"wire"`
}

// Simulation sends all of Messenger's traffic to a server that plays it. The zero value means the real network.
type Simulation struct {
	Address string `yaml:"address"` // host:port
	CAFile  string `yaml:"ca_file"` // PEM
}

// GetConfig implements bridgev2.NetworkConnector.
func (n *Network) GetConfig() (example string, data any, upgrader configupgrade.Upgrader) {
	return exampleConfig, &n.Config, configupgrade.SimpleUpgrader(copyConfig)
}

// wireKeys are those of the section wire, by how they are written.
var wireKeys = map[configupgrade.YAMLType][]string{
	configupgrade.Str: {
		"site", "gateway", "asbd_id", "gateway_version", "gateway_auth_type", "lightspeed_doc_id", "cat_doc_id", "comet_req",
		"request_interval", "send_interval", "thread_page_interval", "retry_wait", "page_age", "reload_interval",
		"resync_interval", "resync_pause", "cursor_age", "ping_interval", "dead_after", "sync_timeout", "response_timeout",
		"edit_wait", "history_retry", "history_timeout",
	},
	configupgrade.List: {"hosts", "script_hosts", "media_hosts", "chunk_hosts"},
	configupgrade.Int:  {"retry_count"},
}

func copyConfig(helper configupgrade.Helper) {
	for _, key := range []string{"reconnect_max_delay", "send_timeout", "media_timeout", "encrypted_quiet", "online_after_activity"} {
		helper.Copy(configupgrade.Str, key)
	}
	helper.Copy(configupgrade.Int, "history_messages")
	helper.Copy(configupgrade.Bool, "view_once_media")
	for kind, keys := range wireKeys {
		for _, key := range keys {
			helper.Copy(kind, "wire", key)
		}
	}
	for _, key := range metalogin.IdentityKeys() {
		helper.Copy(configupgrade.Str, "wire", "identity", key)
	}
}

// mostHistory bounds how many messages a new room begins with: each page of them is a request.
const mostHistory = 1000

// ValidateConfig implements bridgev2.ConfigValidatingNetwork: each error names key, value and remedy.
func (n *Network) ValidateConfig() error {
	c := &n.Config
	err := cmp.Or(
		option.Between("messenger.reconnect_max_delay", c.ReconnectMaxDelay, time.Second, time.Hour),
		// bridgev2 goes on without a message after five minutes.
		option.Between("messenger.send_timeout", c.SendTimeout, time.Second, 4*time.Minute),
		option.Between("messenger.media_timeout", c.MediaTimeout, time.Second, 4*time.Minute),
		option.Between("messenger.encrypted_quiet", c.EncryptedQuiet, 0, 24*time.Hour),
		option.Between("messenger.online_after_activity", c.OnlineAfterActivity, 0, time.Hour),
		option.Between("messenger.history_messages", c.HistoryMessages, 0, mostHistory),
	)
	if err != nil {
		return err
	}
	if err = c.Wire.Validate(); err != nil {
		return fmt.Errorf("messenger.wire.%w", err)
	}
	return nil
}
