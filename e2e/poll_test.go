package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

const (
	pollStart    = "org.matrix.msc3381.poll.start"
	pollResponse = "org.matrix.msc3381.poll.response"
	pollEnd      = "org.matrix.msc3381.poll.end"
)

// parsed reads an event's content by the names that it has on the wire.
func (s *stage) parsed(evt *event.Event, into any) {
	s.Helper()
	raw, err := json.Marshal(evt.Content.Raw)
	s.must(err)
	s.must(json.Unmarshal(raw, into))
}

type pollContent struct {
	Start struct {
		Max      int              `json:"max_selections"`
		Question map[string]any   `json:"question"`
		Answers  []map[string]any `json:"answers"`
	} `json:"org.matrix.msc3381.poll.start"`
}

func (s *stage) awaitType(portal *roomOf, from int, kind string, by id.UserID) *event.Event {
	s.Helper()
	evt, err := portal.AwaitEvent(s.ctx, from, kind+" of "+by.String(), func(evt *event.Event) bool {
		return evt.Type.Type == kind && evt.Sender == by
	})
	s.must(err)
	return evt
}

// awaitVote waits until the last vote of somebody in a poll is for these answers.
func (s *stage) awaitVote(room *lab.Room, poll id.EventID, by id.UserID, want ...string) {
	s.Helper()
	s.await(fmt.Sprintf("a vote of %s for %q", by, want), func(context.Context) error {
		var last []string
		voted := false
		for _, evt := range room.Timeline() {
			if evt.Type.Type != pollResponse || evt.Sender != by {
				continue
			}
			var vote struct {
				Relates  event.RelatesTo `json:"m.relates_to"`
				Response struct {
					Answers []string `json:"answers"`
				} `json:"org.matrix.msc3381.poll.response"`
			}
			s.parsed(evt, &vote)
			if vote.Relates.EventID == poll && vote.Relates.Type == event.RelReference {
				last, voted = vote.Response.Answers, true
			}
		}
		if !voted || !slices.Equal(last, want) {
			return fmt.Errorf("the last of these is for %q (any: %t) in\n%s", last, voted, room.Describe())
		}
		return nil
	})
}

func pollIn(s *stage) {
	anna, portal := s.withAnna()
	question, secret := s.text("where to?"), make([]byte, 32)
	raw, err := json.Marshal(map[string]any{
		"pollCreationMessageV3": map[string]any{
			"name": question, "selectableOptionsCount": 1,
			"options": []map[string]string{{"optionName": "sea 🌊"}, {"optionName": "hills"}, {"optionName": "home"}},
		},
		"messageContextInfo": map[string]any{"messageSecret": secret},
	})
	s.must(err)
	sent := anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
	poll := s.awaitType(portal, 0, pollStart, anna.mxid)
	s.mustBeEncrypted(poll)
	var content pollContent
	s.parsed(poll, &content)
	var names, ids []string
	for _, answer := range content.Start.Answers {
		names = append(names, fmt.Sprint(answer["org.matrix.msc1767.text"]))
		ids = append(ids, fmt.Sprint(answer["id"]))
	}
	if !slices.Equal(names, []string{"sea 🌊", "hills", "home"}) || content.Start.Max != 1 || content.Start.Question["org.matrix.msc1767.text"] != question {
		s.Fatalf("the poll is %+v", content)
	}
	vote := func(by *person, chat string, options ...string) {
		s.Helper()
		_, err := s.stack.Simulator.Vote(s.ctx, s.side.control(), by.ID, control.VoteRequest{
			Target: control.Target{Chat: chat, ID: sent.ID, Sender: anna.ID}, Options: options,
		})
		s.must(err)
	}
	vote(anna, s.me.ID, "hills")
	s.awaitVote(portal.Room, poll.ID, anna.mxid, ids[1])
	vote(anna, s.me.ID, "sea 🌊")
	s.awaitVote(portal.Room, poll.ID, anna.mxid, ids[0])
	vote(anna, s.me.ID)
	s.awaitVote(portal.Room, poll.ID, anna.mxid)
	vote(s.me, anna.ID, "home")
	s.awaitVote(portal.Room, poll.ID, s.user.ID, ids[2])
	// The user votes from Matrix.
	s.vote(portal, poll.ID, ids[1])
	if e := anna.sees(control.Match{Kind: control.KindVote, Sender: s.me.ID, Ref: sent.ID, Text: "hills"})[0]; e.FromMe {
		s.Error("the vote is shown to Anna as her own")
	}
	anna.sends(control.SendRequest{To: s.me.ID, Raw: []byte(fmt.Sprintf(
		`{"pollResultSnapshotMessage":{"name":%q,"pollVotes":[{"optionName":"hills","optionVoteCount":1}],"contextInfo":{"stanzaID":%q,"participant":%q}}}`,
		question, sent.ID, anna.LID+"@lid"))})
	end := s.awaitType(portal, 0, pollEnd, anna.mxid)
	var about struct {
		Relates event.RelatesTo `json:"m.relates_to"`
	}
	if s.parsed(end, &about); about.Relates.EventID != poll.ID {
		s.Errorf("%q was closed, want %q", about.Relates.EventID, poll.ID)
	}
}

