package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// shown is a message as one side shows it.
type shown struct {
	text      string // what it says, or what its file's name stands for
	edited    string // what it says after the last edit
	reactions []string
	gone      bool // it was deleted
	// same says whether a file is this one; nil if it is none.
	same func(context.Context, []byte) bool
}

// inMatrix lists what a contact's ghost has sent to a room, in order; undecoded counts what the user's client could not
// decrypt. told are the user's events of which the bridge said that they were not bridged.
func (c *chat) inMatrix(room *lab.Room) (list []*shown, undecoded int, told map[id.EventID]bool) {
	timeline := room.Timeline()
	gone, at := redacted(timeline), make(map[id.EventID]*shown)
	told = make(map[id.EventID]bool)
	for _, evt := range timeline {
		switch {
		case evt.Sender == c.stack.Bridge.Bot && evt.Type == event.EventMessage:
			if content := evt.Content.AsMessage(); !gone[evt.ID] && strings.Contains(content.Body, "bridged") {
				told[content.RelatesTo.GetReplyTo()] = true
			}
		case evt.Sender != c.ghost:
		case evt.Type == event.EventEncrypted:
			if !gone[evt.ID] {
				undecoded++
			}
		case evt.Type == event.EventReaction:
			relates := evt.Content.AsReaction().RelatesTo
			if s := at[relates.EventID]; s != nil && !gone[evt.ID] {
				s.reactions = append(s.reactions, relates.Key)
			}
		case evt.Type == event.EventMessage:
			content := evt.Content.AsMessage()
			if target := content.RelatesTo.GetReplaceID(); target != "" {
				if s := at[target]; s != nil && content.NewContent != nil { // else it was deleted before the client saw it
					s.edited = content.NewContent.Body
				}
				continue
			}
			s := &shown{text: content.Body, gone: gone[evt.ID]}
			if content.MsgType == event.MsgFile || content.MsgType == event.MsgImage {
				if s.text = c.textOf(content.GetFileName()); c.pictures {
					s.text = c.textOfSize(content.GetInfo().Size)
				}
				s.same = func(ctx context.Context, want []byte) bool {
					got, err := c.user.Download(ctx, content)
					return err == nil && bytes.Equal(got, want)
				}
			}
			if s.gone && s.text == "" {
				continue // it was deleted before the client saw it
			}
			at[evt.ID] = s
			list = append(list, s)
		}
	}
	return list, undecoded, told
}

// redacted are the events of a room that were taken back: the bridge does so with what it said too early.
func redacted(timeline []*event.Event) map[id.EventID]bool {
	gone := make(map[id.EventID]bool)
	for _, evt := range timeline {
		if evt.Type == event.EventRedaction {
			gone[evt.Redacts] = true
			gone[evt.Content.AsRedaction().Redacts] = true
		}
	}
	return gone
}

// onPhone lists what the contact's phone shows of the user, in order. A phone shows what comes again under the same id
// once; repeats counts that.
func (c *chat) onPhone(ctx context.Context) (list []*shown, repeats int, err error) {
	events, err := c.stack.Simulator.Timeline(ctx, c.name, c.with.ID, 0)
	if err != nil {
		return nil, 0, err
	}
	at := make(map[string]*shown)
	for _, e := range events {
		if e.Sender != c.me.ID {
			continue
		}
		s := at[e.Ref]
		switch {
		case e.Kind == control.KindMessage && at[e.ID] != nil:
			repeats++
		case e.Kind == control.KindMessage:
			s = &shown{text: e.Text}
			if media := e.Media; media != nil {
				s.text = c.textOf(media.FileName)
				s.same = func(_ context.Context, want []byte) bool {
					sum := sha256.Sum256(want)
					return e.MediaError == "" && (bytes.Equal(media.Data, want) || bytes.Equal(media.SHA256, sum[:]))
				}
			}
			at[e.ID] = s
			list = append(list, s)
		case s == nil: // of something that it does not show
		case e.Kind == control.KindEdit:
			s.edited = e.Text
		case e.Kind == control.KindReaction:
			s.reactions = slices.DeleteFunc(s.reactions, func(string) bool { return true })
			if e.Text != "" {
				s.reactions = append(s.reactions, e.Text)
			}
		case e.Kind == control.KindRevoke:
			s.gone = true
		}
	}
	return list, repeats, nil
}

// handed is the place of each event in the order in which the homeserver handed them to the bridge. Synapse does not keep
// the order when a transaction fails and the bridge is back at once: it may send the next one first.
func (t *torture) handed() map[id.EventID]int {
	places := make(map[id.EventID]int)
	lines, _, err := t.stack.Bridge.Log(0)
	if err != nil {
		return places
	}
	for _, line := range lines {
		if line.Message != "Accepted a transaction" {
			continue
		}
		var entry struct {
			Events []id.EventID `json:"event_ids"`
		}
		if json.Unmarshal([]byte(line.Raw), &entry) != nil {
			continue
		}
		for _, eventID := range entry.Events {
			if _, before := places[eventID]; !before { // else it was taken in again, and changes nothing
				places[eventID] = len(places) + 1
			}
		}
	}
	return places
}

// overrun counts how often whatsmeow had more waiting than it keeps in order.
func (t *torture) overrun() (times int) {
	lines, _, err := t.stack.Bridge.Log(0)
	if err != nil {
		return 0
	}
	for _, line := range lines {
		if strings.Contains(line.Message, "message ordering is no longer guaranteed") {
			times++
		}
	}
	return times
}
