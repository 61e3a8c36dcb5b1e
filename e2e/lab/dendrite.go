package lab

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed dendrite.yaml.tmpl
var dendriteConfig string

var dendriteVersion = regexp.MustCompile(`(?m)github\.com/element-hq/dendrite (v\S+)`)

// dendrite is built from source, at the version that the nested module dendrite/go.mod pins. It needs no root, only Go
// and gcc, and about two minutes the first time.
type dendrite struct{}

func (dendrite) binary() (dir, path string, err error) {
	dir, version, err := dendriteModule()
	if err != nil {
		return "", "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", "", err
	}
	return dir, filepath.Join(cache, "bin", "dendrite-"+version), nil
}

// dendriteModule is the folder of the nested module, and the version that it pins.
func dendriteModule() (dir, version string, err error) {
	root, err := ModuleRoot()
	if err != nil {
		return "", "", err
	}
	dir = filepath.Join(root, "e2e", "lab", "dendrite")
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", "", fmt.Errorf("find Dendrite's version: %w", err)
	}
	found := dendriteVersion.FindSubmatch(mod)
	if found == nil {
		return "", "", fmt.Errorf("%s names no version of Dendrite", filepath.Join(dir, "go.mod"))
	}
	return dir, string(found[1]), nil
}

// DendriteVersion is the version of Dendrite that the lab starts. Dendrite itself tells it over federation only.
func DendriteVersion() (string, error) {
	_, version, err := dendriteModule()
	return version, err
}

func (d dendrite) setup(ctx context.Context, say Progress) error {
	dir, binary, err := d.binary()
	if err != nil {
		return err
	}
	if _, err = os.Stat(binary); err == nil {
		return nil
	}
	if err = os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return fmt.Errorf("make cache folder: %w", err)
	}
	unlock, err := lockFile(filepath.Join(filepath.Dir(binary), ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if _, err = os.Stat(binary); err == nil {
		return nil // somebody else built it while we waited
	}
	say.say("Building the homeserver Dendrite (once, about two minutes)")
	return goBuild(ctx, say, build{
		dir: dir, pkg: "github.com/element-hq/dendrite/cmd/dendrite", out: binary,
		// -v names each package when it is done: that is the progress that can be shown.
		flags: []string{"-mod=readonly", "-trimpath", "-v"},
	})
}

func (dendrite) configure(_ context.Context, h *Homeserver) error {
	if h.opts.Postgres != nil {
		return errors.New("it is run with SQLite only: over PostgreSQL it handles about one message a second")
	}
	dir, err := filepath.Abs(h.Dir)
	if err != nil {
		return fmt.Errorf("find data folder: %w", err)
	}
	for _, name := range []string{"media", "jetstream", "db"} {
		if err = os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return fmt.Errorf("make data folder: %w", err)
		}
	}
	key := filepath.Join(dir, "matrix_key.pem")
	if _, err = os.Stat(key); errors.Is(err, os.ErrNotExist) {
		pem := "-----BEGIN MATRIX PRIVATE KEY-----\nKey-ID: ed25519:lab\n\n" + signingSeed() + "=\n-----END MATRIX PRIVATE KEY-----\n"
		if err = os.WriteFile(key, []byte(pem), 0o600); err != nil {
			return fmt.Errorf("write signing key: %w", err)
		}
	}
	var out bytes.Buffer
	err = template.Must(template.New("").Parse(dendriteConfig)).Execute(&out, map[string]any{
		"Root": dir, "Name": h.Domain, "URL": h.URL, "Secret": h.secret, "Appservices": h.appservices,
	})
	if err != nil {
		return fmt.Errorf("fill in the configuration: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "dendrite.yaml"), out.Bytes(), 0o600)
}

func (d dendrite) command(h *Homeserver) (*exec.Cmd, error) {
	_, binary, err := d.binary()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(h.Dir)
	if err != nil {
		return nil, fmt.Errorf("find data folder: %w", err)
	}
	cmd := exec.Command(binary, "-config", filepath.Join(dir, "dendrite.yaml"),
		"-http-bind-address", strings.TrimPrefix(h.URL, "http://"))
	cmd.Dir = dir
	return cmd, nil
}

func (dendrite) healthPath() string { return "/_matrix/client/versions" }
