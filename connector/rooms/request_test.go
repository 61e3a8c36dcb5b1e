package rooms

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
)

// asked are the questions whether a chat is wanted that were put into a room, and what may be clicked there.
func (h *house) asked(room id.RoomID) (questions int, keys []string) {
	for _, call := range h.matrix.Calls("SendMessage") {
		if call.Room != room {
			continue
		}
		switch content := call.Content.(type) {
		case *event.MessageEventContent:
			if strings.Contains(content.Body, "This is a request") {
				questions++
			}
		case *event.ReactionEventContent:
			keys = append(keys, content.RelatesTo.Key)
		}
	}
	return questions, keys
}

// place puts a portal into its login's space as bridgev2 does.
func (h *house) place(login *bridgev2.UserLogin, portal *bridgev2.Portal) {
	h.t.Helper()
	content := &event.Content{Parsed: &event.SpaceChildEventContent{Via: []string{fakematrix.Server}}}
	_, err := h.bridge.Bot.SendState(h.t.Context(), login.SpaceRoom, event.StateSpaceChild, portal.MXID.String(), content, time.Time{})
	h.must(err)
}

// A request stands among the requests, with one question, until it is accepted; then it moves to its network's chats. What
// becomes a request moves back.
func TestRequestMoves(t *testing.T) {
	h := newHouse(t, t.TempDir())
	login := h.logIn("one-1")
	friend, request := h.portal(login, "one-friend", false), h.portal(login, "one-stranger", true)
	h.must(h.Start(t.Context()))
	for _, portal := range []*bridgev2.Portal{friend, request} {
		h.place(login, portal)
	}
	requests := h.spaceNamed(kindRequests)
	if own := h.children(login.SpaceRoom); !own[friend.MXID] || own[request.MXID] || !h.children(requests)[request.MXID] {
		t.Fatalf("the network's space has %v, the requests are %v", own, h.children(requests))
	}
	h.await("the question", func() bool {
		questions, keys := h.asked(request.MXID)
		return questions == 1 && slices.Equal(keys, []string{acceptKey, declineKey})
	})

	request.MessageRequest = false
	h.Review(request)
	h.await("the accepted chat among the network's", func() bool {
		return h.children(login.SpaceRoom)[request.MXID] && !h.children(requests)[request.MXID]
	})
	request.MessageRequest = true
	h.Review(request)
	h.await("it among the requests again", func() bool {
		questions, _ := h.asked(request.MXID)
		return !h.children(login.SpaceRoom)[request.MXID] && h.children(requests)[request.MXID] && questions == 2
	})
	if questions, _ := h.asked(friend.MXID); questions != 0 {
		t.Errorf("a friend's room was asked %d times", questions)
	}
}

// While the homeserver is away nothing is moved half, and the next look moves it.
func TestRequestMovesLater(t *testing.T) {
	h := newHouse(t, t.TempDir())
	login := h.logIn("one-1")
	request := h.portal(login, "one-stranger", true)
	h.place(login, request)
	away := "SendState"
	h.away.Store(&away)
	request.MessageRequest = false
	seen := look{request.PortalKey, request.MXID, false, false}
	if err := h.update(seen); !errors.Is(err, errAway) {
		t.Fatalf("while the homeserver is away: %v, want its error", err)
	}
	if !h.children(h.spaceNamed(kindRequests))[request.MXID] {
		t.Error("the room stands nowhere")
	}
	h.away.Store(nil)
	h.must(h.update(seen))
	if !h.children(login.SpaceRoom)[request.MXID] || h.children(h.spaceNamed(kindRequests))[request.MXID] {
		t.Errorf("the network's space has %v, the requests are %v", h.children(login.SpaceRoom), h.children(h.spaceNamed(kindRequests)))
	}
	// A room within another portal's space (of a community) and one that bridgev2 has placed nowhere yet are left alone.
	for _, other := range []look{{request.PortalKey, request.MXID, true, true}, {request.PortalKey, request.MXID, false, false}} {
		before := len(h.matrix.Calls("SendState"))
		h.must(h.update(other))
		if after := len(h.matrix.Calls("SendState")); after != before {
			t.Errorf("%+v: %d states were sent, want none", other, after-before)
		}
	}
}

