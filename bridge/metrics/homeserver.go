package metrics

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"crosschat/connector/meter"
)

// homeserver counts the requests to it.
type homeserver struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (h homeserver) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/v3/sync") {
		return h.next.RoundTrip(req) // it lasts until something happens
	}
	media := strings.Contains(req.URL.Path, "/media/")
	if media && req.Method != http.MethodGet && req.Body != nil {
		clone := req.Clone(req.Context())
		clone.Body = meter.Media(meter.In, req.Body)
		req = clone
	}
	begun := time.Now()
	resp, err := h.next.RoundTrip(req)
	failure := err
	if err == nil && resp.StatusCode >= http.StatusInternalServerError {
		failure = fmt.Errorf("status %d", resp.StatusCode)
	}
	meter.Homeserver.Took(time.Since(begun), failure)
	if err == nil && media && req.Method == http.MethodGet {
		resp.Body = meter.Media(meter.Out, resp.Body)
	}
	return resp, err
}
