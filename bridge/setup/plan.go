package setup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.mau.fi/util/configupgrade"
	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/id"
)

// plan is what init is going to write, all made up before the first file is touched.
type plan struct {
	folder     string
	files      []plannedFile
	folders    []string
	hs         *homeserver // nil if it wasn't reached
	address    string      // of the homeserver
	domain     string
	admin      id.UserID
	encryption string // appservice, sync or off
	kept       bool   // the old config's key for the database's secrets was kept
}

// plannedFile is a file with its content, written with mode 0600: all of them hold secrets.
type plannedFile struct {
	path string
	data []byte
}

func (pl *plan) config() string       { return pl.files[0].path }
func (pl *plan) registration() string { return pl.files[1].path }
func (pl *plan) doublePuppet() string { return pl.files[2].path }

// plan works out all files. A Problem as error is a mistake in --set.
func (p *Program) plan(o *initOptions, hs *homeserver) (*plan, error) {
	folder, err := filepath.Abs(o.data)
	if err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	o.data = folder
	pl := &plan{
		folder: folder, folders: []string{folder, filepath.Join(folder, "logs")},
		hs: hs, address: o.homeserver, domain: o.domain, admin: id.UserID(o.admin),
		encryption: chooseEncryption(o.encryption, hs),
	}
	configPath := filepath.Join(folder, "config.yaml")
	doublePuppet := newDoublePuppet(o.domain)
	values, err := p.values(o, pl, doublePuppet.ASToken)
	if err != nil {
		return nil, err
	}
	if o.overwrite {
		if key := oldPickleKey(configPath); key != "" {
			setIn(values, key, "encryption", "pickle_key")
			pl.kept = true
		}
	}
	first, text, err := p.fullConfig(values, o.sets)
	if err != nil {
		return nil, err
	}
	registration, err := yaml.Marshal(first)
	if err != nil {
		return nil, fmt.Errorf("write the registration: %w", err)
	}
	second, err := yaml.Marshal(doublePuppet)
	if err != nil {
		return nil, fmt.Errorf("write the second registration: %w", err)
	}
	pl.files = []plannedFile{
		{configPath, text},
		{filepath.Join(folder, "registration.yaml"), registration},
		{filepath.Join(folder, "doublepuppet.yaml"), second},
	}
	return pl, nil
}

// chooseEncryption decides how the bot gets what is encrypted. In appservice mode it comes with the
// homeserver's transactions; Dendrite v0.15 sends nothing of the kind, and of others nothing is
// known, so there the bot asks for it with /sync. A homeserver that isn't up yet is taken for Synapse.
func chooseEncryption(wanted string, hs *homeserver) string {
	switch {
	case wanted != "auto":
		return wanted
	case hs == nil || hs.software == synapse:
		return "appservice"
	default:
		return "sync"
	}
}

// values are the config's values that differ from the example's.
func (p *Program) values(o *initOptions, pl *plan, doublePuppetToken string) (map[string]any, error) {
	kind, uri, err := o.databaseURI()
	if err != nil {
		return nil, err
	}
	permissions := map[string]any{o.domain: "user"}
	permissions[o.admin] = "admin"
	// As many as there may be at all: opening a connection for most queries makes PostgreSQL several times slower, and with
	// SQLite is a sixth of the bridge's work.
	database := map[string]any{"type": kind, "uri": uri, "max_idle_conns": 5}
	encrypted, withTransactions := pl.encryption != "off", pl.encryption == "appservice"
	// By /sync the bot could do without MSC4190, until its keys are lost: nothing else lets it sign anew without a password.
	devices := withTransactions || encrypted && pl.hs != nil && pl.hs.software == synapse
	return map[string]any{
		"bridge":   map[string]any{"permissions": permissions},
		"database": database,
		"homeserver": map[string]any{
			"address": strings.TrimRight(o.homeserver, "/"), "domain": o.domain,
		},
		"appservice": map[string]any{
			"address": o.listenAddress(), "hostname": o.hostname, "port": o.port, "ephemeral_events": true,
		},
		"double_puppet": map[string]any{
			"servers": map[string]any{},
			"secrets": map[string]any{o.domain: "as_token:" + doublePuppetToken},
		},
		"encryption": map[string]any{
			"allow": encrypted, "default": encrypted, "self_sign": encrypted,
			"appservice": withTransactions, "msc4190": devices,
		},
		"logging": map[string]any{
			"min_level": "debug",
			"writers": []any{
				map[string]any{"type": "stdout", "format": "pretty-colored", "min_level": "info"},
				map[string]any{
					"type": "file", "format": "json", "filename": filepath.Join(pl.folder, "logs", "bridge.log"),
					"max_size": 100, "max_backups": 10, "compress": false,
				},
			},
		},
	}, nil
}

