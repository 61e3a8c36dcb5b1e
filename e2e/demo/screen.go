package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
)

// screen is the terminal. Any goroutine may write to it.
type screen struct {
	mu    sync.Mutex
	out   io.Writer
	shown chan struct{} // gets one for each line of what somebody sees, if there is room
}

func newScreen(out io.Writer) *screen { return &screen{out: out, shown: make(chan struct{}, 100)} }

func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format+"\n", args...)
}

func (s *screen) progress(line string) { s.say("%s", line) }

// shows is a line of what somebody's screen shows just now.
func (s *screen) shows(where, who, what string) {
	s.say("  %-22s| %s: %s", where, who, strings.ReplaceAll(what, "\n", "\n"+strings.Repeat(" ", 24)+"| "))
	select {
	case s.shown <- struct{}{}:
	default:
	}
}

// awaitLines returns when n lines of what somebody sees have been shown, or ctx ends.
func (s *screen) awaitLines(ctx context.Context, n int) error {
	for range n {
		select {
		case <-s.shown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// watcher follows both sides and shows what they see, until it is stopped.
type watcher struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (w *watcher) stop() {
	w.cancel()
	w.done.Wait()
}

// watch starts a goroutine for the user's Matrix client and one for each simulated phone.
func (d *demo) watch(ctx context.Context) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel}
	w.done.Go(func() { d.watchMatrix(ctx) })
	for _, p := range d.people {
		w.done.Go(func() { d.watchPhone(ctx, p) })
	}
	return w
}

func (d *demo) watchMatrix(ctx context.Context) {
	shown := make(map[id.EventID]bool)
	for ctx.Err() == nil {
		changes := d.user.Changes()
		for _, room := range d.user.KnownRooms() {
			for _, evt := range room.Messages() {
				name := d.nameOf(evt.Sender)
				if room.ID == d.botRoom || shown[evt.ID] || name == "" || evt.Type != event.EventMessage {
					continue
				}
				shown[evt.ID] = true
				content := evt.Content.AsMessage()
				what := content.Body
				if content.MsgType != event.MsgText && content.MsgType != event.MsgNotice {
					what = fmt.Sprintf("[%s] %s", strings.TrimPrefix(string(content.MsgType), "m."), what)
				}
				d.screen.shows("your Matrix client", name, what)
			}
		}
		select {
		case <-changes:
		case <-ctx.Done():
		}
	}
}

// nameOf is who a Matrix user is in the show, or empty for those who play no part in it.
func (d *demo) nameOf(user id.UserID) string {
	if user == d.user.ID {
		return "you"
	}
	for _, p := range d.people {
		if user == p.ghost(d) {
			return fmt.Sprintf("%s (%s)", p.Name, p.network.name)
		}
	}
	return ""
}

func (d *demo) watchPhone(ctx context.Context, p person) {
	for next := 0; ctx.Err() == nil; {
		events, err := d.stack.Simulator.Await(ctx, p.network.key, p.ID, control.Match{From: next, Kind: control.KindMessage}, 20*time.Second)
		if err != nil {
			// Nothing happened for a while, or the simulator is gone; then the next call says so at once.
			if !d.stack.Simulator.Running() {
				return
			}
			continue
		}
		for _, e := range events {
			next = e.Index + 1
			who, what := "you", e.Text
			if e.FromMe {
				who = p.Name
			}
			if e.Media != nil {
				what = strings.TrimSpace(fmt.Sprintf("[%s] %s", e.Media.Kind, e.Media.Caption))
			}
			d.screen.shows(p.Name+"'s phone", who, what)
		}
	}
}
