package command_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/command"
	"crosschat/connector/fakematrix"
)

var one = command.Network{Prefix: "one", Name: "One"}

// client is of a network that knows contacts.
type client struct {
	fakematrix.Client
	out      bool // logged out
	contacts []*bridgev2.ResolveIdentifierResponse
	err      error
}

func (c *client) IsLoggedIn() bool                                      { return !c.out }
func (c *client) IsThisUser(_ context.Context, u networkid.UserID) bool { return u == "one-me" }

// GetContactList implements bridgev2.ContactListingNetworkAPI.
func (c *client) GetContactList(context.Context) ([]*bridgev2.ResolveIdentifierResponse, error) {
	return c.contacts, c.err
}

// stranger is a client of another network.
type stranger struct{ fakematrix.Client }

// room is a room in which somebody gives commands.
type room struct {
	t      *testing.T
	matrix *fakematrix.Matrix
	bridge *bridgev2.Bridge
	user   *bridgev2.User
	portal *bridgev2.Portal // nil in the chat with the bot
}

// newRoom starts a bridge whose user has these logins, in this order of ids.
func newRoom(t *testing.T, clients ...bridgev2.NetworkAPI) *room {
	t.Helper()
	r := &room{t: t, matrix: fakematrix.New()}
	next := 0
	network := fakematrix.Network{Name: bridgev2.BridgeName{NetworkID: "test"}, NewClient: func() bridgev2.NetworkAPI {
		next++
		return clients[next-1]
	}}
	r.bridge = fakematrix.NewBridge(t, r.matrix, network, t.TempDir(), func(message string) bool {
		return message == "Could not list the contacts"
	})
	fakematrix.MustStart(t, r.bridge)
	var err error
	if r.user, err = r.bridge.GetUserByMXID(t.Context(), "@alice:"+fakematrix.Server); err != nil {
		t.Fatal(err)
	}
	for i := range clients {
		login := &database.UserLogin{ID: networkid.UserLoginID(fmt.Sprintf("login-%d", i))}
		if _, err = r.user.NewLogin(t.Context(), login, nil); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// in moves into the room of a login's chat.
func (r *room) in(login int, chat networkid.PortalID) *room {
	r.t.Helper()
	key := networkid.PortalKey{ID: chat, Receiver: networkid.UserLoginID(fmt.Sprintf("login-%d", login))}
	var err error
	if r.portal, err = r.bridge.GetPortalByKey(r.t.Context(), key); err != nil {
		r.t.Fatal(err)
	}
	owner := r.bridge.GetCachedUserLoginByID(key.Receiver)
	if _, err = r.bridge.DB.UserPortal.GetOrCreate(r.t.Context(), owner.UserLogin, key); err != nil {
		r.t.Fatal(err)
	}
	return r
}

// event is a command that the user gives.
func (r *room) event(args ...string) *commands.Event {
	log := zerolog.Nop()
	return &commands.Event{
		Bot: r.bridge.Bot, Bridge: r.bridge, User: r.user, Portal: r.portal, Args: args, Ctx: r.t.Context(), Log: &log,
		RoomID: "!room", OrigRoomID: "!room", EventID: "$command",
	}
}

// said are the bot's answers so far.
func (r *room) said() string {
	var all []string
	for _, call := range r.matrix.Calls("SendMessage") {
		content := call.Content.(*event.MessageEventContent)
		if call.Room != "!room" || content.MsgType != event.MsgNotice {
			r.t.Errorf("the bot sent %+v into %s, want notices in the command's room", content, call.Room)
		}
		all = append(all, content.Body)
	}
	return strings.Join(all, "\n")
}

func TestClient(t *testing.T) {
	first, second, out, other := &client{}, &client{}, &client{out: true}, &stranger{}
	for _, test := range []struct {
		name    string
		clients []bridgev2.NetworkAPI
		login   int                // whose chat it is in
		chat    networkid.PortalID // "": the chat with the bot
		want    *client
		says    string
	}{
		{"the only account", []bridgev2.NetworkAPI{first}, 0, "", first, ""},
		{"the chat's account, not the first", []bridgev2.NetworkAPI{first, second}, 1, "one-anna", second, ""},
		{"in a chat whose account is logged out", []bridgev2.NetworkAPI{first, out}, 1, "one-anna", nil,
			"Your account of this chat is not logged in: log in again."},
		{"an account of this network among others", []bridgev2.NetworkAPI{other, first}, 0, "", first, ""},
		{"in a chat of another network", []bridgev2.NetworkAPI{other, first}, 0, "two-anna", first, ""},
		{"one that is logged in", []bridgev2.NetworkAPI{out, first}, 0, "", first, ""},
		{"none that is", []bridgev2.NetworkAPI{out}, 0, "", nil, "You are not logged in to One."},
		{"none of this network", []bridgev2.NetworkAPI{other}, 0, "", nil, "You are not logged in to One."},
		{"no account", nil, 0, "", nil, "You are not logged in to One."},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRoom(t, test.clients...)
			if test.chat != "" {
				r.in(test.login, test.chat)
			}
			got, ok := command.Client[*client](r.event(), one)
			if ok != (test.want != nil) || ok && got != test.want {
				t.Errorf("found is %p, %t, want %p", got, ok, test.want)
			}
			if said := r.said(); said != test.says {
				t.Errorf("the user is told %q, want %q", said, test.says)
			}
		})
	}
}

