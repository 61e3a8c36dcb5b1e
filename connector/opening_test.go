package connector

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestDoorsOpenAtTheEndOfTheStart(t *testing.T) {
	var o opening
	door := o.door(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusTeapot} {
		answer := httptest.NewRecorder()
		door.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/_matrix/provision/v3/whoami", nil))
		if answer.Code != want {
			t.Errorf("started: %t: status %d, want %d", o.done.Load(), answer.Code, want)
		}
		o.done.Store(true)
	}
}
