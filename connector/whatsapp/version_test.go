package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/whatsmeow/store"

	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/fakematrix"
	"crosschat/simulator/control"
)

// raised is the library's own version, so much newer.
func raised(by uint32) store.WAVersionContainer {
	v := store.GetWAVersion()
	v[2] += by
	return v
}

// wantVersion makes WhatsApp turn away what is older, and its page name it.
func (w *world) wantVersion(wanted store.WAVersionContainer, page map[string]string) control.Fault {
	w.Helper()
	w.faults(control.Fault{Kind: "version_page", Args: page})
	return w.faults(control.Fault{Kind: "outdated", Args: map[string]string{"version": wanted.String()}})
}

func revision(v store.WAVersionContainer) map[string]string {
	return map[string]string{"revision": fmt.Sprint(v[2])}
}

// TestOutdated: a connection that is turned away for its version comes back with a newer one, and the user hears nothing
// of it; so does a login that begins meanwhile.
func TestOutdated(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	wanted := raised(7)
	outdated := w.wantVersion(wanted, revision(wanted))
	w.faults(control.Fault{Kind: "close", Person: w.alice.ID})
	waitFor(t, "a connection with the new version", func() bool {
		said := c.said.Load()
		return said != nil && *said == wanted && c.online.Open()
	})
	w.send(w.anna, w.alice, "are you new?")
	w.awaitText("are you new?")
	if got := w.hits(outdated.ID); got != 1 {
		t.Errorf("WhatsApp has turned the bridge away %d times, want once", got)
	}
	for _, state := range w.matrix.States() {
		if state.Error == errorOutdated {
			t.Errorf("the user was told %+v", state)
		}
	}

	w.network.version.current.Store(nil) // as in a process that was just started
	process, _ := w.start("@bert:" + fakematrix.Server)
	process.Cancel()
	if got := w.hits(outdated.ID); got != 2 {
		t.Errorf("WhatsApp has turned the login away %d times, want once", got-1)
	}
}

// TestOutdatedWithoutRemedy: a version that the config says is not changed, and the user learns of it; so when the page
// does not answer.
func TestOutdatedWithoutRemedy(t *testing.T) {
	for name, test := range map[string]struct {
		pinned string
		want   status.BridgeStateErrorCode
	}{
		"pinned":  {raised(1).String(), errorVersionTooOld},
		"no page": {"", errorOutdated},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldWith(t, func(n aloneNetwork, _ string) { n.Config.ClientVersion = test.pinned })
			c, _ := w.logIn()
			if test.pinned != "" && c.said.Load().String() != test.pinned {
				t.Errorf("the login called itself %s, want %s", c.said.Load(), test.pinned)
			}
			page := revision(raised(9))
			if test.pinned == "" {
				page["status"] = "503"
			}
			outdated := w.wantVersion(raised(9), page)
			w.faults(control.Fault{Kind: "close", Person: w.alice.ID})
			awaitState(t, w.matrix, status.StateUnknownError, test.want)
			if got := w.hits(outdated.ID); got != 1 {
				t.Errorf("WhatsApp was asked %d times, want once", got)
			}
			process, err := w.network.CreateLogin(t.Context(), mustUser(t, w.network.bridge, "@bert:"+fakematrix.Server), flowQR)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = process.Start(t.Context()); !errors.Is(err, errLoginOutdated) {
				t.Errorf("a login gives %v, want %v", err, errLoginOutdated)
			}
		})
	}
}

// TestVersionAwaited: what is not known at first is asked for again, ever more seldom.
func TestVersionAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused, newer := raised(0), raised(3)
		var asked []time.Duration
		begun := time.Now()
		v := &version{ask: func(context.Context) (*store.WAVersionContainer, error) {
			asked = append(asked, time.Since(begun))
			switch len(asked) {
			case 1:
				return nil, errors.New("no answer")
			case 2, 3:
				return &refused, nil
			default:
				return &newer, nil
			}
		}}
		told := 0
		if !v.awaitNewer(t.Context(), refused, func() { told++ }) || v.get() != newer || told != 1 {
			t.Errorf("found version %s, told %d times; want %s, once", v.get(), told, newer)
		}
		if want := []time.Duration{0, time.Minute, 3 * time.Minute, 7 * time.Minute}; !slices.Equal(asked, want) {
			t.Errorf("asked after %v, want %v", asked, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Hour)
		defer cancel()
		asked = nil
		if v.awaitNewer(ctx, newer, func() {}) {
			t.Error("found a newer version than the page names")
		}
		if len(asked) > 20+8 {
			t.Errorf("asked %d times in 20 hours", len(asked))
		}
	})
}

// TestVersionKept: the version is refreshed as often as the config says, and never lowered.
func TestVersionKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := []store.WAVersionContainer{raised(5), raised(2), raised(6)}
		var got []store.WAVersionContainer
		v := &version{}
		v.ask = func(context.Context) (*store.WAVersionContainer, error) {
			got = append(got, v.get())
			return &page[min(len(got), len(page))-1], nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*24*time.Hour+time.Second)
		defer cancel()
		v.keep(ctx, 24*time.Hour)
		if want := []store.WAVersionContainer{raised(0), raised(5), raised(5), raised(6)}; !slices.Equal(got, want) {
			t.Errorf("the version was %v, want %v", got, want)
		}
		v.keep(t.Context(), 0) // never: returns
		v.pinned = true
		v.keep(t.Context(), time.Hour)
		v.refresh(t.Context())
		if len(got) != 4 {
			t.Errorf("asked %d times, want 4", len(got))
		}
	})
}
