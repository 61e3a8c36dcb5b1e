package server

import (
	"fmt"
	"strings"

	"crosschat/simulator/instagram/direct"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// sensitive is how texts are given.
type sensitive struct {
	Value *string `json:"sensitive_string_value"`
}

// sent is the answer to what made or changed a message.
func sent(m *world.Message, at int64) shape.Object {
	return shape.Object{"id": m.ID, "message_id": m.ID, "timestamp_ms": shape.ID(at)}
}

// nonce reads an OTID. A message must have one: it is how a repetition is told from a second message.
func (c *call) nonce(text string) (int64, error) {
	n := number(text)
	if n == 0 {
		c.s.note(c.ses, fmt.Sprintf("%s with offline_threading_id %q", c.op.key, text))
		return 0, &problem{codeBadInput, "offline_threading_id is no nonce"}
	}
	return n, nil
}

// mentionsOf reads the mentions of a text and notes those that mark nothing.
func (c *call) mentionsOf(m *world.Message, given []givenMention, commands []givenCommand) {
	units := utf16Length(m.Text)
	mark := func(p *world.Person, kind string, offset, length int) {
		if offset < 0 || length <= 0 || offset > units-length {
			c.s.note(c.ses, fmt.Sprintf("mention of %d units at %d in a text of %d", length, offset, units))
			return
		}
		m.Mentions = append(m.Mentions, world.Mention{Person: p, Kind: kind, Offset: offset, Length: length})
	}
	for _, g := range given {
		p := c.s.Direct.World.ByFBID(number(g.FBID))
		if p == nil {
			c.s.note(c.ses, fmt.Sprintf("mention of nobody, %q", g.FBID))
			continue
		}
		mark(p, "PROFILE", g.Offset, g.Length)
	}
	for _, command := range commands {
		mark(nil, "THREAD", command.Offset, command.Length)
	}
}

type givenMention struct {
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	FBID   string `json:"fbid"`
}

type givenCommand struct {
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	Type   string `json:"type"`
	ID     string `json:"user_or_thread_fbid"`
}

// utf16Length is the length of a text in the units that mentions count in.
func utf16Length(text string) int {
	n := 0
	for _, r := range text {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}

// sendText is section 6.6.
func (c *call) sendText() (any, error) {
	var vars struct {
		Thread     *string        `json:"ig_thread_igid"`
		Recipients []string       `json:"recipient_igids"`
		OTID       string         `json:"offline_threading_id"`
		Text       sensitive      `json:"text"`
		ReplyTo    *string        `json:"reply_to_message_id"`
		Mentions   []givenMention `json:"mentions"`
		Mentioned  []string       `json:"mentioned_user_ids"`
		Commands   []givenCommand `json:"commands"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	otid, err := c.nonce(vars.OTID)
	if err != nil {
		return nil, err
	}
	if vars.Text.Value == nil {
		return nil, &problem{codeBadInput, "no text"}
	}
	m := direct.Text(*vars.Text.Value)
	m.OTID = otid
	if len(vars.Mentions) != len(vars.Mentioned) {
		c.s.note(c.ses, "mentions and mentioned_user_ids differ")
	}
	c.mentionsOf(m, vars.Mentions, vars.Commands)
	out := direct.Outgoing{From: c.me, Message: m, Device: c.ses.number}
	switch {
	case vars.Thread != nil:
		v := c.view(*vars.Thread, false)
		if v == nil {
			return nil, nil
		}
		out.Thread = v.Thread
	case len(vars.Recipients) == 1:
		// Sources disagree on whether this is the IGID or the FBID; the IGID is what the specification recommends.
		if out.To = c.s.Direct.World.Person(number(vars.Recipients[0])); out.To == nil {
			return nil, &problem{direct.CodeGeneral, "unknown recipient"}
		}
	default:
		return nil, &problem{codeBadInput, "neither a thread nor one recipient"}
	}
	if vars.ReplyTo != nil {
		m.ReplyTo = *vars.ReplyTo
	}
	return c.send(out)
}

// send sends and answers. A reply to a message that is gone is sent like any other.
func (c *call) send(out direct.Outgoing) (any, error) {
	if reply := out.Message.ReplyTo; reply != "" {
		if _, err := world.ParseMessageID(reply); err != nil {
			c.s.note(c.ses, fmt.Sprintf("reply to no message: %v", err))
		}
	}
	m, err := c.s.Direct.Send(out)
	if err != nil {
		return nil, err
	}
	return sent(m, m.At), nil
}

// sendMedia is section 6.7.
func (c *call) sendMedia() (any, error) {
	var vars struct {
		Attachment string  `json:"attachment_fbid"`
		Thread     string  `json:"thread_id"`
		OTID       string  `json:"offline_threading_id"`
		ReplyTo    *string `json:"reply_to_message_id"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	otid, err := c.nonce(vars.OTID)
	if err != nil {
		return nil, err
	}
	v := c.view(vars.Thread, false)
	if v == nil {
		return nil, nil
	}
	f := c.s.Direct.World.File(number(vars.Attachment))
	if f == nil || f.Owner != c.me || f.Gone {
		return nil, &problem{direct.CodeGeneral, "unknown attachment"}
	}
	m, ok := direct.Uploaded(f)
	if !ok {
		return nil, &problem{direct.CodeGeneral, "attachment of this type can't be sent"}
	}
	m.OTID = otid
	if vars.ReplyTo != nil {
		m.ReplyTo = *vars.ReplyTo
	}
	return c.send(direct.Outgoing{From: c.me, Thread: v.Thread, Message: m, Device: c.ses.number})
}

// edit is section 6.8.
func (c *call) edit() (any, error) {
	var vars struct {
		Thread  string    `json:"thread_id"`
		Message string    `json:"target_message_id"`
		Body    sensitive `json:"body"`
		OTID    string    `json:"offline_threading_id"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	if _, err := c.nonce(vars.OTID); err != nil {
		return nil, err
	}
	v := c.view(vars.Thread, false)
	if v == nil || vars.Body.Value == nil {
		return nil, nil
	}
	m := v.Thread.Message(vars.Message)
	if m == nil {
		return nil, &problem{direct.CodeGeneral, "cannot edit"}
	}
	at, err := c.s.Direct.Edit(c.me, m, *vars.Body.Value)
	if err != nil {
		return nil, err
	}
	return sent(m, at), nil
}

// unsend is section 6.9.
func (c *call) unsend() (any, error) {
	var vars struct {
		Message string `json:"message_id"`
		Data    struct {
			Thread string `json:"thread_id"`
		} `json:"send_data"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	v := c.long(vars.Data.Thread)
	if v == nil {
		return nil, nil
	}
	m := v.Thread.Message(vars.Message)
	if m == nil {
		return nil, &problem{direct.CodeGeneral, "cannot unsend"}
	}
	if err := c.s.Direct.Unsend(c.me, m); err != nil {
		return nil, err
	}
	return true, nil
}

// react is section 6.10.
func (c *call) react() (any, error) {
	var vars struct {
		Input struct {
			Emoji   string `json:"emoji"`
			Message string `json:"message_id"`
			Status  string `json:"reaction_status"`
			Thread  string `json:"thread_id"`
		} `json:"input"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	in := vars.Input
	if in.Emoji == "" || in.Status != "created" && in.Status != "deleted" {
		return nil, &problem{codeBadInput, "no emoji or an unknown status"}
	}
	if strings.Contains(in.Emoji, "\ufe0f") {
		c.s.note(c.ses, "emoji with a variation selector")
	}
	v := c.view(in.Thread, false)
	if v == nil {
		return nil, nil
	}
	m := v.Thread.Message(in.Message)
	if m == nil {
		return nil, &problem{direct.CodeGeneral, "cannot react"}
	}
	emoji := in.Emoji
	if in.Status == "deleted" {
		emoji = ""
	}
	if err := c.s.Direct.React(c.me, m, emoji); err != nil {
		return nil, err
	}
	reactions := []shape.Object{}
	for _, r := range m.Reactions {
		reaction := shape.Reaction(r)
		reaction["log_message_id"] = nil // the line in the log is told by deltas and messages only
		reactions = append(reactions, reaction)
	}
	if _, hit := c.s.faults.Strike("nested_reactions", c.ses.subject("graphql/react", m.ID)); hit {
		return shape.Object{"id": m.ID, "slide_message": shape.Object{"id": m.ID, "reactions": reactions}}, nil
	}
	return shape.Object{"id": m.ID, "reactions": reactions}, nil
}
