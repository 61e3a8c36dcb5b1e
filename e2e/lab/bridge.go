package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/id"
)

// Encryption is how the bridge encrypts on the Matrix side: the values of `crosschat init --encryption`.
type Encryption string

// The ways of encryption; which homeserver can have which is for `init` to know.
const (
	EncryptionAppservice Encryption = "appservice"
	EncryptionSync       Encryption = "sync"
	EncryptionOff        Encryption = "off"
)

// BridgeOptions says how to set a bridge up.
type BridgeOptions struct {
	Binary string
	Dir    string // the data folder
	// Homeserver is its URL, Domain its server name.
	Homeserver string
	Domain     string
	Admin      id.UserID
	Encryption Encryption
	Database   string // a PostgreSQL URI; by default SQLite in Dir
	Simulator  *Simulator
	Port       int               // by default a free one
	Set        map[string]string // more keys of the config, as `init --set` takes them
	LogLevel   string            // by default trace, which tests read
}

// Bridge is a crosschat process with its data folder. Its methods must not be called at the same time.
type Bridge struct {
	Dir  string
	Port int
	// Bot is the bridge's bot, Registration and DoublePuppet the files for the homeserver.
	Bot          id.UserID
	Registration string
	DoublePuppet string

	opts BridgeOptions
	proc *Process
}

// NewBridge makes the data folder with `crosschat init`. The bridge is not started: the homeserver has to be given the
// registrations first.
func NewBridge(ctx context.Context, opts BridgeOptions) (*Bridge, error) {
	if opts.Port == 0 {
		var err error
		if opts.Port, err = FreePort(); err != nil {
			return nil, err
		}
	} else if err := CheckPort(opts.Port); err != nil {
		return nil, fmt.Errorf("set up the bridge: %w", err)
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("find data folder: %w", err)
	}
	if err = os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	args := []string{
		"init", "--data", dir, "--homeserver", opts.Homeserver, "--domain", opts.Domain, "--admin", opts.Admin.String(),
		"--hostname", "127.0.0.1", "--port", strconv.Itoa(opts.Port), "--address", fmt.Sprintf("http://127.0.0.1:%d", opts.Port),
		"--encryption", string(opts.Encryption),
	}
	if opts.Database != "" {
		args = append(args, "--database", opts.Database)
	}
	if opts.Simulator != nil {
		wa := opts.Simulator.Ready.WhatsApp
		args = append(args, "--set", "network.simulation.whatsapp.address="+wa.Address,
			"--set", "network.simulation.whatsapp.ca_file="+wa.CAFile, "--set", "network.simulation.whatsapp.root_key="+wa.RootKey,
			// What the simulated server bears is to be seen; the pause has tests of its own.
			"--set", "network.whatsapp.send_pause=0s")
	}
	if opts.Simulator != nil {
		ms := opts.Simulator.Ready.Messenger
		args = append(args, "--set", "network.simulation.messenger.address="+ms.Address,
			"--set", "network.simulation.messenger.ca_file="+ms.CAFile,
			// The pauses are for the real network's sake.
			"--set", "network.messenger.wire.send_interval=10ms", "--set", "network.messenger.wire.request_interval=10ms",
			"--set", "network.messenger.wire.thread_page_interval=10ms", "--set", "network.messenger.wire.resync_pause=2s",
			"--set", "network.messenger.wire.reload_interval=2s", "--set", "network.messenger.reconnect_max_delay=2s")
		ig := opts.Simulator.Ready.Instagram
		args = append(args, "--set", "network.simulation.instagram.address="+ig.Address,
			"--set", "network.simulation.instagram.ca_file="+ig.CAFile,
			"--set", "network.instagram.wire.send_interval=10ms", "--set", "network.instagram.wire.request_interval=10ms",
			"--set", "network.instagram.wire.page_interval=10ms", "--set", "network.instagram.wire.retry_wait=200ms",
			"--set", "network.instagram.wire.reload_interval=2s", "--set", "network.instagram.wire.resnapshot_pause=2s",
			"--set", "network.instagram.wire.typing_retry=1s", "--set", "network.instagram.wire.requests_interval=3s", "--set", "network.instagram.reconnect_max_delay=2s")
	}
	for key, value := range opts.Set {
		args = append(args, "--set", key+"="+value)
	}
	cmd := exec.CommandContext(ctx, opts.Binary, args...)
	cmd.Dir = dir
	if err = runLogged(cmd, func(string) {}); err != nil {
		return nil, fmt.Errorf("set up the bridge: %w", err)
	}
	b := &Bridge{
		Dir: dir, Port: opts.Port, opts: opts, Bot: id.NewUserID("crosschat", opts.Domain),
		Registration: filepath.Join(dir, "registration.yaml"), DoublePuppet: filepath.Join(dir, "doublepuppet.yaml"),
	}
	return b, b.logEverything()
}

