package meow

import (
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// Presence is whether the network shows the account as online because of us. While it does, the user's other devices keep
// quiet, so it is so only for a while after the user did something in Matrix. The fields must be set before the first call
// and may not change.
type Presence struct {
	// Span is how long after the last activity; 0 or less: never.
	Span time.Duration
	// Say tells the network and answers whether that was sent. It is called one at a time.
	Say func(types.Presence) bool
	// Later runs what a timer starts, in the timer's goroutine, unless it is too late for it.
	Later func(func())

	lock    sync.Mutex
	online  bool
	stopped bool
	timer   *time.Timer
}

// Active notes that the user did something.
func (p *Presence) Active() {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.stopped || p.Span <= 0 {
		return
	}
	if !p.online {
		p.online = p.Say(types.PresenceAvailable)
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(p.Span, func() { p.Later(p.Reset) })
	} else {
		p.timer.Reset(p.Span)
	}
}

// Reset says that the user is not online; a new connection starts with that.
func (p *Presence) Reset() {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.online = false
	if !p.stopped {
		p.Say(types.PresenceUnavailable)
	}
}

// Stop ends it: nothing is said any more.
func (p *Presence) Stop() {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.stopped = true
	if p.timer != nil {
		p.timer.Stop()
	}
}
