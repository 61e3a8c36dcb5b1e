package whatsapp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"go.mau.fi/whatsmeow"

	"crosschat/connector/meow"
)

// transport is the way to WhatsApp's servers, real or simulated, that all clients share.
type transport struct {
	client *http.Client
}

// newTransport reads the simulation's files; an error is one of config.
func newTransport(s Simulation, proxyAddress string) (*transport, error) {
	proxy, err := parseProxy(proxyAddress)
	if err != nil {
		return nil, err
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	through(base, proxy)
	if s.Address == "" {
		return &transport{&http.Client{Transport: base}}, nil
	}
	if _, _, err := net.SplitHostPort(s.Address); err != nil {
		return nil, fmt.Errorf("simulation.whatsapp.address is %q: set it to host:port: %w", s.Address, err)
	}
	base.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("simulation.whatsapp.ca_file: %w", err)
		}
		base.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !base.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("simulation.whatsapp.ca_file is %q: it holds no certificate in PEM form", s.CAFile)
		}
	}
	if proxy != nil {
		// The proxy is to know the way to the simulated server.
		return &transport{&http.Client{Transport: base}}, nil
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	base.Proxy = nil
	base.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, s.Address)
	}
	return &transport{&http.Client{Transport: base}}, nil
}

// apply makes a client use this way for everything it does.
func (t *transport) apply(wa *whatsmeow.Client) {
	wa.SetWebsocketHTTPClient(&http.Client{Transport: meow.Uncompressed(t.client.Transport)})
	wa.SetPreLoginHTTPClient(t.client)
	wa.SetMediaHTTPClient(t.client)
}

func (t *transport) close() {
	t.client.CloseIdleConnections()
}
