package whatsapp

import (
	"errors"
	"net/http"
	"net/url"
)

// proxySchemes are what net/http can do: SOCKS5 resolves names at the proxy either way.
var proxySchemes = map[string]bool{"http": true, "https": true, "socks5": true, "socks5h": true}

// errProxy does not repeat the value, which may hold a password.
var errProxy = errors.New("whatsapp.proxy is no proxy's address: set it to http://host:port or socks5://host:port, " +
	"with user:password@ before the host if need be, or leave it empty")

// parseProxy reads the config's proxy; nil if there is none.
func parseProxy(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	address, err := url.Parse(text)
	if err != nil || !proxySchemes[address.Scheme] || address.Hostname() == "" || address.Port() == "" || address.Path != "" && address.Path != "/" {
		return nil, errProxy
	}
	return address, nil
}

// through sends everything over a proxy, or leaves it to the environment's variables if there is none.
func through(base *http.Transport, proxy *url.URL) {
	if proxy != nil {
		base.Proxy = http.ProxyURL(proxy)
	}
}
