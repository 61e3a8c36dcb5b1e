package whatsapp

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/store"

	"maunium.net/go/mautrix/bridgev2/status"
)

// WhatsApp turns away clients that call themselves a version of WhatsApp Web that it no longer serves (405, section 16 of
// the protocol notes). The page of WhatsApp Web names the version of today. It is asked at start, now and then, and when
// a connection was turned away. Each connection names the version that is newest then; the library's own number, which
// all connections of the process would share, stays as it is.

const (
	errorOutdated      status.BridgeStateErrorCode = "whatsapp-outdated"
	errorVersionTooOld status.BridgeStateErrorCode = "whatsapp-version-too-old"
)

func init() {
	status.BridgeStateHumanErrors.Update(status.BridgeStateErrorMap{
		errorOutdated:      "WhatsApp wants a newer version of its client than the bridge can find out. It goes on looking; if this stays, update the bridge.",
		errorVersionTooOld: "WhatsApp does not take the version that the bridge is told to be any more. Whoever runs the bridge should empty whatsapp.client_version in its config and restart it.",
	})
}

const (
	// versionTimeout bounds one question for the newest version; the start of the process waits for it.
	versionTimeout = 5 * time.Second
	// What was refused is looked up again after a minute at first, later every hour.
	firstVersionPause = time.Minute
	longVersionPause  = time.Hour
)

// version is which version of WhatsApp Web the logins call themselves. It is safe for use by many goroutines once ask is
// set.
type version struct {
	ask     func(context.Context) (*store.WAVersionContainer, error)
	pinned  bool // the config says which
	current atomic.Pointer[store.WAVersionContainer]

	asking  sync.Mutex // held while asking
	askedAt time.Time  // guarded by asking
}

// get is the newest version that is known, never older than the library's own unless the config says so.
func (v *version) get() store.WAVersionContainer {
	if current := v.current.Load(); current != nil {
		return *current
	}
	return store.GetWAVersion()
}

// refresh asks for the newest version, unless somebody has while it waited for its turn. Failing does no harm until
// WhatsApp turns the known version away; it is logged.
func (v *version) refresh(ctx context.Context) {
	if v.pinned {
		return
	}
	begun := time.Now()
	v.asking.Lock()
	defer v.asking.Unlock()
	if v.askedAt.After(begun) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	latest, err := v.ask(ctx)
	v.askedAt = time.Now()
	log := zerolog.Ctx(ctx)
	if err != nil {
		log.Warn().Err(err).Msg("Could not ask for the latest version of WhatsApp Web")
		return
	}
	raised := v.get().LessThan(*latest)
	if raised {
		v.current.Store(latest)
	}
	log.Debug().Stringer("latest", latest).Bool("raised", raised).Msg("Asked for the latest version of WhatsApp Web")
}

// keep refreshes the version again and again until ctx ends.
func (v *version) keep(ctx context.Context, interval time.Duration) {
	for !v.pinned && interval > 0 && hold(ctx, interval) {
		v.refresh(ctx)
	}
}

// awaitNewer blocks until a version is known that is newer than a refused one. missing is called if there is none at first.
// It is false if ctx ends, or if the version is pinned.
func (v *version) awaitNewer(ctx context.Context, refused store.WAVersionContainer, missing func()) bool {
	for tries := 0; ; tries++ {
		v.refresh(ctx)
		if refused.LessThan(v.get()) {
			return true
		}
		if tries == 0 {
			zerolog.Ctx(ctx).Warn().Stringer("refused", refused).Bool("pinned", v.pinned).
				Msg("WhatsApp wants a newer version than is known")
			missing()
		}
		if v.pinned || !hold(ctx, min(firstVersionPause<<min(tries, 8), longVersionPause)) {
			return false
		}
	}
}

