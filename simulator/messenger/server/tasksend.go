package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// Limits of messages (section 3.7).
const (
	maxText  = 20000 // UTF-16 units
	maxEdits = 5
	editTime = 15 * 60 * 1000 // ms
)

// Kinds of sends.
const (
	sendText     = 1
	sendSticker  = 2
	sendMedia    = 3
	sendExternal = 7
	sendForward  = 5
)

// sendPayload is the payload of a send (section 3.7).
type sendPayload struct {
	Thread int64   `json:"thread_id"`
	OTID   string  `json:"otid"`
	Source int64   `json:"source"`
	Type   int64   `json:"send_type"`
	Files  []int64 `json:"attachment_fbids"`
	Group  int64   `json:"sync_group"`
	Reply  *struct {
		Source string `json:"reply_source_id"`
		Kind   int64  `json:"reply_source_type"`
		Type   int64  `json:"reply_type"`
	} `json:"reply_metadata"`
	Mentions *struct {
		IDs     string `json:"mention_ids"`
		Offsets string `json:"mention_offsets"`
		Lengths string `json:"mention_lengths"`
		Types   string `json:"mention_types"`
	} `json:"mention_data"`
	Text         string `json:"text"`
	HotEmoji     int64  `json:"hot_emoji_size"`
	Sticker      int64  `json:"sticker_id"`
	Initiating   int64  `json:"initiating_source"`
	SkipPreview  int64  `json:"skip_url_preview_gen"`
	HasLinks     int64  `json:"text_has_links"`
	StripCaption int64  `json:"strip_forwarded_msg_caption"`
	Forwarded    string `json:"forwarded_msg_id"`
	Multitab     int64  `json:"multitab_env"`
	URL          string `json:"url"`
	Attribution  int64  `json:"attribution_app_id"`
}

func (c *taskCall) send() ([]lightspeed.Call, error) {
	var p sendPayload
	if err := c.read(&p, "", "thread_id", "otid", "source", "send_type", "sync_group", "initiating_source",
		"skip_url_preview_gen", "text_has_links", "multitab_env"); err != nil {
		return nil, err
	}
	if err := c.queueIs(person(p.Thread)); err != nil {
		return nil, err
	}
	otid, err := strconv.ParseInt(p.OTID, 10, 64)
	if err != nil || otid <= 0 {
		return nil, fmt.Errorf("%w: otid %q", lightspeed.ErrBadRequest, p.OTID)
	}
	v := c.account.View(p.Thread)
	if v == nil && c.server.world.Person(p.Thread) == nil {
		return nil, &refusal{p.OTID, "This conversation does not exist."}
	}
	if v == nil {
		v = c.server.world.Direct(c.account.Person, c.server.world.Person(p.Thread)).View(c.account.ID)
	}
	if sent := v.Thread.ByOTID(c.account.ID, otid); sent != nil {
		return []lightspeed.Call{lightspeed.ReplaceOptimistic(p.OTID, sent.ID)}, nil
	}
	m, err := c.compose(p, v)
	if err != nil {
		return nil, err
	}
	m.OTID = otid
	c.server.deliver(c.account, v.Thread, m, true)
	return []lightspeed.Call{lightspeed.ReplaceOptimistic(p.OTID, m.ID)}, nil
}

// compose checks a send and makes its message.
func (c *taskCall) compose(p sendPayload, v *world.View) (*world.Message, error) {
	failed := func(format string, args ...any) error { return &refusal{p.OTID, fmt.Sprintf(format, args...)} }
	m := &world.Message{Sender: c.account.ID, Text: p.Text, Sticker: p.Sticker}
	switch reason := c.server.cannotSend(c.account, v.Thread); {
	case reason != "":
		return nil, failed("%s", reason)
	case v.Thread.Encrypted:
		return nil, failed("This chat is end-to-end encrypted.")
	case len(utf16.Encode([]rune(p.Text))) > maxText:
		return nil, failed("Your message is too long.")
	case p.Source != 65537 && p.Source != 65546:
		return nil, fmt.Errorf("%w: source %d", lightspeed.ErrBadRequest, p.Source)
	case p.Type == sendText && p.Text == "", p.Type == sendMedia && len(p.Files) == 0, p.Type == sendSticker && p.Sticker == 0,
		p.Type == sendExternal && p.URL == "", p.Type == sendForward && p.Forwarded == "",
		p.Type < sendText || p.Type > sendExternal:
		return nil, fmt.Errorf("%w: send_type %d without what it needs", lightspeed.ErrBadRequest, p.Type)
	}
	if p.Source == 65546 {
		c.server.accept(c.account, v)
	}
	for _, id := range p.Files {
		a := c.server.uploads(c.account, id)
		if a == nil {
			return nil, failed("The attachment could not be found.")
		}
		m.Files = append(m.Files, a)
	}
	if p.Reply != nil {
		target := c.server.world.Message(p.Reply.Source)
		if target == nil || target.Thread != v.Thread {
			return nil, failed("The message you reply to could not be found.")
		}
		m.ReplyTo, m.Snippet = target.ID, target.Text
	}
	if p.Forwarded != "" {
		if err := c.forward(p, m); err != nil {
			return nil, err
		}
	}
	return m, c.mentions(p, v, m)
}