// logEverything points the bridge's log at one file as JSON lines: the tests read it.
func (b *Bridge) logEverything() error {
	path := filepath.Join(b.Dir, "config.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the bridge's config: %w", err)
	}
	var config map[string]any
	if err = yaml.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("parse the bridge's config: %w", err)
	}
	config["logging"] = map[string]any{
		"min_level": cmp.Or(b.opts.LogLevel, "trace"),
		"writers":   []map[string]any{{"type": "file", "format": "json", "filename": b.LogPath(), "max_size": 1000}},
	}
	if data, err = yaml.Marshal(config); err != nil {
		return fmt.Errorf("encode the bridge's config: %w", err)
	}
	return os.WriteFile(path, data, 0o600)
}

// Start starts the bridge and waits until it serves the homeserver.
func (b *Bridge) Start(ctx context.Context) error {
	// --ignore-unsupported-server: Dendrite offers an older version of the specification than bridgev2 asks for.
	cmd := exec.Command(b.opts.Binary, "run", "-n", "--ignore-unsupported-server",
		"-c", filepath.Join(b.Dir, "config.yaml"), "-r", b.Registration)
	cmd.Dir = b.Dir
	var err error
	if b.proc, err = StartProcess("bridge", b.OutputPath(), cmd); err != nil {
		return err
	}
	err = b.proc.awaitReady(ctx, 60*time.Second, func(ctx context.Context) error {
		return httpOK(ctx, fmt.Sprintf("http://127.0.0.1:%d/_matrix/mau/ready", b.Port))
	})
	if err != nil {
		b.proc.Kill()
		return fmt.Errorf("%w\nand in %s:\n%s", err, b.LogPath(), tail(b.LogPath(), 5))
	}
	return nil
}

// Run runs another command of the program on the bridge's data folder, as an admin does, and returns what it says.
func (b *Bridge) Run(ctx context.Context, args ...string) (output string, err error) {
	cmd := exec.CommandContext(ctx, b.opts.Binary, append(args, "-c", filepath.Join(b.Dir, "config.yaml"))...)
	cmd.Dir = b.Dir
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// Stop asks the bridge to end and waits for it.
func (b *Bridge) Stop() error {
	if b == nil {
		return nil
	}
	return b.proc.Stop(30 * time.Second)
}

// Kill ends the bridge as a power cut would.
func (b *Bridge) Kill() { b.proc.Kill() }

// Restart stops the bridge and starts it again with the same data.
func (b *Bridge) Restart(ctx context.Context) error {
	if err := b.Stop(); err != nil {
		return err
	}
	return b.Start(ctx)
}

// Ended is nil while the bridge runs, and says how it ended otherwise.
func (b *Bridge) Ended() error {
	if b.proc == nil {
		return errors.New("the bridge was never started")
	}
	return b.proc.Ended()
}

// Done is closed when the running process has ended.
func (b *Bridge) Done() <-chan struct{} { return b.proc.Done() }

// PID is the bridge's process id.
func (b *Bridge) PID() int { return b.proc.PID() }

// LogPath is the bridge's log, JSON lines; OutputPath what it wrote to its standard output and error.
func (b *Bridge) LogPath() string    { return filepath.Join(b.Dir, "logs", "crosschat.log") }
func (b *Bridge) OutputPath() string { return filepath.Join(b.Dir, "logs", "output.log") }

// SQLitePath is the bridge's database file, if it has one.
func (b *Bridge) SQLitePath() string { return filepath.Join(b.Dir, "crosschat.db") }

// AwaitKnown asks until the homeserver has loaded the bridge's registration, which is for an admin to arrange where
// the lab did not start the homeserver.
func (b *Bridge) AwaitKnown(ctx context.Context) error {
	data, err := os.ReadFile(b.Registration)
	if err != nil {
		return fmt.Errorf("read registration: %w", err)
	}
	var registration struct {
		Token string `yaml:"as_token"`
	}
	if err = yaml.Unmarshal(data, &registration); err != nil {
		return fmt.Errorf("parse registration: %w", err)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.opts.Homeserver+"/_matrix/client/v3/account/whoami", nil)
		if err != nil {
			return fmt.Errorf("ask the homeserver: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+registration.Token)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait until the homeserver knows the bridge: %w", ctx.Err())
		}
	}
}