func (s *stage) vote(portal *roomOf, poll id.EventID, answers ...string) {
	s.Helper()
	_, err := s.user.Client.SendMessageEvent(s.ctx, portal.ID, event.EventUnstablePollResponse, &event.PollResponseEventContent{
		RelatesTo: event.RelatesTo{Type: event.RelReference, EventID: poll}, Response: event.PollResponse{Answers: answers},
	})
	s.must(err)
}

func pollOut(s *stage) {
	anna, portal := s.withAnna()
	start := func(question string, answers ...string) id.EventID {
		s.Helper()
		content := &event.PollStartEventContent{PollStart: event.PollStart{
			Kind: "org.matrix.msc3381.poll.disclosed", MaxSelections: 1, Question: event.MSC1767Message{Text: question},
		}}
		for i, name := range answers {
			content.PollStart.Answers = append(content.PollStart.Answers, event.PollOption{ID: fmt.Sprintf("answer-%d", i), MSC1767Message: event.MSC1767Message{Text: name}})
		}
		resp, err := s.user.Client.SendMessageEvent(s.ctx, portal.ID, event.EventUnstablePollStart, content)
		s.must(err)
		return resp.EventID
	}
	question, before := s.text("when?"), len(anna.timeline())
	poll := start(question, "today", "tomorrow 🌅")
	e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
	var raw struct {
		Poll struct {
			Name    string `json:"name"`
			Most    int    `json:"selectableOptionsCount"`
			Options []struct {
				Name string `json:"optionName"`
			} `json:"options"`
		} `json:"pollCreationMessageV3"`
	}
	s.must(json.Unmarshal(e.Raw, &raw))
	if p := raw.Poll; p.Name != question || p.Most != 1 || len(p.Options) != 2 || p.Options[0].Name != "today" || p.Options[1].Name != "tomorrow 🌅" {
		s.Fatalf("Anna's phone got %s", e.Raw)
	}
	_, err := s.stack.Simulator.Vote(s.ctx, s.side.control(), anna.ID, control.VoteRequest{
		Target: control.Target{Chat: s.me.ID, ID: e.ID, Sender: s.me.ID}, Options: []string{"tomorrow 🌅"},
	})
	s.must(err)
	s.awaitVote(portal.Room, poll, anna.mxid, "answer-1")
	for _, vote := range []struct{ id, name string }{{"answer-0", "today"}, {"answer-1", "tomorrow 🌅"}} {
		s.vote(portal, poll, vote.id)
		anna.sees(control.Match{Kind: control.KindVote, Sender: s.me.ID, Ref: e.ID, Text: vote.name})
	}
	before = len(anna.timeline())
	s.vote(portal, poll)
	if e := anna.sees(control.Match{From: before, Kind: control.KindVote, Sender: s.me.ID})[0]; e.Text != "" {
		s.Errorf("the vote that was taken back is for %q", e.Text)
	}
	s.failsToSend()
	mark := portal.Mark()
	start(s.text("one only"), "this")
	s.tells(portal, mark, "2 to 12 options")
}
