package keys

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
	crosschatdb "crosschat/database"
)

// fakeBot is the bot's account.
type fakeBot struct {
	own   id.DeviceID
	all   map[id.DeviceID]string // their names
	away  error                  // of the homeserver
	stuck error                  // of removing
}

func (b *fakeBot) device() id.DeviceID { return b.own }

func (b *fakeBot) devices(context.Context) (list []mautrix.RespDeviceInfo, err error) {
	for device, name := range b.all {
		list = append(list, mautrix.RespDeviceInfo{DeviceID: device, DisplayName: name})
	}
	return list, b.away
}

func (b *fakeBot) remove(_ context.Context, device id.DeviceID) error {
	if b.stuck == nil {
		delete(b.all, device)
	}
	return b.stuck
}

// newKeys makes the guard of a bridge with two users, one of whom has a login, and an admin without.
func newKeys(t *testing.T, m *fakematrix.Matrix) *Keys {
	t.Helper()
	network := fakematrix.Network{
		Name:      bridgev2.BridgeName{NetworkID: "test"},
		NewClient: func() bridgev2.NetworkAPI { return fakematrix.Client{} },
	}
	bridge := fakematrix.NewBridge(t, m, network, t.TempDir(), func(string) bool { return false })
	fakematrix.MustStart(t, bridge)
	for _, mxid := range []id.UserID{alice, bob} {
		user, err := bridge.GetUserByMXID(t.Context(), mxid)
		if err != nil {
			t.Fatal(err)
		}
		if mxid == alice {
			if _, err = user.NewLogin(t.Context(), &database.UserLogin{ID: "login"}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	bridge.Config.Permissions = bridgeconfig.PermissionConfig{
		"*": &bridgeconfig.PermissionLevelUser, "hs.test": &bridgeconfig.PermissionLevelAdmin, bob.String(): &bridgeconfig.PermissionLevelAdmin,
	}
	k := Attach(bridge, nil, crosschatdb.NewSettings(bridge.DB.Database, bridge.ID))
	t.Cleanup(k.Stop)
	return k
}

// toTell lists who is noted to be told.
func toTell(t *testing.T, k *Keys) []string {
	t.Helper()
	noted, err := k.settings.WithPrefix(t.Context(), tellSetting)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(noted))
}

func TestRecognise(t *testing.T) {
	const bridgeName, own = "Crosschat bridge", id.DeviceID("NEW")
	only := map[id.DeviceID]string{own: bridgeName}
	everybody := []string{alice.String(), bob.String()}
	for _, test := range []struct {
		name  string
		known string
		bot   fakeBot
		left  map[id.DeviceID]string
		tells []string
		noted string
	}{
		{"the first start", "", fakeBot{all: only}, only, nil, "NEW"},
		{"as before", "NEW", fakeBot{away: errors.New("must not be asked")}, nil, nil, "NEW"},
		{"another than before", "OLD", fakeBot{all: map[id.DeviceID]string{own: bridgeName, "OLD": bridgeName}}, only, everybody, "NEW"},
		{"the homeserver has forgotten the old one", "OLD", fakeBot{all: only}, only, everybody, "NEW"},
		{"the database is lost, too", "", fakeBot{all: map[id.DeviceID]string{own: bridgeName, "OLD": bridgeName}}, only, everybody, "NEW"},
		{"a device that the bridge did not make", "", fakeBot{all: map[id.DeviceID]string{own: bridgeName, "ADMINS": "a script"}},
			map[id.DeviceID]string{own: bridgeName, "ADMINS": "a script"}, nil, "NEW"},
		{"the old one can't be removed", "OLD", fakeBot{all: map[id.DeviceID]string{own: bridgeName, "OLD": bridgeName}, stuck: errors.New("401")},
			map[id.DeviceID]string{own: bridgeName, "OLD": bridgeName}, everybody, "NEW"},
		{"the homeserver does not answer", "OLD", fakeBot{all: only, away: errors.New("502")}, only, nil, "OLD"},
		{"the homeserver does not know the new one", "OLD", fakeBot{all: map[id.DeviceID]string{"OLD": bridgeName}},
			map[id.DeviceID]string{"OLD": bridgeName}, nil, "OLD"},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := newKeys(t, fakematrix.New())
			if err := k.settings.Set(t.Context(), deviceSetting, test.known); err != nil {
				t.Fatal(err)
			}
			bot := test.bot
			bot.own, bot.all = own, maps.Clone(bot.all)
			if err := k.recognise(t.Context(), &bot); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(bot.all, test.left) {
				t.Errorf("the bot has the devices %v, want %v", bot.all, test.left)
			}
			if got := toTell(t, k); !slices.Equal(got, test.tells) {
				t.Errorf("to be told are %q, want %q", got, test.tells)
			}
			if got, err := k.settings.Get(t.Context(), deviceSetting); got != test.noted || err != nil {
				t.Errorf("noted is %q, %v, want %q", got, err, test.noted)
			}
		})
	}
}

// Users are told in their chat with the bot, once, and after another start if the homeserver was away.
func TestTell(t *testing.T) {
	m := fakematrix.New()
	away := true
	m.Intercept = func(_ context.Context, call fakematrix.Call) error {
		if away && call.Op == "SendMessage" {
			return errors.New("connection refused")
		}
		return nil
	}
	k := newKeys(t, m)
	if err := k.noteUsers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := k.tellOnce(); !left || err != nil {
		t.Fatalf("the homeserver is away: left %t, %v, want true", left, err)
	}
	if got := toTell(t, k); !slices.Equal(got, []string{alice.String()}) { // the admin has no chat with the bot
		t.Errorf("to be told are %q, want the user with a login", got)
	}
	away = false
	k.Start()
	if err := m.Await(20*time.Second, "nobody is left to be told", func() bool { return len(toTell(t, k)) == 0 }); err != nil {
		t.Fatal(err)
	}
	sent := m.Calls("SendMessage")
	if len(sent) != 1 {
		t.Fatalf("%d messages were sent, want 1: %+v", len(sent), sent)
	}
	content, ok := sent[0].Content.(*event.MessageEventContent)
	if !ok || content.MsgType != event.MsgNotice || !strings.Contains(content.Body, "send it again") {
		t.Errorf("the user is told %+v", sent[0].Content)
	}
}
