package rooms

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
)

// Two logins of one network share its space, which stands beside the other network's in the user's one for everything, and
// all go with the last login.
func TestSpaces(t *testing.T) {
	dir := t.TempDir()
	h := newHouse(t, dir)
	first, second, other := h.logIn("one-1"), h.logIn("one-2"), h.logIn("two-1")
	top := h.spaceNamed(kindTop)
	if first.SpaceRoom == "" || first.SpaceRoom != second.SpaceRoom || first.SpaceRoom == other.SpaceRoom || top == "" {
		t.Fatalf("the spaces are %q, %q, %q in %q, want the first two the same", first.SpaceRoom, second.SpaceRoom, other.SpaceRoom, top)
	}
	if got, want := h.children(top), map[id.RoomID]bool{first.SpaceRoom: true, other.SpaceRoom: true}; !maps.Equal(got, want) {
		t.Errorf("the space for everything has %v, want %v", got, want)
	}
	var names []string
	for _, call := range h.matrix.Calls("CreateRoom") {
		req := call.Content.(*mautrix.ReqCreateRoom)
		names = append(names, req.Name)
		if !slices.Contains(req.Invite, alice) || req.CreationContent["type"] != event.RoomTypeSpace || req.PowerLevelOverride.Users[alice] != 50 {
			t.Errorf("space %q is made with %+v", req.Name, req)
		}
	}
	if want := []string{"Crosschat", "ONE", "TWO"}; !slices.Equal(names, want) {
		t.Errorf("made are the spaces %q, want %q", names, want)
	}

	if keep, err := h.leaveSpace(t.Context(), first.SpaceRoom); !keep || err != nil {
		t.Errorf("while logins are in it the space stays: %t, %v", keep, err)
	}
	requests, err := h.requestSpace(t.Context(), first.User)
	h.must(err)
	shared, others := first.SpaceRoom, other.SpaceRoom
	first.SpaceRoom, second.SpaceRoom = "", ""
	h.must(h.bridge.Bot.DeleteRoom(t.Context(), shared, false))
	if got := h.children(top); got[shared] {
		t.Errorf("the space for everything still has the one that is gone: %v", got)
	}
	other.SpaceRoom = ""
	h.must(h.bridge.Bot.DeleteRoom(t.Context(), others, false))
	deleted := make(map[id.RoomID]int)
	for _, call := range h.matrix.Calls("DeleteRoom") {
		deleted[call.Room]++
	}
	if want := map[id.RoomID]int{shared: 1, others: 1, requests: 1, top: 1}; !maps.Equal(deleted, want) {
		t.Errorf("deleted are %v, want %v", deleted, want)
	}
	if left, err := h.settings.WithPrefix(t.Context(), spaceSetting); len(left) > 0 || err != nil {
		t.Errorf("remembered are still %v, %v", left, err)
	}
	if keep, err := h.leaveSpace(t.Context(), "!portal:elsewhere"); keep || err != nil {
		t.Errorf("a room that is no space is deleted: keep %t, %v", keep, err)
	}
}

// What failed is made at the next try, once.
func TestSpaceIsMadeLater(t *testing.T) {
	for _, op := range []string{"CreateRoom", "SendState"} {
		t.Run(op, func(t *testing.T) {
			h := newHouse(t, t.TempDir())
			user, err := h.bridge.GetUserByMXID(t.Context(), alice)
			h.must(err)
			h.away.Store(&op)
			if _, err = h.requestSpace(t.Context(), user); !errors.Is(err, errAway) {
				t.Fatalf("while the homeserver is away: %v, want its error", err)
			}
			if got := h.spaceNamed(kindRequests); got != "" {
				t.Errorf("the space is said to be %q", got)
			}
			h.away.Store(nil)
			space, err := h.requestSpace(t.Context(), user)
			h.must(err)
			again, err := h.requestSpace(t.Context(), user)
			h.must(err)
			if space == "" || again != space || !h.children(h.spaceNamed(kindTop))[space] {
				t.Errorf("the space is %q, then %q, in %v", space, again, h.children(h.spaceNamed(kindTop)))
			}
		})
	}
}

// orphanage is a homeserver on which the bot is in some rooms.
type orphanage struct {
	info map[id.RoomID]event.BridgeEventContent // of a room, by its m.bridge
	down bool
}