// setIn sets one value in nested maps, which it makes where they are missing.
func setIn(values map[string]any, value any, path ...string) {
	for _, key := range path[:len(path)-1] {
		inner, ok := values[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			values[key] = inner
		}
		values = inner
	}
	values[path[len(path)-1]] = value
}

// oldPickleKey returns the key with which an existing database's encryption keys are locked, so that
// writing the files anew doesn't lock the bridge out of it.
func oldPickleKey(configPath string) string {
	data, err := os.ReadFile(configPath)
	if err != nil {
		return ""
	}
	var old struct {
		Encryption struct {
			PickleKey string `yaml:"pickle_key"`
		} `yaml:"encryption"`
	}
	if err = yaml.Unmarshal(data, &old); err != nil || old.Encryption.PickleKey == "generate" {
		return ""
	}
	return old.Encryption.PickleKey
}

// fullConfig makes the whole commented config of the values that differ from the example, with the
// --set values on top, and the registration that belongs to it.
func (p *Program) fullConfig(values map[string]any, sets []string) (*appservice.Registration, []byte, error) {
	s, err := newSchema(p.Bridge.Connector)
	if err != nil {
		return nil, nil, err
	}
	for _, set := range sets {
		if err = s.set(values, set); err != nil {
			return nil, nil, err
		}
	}
	if err = s.checkGiven(values); err != nil {
		return nil, nil, err
	}
	example, err := Example(p.Bridge.Connector)
	if err != nil {
		return nil, nil, err
	}
	up := upgrader(p.Bridge.Connector, example)
	partial, err := upgraded(up, values)
	if err != nil {
		return nil, nil, err
	}
	var cfg bridgeconfig.Config
	if err = yaml.Unmarshal(partial, &cfg); err != nil {
		return nil, nil, fmt.Errorf("read the config that was made: %w", err)
	}
	// The template is compiled, without a way to fail, by what makes the registration.
	if what, remedy := checkTemplate(&cfg); what != "" {
		return nil, nil, Problem{Key: "--set appservice.username_template", What: what, Remedy: remedy}
	}
	registration := cfg.GenerateRegistration()
	setIn(values, registration.AppToken, "appservice", "as_token")
	setIn(values, registration.ServerToken, "appservice", "hs_token")
	cfg.AppService.ASToken, cfg.AppService.HSToken = registration.AppToken, registration.ServerToken
	if problems := checkValues(&cfg); len(problems) > 0 {
		return nil, nil, problems[0]
	}
	text, err := upgraded(up, values)
	return registration, text, err
}

// upgraded fills the example with values, by way of a file since that is what the upgrader reads.
func upgraded(up configupgrade.BaseUpgrader, values map[string]any) ([]byte, error) {
	partial, err := yaml.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("write the config: %w", err)
	}
	file, err := os.CreateTemp("", "crosschat-init-*.yaml")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(partial)
	if closeError := file.Close(); err == nil {
		err = closeError
	}
	if err != nil {
		return nil, fmt.Errorf("write a temporary file: %w", err)
	}
	text, _, err := configupgrade.Do(file.Name(), false, up)
	if err != nil {
		return nil, fmt.Errorf("fill the example config: %w", err)
	}
	return text, nil
}
