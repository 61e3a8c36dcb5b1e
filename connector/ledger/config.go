package ledger

import (
	_ "embed"
	"fmt"
	"time"

	"go.mau.fi/util/configupgrade"
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
}

// Validate names the first wrong value with its remedy.
func (c *Config) Validate() error {
	for _, limit := range []struct {
		key       string
		value     time.Duration
		low, high time.Duration
	}{
		{"expire_after", c.ExpireAfter, time.Minute, 60 * 24 * time.Hour},
		{"notice_after", c.NoticeAfter, time.Second, 24 * time.Hour},
		{"keep_failed", c.KeepFailed, time.Minute, 366 * 24 * time.Hour},
	} {
		if limit.value < limit.low || limit.value > limit.high {
			return fmt.Errorf("ledger.%s is %s: set it between %s and %s", limit.key, limit.value, limit.low, limit.high)
		}
	}
	return nil
}

// CopyConfig copies the ledger's section when a config is brought up to date.
func CopyConfig(helper configupgrade.Helper) {
	for _, key := range []string{"expire_after", "notice_after", "keep_failed"} {
		helper.Copy(configupgrade.Str, "ledger", key)
	}
}
