package setup

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/id"
)

// software is a homeserver implementation that setup knows something about.
type software string

const (
	synapse  software = "Synapse"
	dendrite software = "Dendrite"
	other    software = "homeserver"
)

// Answers of a homeserver that are longer than this are cut off: those asked for here are small.
const maxAnswer = 1 << 20

// probeTimeout is the longest that one question to the homeserver may take.
const probeTimeout = 10 * time.Second

// homeserver is what a homeserver tells about itself without a token.
type homeserver struct {
	address  string
	software software
	version  string // "" if not told
	name     string // its server name, "" if not told
	versions *mautrix.RespVersions
}

func (hs *homeserver) String() string {
	if hs.version == "" {
		return string(hs.software)
	}
	return string(hs.software) + " " + hs.version
}

// outdated says that bridgev2 would refuse this homeserver for its specification version. Dendrite
// claims v1.2 and is let through: what the bridge needs of v1.4 it has.
func (hs *homeserver) outdated() bool {
	return hs.software != dendrite && !hs.versions.ContainsGreaterOrEqual(matrix.MinSpecVersion)
}

// probeHomeserver asks a homeserver what it is. The error says why it is taken as not reachable, in
// words for an admin; it is nil if there is a Matrix homeserver at the address.
func probeHomeserver(ctx context.Context, address string) (*homeserver, error) {
	hs := &homeserver{address: strings.TrimRight(address, "/"), software: other}
	var versions mautrix.RespVersions
	header, err := hs.get(ctx, "/_matrix/client/versions", &versions)
	if err != nil {
		return nil, err
	} else if len(versions.Versions) == 0 {
		return nil, errors.New("it answers, but not as a Matrix homeserver: no spec versions in its answer")
	}
	hs.versions = &versions
	hs.identify(ctx, header.Get("Server"))

	var keys struct {
		ServerName string `json:"server_name"`
	}
	if _, err = hs.get(ctx, "/_matrix/key/v2/server", &keys); err == nil {
		hs.name = keys.ServerName
	}
	return hs, nil
}

// identify finds out the software: by the federation API, by the Server header, which Synapse always
// sends, or by Dendrite's own monitoring page, which is there without federation, too.
func (hs *homeserver) identify(ctx context.Context, serverHeader string) {
	var told struct {
		Server struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"server"`
	}
	name, version, _ := strings.Cut(serverHeader, "/")
	if _, err := hs.get(ctx, "/_matrix/federation/v1/version", &told); err == nil && told.Server.Name != "" {
		name, version = told.Server.Name, told.Server.Version
	}
	for _, known := range []software{synapse, dendrite} {
		if strings.EqualFold(name, string(known)) {
			hs.software = known
			hs.version, _, _ = strings.Cut(version, " ")
		}
	}
	if hs.software == other && name == "" {
		if up, err := hs.fetch(ctx, "/_dendrite/monitor/up"); err == nil && len(up.body) == 0 {
			hs.software = dendrite
		}
	}
}

// get fetches one public JSON document of the homeserver.
func (hs *homeserver) get(ctx context.Context, path string, into any) (http.Header, error) {
	document, err := hs.fetch(ctx, path)
	if err != nil {
		return nil, err
	}
	if err = json.Unmarshal(document.body, into); err != nil {
		return nil, fmt.Errorf("it answers, but not as a Matrix homeserver: no JSON at %s", path)
	}
	return document.header, nil
}

// document is what the homeserver gave with status 200.
type document struct {
	header http.Header
	body   []byte
}

func (hs *homeserver) fetch(ctx context.Context, path string) (*document, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, hs.address+path, nil)
	if err != nil {
		return nil, fmt.Errorf("parse its address: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, networkError(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, networkError(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers, but not as a Matrix homeserver: HTTP %d at %s", resp.StatusCode, path)
	}
	return &document{resp.Header, body}, nil
}

// networkError says in an admin's words why a request got no answer.
func networkError(err error) error {
	var dns *net.DNSError
	var tlsRecord tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var urlError *url.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("its name %q is not known here", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused: nothing listens there")
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return errors.New("no answer in time")
	case errors.As(err, &certificate):
		return fmt.Errorf("its certificate is not trusted here: %w", certificate.Err)
	case errors.As(err, &tlsRecord), strings.Contains(err.Error(), "server gave HTTP response to HTTPS"):
		return errors.New("it speaks plain http, not https")
	case errors.As(err, &urlError):
		return urlError.Err
	default:
		return err
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// as returns a client with an appservice's token which acts as the given user, or as the
// registration's own user if that is "". It never repeats a request by itself.
func (hs *homeserver) as(user id.UserID, token string) (*mautrix.Client, error) {
	client, err := mautrix.NewClient(hs.address, user, token)
	if err != nil {
		return nil, fmt.Errorf("parse homeserver address %q: %w", hs.address, err)
	}
	client.SetAppServiceUserID = user != ""
	client.DefaultHTTPRetries = 0
	client.Client = &http.Client{Timeout: 60 * time.Second}
	return client, nil
}