// ServeHTTP implements http.Handler for what the search asks.
func (o *orphanage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if o.down {
		http.Error(w, `{"errcode":"M_UNKNOWN","error":"down"}`, http.StatusInternalServerError)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/joined_rooms") {
		_ = json.NewEncoder(w).Encode(mautrix.RespJoinedRooms{JoinedRooms: slices.Sorted(maps.Keys(o.info))})
		return
	}
	for room, info := range o.info {
		if strings.Contains(r.URL.Path, "/rooms/"+string(room)+"/state/m.bridge/") && info.Channel.ID != "" {
			_ = json.NewEncoder(w).Encode(info)
			return
		}
	}
	http.Error(w, `{"errcode":"M_NOT_FOUND","error":"no such state"}`, http.StatusNotFound)
}

// botAt is the bot as the library has it, in rooms that it knows to be in.
func botAt(t *testing.T, address string, in []id.RoomID) *appservice.IntentAPI {
	t.Helper()
	as := appservice.Create()
	as.HomeserverDomain, as.DefaultHTTPRetries = fakematrix.Server, 0
	as.Registration = &appservice.Registration{AppToken: "token", SenderLocalpart: "crosschat"}
	as.StateStore = mautrix.NewMemoryStateStore().(appservice.StateStore)
	if err := as.SetHomeserverURL(address); err != nil {
		t.Fatal(err)
	}
	bot := as.BotIntent()
	err := as.StateStore.MarkRegistered(t.Context(), bot.UserID)
	for _, room := range in {
		err = errors.Join(err, as.StateStore.SetMembership(t.Context(), room, bot.UserID, event.MembershipJoin))
	}
	if err != nil {
		t.Fatal(err)
	}
	return bot
}

// A space that an earlier run was making when it was killed is found by its m.bridge and not made twice; what only looks
// like it is left alone.
func TestOrphanedSpace(t *testing.T) {
	const bot, lost = id.UserID("@crosschat:fake.localhost"), id.RoomID("!lost:hs.test")
	info := func(bot id.UserID, channel string, receiver id.UserID) event.BridgeEventContent {
		return event.BridgeEventContent{BridgeBot: bot, Channel: event.BridgeInfoSection{ID: channel, Receiver: string(receiver)}}
	}
	others := map[id.RoomID]event.BridgeEventContent{
		"!chat:hs.test":    {},
		"!portal:hs.test":  info(bot, "one-1", alice),
		"!foreign:hs.test": info("@other:hs.test", channelPrefix+kindRequests, alice),
		"!top:hs.test":     info(bot, channelPrefix+kindTop, alice),
		"!bobs:hs.test":    info(bot, channelPrefix+kindRequests, "@bob:hs.test"),
	}
	for _, test := range []struct {
		name string
		here bool // the room that was made is there
		down bool
		want id.RoomID // empty: a new one
	}{
		{"it was made", true, false, lost},
		{"it was not", false, false, ""},
		{"the homeserver is away", true, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			home := &orphanage{info: maps.Clone(others), down: test.down}
			if test.here {
				home.info[lost] = info(bot, channelPrefix+kindRequests, alice)
			}
			hs := httptest.NewServer(home)
			defer hs.Close()
			h := newHouse(t, t.TempDir())
			h.library = &matrix.Connector{Bot: botAt(t, hs.URL, slices.Collect(maps.Keys(home.info)))}
			user, err := h.bridge.GetUserByMXID(t.Context(), alice)
			h.must(err)
			h.must(h.settings.Set(t.Context(), settingOf(alice, kindRequests), beingMade))

			got, err := h.haveSpace(t.Context(), user, kindRequests, "!everything:hs.test", h.bridge.Network.GetName(), "")
			if test.down {
				if err == nil || len(h.matrix.Calls("CreateRoom")) > 0 {
					t.Errorf("space %q, error %v, made %v: want only an error, since it may be there", got, err, h.matrix.Calls("CreateRoom"))
				}
				return
			}
			h.must(err)
			made := len(h.matrix.Calls("CreateRoom"))
			if test.want != "" && (got != test.want || made != 0) || test.want == "" && (got == "" || others[got].Channel.ID != "" || made != 1) {
				t.Errorf("the space is %q, %d were made; want %q (empty: a new one)", got, made, test.want)
			}
			if stored := h.spaceNamed(kindRequests); stored != got || !h.children("!everything:hs.test")[got] {
				t.Errorf("remembered is %q, the space around it has %v; want %q in both", stored, h.children("!everything:hs.test"), got)
			}
		})
	}
}
