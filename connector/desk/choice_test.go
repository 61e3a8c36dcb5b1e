package desk

import (
	"fmt"
	"testing"

	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/id"
)

func TestClicked(t *testing.T) {
	var o offers
	o.add("$list", offer{"!bot", "@anna:x", numbered([]string{"logout a", "logout b"})})
	for _, test := range []struct {
		evt  id.EventID
		user id.UserID
		key  string
		want string
	}{
		{"$list", "@anna:x", "1️⃣", "logout a"},
		{"$list", "@anna:x", "2\u20e3", "logout b"}, // without the mark for how it is shown
		{"$list", "@anna:x", "3️⃣", ""},
		{"$list", "@anna:x", "👍", ""},
		{"$list", "@ben:x", "1️⃣", ""},
		{"$other", "@anna:x", "1️⃣", ""},
		{"$other", "", "", ""},
	} {
		if got := o.clicked(test.evt, test.user, test.key); got != test.want {
			t.Errorf("%q on %s by %s means %q, want %q", test.key, test.evt, test.user, got, test.want)
		}
	}
}

func TestChoose(t *testing.T) {
	d, user := newDesk()
	user.MXID = "@anna:x"
	d.offers.add("$old", offer{"!bot", "@anna:x", numbered([]string{"login a", "login b"})})
	d.offers.add("$new", offer{"!bot", "@anna:x", numbered([]string{"logout a"})})
	d.offers.add("$other", offer{"!bot", "@ben:x", numbered([]string{"search x", "search y"})})
	d.offers.add("$meant", offer{"!elsewhere", "@anna:x", []choice{{meantKey, "list"}}})
	for _, test := range []struct {
		room    id.RoomID
		message string
		replyTo id.EventID
		want    string
	}{
		{"!bot", "1", "", "logout a"},
		{"!bot", " 2 ", "$old", "login b"},
		{"!bot", "2", "", "2"}, // the newest list is not that long
		{"!bot", "0", "", "0"},
		{"!bot", "-1", "$old", "-1"},
		{"!bot", "1", "$other", "1"},
		{"!bot", "one", "$old", "one"},
		{"!bot", "1", "$unknown", "1"},
		{"!elsewhere", "1", "", "1"}, // has no numbers
	} {
		if got := d.choose(test.room, user, test.message, test.replyTo); got != test.want {
			t.Errorf("%q in %s as reply to %q means %q, want %q", test.message, test.room, test.replyTo, got, test.want)
		}
	}
	commands.StoreCommandState(user, &commands.CommandState{Next: commands.MinimalCommandHandlerFunc(func(*commands.Event) {})})
	if got := d.choose("!bot", user, "1", ""); got != "1" {
		t.Errorf("while a question is open 1 means %q", got)
	}
	if got := d.choose("!bot", user, "1", "$old"); got != "login a" {
		t.Errorf("while a question is open 1 as reply to a list means %q", got)
	}
}

func TestOffersAreBounded(t *testing.T) {
	var o offers
	for i := range 2 * mostOffers {
		o.add(id.EventID(fmt.Sprint(i)), offer{"!bot", "@anna:x", numbered([]string{"list"})})
	}
	if len(o.made) != mostOffers || len(o.order) != mostOffers {
		t.Errorf("%d and %d are remembered, want %d", len(o.made), len(o.order), mostOffers)
	}
	if got := len(numbered(make([]string, 30))); got != mostChoices {
		t.Errorf("%d choices have a number, want %d", got, mostChoices)
	}
}
