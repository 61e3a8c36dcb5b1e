package setup

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// printInstructions says what was written and what is left to do, exactly for the homeserver found.
func (p *Program) printInstructions(pl *plan) {
	out := p.stdout()
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }

	if pl.hs != nil {
		say("Found %s at %s.", pl.hs, pl.address)
		if pl.hs.name != "" && pl.hs.name != pl.domain {
			say("WARNING: it calls itself %s, not %s. If that is right, Matrix ids here end in :%s;", pl.hs.name, pl.domain, pl.hs.name)
			say("then run this again with --domain %s --overwrite.", pl.hs.name)
		}
	} else {
		say("No homeserver answers at %s yet, so it is taken for Synapse.", pl.address)
		say("If it is another one, run this again when it's up, with --overwrite.")
	}
	say("\nWrote, readable by you alone:")
	say("  %s", pl.config())
	say("  %s   for the homeserver", pl.registration())
	say("  %s   for the homeserver, too: what you write on your phone then appears as yours", pl.doublePuppet())
	if pl.kept {
		say("  (the key of the encryption store was kept from the old config)")
	}
	say("\nEncryption: %s", map[string]string{
		"appservice": "on; the homeserver sends the bridge what it needs (appservice mode, MSC4190)",
		"sync":       "on; the bridge asks the homeserver for what it needs (/sync)",
		"off":        "off",
	}[pl.encryption])

	say("\n1. Add to %s:\n", homeserverConfigName(pl.hs))
	say("%s", indented(homeserverSnippet(pl)))
	say("\n   It must be able to read both files: copy them to where it runs, or give them to its user.")
	say("2. Restart the homeserver. It reads registrations only when it starts.")
	say("3. %s doctor -c %s -r %s", p.Bridge.Name, quoted(pl.config()), quoted(pl.registration()))
	say("4. %s run -c %s -r %s", p.Bridge.Name, quoted(pl.config()), quoted(pl.registration()))
}

func homeserverConfigName(hs *homeserver) string {
	switch {
	case hs == nil || hs.software == synapse:
		return "Synapse's homeserver.yaml"
	case hs.software == dendrite:
		return "Dendrite's dendrite.yaml"
	default:
		return "the homeserver, in its own way to register appservices, the two files"
	}
}

// homeserverSnippet is what the homeserver's config needs, as YAML.
func homeserverSnippet(pl *plan) string {
	files := []string{pl.registration(), pl.doublePuppet()}
	var snippet any
	switch {
	case pl.hs == nil || pl.hs.software == synapse:
		settings := struct {
			Files        []string        `yaml:"app_service_config_files"`
			Experimental map[string]bool `yaml:"experimental_features,omitempty"`
		}{Files: files}
		if pl.encryption == "appservice" {
			settings.Experimental = map[string]bool{
				"msc2409_to_device_messages_enabled": true,
				"msc3202_transaction_extensions":     true,
			}
		}
		snippet = settings
	case pl.hs.software == dendrite:
		snippet = map[string]any{"app_service_api": map[string]any{"config_files": files}}
	default:
		return strings.Join(files, "\n") + "\n"
	}
	text, err := yaml.Marshal(snippet)
	if err != nil {
		return strings.Join(files, "\n") + "\n"
	}
	return string(text)
}

func indented(text string) string {
	return "     " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n     ")
}

// quoted makes a path safe to paste into a shell.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t'\"\\$`*?[](){}<>|&;~#!") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
