package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
	"crosschat/connector/ledger"
)

// TestGroupErrors: each way in which WhatsApp does not take a change of a group is told in plain words.
func TestGroupErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("set: %w", whatsmeow.ErrIQForbidden), "only the group's admins"},
		{whatsmeow.ErrIQNotAuthorized, "only the group's admins"},
		{whatsmeow.ErrIQNotAcceptable, "too long"},
		{whatsmeow.ErrIQRateOverLimit, "error 429"},
		{whatsmeow.ErrInvalidImageFormat, "picture"},
		{whatsmeow.ErrNotConnected, "can't be reached"},
		{context.DeadlineExceeded, "can't be reached"},
		{errors.New("odd"), "could not be changed"},
		{ledger.Refuse("no"), "no"},
	} {
		var status bridgev2.MessageStatus
		if err := groupError(test.err); !errors.As(err, &status) {
			t.Errorf("%v becomes %v, want a status", test.err, err)
		}
		told := status.Message
		if status.ErrorAsMessage {
			told = status.Error()
		}
		if !strings.Contains(told, test.want) || !status.SendNotice {
			t.Errorf("%v: the user is told %q (%t), want %q", test.err, told, status.SendNotice, test.want)
		}
	}
	if err := groupError(nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}

func TestMemberRefusals(t *testing.T) {
	for _, test := range []struct {
		code int
		add  bool
		want string // part of it, empty if it is none
	}{
		{0, true, ""}, {0, false, ""}, {http.StatusConflict, true, ""}, {http.StatusNotFound, false, ""},
		{http.StatusForbidden, true, "group's link"}, {http.StatusRequestTimeout, true, "left the group"},
		{http.StatusNotFound, true, "not on WhatsApp"}, {http.StatusForbidden, false, "error 403"}, {499, true, "error 499"},
	} {
		if got := memberRefusal(test.code, test.add); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("error %d, adding %t: %q, want %q in it", test.code, test.add, got, test.want)
		}
	}
}

// TestGroupChangeOffline: state does not wait for the network. What could not be changed is put back.
func TestGroupChangeOffline(t *testing.T) {
	m, n := fakematrix.New(), newTestNetwork(t)
	mustStart(t, m, n, t.TempDir())
	c := mustLogin(t, n)
	key := c.portalKey(types.NewJID("120363000000000001", types.GroupServer))
	portal, err := n.bridge.GetPortalByKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	portal.MXID, portal.Name, portal.NameSet, portal.RoomType = "!group:test", "Friends", true, database.RoomTypeDefault
	if err := portal.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	changed, err := c.HandleMatrixRoomName(t.Context(), &bridgev2.MatrixRoomName{
		MatrixEventBase: bridgev2.MatrixEventBase[*event.RoomNameEventContent]{
			Event: &event.Event{}, Content: &event.RoomNameEventContent{Name: "Foes"}, Portal: portal,
		},
	})
	if changed || err == nil || !strings.Contains(err.Error(), "not connected") {
		t.Errorf("without a connection the name is changed: %t, %v", changed, err)
	}
	waitFor(t, "the old name in the room", func() bool {
		for _, call := range m.Calls("SendState") {
			if content, ok := call.Content.(*event.RoomNameEventContent); ok && content.Name == "Friends" {
				return true
			}
		}
		return false
	})
}

// TestMembershipElsewhere: who is in the room of a chat with one person, and guests without WhatsApp, are not WhatsApp's
// business.
func TestMembershipElsewhere(t *testing.T) {
	c := &Client{}
	group := &bridgev2.Portal{Portal: &database.Portal{PortalKey: networkid.PortalKey{ID: "whatsapp-group-120363000000000001"}}}
	person := &bridgev2.Portal{Portal: &database.Portal{PortalKey: networkid.PortalKey{ID: "whatsapp-lid-200000000002"}}}
	ghost := &bridgev2.Ghost{Ghost: &database.Ghost{ID: "whatsapp-lid-200000000002"}}
	for _, test := range []struct {
		portal *bridgev2.Portal
		target bridgev2.GhostOrUserLogin
		change bridgev2.MembershipChangeType
	}{
		{person, ghost, bridgev2.Invite},
		{group, nil, bridgev2.Invite},
		{group, &bridgev2.Ghost{Ghost: &database.Ghost{ID: "messenger-1"}}, bridgev2.Kick},
		{group, ghost, bridgev2.ProfileChange},
		{group, ghost, bridgev2.Unban},
	} {
		msg := &bridgev2.MatrixMembershipChange{Target: test.target, Type: test.change}
		msg.Portal = test.portal
		if result, err := c.HandleMatrixMembership(t.Context(), msg); result != nil || err != nil {
			t.Errorf("%+v of %v gives %v, %v", test.change, test.target, result, err)
		}
	}
}
