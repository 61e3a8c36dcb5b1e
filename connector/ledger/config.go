package ledger

import (
	"cmp"
	_ "embed"
	"time"

	"go.mau.fi/util/configupgrade"

	"crosschat/connector/option"
)

// ConfigExample is the ledger's section of the example config.
//
//go:embed ledger.yaml
var ConfigExample string

// Config is the section `network.ledger` of the config; ledger.yaml explains each key and holds the defaults.
type Config struct {
	ExpireAfter time.Duration `yaml:"expire_after"`
	NoticeAfter time.Duration `yaml:"notice_after"`
	KeepFailed  time.Duration `yaml:"keep_failed"`
	Listen      string        `yaml:"listen"`
}

// The values of listen.
const (
	listenAuto   = "auto"
	listenAlways = "always"
	listenNever  = "never"
)

// Validate names the first wrong value with its remedy.
func (c *Config) Validate() error {
	return cmp.Or(
		option.Between("ledger.expire_after", c.ExpireAfter, time.Minute, 60*24*time.Hour),
		option.Between("ledger.notice_after", c.NoticeAfter, time.Second, 24*time.Hour),
		option.Between("ledger.keep_failed", c.KeepFailed, time.Minute, 366*24*time.Hour),
		option.OneOf("ledger.listen", c.Listen, listenAuto, listenAlways, listenNever),
	)
}

// CopyConfig copies the ledger's section when a config is brought up to date.
func CopyConfig(helper configupgrade.Helper) {
	for _, key := range []string{"expire_after", "notice_after", "keep_failed", "listen"} {
		helper.Copy(configupgrade.Str, "ledger", key)
	}
}
