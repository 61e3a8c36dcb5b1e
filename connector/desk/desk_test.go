package desk

import (
	"reflect"
	"slices"
	"testing"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/status"
)

// TestAliases holds our list of aliases against the library's processor, which keeps its own to itself.
func TestAliases(t *testing.T) {
	processor := commands.NewProcessor(&bridgev2.Bridge{Log: zerolog.Nop()}).(*commands.Processor)
	processor.AddHandlers(matrix.CommandDiscardMegolmSession, matrix.CommandSetPowerLevel)
	known := reflect.ValueOf(processor).Elem().FieldByName("aliases")
	if !known.IsValid() {
		t.Fatal("the library's processor has no field aliases any more")
	}
	for _, alias := range known.MapKeys() {
		if !slices.Contains(aliases, alias.String()) {
			t.Errorf("the library's alias %q is not in the list", alias.String())
		}
	}
}

// newDesk is a desk over the library's processor, for a user who may log in.
func newDesk() (*Desk, *bridgev2.User) {
	bridge := &bridgev2.Bridge{Log: zerolog.Nop(), Config: &bridgeconfig.BridgeConfig{CommandPrefix: "!cc"}}
	bridge.Commands = commands.NewProcessor(bridge)
	d := Attach(bridge, nil, func(string) (bridgev2.BridgeName, bool) { return bridgev2.BridgeName{}, false })
	user := &bridgev2.User{User: &database.User{}, Bridge: bridge}
	user.ManagementRoom = "!bot"
	return d, user
}

func TestCorrect(t *testing.T) {
	d, user := newDesk()
	for said, want := range map[string]string{
		"lgoin":       "login",
		"Logut 1":     "logout",
		"serch Anna":  "search",
		"hlep":        "help",
		"login":       "",
		"logins":      "", // an alias
		"pm +4915":    "",
		"good mornin": "",
		"":            "",
		"lgoin`":      "login",
	} {
		if got := d.correct(t.Context(), "!bot", user, said); got != want {
			t.Errorf("%q is taken for %q, want %q", said, got, want)
		}
	}
	// While a question is open, everything is its answer.
	commands.StoreCommandState(user, &commands.CommandState{Next: commands.MinimalCommandHandlerFunc(func(*commands.Event) {})})
	if got := d.correct(t.Context(), "!bot", user, "lgoin"); got != "" {
		t.Errorf("to the answer of a question the bot says %q", got)
	}
}

// TestExamples holds the examples of our own commands against the list.
func TestExamples(t *testing.T) {
	d, user := newDesk()
	known := d.helps(&commands.Event{Bridge: d.bridge, Processor: d.Processor, RoomID: "!bot", User: user, Ctx: t.Context()})
	for _, name := range []string{"help", "list", "logout", "search", "login"} {
		if known[name].description == "" {
			t.Errorf("the list of commands has no description of %q: %+v", name, known)
		}
		if len(examplesOf[name]) == 0 {
			t.Errorf("%q has no example", name)
		}
	}
}

func TestInWords(t *testing.T) {
	for _, test := range []struct {
		state status.BridgeState
		want  string
	}{
		{status.BridgeState{}, "not connected yet"},
		{status.BridgeState{StateEvent: status.StateConnected, Message: "fine"}, "connected"},
		{status.BridgeState{StateEvent: status.StateUnknownError, Message: "*odd*"}, `in trouble (\*odd\*)`},
	} {
		if got := inWords(test.state); got != test.want {
			t.Errorf("%+v in words is %q, want %q", test.state, got, test.want)
		}
	}
}

// TestMayName holds who may name which login in a command.
func TestMayName(t *testing.T) {
	d, user := newDesk()
	ce := &commands.Event{Bridge: d.bridge, User: user}
	relays := &d.bridge.Config.Relay
	relays.DefaultRelays = []networkid.UserLoginID{"whatsapp-lid-1"}
	if mayName(ce, "whatsapp-lid-1") {
		t.Error("a relay of the config may be named although relaying is off")
	}
	relays.Enabled = true
	for login, want := range map[networkid.UserLoginID]bool{"whatsapp-lid-1": true, "whatsapp-lid-2": false, "": false} {
		if got := mayName(ce, login); got != want {
			t.Errorf("a user may name %q: %t, want %t", login, got, want)
		}
	}
	user.Permissions.Admin = true
	if !mayName(ce, "whatsapp-lid-2") {
		t.Error("an admin may not name a login")
	}
}