func TestSetting(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		err  error
		want string
		ran  string
	}{
		{"taken", []string{"on"}, nil, "Done.", "on"},
		{"no argument", nil, nil, "Usage: !cc one-mute on | off", ""},
		{"too many", []string{"on", "off"}, nil, "Usage: !cc one-mute on | off", ""},
		{"nonsense", []string{"maybe"}, command.ErrUsage, "Usage: !cc one-mute on | off", "maybe"},
		{"wrapped nonsense", []string{"maybe"}, fmt.Errorf("parse: %w", command.ErrUsage), "Usage: !cc one-mute on | off", "maybe"},
		{"refused", []string{"on"}, errors.New("socket closed: token=secret"), "One did not take that; try again later.", "on"},
	} {
		t.Run(test.name, func(t *testing.T) {
			mine, ran := &client{}, ""
			r := newRoom(t, mine).in(0, "one-anna")
			handler := command.Setting(one, "mute", "on | off", "Mute this chat", func(c *client, _ *commands.Event, arg string) error {
				ran = arg
				if c != mine {
					t.Errorf("the command is about %p, want %p", c, mine)
				}
				return test.err
			})
			if handler.Name != "one-mute" || !handler.RequiresLogin || !handler.RequiresPortal || handler.Help.Args != "on | off" {
				t.Errorf("the command is %+v", handler)
			}
			handler.Func(r.event(test.args...))
			if got := strings.ReplaceAll(r.said(), "`", ""); got != test.want || ran != test.ran {
				t.Errorf("the user is told %q after %q, want %q after %q", got, ran, test.want, test.ran)
			}
		})
	}
}

// What is said in a chat is never done to another account's.
func TestSettingOfOthers(t *testing.T) {
	for _, test := range []struct {
		name    string
		clients []bridgev2.NetworkAPI
		chat    networkid.PortalID // of the second account
		says    string
	}{
		{"an account that is logged out", []bridgev2.NetworkAPI{&client{}, &client{out: true}}, "one-anna",
			"Your account of this chat is not logged in: log in again."},
		{"another network's", []bridgev2.NetworkAPI{&client{}, &stranger{}}, "two-anna", "This room is no One chat."},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRoom(t, test.clients...).in(1, test.chat)
			command.Setting(one, "mute", "on | off", "Mute this chat", func(*client, *commands.Event, string) error {
				t.Error("the command was done to another account")
				return nil
			}).Func(r.event("on"))
			if got := r.said(); got != test.says {
				t.Errorf("the user is told %q, want %q", got, test.says)
			}
		})
	}
	r := newRoom(t, &client{}).in(0, "one-anna")
	other, err := r.bridge.GetUserByMXID(t.Context(), "@bob:"+fakematrix.Server)
	if err != nil {
		t.Fatal(err)
	}
	r.user = other
	command.Setting(one, "mute", "on | off", "Mute this chat", func(*client, *commands.Event, string) error {
		t.Error("the command was done to another user's account")
		return nil
	}).Func(r.event("on"))
	if got := r.said(); !strings.Contains(got, "not one of your accounts'") {
		t.Errorf("another user is told %q", got)
	}
}

