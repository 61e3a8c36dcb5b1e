package lab

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"

	"gopkg.in/yaml.v3"
)

//go:embed synapse-setup.sh
var synapseSetup string

//go:embed synapse.yaml.tmpl
var synapseConfig string

// synapseRoot is where a Synapse finds its data folder: inside its chroot, at the same place for every instance, since
// each has mounts of its own.
const synapseRoot = "/lab"

// synapseReady is a file in the chroot that says that it is whole. Its name changes when more belongs in there.
const synapseReady = ".lab-ready-2"

// synapseEnter runs in a mount namespace of its own and ends as Synapse: $1 is the chroot, $2 the data folder.
// It does not wait for the disk (libeatmydata): its data must outlive being killed, not a power cut, and on a slow disk
// half of its time would go into that.
const synapseEnter = `set -e
mkdir -p "$1` + synapseRoot + `"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1` + synapseRoot + `"
exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 \
	LD_PRELOAD=libeatmydata.so \
	python3 -m synapse.app.homeserver -c ` + synapseRoot + `/homeserver.yaml
`

// synapseLog sends warnings to standard error; logging each request would cost a third of the speed.
const synapseLog = `version: 1
formatters: {brief: {format: '%(asctime)s %(levelname)s %(name)s %(message)s'}}
handlers: {console: {class: logging.StreamHandler, formatter: brief}}
root: {level: WARNING, handlers: [console]}
disable_existing_loggers: false
`

// ErrSynapseUnavailable means that Synapse can't be installed on this machine; the text says why.
var ErrSynapseUnavailable = errors.New("no Synapse here")

// synapse is Debian's matrix-synapse package in a chroot with Debian sid, the one source of a Synapse that needs neither
// a container engine nor Python's package index. It wants root, and about a minute the first time.
type synapse struct{}

// SynapseUnavailable says why this machine can't have Synapse, or nil.
func SynapseUnavailable() error {
	cache, err := CacheDir()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSynapseUnavailable, err)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: it runs in a chroot, and that needs root", ErrSynapseUnavailable)
	}
	if _, err = os.Stat(filepath.Join(cache, "sid", synapseReady)); err == nil {
		return nil
	}
	if _, err = exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%w: it comes from Debian's packages, and this machine has no apt-get", ErrSynapseUnavailable)
	}
	return nil
}

func (synapse) chroot() (string, error) {
	cache, err := CacheDir()
	return filepath.Join(cache, "sid"), err
}

func (s synapse) setup(ctx context.Context, say Progress) error {
	if err := SynapseUnavailable(); err != nil {
		return err
	}
	root, err := s.chroot()
	if err != nil {
		return err
	}
	ready := filepath.Join(root, synapseReady)
	if _, err = os.Stat(ready); err == nil {
		return nil
	}
	unlock, err := lockFile(root + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err = os.Stat(ready); err == nil {
		return nil // somebody else made it while we waited
	}
	if _, err = exec.LookPath("debootstrap"); err != nil {
		if err = AptInstall(ctx, say, "debootstrap"); err != nil {
			return err
		}
	}
	mirror, err := debianMirror(ctx)
	if err != nil {
		return err
	}
	say.say("Installing Synapse from Debian sid into %s (once, about a minute, 430 MB)", root)
	cmd := exec.CommandContext(ctx, "sh", "-s", root, mirror)
	cmd.Stdin = strings.NewReader(synapseSetup)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	return runLogged(cmd, func(line string) {
		// debootstrap and apt say hundreds of lines; these show that it goes on.
		for _, start := range []string{"I: Retrieving Packages", "I: Base system", "Fetched ", "Setting up matrix-synapse"} {
			if strings.HasPrefix(line, start) {
				say.say("  %s", line)
			}
		}
	})
}

// debianMirror asks apt where this machine gets Debian from: nearest, and reachable.
func debianMirror(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages").Output()
	if err != nil {
		return "", fmt.Errorf("ask apt for a Debian mirror: %w", err)
	}
	scan := bufio.NewScanner(bytes.NewReader(out))
	for scan.Scan() {
		uri, component, _ := strings.Cut(scan.Text(), " ")
		if component == "main" && strings.HasSuffix(strings.TrimSuffix(uri, "/"), "/debian") {
			return uri, nil
		}
	}
	return "", errors.New("apt's sources name no Debian mirror (an address that ends in /debian)")
}

func (synapse) configure(_ context.Context, h *Homeserver) error {
	key := filepath.Join(h.Dir, "signing.key")
	if _, err := os.Stat(key); errors.Is(err, os.ErrNotExist) {
		if err = os.WriteFile(key, []byte("ed25519 lab "+signingSeed()+"\n"), 0o600); err != nil {
			return fmt.Errorf("write signing key: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(h.Dir, "log.yaml"), []byte(synapseLog), 0o600); err != nil {
		return fmt.Errorf("write log configuration: %w", err)
	}
	database := map[string]any{"name": "sqlite3", "args": map[string]any{"database": synapseRoot + "/homeserver.db"}}
	if h.opts.Postgres != nil {
		database = map[string]any{"name": "psycopg2", "args": map[string]any{
			"host": "127.0.0.1", "port": h.opts.Postgres.Port, "user": h.opts.Postgres.User,
			"password": h.opts.Postgres.Password, "dbname": "synapse", "cp_min": 2, "cp_max": 8,
		}}
	}
	var appservices []string
	for _, name := range h.appservices {
		appservices = append(appservices, synapseRoot+"/"+name)
	}
	var out bytes.Buffer
	err := template.Must(template.New("").Parse(synapseConfig)).Execute(&out, map[string]any{
		"Root": synapseRoot, "Name": h.Domain, "URL": h.URL, "Port": h.opts.Port, "Secret": h.secret, "Encrypted": h.opts.Encrypted,
	})
	if err != nil {
		return fmt.Errorf("fill in the configuration: %w", err)
	}
	rest, err := yaml.Marshal(map[string]any{"database": database, "app_service_config_files": appservices})
	if err != nil {
		return fmt.Errorf("encode the configuration: %w", err)
	}
	return os.WriteFile(filepath.Join(h.Dir, "homeserver.yaml"), append(out.Bytes(), rest...), 0o600)
}

func (s synapse) command(h *Homeserver) (*exec.Cmd, error) {
	root, err := s.chroot()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(h.Dir)
	if err != nil {
		return nil, fmt.Errorf("find data folder: %w", err)
	}
	cmd := exec.Command("sh", "-c", synapseEnter, "sh", root, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	return cmd, ownMounts(cmd.SysProcAttr)
}

func (synapse) healthPath() string { return "/health" }
