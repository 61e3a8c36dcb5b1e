package whatsapp

import (
	"errors"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
	crosschatdb "crosschat/database"
	"crosschat/simulator/control"
	simulated "crosschat/simulator/whatsapp"
)

func mustPortal(t *testing.T, c *Client, key networkid.PortalKey) *bridgev2.Portal {
	t.Helper()
	portal, err := c.network.bridge.GetExistingPortalByKey(t.Context(), key)
	if err != nil || portal == nil || portal.MXID == "" {
		t.Fatalf("portal %s is %+v, error %v; want one with a room", key, portal, err)
	}
	return portal
}

// awaitRoomName waits until the room of Anna's chat has a name.
func awaitRoomName(t *testing.T, c *Client, want string) {
	t.Helper()
	waitFor(t, "the room to be called "+want, func() bool {
		row, err := c.network.bridge.DB.Portal.GetByKey(t.Context(), c.portalKey(annaLID))
		return err == nil && row != nil && row.Name == want
	})
}

// TestAddressBookNamesRoom: what the user calls a contact names the user's room, never the ghost that all users see.
func TestAddressBookNamesRoom(t *testing.T) {
	m := fakematrix.New()
	n := newTestNetwork(t)
	mustStart(t, m, n, t.TempDir())
	c := mustLogin(t, n)
	c.wa.StoreLIDPNMapping(t.Context(), annaLID, annaPN) // whatsmeow does so with the message's stanza
	c.onEvent(withText(fromAnna("A1"), "hello"))
	if portal := mustPortal(t, c, c.portalKey(annaLID)); portal.NameIsCustom {
		t.Errorf("room of a stranger is called %q", portal.Name)
	}
	put := func(name string) {
		t.Helper()
		if err := c.wa.Store.Contacts.PutContactName(t.Context(), annaPN, "", name); err != nil {
			t.Fatal(err)
		}
	}
	put("Anna from work")
	c.onEvent(&events.Contact{JID: annaPN})
	awaitRoomName(t, c, "Anna from work")
	put("Anna")
	c.onEvent(&events.AppStateSyncComplete{Name: appstate.WAPatchCriticalUnblockLow})
	awaitRoomName(t, c, "Anna")
	ghost, err := n.bridge.GetGhostByID(t.Context(), mustID[networkid.UserID](annaLID))
	if err != nil || ghost.Name != "Anna" { // her push name
		t.Errorf("ghost is called %q, error %v", ghost.Name, err)
	}

	contacts, err := c.GetContactList(t.Context())
	if err != nil || len(contacts) != 1 || *contacts[0].UserInfo.Name != "Anna" || contacts[0].UserID != ghost.ID {
		t.Errorf("contacts are %+v, error %v", contacts, err)
	}
}

// TestNewRoomIsComplete: a room is made with name and picture, and not changed at once.
func TestNewRoomIsComplete(t *testing.T) {
	w := newWorld(t)
	avatar := testJPEG(t, 64, 64)
	if _, err := w.phones.SetProfile(t.Context(), simulated.Name, w.anna.ID, control.Profile{Avatar: &avatar}); err != nil {
		t.Fatal(err)
	}
	w.logIn()
	w.network.bridge.Config.PrivateChatPortalMeta = true
	w.send(w.anna, w.alice, "hello")
	w.awaitText("hello")
	w.send(w.anna, w.alice, "again")
	w.awaitText("again")
	var state []string
	for _, call := range w.matrix.Calls("CreateRoom") {
		for _, evt := range call.Content.(*mautrix.ReqCreateRoom).InitialState {
			state = append(state, evt.Type.Type)
		}
	}
	if !slices.Contains(state, event.StateRoomName.Type) || !slices.Contains(state, event.StateRoomAvatar.Type) {
		t.Errorf("the room was made with %q, want a name and a picture among them", state)
	}
	for _, call := range w.matrix.Calls("SendState") {
		if call.Type == event.StateRoomAvatar.Type || call.Type == event.StateRoomName.Type {
			t.Errorf("the new room was changed: %s %+v", call.Type, call.Content)
		}
	}
}

// TestPortalMovesToLID: a chat that was made under a phone number keeps its room when the LID is learnt.
func TestPortalMovesToLID(t *testing.T) {
	m := fakematrix.New()
	n := newTestNetwork(t)
	mustStart(t, m, n, t.TempDir())
	c := mustLogin(t, n)
	byNumber := withText(fromAnna("A1"), "by number")
	byNumber.Info.MessageSource = types.MessageSource{Chat: annaPN, Sender: annaPN}
	c.onEvent(byNumber)
	room := mustPortal(t, c, c.portalKey(annaPN)).MXID
	c.onEvent(withText(fromAnna("A2"), "by LID"))
	if got := mustPortal(t, c, c.portalKey(annaLID)).MXID; got != room {
		t.Errorf("the chat moved to room %s, was in %s", got, room)
	}
	if rooms := m.Calls("CreateRoom"); len(rooms) != 1 {
		t.Errorf("%d rooms were made, want 1", len(rooms))
	}
	if texts := sentTexts(m); len(texts) != 2 {
		t.Errorf("Matrix got %q, want both messages", texts)
	}
}

