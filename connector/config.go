package connector

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"strings"

	"go.mau.fi/util/configupgrade"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/instagram"
	"crosschat/connector/intake"
	"crosschat/connector/ledger"
	"crosschat/connector/messenger"
	"crosschat/connector/whatsapp"
)

//go:embed simulation.yaml
var simulationExample string

//go:embed monitoring.yaml
var monitoringExample string

// config is the section `network` of the config file: one section a network, which that network reads itself, the number of
// chats that come over at login, one section for the ledger, one for monitoring, and one for simulated networks.
type config struct {
	WhatsApp  *whatsapp.Config  `yaml:"whatsapp"`
	Messenger *messenger.Config `yaml:"messenger"`
	Instagram *instagram.Config `yaml:"instagram"`
	Ledger    ledger.Config     `yaml:"ledger"`
	// ChatsAtLogin is read by package intake.
	ChatsAtLogin string     `yaml:"chats_at_login"`
	Monitoring   monitoring `yaml:"monitoring"`
	Simulation   simulation `yaml:"simulation"`
}

// monitoring is where the bridge shows how it is.
type monitoring struct {
	Listen string `yaml:"listen"` // host:port, empty for nowhere
}

func (m monitoring) validate() error {
	if m.Listen == "" {
		return nil
	}
	if _, port, err := net.SplitHostPort(m.Listen); err != nil || port == "" {
		return fmt.Errorf("monitoring.listen is %q: it must be an address with a port, such as 127.0.0.1:29381, or empty", m.Listen)
	}
	return nil
}

// simulation is where networks are sent that are played by a simulator.
type simulation struct {
	WhatsApp  whatsapp.Simulation  `yaml:"whatsapp"`
	Messenger messenger.Simulation `yaml:"messenger"`
	Instagram instagram.Simulation `yaml:"instagram"`
}

// GetConfig implements bridgev2.NetworkConnector: the members' sections, each under its network's key.
func (c *Connector) GetConfig() (example string, data any, upgrader configupgrade.Upgrader) {
	var examples strings.Builder
	upgraders := []configupgrade.Upgrader{configupgrade.SimpleUpgrader(copySimulation), configupgrade.SimpleUpgrader(intake.CopyConfig), configupgrade.SimpleUpgrader(ledger.CopyConfig), configupgrade.SimpleUpgrader(copyMonitoring)}
	for _, m := range c.members {
		section, _, up := m.GetConfig()
		examples.WriteString(string(m.network) + ":\n" + indent(section) + "\n")
		if up != nil {
			upgraders = append(upgraders, &configupgrade.ProxyUpgrader{Prefix: []string{string(m.network)}, Target: up})
		}
	}
	examples.WriteString(intake.ConfigExample + "\n" + ledger.ConfigExample + "\n" + monitoringExample + "\n" + simulationExample)
	example = examples.String()
	return example, &c.config, configupgrade.MergeUpgraders(example, upgraders...)
}

func copyMonitoring(helper configupgrade.Helper) {
	helper.Copy(configupgrade.Str, "monitoring", "listen")
}

func copySimulation(helper configupgrade.Helper) {
	for _, key := range []string{"address", "ca_file", "root_key"} {
		helper.Copy(configupgrade.Str, "simulation", "whatsapp", key)
	}
	for _, network := range []string{"messenger", "instagram"} {
		for _, key := range []string{"address", "ca_file"} {
			helper.Copy(configupgrade.Str, "simulation", network, key)
		}
	}
}

// indent puts a member's section below its key.
func indent(section string) string {
	lines := strings.Split(strings.TrimRight(section, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "    " + line
		}
	}
	return strings.Join(lines, "\n")
}

// ValidateConfig implements bridgev2.ConfigValidatingNetwork.
func (c *Connector) ValidateConfig() error {
	err := errors.Join(intake.Validate(c.config.ChatsAtLogin), c.config.Ledger.Validate(), c.config.Monitoring.validate())
	each(c, func(n bridgev2.ConfigValidatingNetwork) {
		if err == nil {
			err = n.ValidateConfig()
		}
	})
	return err
}
