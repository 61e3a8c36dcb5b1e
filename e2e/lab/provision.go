package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/id"
)

// Provision calls the bridge's provisioning API for a user, with the shared secret of the config: path, which may have a
// query, is that behind /_matrix/provision/v3. in and out may be nil. A refusal is an error with what the bridge said.
func (b *Bridge) Provision(ctx context.Context, user id.UserID, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(encoded)
	}
	separator := "?"
	if strings.Contains(path, separator) {
		separator = "&"
	}
	answer, err := b.ask(ctx, method, "/_matrix/provision/v3"+path+separator+"user_id="+url.QueryEscape(user.String()), body)
	if err != nil || out == nil {
		return err
	}
	if err = json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode the bridge's answer to %s %s: %w", method, path, err)
	}
	return nil
}

// Profile takes a profile of the running bridge in the format of pprof: heap?gc=1 collects garbage before it answers,
// profile?seconds=10 measures for ten seconds. The config must have provisioning.debug_endpoints switched on.
func (b *Bridge) Profile(ctx context.Context, what string) ([]byte, error) {
	return b.ask(ctx, http.MethodGet, "/debug/pprof/"+what, nil)
}

func (b *Bridge) ask(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	secret, err := b.secret()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", b.Port, path), body)
	if err != nil {
		return nil, fmt.Errorf("ask the bridge: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the bridge: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the bridge's answer to %s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: the bridge answers %s: %s", method, path, resp.Status, answer)
	}
	return answer, nil
}

// secret is the one that init has made.
func (b *Bridge) secret() (string, error) {
	data, err := os.ReadFile(filepath.Join(b.Dir, "config.yaml"))
	if err != nil {
		return "", fmt.Errorf("read the bridge's config: %w", err)
	}
	var config struct {
		Provisioning struct {
			SharedSecret string `yaml:"shared_secret"`
		} `yaml:"provisioning"`
	}
	if err = yaml.Unmarshal(data, &config); err != nil {
		return "", fmt.Errorf("parse the bridge's config: %w", err)
	}
	return config.Provisioning.SharedSecret, nil
}