// Clicks on the question become what they mean; all other reactions pass.
func TestReactionToRequest(t *testing.T) {
	const question, message = id.EventID("$question"), id.EventID("$message")
	h := newHouse(t, t.TempDir())
	login := h.logIn("one-1")
	friend, request := h.portal(login, "one-friend", false), h.portal(login, "one-stranger", true)
	_, err := h.bridge.GetGhostByID(t.Context(), "one-stranger")
	h.must(err)
	h.must(h.bridge.DB.Message.Insert(t.Context(), &database.Message{
		ID: "one-message", MXID: message, Room: request.PortalKey, SenderID: "one-stranger",
	}))
	declined := event.Type{Type: "app.crosschat.declined", Class: event.EphemeralEventType}
	for _, test := range []struct {
		name   string
		key    string
		target id.EventID
		sender id.UserID
		room   id.RoomID
		want   event.Type
	}{
		{"accepted", acceptKey, question, alice, request.MXID, event.BeeperAcceptMessageRequest},
		{"accepted with a variation selector", acceptKey + "\ufe0f", question, alice, request.MXID, event.BeeperAcceptMessageRequest},
		{"declined", declineKey, question, alice, request.MXID, declined},
		{"another emoji", "👍", question, alice, request.MXID, event.EventReaction},
		{"to a message of the contact's", acceptKey, message, alice, request.MXID, event.EventReaction},
		{"in a chat that is no request", acceptKey, question, alice, friend.MXID, event.EventReaction},
		{"in a room that is no portal", acceptKey, question, alice, "!other:hs.test", event.EventReaction},
		{"by the bot, which offers it", acceptKey, question, h.bot.GetMXID(), request.MXID, event.EventReaction},
		{"by a ghost", acceptKey, question, h.matrix.FormatGhostMXID("one-stranger"), request.MXID, event.EventReaction},
	} {
		t.Run(test.name, func(t *testing.T) {
			evt := &event.Event{
				Type: event.EventReaction, Sender: test.sender, RoomID: test.room, ID: "$click",
				Content: event.Content{Parsed: &event.ReactionEventContent{
					RelatesTo: event.RelatesTo{Type: event.RelAnnotation, EventID: test.target, Key: test.key},
				}},
			}
			h.onReaction(t.Context(), evt)
			if evt.Type != test.want {
				t.Errorf("the reaction became %s, want %s", evt.Type.Type, test.want.Type)
			}
		})
	}
	h.await("the request to be declined on the network", func() bool { return login.Client.(*client).deleted.Load() == 1 })
	// Nonsense for content is none of ours.
	h.onReaction(t.Context(), &event.Event{Type: event.EventReaction, Sender: alice, RoomID: request.MXID})
}

// Who can't decline is told why.
func TestDecline(t *testing.T) {
	h := newHouse(t, t.TempDir())
	login := h.logIn("one-1")
	request := h.portal(login, "one-stranger", true)
	if _, err := h.bridge.GetUserByMXID(t.Context(), "@bob:"+fakematrix.Server); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		sender  id.UserID
		refuses error
		want    string
	}{
		{"its user", alice, nil, ""},
		{"somebody without a login", "@bob:" + fakematrix.Server, nil, "belongs to another login"},
		{"somebody unknown", "@eve:" + fakematrix.Server, nil, "you are not logged in"},
		{"the network is away", alice, errors.New("timeout"), "ONE can't be reached or did not take it"},
		{"the network says why not", alice, bridgev2.WrapErrorInStatus(errors.New("x")).WithMessage("ONE keeps it.").WithStatus(event.MessageStatusFail), "could not be declined: ONE keeps it."},
	} {
		t.Run(test.name, func(t *testing.T) {
			login.Client.(*client).refuses = test.refuses
			got := h.decline(t.Context(), request, test.sender)
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("the user is told %q, want %q", got, test.want)
			}
		})
	}
}

func TestFailure(t *testing.T) {
	const later = "The request could not be accepted: ONE can't be reached or did not take it; try again later."
	said := func(message string) bridgev2.MessageStatus {
		return bridgev2.WrapErrorInStatus(errors.New("x")).WithMessage(message)
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.New("socket closed"), later},
		{said("No."), "The request could not be accepted: No."},
		{fmt.Errorf("wrapped: %w", said("No")), "The request could not be accepted: No."},
		{said("Waits").WithStatus(event.MessageStatusPending), later},
	} {
		if got := failure("accepted", "ONE", test.err); got != test.want {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}
