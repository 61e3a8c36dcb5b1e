package lab

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"maunium.net/go/mautrix/id"
)

// Kind names a homeserver implementation.
type Kind string

// The homeservers that the lab can start.
const (
	Synapse  Kind = "synapse"
	Dendrite Kind = "dendrite"
)

// HomeserverOptions says which homeserver to start and how.
type HomeserverOptions struct {
	Kind Kind
	Dir  string // made if missing; everything that the server writes is in it
	// Domain is the server name. By default <kind>.localhost: clients that look for a .well-known file then stay on
	// this machine.
	Domain string
	Port   int // by default a free one
	// Encrypted switches on what a bridge needs for encryption in appservice mode (Synapse only).
	Encrypted bool
	// Postgres keeps the data in a database of that server instead of SQLite (Synapse only).
	Postgres *Postgres
	Progress Progress
}

// Homeserver is a disposable homeserver on loopback, without federation and rate limits. Its methods must not be called
// at the same time.
type Homeserver struct {
	Kind   Kind
	URL    string
	Domain string
	Dir    string

	opts   HomeserverOptions
	secret string // for shared-secret registration
	proc   *Process
	kind   implementation
	// appservices are the installed registration files, relative to Dir.
	appservices []string
}

// implementation is what differs between homeservers.
type implementation interface {
	// setup builds or installs the program, unless that was done before.
	setup(ctx context.Context, say Progress) error
	// configure writes the configuration for the present list of appservices.
	configure(ctx context.Context, h *Homeserver) error
	command(h *Homeserver) (*exec.Cmd, error)
	// healthPath is answered with 200 as soon as the server serves requests.
	healthPath() string
}

// StartHomeserver sets the homeserver up if that has never happened on this machine, and starts it.
func StartHomeserver(ctx context.Context, opts HomeserverOptions) (*Homeserver, error) {
	var kind implementation
	switch opts.Kind {
	case Synapse:
		kind = synapse{}
	case Dendrite:
		kind = dendrite{}
	default:
		return nil, fmt.Errorf("unknown homeserver %q: choose %s or %s", opts.Kind, Synapse, Dendrite)
	}
	if err := kind.setup(ctx, opts.Progress); err != nil {
		return nil, fmt.Errorf("set up %s: %w", opts.Kind, err)
	}
	if opts.Domain == "" {
		opts.Domain = string(opts.Kind) + ".localhost"
	}
	if opts.Port == 0 {
		var err error
		if opts.Port, err = FreePort(); err != nil {
			return nil, err
		}
	} else if err := CheckPort(opts.Port); err != nil {
		return nil, fmt.Errorf("start %s: %w", opts.Kind, err)
	}
	if err := os.MkdirAll(filepath.Join(opts.Dir, "appservices"), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of %s: %w", opts.Kind, err)
	}
	if opts.Postgres != nil {
		if _, err := opts.Postgres.CreateDatabase(ctx, string(opts.Kind)); err != nil {
			return nil, err
		}
	}
	h := &Homeserver{
		Kind: opts.Kind, Domain: opts.Domain, Dir: opts.Dir, URL: fmt.Sprintf("http://127.0.0.1:%d", opts.Port),
		opts: opts, secret: randomHex(24), kind: kind,
	}
	return h, h.Start(ctx)
}

// Start starts a stopped homeserver again and waits until it answers.
func (h *Homeserver) Start(ctx context.Context) error {
	if err := h.kind.configure(ctx, h); err != nil {
		return fmt.Errorf("configure %s: %w", h.Kind, err)
	}
	cmd, err := h.kind.command(h)
	if err != nil {
		return fmt.Errorf("start %s: %w", h.Kind, err)
	}
	if h.proc, err = StartProcess(string(h.Kind), h.LogPath(), cmd); err != nil {
		return err
	}
	err = h.proc.awaitReady(ctx, 90*time.Second, func(ctx context.Context) error {
		return httpOK(ctx, h.URL+h.kind.healthPath())
	})
	if err != nil {
		h.proc.Kill()
	}
	return err
}

// Stop ends the homeserver; its data stays in Dir.
func (h *Homeserver) Stop() error {
	if h == nil {
		return nil
	}
	return h.proc.Stop(20 * time.Second) // nil-safe: it may never have started
}

// Restart stops and starts the homeserver on the same port with the same data.
func (h *Homeserver) Restart(ctx context.Context) error {
	if err := h.Stop(); err != nil {
		return err
	}
	return h.Start(ctx)
}

// LogPath is the file that holds what the homeserver logs.
func (h *Homeserver) LogPath() string { return filepath.Join(h.Dir, "homeserver.log") }

// InstallAppservices copies registration files into the homeserver and restarts it: no server reads them at another
// time.
func (h *Homeserver) InstallAppservices(ctx context.Context, files ...string) error {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read registration: %w", err)
		}
		name := filepath.Join("appservices", fmt.Sprintf("%02d-%s", len(h.appservices), filepath.Base(file)))
		if err = os.WriteFile(filepath.Join(h.Dir, name), data, 0o600); err != nil {
			return fmt.Errorf("install registration: %w", err)
		}
		h.appservices = append(h.appservices, name)
	}
	return h.Restart(ctx)
}

// Register makes a user with a password of at least eight characters, by the shared-secret registration that Synapse
// defines and Dendrite has too.
func (h *Homeserver) Register(ctx context.Context, localpart, password string) (id.UserID, error) {
	url := h.URL + "/_synapse/admin/v1/register"
	var nonce struct {
		Nonce string `json:"nonce"`
	}
	if err := callJSON(ctx, http.MethodGet, url, nil, &nonce); err != nil {
		return "", fmt.Errorf("register %q: %w", localpart, err)
	}
	mac := hmac.New(sha1.New, []byte(h.secret))
	fmt.Fprintf(mac, "%s\x00%s\x00%s\x00notadmin", nonce.Nonce, localpart, password)
	var made struct {
		UserID id.UserID `json:"user_id"`
	}
	err := callJSON(ctx, http.MethodPost, url, map[string]any{
		"nonce": nonce.Nonce, "username": localpart, "password": password, "displayname": localpart, "admin": false,
		"mac": hex.EncodeToString(mac.Sum(nil)),
	}, &made)
	if err != nil {
		return "", fmt.Errorf("register %q: %w", localpart, err)
	}
	return made.UserID, nil
}

// callJSON does one request with JSON bodies both ways; an answer other than 2xx is an error with the server's words.
func callJSON(ctx context.Context, method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request to %s: %w", url, err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return fmt.Errorf("make request to %s: %w", url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read answer of %s %s: %w", method, url, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, data)
	}
	if err = json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("parse answer of %s %s: %w", method, url, err)
	}
	return nil
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: the program ends if the system has no randomness
	return hex.EncodeToString(b)
}

// signingSeed is an ed25519 seed as homeservers keep it: base64 without padding.
func signingSeed() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return base64.RawStdEncoding.EncodeToString(b)
}
