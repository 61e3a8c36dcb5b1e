package uplink

import (
	"context"
	"sync"

	"maunium.net/go/mautrix/bridgev2"
)

// Work counts what runs for a login, in goroutines of ours and in calls of libraries, so that its end can be waited for.
// The zero value is ready; it must not be copied.
type Work struct {
	group Group

	lock    sync.Mutex
	ended   bool
	running sync.WaitGroup
}

// Begin is false once End was called; otherwise Done must follow.
func (w *Work) Begin() bool {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.ended {
		return false
	}
	w.running.Add(1)
	return true
}

// Done ends what Begin began.
func (w *Work) Done() { w.running.Done() }

// Go runs f in a goroutine of the login, see Group.Go. After End it does nothing.
func (w *Work) Go(login *bridgev2.UserLogin, name string, f func()) {
	if !w.Begin() {
		return
	}
	w.group.Go(login, name, func() {
		defer w.Done()
		f()
	})
}

// End lets nothing begin any more and blocks until all that runs has ended.
func (w *Work) End() {
	w.lock.Lock()
	w.ended = true
	w.lock.Unlock()
	w.running.Wait()
	w.group.Wait()
}

// Gate is a condition that many may wait for. The zero value is shut; it must not be copied.
type Gate struct {
	lock   sync.Mutex
	isOpen bool
	opened chan struct{}
}

// Set opens or shuts the gate.
func (g *Gate) Set(open bool) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
	switch {
	case open && !g.isOpen:
		close(g.opened)
	case !open && g.isOpen:
		g.opened = make(chan struct{})
	}
	g.isOpen = open
}

// Open says whether the gate is open.
func (g *Gate) Open() bool {
	g.lock.Lock()
	defer g.lock.Unlock()
	return g.isOpen
}

// Wait blocks until the gate is open; the error is why ctx ended first.
func (g *Gate) Wait(ctx context.Context) error {
	g.lock.Lock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
	opened := g.opened
	g.lock.Unlock()
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
