package connector

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/bridgev2/matrix"
)

func TestDoorOpensAtTheEndOfTheStart(t *testing.T) {
	var c Connector
	mx := &matrix.Connector{AS: &appservice.AppService{Router: http.NewServeMux()}}
	c.Guard(mx)
	// As the library does later.
	mx.AS.Router.HandleFunc("/_matrix/provision/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusTeapot} {
		answer := httptest.NewRecorder()
		mx.AS.Router.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/_matrix/provision/v3/login/start/whatsapp-qr", nil))
		if answer.Code != want {
			t.Errorf("started: %t: status %d, want %d", c.Started(), answer.Code, want)
		}
		c.opening.done.Store(true)
	}
}
