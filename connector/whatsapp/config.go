package whatsapp

import (
	"cmp"
	_ "embed"
	"fmt"
	"time"

	"go.mau.fi/util/configupgrade"

	"crosschat/connector/option"
)

//go:embed example-config.yaml
var exampleConfig string

// Config is WhatsApp's section of the config; example-config.yaml explains each key and holds the defaults.
type Config struct {
	DeviceName          string        `yaml:"device_name"`
	DeviceType          string        `yaml:"device_type"`
	ClientVersion       string        `yaml:"client_version"`
	VersionRefresh      time.Duration `yaml:"version_refresh"`
	LoginTimeout        time.Duration `yaml:"login_timeout"`
	ReconnectMaxDelay   time.Duration `yaml:"reconnect_max_delay"`
	SendTimeout         time.Duration `yaml:"send_timeout"`
	MediaTimeout        time.Duration `yaml:"media_timeout"`
	TypingTimeout       time.Duration `yaml:"typing_timeout"`
	OnlineAfterActivity time.Duration `yaml:"online_after_activity"`
	ViewOnceMedia       bool          `yaml:"view_once_media"`
	DeafAfter           time.Duration `yaml:"deaf_after"`
	DeafAnswer          time.Duration `yaml:"deaf_answer"`
	SendPause           time.Duration `yaml:"send_pause"`
	Proxy               string        `yaml:"proxy"`
	HidePhoneNumbers    bool          `yaml:"hide_phone_numbers"`
}

// Simulation sends all of WhatsApp's traffic to a server that plays it. The zero value means the real network.
type Simulation struct {
	Address string `yaml:"address"`  // host:port
	CAFile  string `yaml:"ca_file"`  // PEM
	RootKey string `yaml:"root_key"` // Noise root, 64 hex digits
}

// GetConfig implements bridgev2.NetworkConnector.
func (n *Network) GetConfig() (example string, data any, upgrader configupgrade.Upgrader) {
	return exampleConfig, &n.Config, configupgrade.SimpleUpgrader(copyConfig)
}

func copyConfig(helper configupgrade.Helper) {
	for _, key := range []string{
		"device_name", "device_type", "client_version", "version_refresh", "login_timeout", "reconnect_max_delay", "send_timeout", "media_timeout", "typing_timeout",
		"online_after_activity", "deaf_after", "deaf_answer", "send_pause", "proxy",
	} {
		helper.Copy(configupgrade.Str, key)
	}
	helper.Copy(configupgrade.Bool, "view_once_media")
	helper.Copy(configupgrade.Bool, "hide_phone_numbers")
}

// ValidateConfig implements bridgev2.ConfigValidatingNetwork: each error names key, value and remedy.
func (n *Network) ValidateConfig() error {
	c := &n.Config
	if c.DeviceName == "" || len(c.DeviceName) > 50 {
		return fmt.Errorf("whatsapp.device_name is %q: set it to a name of 1 to 50 letters", c.DeviceName)
	}
	err := cmp.Or(
		option.Between("whatsapp.login_timeout", c.LoginTimeout, time.Second, 10*time.Minute),
		option.Between("whatsapp.reconnect_max_delay", c.ReconnectMaxDelay, time.Second, time.Hour),
		// bridgev2 goes on without a message after five minutes.
		option.Between("whatsapp.send_timeout", c.SendTimeout, time.Second, 4*time.Minute),
		option.Between("whatsapp.media_timeout", c.MediaTimeout, time.Second, 4*time.Minute),
		option.Between("whatsapp.typing_timeout", c.TypingTimeout, time.Second, 5*time.Minute),
		option.Between("whatsapp.online_after_activity", c.OnlineAfterActivity, 0, time.Hour),
		option.Between("whatsapp.deaf_after", c.DeafAfter, 0, time.Hour),
		option.Between("whatsapp.deaf_answer", c.DeafAnswer, time.Second, 5*time.Minute),
		option.Between("whatsapp.send_pause", c.SendPause, 0, time.Minute),
		checkDeviceType(c.DeviceType), checkVersion(c),
	)
	if err != nil {
		return err
	}
	_, err = parseProxy(c.Proxy)
	return err
}
