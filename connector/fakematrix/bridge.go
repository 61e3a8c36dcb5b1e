package fakematrix

import (
	"bytes"
	"context"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"go.mau.fi/util/dbutil"
	_ "go.mau.fi/util/dbutil/litestream" // the SQLite driver that the bridge uses

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/id"
)

// NewBridge makes a bridge of bridgev2 over network and m, with an SQLite database in dataDir, so that a second bridge in
// the same folder is the first one restarted. The caller starts and stops it. allowed says of an error-level log message
// that the test expects it; any other fails the test, since bridgev2 recovers panics and only logs them.
func NewBridge(t *testing.T, m *Matrix, network bridgev2.NetworkConnector, dataDir string, allowed func(message string) bool) *bridgev2.Bridge {
	t.Helper()
	log := zerolog.New(testWriter{t}).Level(zerolog.DebugLevel).Hook(errorHook{t, allowed})
	db, err := dbutil.NewFromConfig("crosschat", dbutil.Config{
		PoolConfig: dbutil.PoolConfig{
			Type: "sqlite3-fk-wal",
			// Escaped: the folders of fuzzed seeds have a # in their names.
			URI:          "file:" + (&url.URL{Path: filepath.Join(dataDir, "bridge.db")}).EscapedPath() + "?_txlock=immediate",
			MaxOpenConns: 5,
			MaxIdleConns: 5,
		},
	}, dbutil.ZeroLogger(log))
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	user := bridgeconfig.PermissionLevelUser
	config := &bridgeconfig.BridgeConfig{
		CommandPrefix:     "!cc",
		PortalEventBuffer: 64,
		Permissions:       bridgeconfig.PermissionConfig{Server: &user},
	}
	return bridgev2.NewBridge("", db, log, config, m, network, func(*bridgev2.Bridge) bridgev2.CommandProcessor { return noCommands{} })
}

// MustStart starts a bridge as the program does: nothing of the start is left running when it returns. The test stops it
// at the end, if it has not before.
func MustStart(t *testing.T, bridge *bridgev2.Bridge) {
	t.Helper()
	if err := bridge.StartConnectors(t.Context()); err != nil {
		t.Fatalf("start connectors: %v", err)
	}
	if err := bridge.StartLogins(t.Context()); err != nil {
		t.Fatalf("start logins: %v", err)
	}
	bridge.PostStart(t.Context())
	t.Cleanup(bridge.Stop)
}

type noCommands struct{}

// Handle implements bridgev2.CommandProcessor.
func (noCommands) Handle(context.Context, id.RoomID, id.EventID, *bridgev2.User, string, id.EventID) {
}

// errorHook fails a test at log entries of level error and above that it did not announce.
type errorHook struct {
	t       *testing.T
	allowed func(message string) bool
}

// Run implements zerolog.Hook. What bridgev2 is just doing when the test ends may fail.
func (h errorHook) Run(_ *zerolog.Event, level zerolog.Level, message string) {
	if h.t.Context().Err() != nil {
		return
	}
	if level >= zerolog.ErrorLevel && level != zerolog.NoLevel && (h.allowed == nil || !h.allowed(message)) {
		h.t.Errorf("unexpected error in the log: %s", message)
	}
}

// testWriter logs to a test as long as it runs; bridgev2 does not wait for its portals when it stops.
type testWriter struct {
	t *testing.T
}

// Write implements io.Writer.
func (w testWriter) Write(line []byte) (int, error) {
	if w.t.Context().Err() == nil {
		w.t.Logf("%s", bytes.TrimSpace(line))
	}
	return len(line), nil
}
