package setup

import (
	"fmt"
	"strings"
	"text/template"

	"go.mau.fi/util/configupgrade"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"
)

// exampleChanges are the lines of mxmain's example that Crosschat wants otherwise: the bot is called
// as the bridge is, and an avatar that is not set is a text, since mxmain itself calls null there a
// wrong type. Each must be found exactly once.
var exampleChanges = []struct{ from, to string }{
	{"        username: %sbot\n", "        username: %s\n"},
	{"        avatar: \n", "        avatar: \"\"\n"},
}

// Example returns the full example config: the network sections, then mxmain's. It is what
// `crosschat -e` prints, and what init and the strict check take as the list of known keys.
func Example(network bridgev2.NetworkConnector) (string, error) {
	base, err := template.New("example").Delims("$<<", ">>").Parse(mxmain.MatrixExampleConfigBase)
	if err != nil {
		return "", fmt.Errorf("parse mxmain's example config: %w", err)
	}
	var out strings.Builder
	out.WriteString("# Network-specific config options\nnetwork:\n")
	networkExample, _, _ := network.GetConfig()
	for line := range strings.SplitSeq(strings.TrimRight(networkExample, "\n"), "\n") {
		if line != "" {
			out.WriteString("    " + line)
		}
		out.WriteByte('\n')
	}
	out.WriteByte('\n')
	name := network.GetName()
	if err = base.Execute(&out, name); err != nil {
		return "", fmt.Errorf("fill mxmain's example config: %w", err)
	}
	example := out.String()
	for _, change := range exampleChanges {
		from, to := change.from, change.to
		if strings.Contains(from, "%s") {
			from, to = fmt.Sprintf(from, name.NetworkID), fmt.Sprintf(to, name.NetworkID)
		}
		if from == "        avatar: \n" && name.NetworkIcon != "" {
			continue
		}
		if strings.Count(example, from) != 1 {
			return "", fmt.Errorf("find %q in mxmain's example config: want it once", strings.TrimSpace(from))
		}
		example = strings.Replace(example, from, to, 1)
	}
	return example, nil
}

// upgrader makes a full config of a partial one, as mxmain does when it loads a config.
func upgrader(network bridgev2.NetworkConnector) (configupgrade.BaseUpgrader, error) {
	example, err := Example(network)
	if err != nil {
		return nil, err
	}
	_, _, networkUpgrader := network.GetConfig()
	if networkUpgrader == nil {
		networkUpgrader = configupgrade.NoopUpgrader
	}
	proxied := &configupgrade.ProxyUpgrader{Target: networkUpgrader, Prefix: []string{"network"}}
	return configupgrade.MergeUpgraders(example, proxied, bridgeconfig.Upgrader), nil
}
