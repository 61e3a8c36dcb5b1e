package meow

import "net/http"

// Uncompressed is a way to a network whose WebSockets do without compression. whatsmeow offers it for every socket; where
// the server takes it, the compressor holds a megabyte of memory for each login, and for nothing: what goes through these
// sockets is encrypted, and can't be made smaller.
func Uncompressed(way http.RoundTripper) http.RoundTripper { return uncompressed{way} }

type uncompressed struct{ way http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (u uncompressed) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Sec-Websocket-Extensions") != "" {
		req = req.Clone(req.Context())
		req.Header.Del("Sec-Websocket-Extensions")
	}
	return u.way.RoundTrip(req)
}
