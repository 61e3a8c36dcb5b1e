package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// Configure changes keys of the bridge's config, named by their path with dots; values are YAML. It counts from the next
// start on. undo puts the old config back.
func (b *Bridge) Configure(values map[string]string) (undo func() error, err error) {
	path := filepath.Join(b.Dir, "config.yaml")
	old, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read config of the bridge: %w", err)
	}
	var config map[string]any
	if err = yaml.Unmarshal(old, &config); err != nil {
		return nil, fmt.Errorf("parse config of the bridge: %w", err)
	}
	for key, value := range values {
		if err = setKey(config, strings.Split(key, "."), value); err != nil {
			return nil, fmt.Errorf("set %s in the config of the bridge: %w", key, err)
		}
	}
	data, err := yaml.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode config of the bridge: %w", err)
	}
	write := func(data []byte) error {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("write config of the bridge: %w", err)
		}
		return nil
	}
	return func() error { return write(old) }, write(data)
}

func setKey(config map[string]any, path []string, value string) error {
	for ; len(path) > 1; path = path[1:] {
		section, ok := config[path[0]].(map[string]any)
		if !ok {
			return fmt.Errorf("there is no section %q", path[0])
		}
		config = section
	}
	if _, ok := config[path[0]]; !ok {
		return fmt.Errorf("there is no key %q", path[0])
	}
	var parsed any
	if err := yaml.Unmarshal([]byte(value), &parsed); err != nil {
		return fmt.Errorf("parse %q: %w", value, err)
	}
	config[path[0]] = parsed
	return nil
}
