package wire

import (
	"context"
	"sync"
	"testing"
	"time"

	"crosschat/connector/metaweb/web"
)

// recorder is a Handler that remembers.
type recorder struct {
	fail   func(Delivery) error // what HandleTable answers, nil for none
	hook   func(Delivery)       // called by HandleTable before that
	tables chan Delivery
	up     chan struct{}
	caught chan struct{}

	mu    sync.Mutex
	state State
	saves int
}

func newRecorder() *recorder {
	return &recorder{tables: make(chan Delivery, 1000), up: make(chan struct{}, 100),
		caught: make(chan struct{}, 100)}
}

func (r *recorder) HandleTable(_ context.Context, d Delivery) error {
	if r.hook != nil {
		r.hook(d)
	}
	r.mu.Lock()
	fail := r.fail
	r.mu.Unlock()
	if fail != nil {
		if err := fail(d); err != nil {
			return err
		}
	}
	r.tables <- d
	return nil
}

func (r *recorder) setFail(fail func(Delivery) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = fail
}

func (r *recorder) SaveState(_ context.Context, s State) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = s
	r.saves++
	return nil
}

func (r *recorder) Connected(context.Context)    { r.up <- struct{}{} }
func (r *recorder) CaughtUp(context.Context)     { r.caught <- struct{}{} }
func (r *recorder) CookiesChanged(*web.Cookies)  {}
func (r *recorder) cursor(database int64) string { return r.saved().Databases[database].Cursor }
func (r *recorder) saved() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// waitFor returns the first table handled from now on that the test wants.
func (r *recorder) waitFor(t *testing.T, what string, wanted func(Delivery) bool) Delivery {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case d := <-r.tables:
			if wanted(d) {
				return d
			}
		case <-timeout:
			t.Fatalf("no table with %s", what)
		}
	}
}

func hasMessage(id string) func(Delivery) bool {
	return func(d Delivery) bool {
		for _, m := range d.Table.Messages {
			if m.ID == id {
				return true
			}
		}
		return false
	}
}

// waitUntil waits for something to become so.
func waitUntil(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !so() {
		if time.Now().After(deadline) {
			t.Fatalf("it did not become so: %s", what)
		}
		<-ticker.C
	}
}