func TestOnOff(t *testing.T) {
	refused := errors.New("refused")
	for arg, want := range map[string]error{"on": refused, "off": refused, "On": command.ErrUsage, "": command.ErrUsage, "yes": command.ErrUsage} {
		var got []bool
		err := command.OnOff(arg, func(on bool) error {
			got = append(got, on)
			return refused
		})
		if !errors.Is(err, want) || (len(got) == 1) != (want == refused) || len(got) == 1 && got[0] != (arg == "on") {
			t.Errorf("%q: %v after %v, want %v", arg, err, got, want)
		}
	}
}

// contact is somebody with a name.
func contact(name, id string) *bridgev2.ResolveIdentifierResponse {
	return &bridgev2.ResolveIdentifierResponse{UserID: networkid.UserID(id), UserInfo: &bridgev2.UserInfo{Name: &name}}
}

func TestContacts(t *testing.T) {
	many := make([]*bridgev2.ResolveIdentifierResponse, 0, 450)
	for i := range cap(many) {
		many = append(many, contact(fmt.Sprintf("Person %03d with a name that is rather long", i), fmt.Sprintf("one-%d", i)))
	}
	for _, test := range []struct {
		name   string
		client client
		args   []string
		want   []string
		never  string
		lines  int
	}{
		{"all", client{contacts: []*bridgev2.ResolveIdentifierResponse{contact("Anna", "one-1"), contact("Ben", "one-2")}}, nil,
			[]string{"Anna: one-1", "Ben: one-2", "!cc start-chat"}, "more", 2},
		{"a part of a name", client{contacts: []*bridgev2.ResolveIdentifierResponse{contact("Anna Maria", "one-1"), contact("Ben", "one-2")}},
			[]string{"NA", "mA"}, []string{"Anna Maria: one-1"}, "Ben", 1},
		{"nobody", client{}, []string{"x"}, []string{"nobody like that"}, "start-chat", 0},
		{"the network is away", client{err: errors.New("timeout")}, nil, []string{"could not be listed"}, "timeout", 0},
		{"too many", client{contacts: many}, nil, []string{"and 150 more", "name a part of the name"}, "Person 300", 300},
		{"names with markup", client{contacts: []*bridgev2.ResolveIdentifierResponse{
			contact("*An_na* <b>`[x](https://evil.test)\nEve: `one-9` $cmdprefix", "one-1")}}, nil,
			[]string{"*An_na* ‹b›'[x](https://evil.test) Eve: 'one-9' ＄cmdprefix: one-1"}, "\nEve", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRoom(t, &test.client)
			command.Contacts[*client](one, "your contacts").Func(r.event(test.args...))
			said := strings.ReplaceAll(r.said(), "`", "")
			for _, part := range test.want {
				if !strings.Contains(said, part) {
					t.Errorf("the user is told %q, want %q in it", said, part)
				}
			}
			if strings.Contains(said, test.never) {
				t.Errorf("the user is told %q, which has %q", said, test.never)
			}
			if got := strings.Count(said, ": one-"); got < test.lines {
				t.Errorf("listed are %d, want %d", got, test.lines)
			}
			for _, call := range r.matrix.Calls("SendMessage") {
				content := call.Content.(*event.MessageEventContent)
				if size := len(content.Body) + len(content.FormattedBody); size > 60_000 {
					t.Errorf("the answer has %d bytes, more than an event may", size)
				}
				if strings.Contains(content.FormattedBody, "<b>") || strings.Contains(content.FormattedBody, "evil.test\"") {
					t.Errorf("a name became markup: %q", content.FormattedBody)
				}
			}
		})
	}
}
