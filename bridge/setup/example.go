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

// Example returns the full example config: the network sections, then mxmain's. It is what
// `crosschat -e` prints, and what init fills.
func Example(network bridgev2.NetworkConnector) (string, error) {
	example, err := mxmainExample(network)
	if err != nil {
		return "", err
	}
	// The bot is called as the bridge is. An avatar that isn't set is a text here, since mxmain itself
	// calls null a wrong type.
	name := network.GetName()
	// What users choose for a chat follows all the time, not only when its room is made.
	changes := [][2]string{
		{fmt.Sprintf("        username: %sbot\n", name.NetworkID), fmt.Sprintf("        username: %s\n", name.NetworkID)},
		{"    tag_only_on_create: true\n", "    tag_only_on_create: false\n"},
		{"    mute_only_on_create: true\n", "    mute_only_on_create: false\n"},
	}
	if name.NetworkIcon == "" {
		changes = append(changes, [2]string{"        avatar: \n", "        avatar: \"\"\n"})
	}
	// A chat without its past is of little use.
	changes = append(changes, [2]string{
		"    # Whether to do backfilling at all.\n    enabled: false\n",
		"    # Whether to do backfilling at all.\n    enabled: true\n",
	})
	for _, change := range changes {
		if strings.Count(example, change[0]) != 1 {
			return "", fmt.Errorf("find %q in mxmain's example config: want it once", strings.TrimSpace(change[0]))
		}
		example = strings.Replace(example, change[0], change[1], 1)
	}
	return example, nil
}

// mxmainExample is the example as mxmain has it: what it takes for keys that a config doesn't set.
func mxmainExample(network bridgev2.NetworkConnector) (string, error) {
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
	if err = base.Execute(&out, network.GetName()); err != nil {
		return "", fmt.Errorf("fill mxmain's example config: %w", err)
	}
	return out.String(), nil
}

// upgrader makes a full config of a partial one, over the given example, as mxmain does.
func upgrader(network bridgev2.NetworkConnector, example string) configupgrade.BaseUpgrader {
	_, _, networkUpgrader := network.GetConfig()
	if networkUpgrader == nil {
		networkUpgrader = configupgrade.NoopUpgrader
	}
	proxied := &configupgrade.ProxyUpgrader{Target: networkUpgrader, Prefix: []string{"network"}}
	return configupgrade.MergeUpgraders(example, proxied, bridgeconfig.Upgrader)
}
