package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"syscall"
)

// Transports are the ways to the network, the one place where TLS, proxies and addresses are decided. Give each its own
// to look like a browser, or one to a simulated network for all.
type Transports struct {
	Pages   http.RoundTripper // the site, GraphQL, uploads
	Sockets http.RoundTripper // websockets; must not negotiate HTTP/2 for them
	Media   http.RoundTripper // downloads; must refuse private addresses
}

// CloseIdle closes connections that are kept for later.
func (t Transports) CloseIdle() {
	for _, way := range []http.RoundTripper{t.Pages, t.Sockets, t.Media} {
		if closer, ok := way.(interface{ CloseIdleConnections() }); ok {
			closer.CloseIdleConnections()
		}
	}
}

// ErrPrivateAddress is what a dial to a private address gets.
var ErrPrivateAddress = errors.New("address is private")

// RefusePrivate is a net.Dialer's Control that lets only public addresses through. It sees the address that is really
// dialled, so that no name can point elsewhere meanwhile.
func RefusePrivate(_, address string, _ syscall.RawConn) error {
	addrPort, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial %q: %w", address, err)
	}
	if addr := addrPort.Addr().Unmap(); !isPublic(addr) {
		return fmt.Errorf("dial %s: %w", addr, ErrPrivateAddress)
	}
	return nil
}

func isPublic(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// reserved are networks that are global by form only: shared and benchmark addresses, and IPv6 forms that reach IPv4.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}