func TestPhoneNumber(t *testing.T) {
	for text, want := range map[string]string{
		"+15550000002": "15550000002", "+1 (555) 000-0002": "15550000002", "tel:+1.555.000.0002": "15550000002",
		" 15550000002 ": "15550000002", "": "", "+": "", "123456": "", "015550000002": "", "+1555x": "", "anna": "",
		"@anna:example.org": "", "+123456789012345678901": "", "١٢٣٤٥٦٧٨": "",
	} {
		got, ok := phoneNumber(text)
		if ok != (want != "") || ok && got != want {
			t.Errorf("phoneNumber(%q) = %q, %t, want %q", text, got, ok, want)
		}
	}
}

func TestResolveIdentifier(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	anna := networkid.UserID("whatsapp-lid-" + w.anna.LID)
	for _, identifier := range []string{"+" + w.anna.Phone, string(anna)} {
		got, err := c.ResolveIdentifier(t.Context(), identifier, true)
		if err != nil || got.UserID != anna || got.Chat.PortalKey != c.portalKey(jid(t, w.anna.LID+"@lid")) {
			t.Errorf("%q resolves to %+v, error %v", identifier, got, err)
		}
	}
	for _, identifier := range []string{"messenger-1", "somebody", "instagram-lid-1"} {
		if _, err := c.ResolveIdentifier(t.Context(), identifier, true); !errors.Is(err, bridgev2.ErrResolveIdentifierTryNext) {
			t.Errorf("%q: got error %v, want %v", identifier, err, bridgev2.ErrResolveIdentifierTryNext)
		}
	}
	if got, err := c.ResolveIdentifier(t.Context(), "+15559999999", true); err == nil || errors.Is(err, bridgev2.ErrResolveIdentifierTryNext) {
		t.Errorf("an unknown number gave %+v, error %v", got, err)
	}
}

// TestWithoutDevice: a login whose device is gone can be asked anything.
func TestWithoutDevice(t *testing.T) {
	n := newTestNetwork(t)
	mustStart(t, fakematrix.New(), n, t.TempDir())
	login, err := mustUser(t, n.bridge, aliceMXID).NewLogin(t.Context(), &database.UserLogin{
		ID:       mustID[networkid.UserLoginID](aliceLID),
		Metadata: &crosschatdb.UserLoginMetadata{},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := login.Client.(*Client)
	portal, err := n.bridge.GetPortalByKey(t.Context(), c.portalKey(annaLID))
	if err != nil {
		t.Fatal(err)
	}
	ghost, err := n.bridge.GetGhostByID(t.Context(), mustID[networkid.UserID](annaLID))
	if err != nil {
		t.Fatal(err)
	}
	c.Connect(t.Context())
	for name, call := range map[string]func() error{
		"GetChatInfo":         func() error { _, err := c.GetChatInfo(t.Context(), portal); return err },
		"GetUserInfo":         func() error { _, err := c.GetUserInfo(t.Context(), ghost); return err },
		"GetContactList":      func() error { _, err := c.GetContactList(t.Context()); return err },
		"ResolveIdentifier":   func() error { _, err := c.ResolveIdentifier(t.Context(), "+15550000002", true); return err },
		"ResolveIdentifier 2": func() error { _, err := c.ResolveIdentifier(t.Context(), string(ghost.ID), true); return err },
		"HandleMatrixMessage": func() error {
			_, err := c.HandleMatrixMessage(t.Context(), &bridgev2.MatrixMessage{})
			return err
		},
	} {
		if err := call(); !errors.Is(err, bridgev2.ErrNotLoggedIn) {
			t.Errorf("%s: got error %v, want %v", name, err, bridgev2.ErrNotLoggedIn)
		}
	}
	if err := c.HandleMatrixTyping(t.Context(), &bridgev2.MatrixTyping{Portal: portal}); err != nil {
		t.Errorf("typing: %v", err)
	}
	if err := c.HandleMatrixReadReceipt(t.Context(), &bridgev2.MatrixReadReceipt{Portal: portal}); err != nil {
		t.Errorf("read receipt: %v", err)
	}
	c.LogoutRemote(t.Context())
	c.Disconnect()
}
