package messenger

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"

	"crosschat/connector/metaweb/fingerprint"
	"crosschat/connector/metaweb/web"
)

// newTransports is how logins get their ways to Messenger's servers, real or simulated, each looking like the login's own
// browser. An error is one of config.
func newTransports(s Simulation) (func(userAgent string) web.Transports, error) {
	options := fingerprint.Options{}
	if s.Address != "" {
		if _, _, err := net.SplitHostPort(s.Address); err != nil {
			return nil, fmt.Errorf("simulation.messenger.address is %q: set it to host:port: %w", s.Address, err)
		}
		dialer := &net.Dialer{Timeout: 10 * time.Second}
		options.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, s.Address)
		}
		options.DialMedia = options.Dial
	}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("simulation.messenger.ca_file: %w", err)
		}
		options.RootCAs = x509.NewCertPool()
		if !options.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("simulation.messenger.ca_file is %q: it holds no certificate in PEM form", s.CAFile)
		}
	}
	return func(userAgent string) web.Transports {
		own := options
		own.UserAgent = userAgent
		return fingerprint.Transports(own)
	}, nil
}