// checkVersion checks the keys of the config that are about the version.
func checkVersion(c *Config) error {
	const least, most = time.Hour, 30 * 24 * time.Hour
	if c.VersionRefresh != 0 && (c.VersionRefresh < least || c.VersionRefresh > most) {
		return fmt.Errorf("whatsapp.version_refresh is %s: set it between %s and %s, or to 0s", c.VersionRefresh, least, most)
	}
	if c.ClientVersion == "" {
		return nil
	}
	if version, err := store.ParseVersion(c.ClientVersion); err != nil || version.IsZero() || version.String() != c.ClientVersion {
		return fmt.Errorf("whatsapp.client_version is %q: set it to three numbers with dots, such as %s, or leave it empty",
			c.ClientVersion, store.GetWAVersion())
	}
	return nil
}

// startVersion finds out the version to begin with and keeps it fresh until Stop.
func (n *Network) startVersion(ctx context.Context) error {
	n.version.ask = func(ctx context.Context) (*store.WAVersionContainer, error) {
		return whatsmeow.GetLatestVersion(ctx, n.transport.client)
	}
	if text := n.Config.ClientVersion; text != "" {
		pinned, err := store.ParseVersion(text)
		if err != nil {
			return fmt.Errorf("whatsapp.client_version: %w", err)
		}
		n.version.pinned = true
		n.version.current.Store(&pinned)
	}
	n.version.refresh(ctx)
	log := zerolog.Ctx(ctx)
	ctx, n.stopVersion = context.WithCancel(log.WithContext(n.bridge.BackgroundCtx))
	n.background.Go(func() { n.version.keep(ctx, n.Config.VersionRefresh) })
	return nil
}

// equip makes a client of the library take our way to the servers and name our version. said is told of each version that
// it names; it may be nil.
func (n *Network) equip(wa *whatsmeow.Client, said *atomic.Pointer[store.WAVersionContainer]) {
	n.transport.apply(wa)
	wa.GetClientPayload = func() *waWa6.ClientPayload {
		named := n.version.get()
		if said != nil {
			said.Store(&named)
		}
		payload := wa.Store.GetClientPayload()
		payload.UserAgent.AppVersion = named.ProtoAppVersion()
		if pairing := payload.DevicePairingData; pairing != nil {
			hash := named.Hash()
			pairing.BuildHash = hash[:]
		}
		return payload
	}
}

// onOutdated is a connection that was turned away for its version. The library does not try again.
func (c *Client) onOutdated() {
	c.online.Set(false)
	refused := c.network.version.get()
	if said := c.said.Load(); said != nil {
		refused = *said
	}
	c.goDo("version", func() { c.awaitVersion(refused) })
}

// awaitVersion looks for a version newer than the refused one, and connects with it.
func (c *Client) awaitVersion(refused store.WAVersionContainer) {
	newer := c.network.version.awaitNewer(c.log.WithContext(c.ctx), refused, func() { c.reportOutdated(refused) })
	if !newer {
		return
	}
	c.log.Info().Stringer("refused", refused).Msg("Connecting with a newer version")
	c.wa.Disconnect() // the server leaves it to us to hang up
	c.connect()
}

func (c *Client) reportOutdated(refused store.WAVersionContainer) {
	state := status.BridgeState{
		StateEvent: status.StateUnknownError,
		Error:      errorOutdated,
		Info:       map[string]any{"version": refused.String()},
	}
	if c.network.version.pinned {
		state.Error = errorVersionTooOld
		state.UserAction = status.UserActionRestart
	}
	c.report(state)
}

// onOutdated connects a login's connection anew with a newer version, once. It is false if there is none.
func (l *qrLogin) onOutdated() bool {
	version := &l.network.version
	refused := version.get()
	if said := l.said.Swap(nil); said != nil {
		refused = *said
	}
	version.refresh(l.ctx)
	if !refused.LessThan(version.get()) {
		return false
	}
	l.wa.Disconnect()
	if err := l.wa.ConnectContext(l.ctx); err != nil {
		l.log.Warn().Err(err).Msg("Could not connect to WhatsApp with a newer version")
		return false
	}
	return true
}
