package whatsapp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestExampleConfigIsValid(t *testing.T) {
	n := newTestNetwork(t)
	if err := n.ValidateConfig(); err != nil {
		t.Error(err)
	}
	if n.Config.DeviceName == "" || n.Config.LoginTimeout != 160*time.Second {
		t.Errorf("example config gives %+v", n.Config)
	}
}

func TestValidateConfig(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*Config)
		want  []string // parts of the error: key, value, remedy
	}{
		{"no device name", func(c *Config) { c.DeviceName = "" }, []string{"whatsapp.device_name", `""`, "set it"}},
		{"long device name", func(c *Config) { c.DeviceName = strings.Repeat("x", 51) }, []string{"whatsapp.device_name", "set it"}},
		{"unheard-of device", func(c *Config) { c.DeviceType = "toaster" }, []string{"whatsapp.device_type", `"toaster"`, "firefox"}},
		{"half a version", func(c *Config) { c.ClientVersion = "2.3000" }, []string{"whatsapp.client_version", `"2.3000"`, "empty"}},
		{"odd version", func(c *Config) { c.ClientVersion = "2.x.1" }, []string{"whatsapp.client_version", "set it"}},
		{"negative version", func(c *Config) { c.ClientVersion = "2.-3000.1" }, []string{"whatsapp.client_version", "set it"}},
		{"hasty refresh", func(c *Config) { c.VersionRefresh = time.Minute }, []string{"whatsapp.version_refresh", "1m0s", "between"}},
		{"no login timeout", func(c *Config) { c.LoginTimeout = 0 }, []string{"whatsapp.login_timeout", "0s", "between"}},
		{"endless send", func(c *Config) { c.SendTimeout = time.Hour }, []string{"whatsapp.send_timeout", "1h0m0s", "between"}},
		{"negative media", func(c *Config) { c.MediaTimeout = -1 }, []string{"whatsapp.media_timeout", "-1ns", "between"}},
		{"rare reconnects", func(c *Config) { c.ReconnectMaxDelay = 2 * time.Hour }, []string{"whatsapp.reconnect_max_delay", "2h0m0s"}},
		{"eternal typing", func(c *Config) { c.TypingTimeout = time.Hour }, []string{"whatsapp.typing_timeout", "1h0m0s"}},
		{"always online", func(c *Config) { c.OnlineAfterActivity = 2 * time.Hour }, []string{"whatsapp.online_after_activity"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newTestNetwork(t)
			test.spoil(&n.Config)
			err := n.ValidateConfig()
			if err == nil {
				t.Fatal("the config passes")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want %q in it", err, part)
				}
			}
		})
	}
}

func TestSimulationConfig(t *testing.T) {
	noCert := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noCert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name       string
		simulation Simulation
		want       string // part of the error, empty if there is none
	}{
		{"none", Simulation{}, ""},
		{"address only", Simulation{Address: "127.0.0.1:1"}, ""},
		{"address without port", Simulation{Address: "localhost"}, "simulation.whatsapp.address"},
		{"missing file", Simulation{Address: "127.0.0.1:1", CAFile: noCert + ".missing"}, "simulation.whatsapp.ca_file"},
		{"no certificate", Simulation{Address: "127.0.0.1:1", CAFile: noCert}, "simulation.whatsapp.ca_file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newTransport(test.simulation, "")
			if test.want == "" && err != nil {
				t.Error(err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
