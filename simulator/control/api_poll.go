package control

import "context"

// KindVote is the kind of an event that is a vote in a poll: Ref is the poll, Text the chosen options, one a line, empty
// when the vote was taken back.
const KindVote = "vote"

// VoteRequest is the argument of WhatsApp's own call "vote": the person chooses these options of a poll, and no others.
type VoteRequest struct {
	Target
	Options []string `json:"options"`
}

// Vote makes a person vote in a poll.
func (c *Client) Vote(ctx context.Context, network, person string, vote VoteRequest) (Sent, error) {
	var sent Sent
	err := c.Special(ctx, network, person, "vote", vote, &sent)
	return sent, err
}
