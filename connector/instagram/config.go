package instagram

import (
	"cmp"
	_ "embed"
	"fmt"
	"time"

	"go.mau.fi/util/configupgrade"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/metalogin"
	"crosschat/connector/option"
)

//go:embed example-config.yaml
var exampleConfig string

// Config is Instagram's section of the config; example-config.yaml explains each key and holds the defaults.
type Config struct {
	ReconnectMaxDelay time.Duration `yaml:"reconnect_max_delay"`
	SendTimeout       time.Duration `yaml:"send_timeout"`
	MediaTimeout      time.Duration `yaml:"media_timeout"`
	HistoryMessages   int           `yaml:"history_messages"`
	ViewOnceMedia     bool          `yaml:"view_once_media"`
	MaxTextLength     int           `yaml:"max_text_length"`
	// Wire is what may change on the network's side. New fills it with the defaults of today.
	Wire wire.Config `yaml:"wire"`
}

// Simulation sends all of Instagram's traffic to a server that plays it. The zero value means the real network.
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
		"site", "gateway", "app_id", "asbd_id", "comet_req", "navigation_path", "gateway_version", "gateway_auth_type",
		"request_interval", "send_interval", "page_interval", "retry_wait", "rate_limit_pause", "block_pause", "page_age",
		"reload_interval", "requests_interval", "watch_interval", "resnapshot_pause", "ping_interval", "dead_after",
		"sync_timeout", "typing_retry", "echo_wait",
	},
	configupgrade.List: {"hosts", "script_hosts", "media_hosts", "chunk_hosts"},
	configupgrade.Int:  {"retry_count", "sync_database", "sync_version", "new_chats_per_day"},
	configupgrade.Bool: {"find_documents", "first_text_by_fbid", "media_by_long_id", "typing"},
	configupgrade.Map:  {"documents", "variables"},
}

func copyConfig(helper configupgrade.Helper) {
	for _, key := range []string{"reconnect_max_delay", "send_timeout", "media_timeout"} {
		helper.Copy(configupgrade.Str, key)
	}
	helper.Copy(configupgrade.Int, "history_messages")
	helper.Copy(configupgrade.Int, "max_text_length")
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

const (
	// mostHistory bounds how many messages a new room begins with: each 20 of them are a request.
	mostHistory = 1000
	// longestText is the most that Instagram takes (protocol notes, section 6.6).
	longestText = 20000
)

// ValidateConfig implements bridgev2.ConfigValidatingNetwork: each error names key, value and remedy.
func (n *Network) ValidateConfig() error {
	c := &n.Config
	err := cmp.Or(
		option.Between("instagram.reconnect_max_delay", c.ReconnectMaxDelay, time.Second, time.Hour),
		// bridgev2 goes on without a message after five minutes.
		option.Between("instagram.send_timeout", c.SendTimeout, time.Second, 4*time.Minute),
		option.Between("instagram.media_timeout", c.MediaTimeout, time.Second, 4*time.Minute),
		option.Between("instagram.history_messages", c.HistoryMessages, 0, mostHistory),
		option.Between("instagram.max_text_length", c.MaxTextLength, 1, longestText),
	)
	if err != nil {
		return err
	}
	if err = c.Wire.Validate(); err != nil {
		return fmt.Errorf("instagram.wire.%w", err)
	}
	return nil
}
