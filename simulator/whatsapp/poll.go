package whatsapp

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp/phone"
)

// Special is the network's own calls: vote, with control.VoteRequest.
func (n *Network) Special(ctx context.Context, id, name string, argument json.RawMessage) (any, error) {
	if name != "vote" {
		return nil, control.NotFound("no such call: %s", name)
	}
	var req control.VoteRequest
	decoder := json.NewDecoder(bytes.NewReader(argument))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&req); err != nil {
		return nil, control.Invalid("the vote can't be read: %v", err)
	}
	return n.vote(ctx, id, req)
}

func (n *Network) vote(ctx context.Context, id string, req control.VoteRequest) (control.Sent, error) {
	p, chat, err := n.actor(id, req.Chat)
	if err != nil {
		return control.Sent{}, err
	}
	key, err := n.key(p, chat, req.Target)
	if err != nil {
		return control.Sent{}, err
	}
	sealed, err := p.phone.SealVote(req.ID, req.Options)
	if err != nil {
		return control.Sent{}, control.Invalid("%v", err)
	}
	return p.send(ctx, phone.Outgoing{To: chat, Content: &waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{
		PollCreationMessageKey: key, Vote: sealed, SenderTimestampMS: proto.Int64(time.Now().UnixMilli()),
	}}})
}

// voteEvent tells which options a vote is for, or why it can't be read.
func (p *person) voteEvent(e *control.Event, m phone.Message, update *waE2E.PollUpdateMessage) {
	e.Kind, e.Ref = control.KindVote, update.GetPollCreationMessageKey().GetID()
	options, err := p.phone.OpenVote(m.Sender, update)
	if err != nil {
		p.Problem(phone.Problem{Chat: m.Chat, Sender: m.Sender, ID: m.ID, What: "vote: " + err.Error()})
	}
	e.Text = strings.Join(options, "\n")
}