// forward copies the content of the message that is forwarded.
func (c *taskCall) forward(p sendPayload, m *world.Message) error {
	source, _, err := c.message(p.Forwarded)
	if err != nil {
		return &refusal{p.OTID, "The message you forward could not be found."}
	}
	m.Text, m.Files, m.Shares, m.Forwarded = source.Text, source.Files, source.Shares, true
	return nil
}

// mentions reads the four lists. Mentions that don't fit the text are the client's mistake.
func (c *taskCall) mentions(p sendPayload, v *world.View, m *world.Message) error {
	if p.Mentions == nil {
		return nil
	}
	ids, offsets := strings.Split(p.Mentions.IDs, ","), strings.Split(p.Mentions.Offsets, ",")
	lengths, kinds := strings.Split(p.Mentions.Lengths, ","), strings.Split(p.Mentions.Types, ",")
	if len(offsets) != len(ids) || len(lengths) != len(ids) || len(kinds) != len(ids) {
		return fmt.Errorf("%w: mentions of different counts", lightspeed.ErrBadRequest)
	}
	units := utf16.Encode([]rune(p.Text))
	for i := range ids {
		id, err := strconv.ParseInt(ids[i], 10, 64)
		offset, err2 := strconv.Atoi(offsets[i])
		length, err3 := strconv.Atoi(lengths[i])
		if err != nil || err2 != nil || err3 != nil || offset < 0 || length < 1 || length > len(units) || offset > len(units)-length {
			return fmt.Errorf("%w: mention %s at %s+%s of %d units", lightspeed.ErrBadRequest, ids[i], offsets[i], lengths[i], len(units))
		}
		if !slices.Contains([]string{"p", "s", "t", "a", "c", "cu", "ai", "n"}, kinds[i]) {
			return fmt.Errorf("%w: mention of type %q", lightspeed.ErrBadRequest, kinds[i])
		}
		if kinds[i] == "p" && !slices.Contains(v.Thread.Members, id) {
			return fmt.Errorf("%w: mention of %d, who is not in the thread", lightspeed.ErrBadRequest, id)
		}
		m.Mentions = append(m.Mentions, world.Mention{Person: id, Offset: offset, Length: length, Kind: kinds[i]})
	}
	return nil
}

// cannotSend says why somebody can't write into a thread; empty if they can.
func (s *Server) cannotSend(a *account, t *world.Thread) string {
	if !slices.Contains(t.Members, a.ID) {
		return "You are not in this group any more."
	}
	if t.Group {
		return ""
	}
	peer := s.world.Person(t.Peer(a.ID))
	switch {
	case peer.Blocked[a.ID]:
		return "This person isn't available right now."
	case a.Blocked[peer.ID]:
		return "You blocked this person."
	}
	return ""
}

// checkEdit says why a message can't be edited; nil if it can.
func (s *Server) checkEdit(m *world.Message, text string) error {
	switch {
	case m.Unsent || m.Text == "":
		return refuse("There is nothing to edit.")
	case len(m.Edits) >= maxEdits:
		return refuse("A message can be edited %d times.", maxEdits)
	case s.world.Now()-m.At > editTime:
		return refuse("A message can be edited for 15 minutes.")
	case text == "" || len(utf16.Encode([]rune(text))) > maxText:
		return refuse("The text has a wrong length.")
	}
	return nil
}
