package fingerprint

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"crosschat/connector/metaweb/web"
)

// Server is one that plays a whole network. The zero value means the real network.
type Server struct {
	Address string // host:port, for every host of the network
	CAFile  string // PEM file of who signed its certificate
}

// errNoCertificate is a file that is not what it should be.
var errNoCertificate = errors.New("it holds no certificate in PEM form")

// For makes the transports of a user agent's browser to a network, real or played. The errors, of config, begin with the
// key below where the server is configured, address or ca_file.
func For(s Server) (func(userAgent string) web.Transports, error) {
	options := Options{}
	if s.Address != "" {
		if _, _, err := net.SplitHostPort(s.Address); err != nil {
			return nil, fmt.Errorf("address is %q: set it to host:port: %w", s.Address, err)
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
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		options.RootCAs = x509.NewCertPool()
		if !options.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file is %q: %w", s.CAFile, errNoCertificate)
		}
	}
	return func(userAgent string) web.Transports {
		own := options
		own.UserAgent = userAgent
		return Transports(own)
	}, nil
}
