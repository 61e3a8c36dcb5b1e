package server

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// Send makes somebody's app send a message on the plain plane.
func (s *Server) Send(_ context.Context, id string, req control.SendRequest) (control.Sent, error) {
	return with(s, id, func(a *account) (control.Sent, error) {
		v, err := s.findView(a, req.To)
		if err != nil {
			return control.Sent{}, err
		}
		if reason := s.cannotSend(a, v.Thread); reason != "" {
			return control.Sent{}, control.Refused("%s", reason)
		}
		if v.Thread.Encrypted {
			return control.Sent{}, control.Refused("this chat is on the encrypted plane")
		}
		m, err := s.composed(a, req)
		if err != nil {
			return control.Sent{}, err
		}
		s.deliver(a, v.Thread, m, false)
		return sent(m), nil
	})
}

func sent(m *world.Message) control.Sent { return control.Sent{ID: m.ID, Time: time.UnixMilli(m.At)} }

// composed makes the message that a request describes.
func (s *Server) composed(a *account, req control.SendRequest) (*world.Message, error) {
	m := &world.Message{ID: req.ID, Sender: a.ID, ReplyTo: req.ReplyTo}
	if req.Time != nil {
		m.At = req.Time.UnixMilli()
	}
	var err error
	if m.Text, m.Mentions, err = s.nameMentions(req.Text, req.Mentions); err != nil {
		return nil, err
	}
	if target := s.world.Message(req.ReplyTo); target != nil {
		m.Snippet = target.Text
	}
	if req.Media != nil {
		file, err := s.attachment(*req.Media)
		if err != nil {
			return nil, err
		}
		m.Files = []*world.Attachment{file}
		if m.Text == "" && file.Type != lightspeed.TypeSticker {
			m.Text = req.Media.Caption
		}
	}
	if len(req.Raw) > 0 {
		if err = s.fillRaw(m, req.Raw); err != nil {
			return nil, err
		}
	}
	if m.Text == "" && len(m.Files)+len(m.Shares) == 0 && m.Sticker == 0 {
		return nil, control.Invalid("the message is empty")
	}
	return m, nil
}

// fillRaw puts a Raw into a message.
func (s *Server) fillRaw(m *world.Message, data json.RawMessage) error {
	var raw Raw
	if err := lightspeed.Strict(data, &raw); err != nil {
		return control.Invalid("raw message: %v", err)
	}
	m.Text, m.Admin, m.Sticker, m.Forwarded = raw.Text, raw.Admin, raw.Sticker, raw.Forwarded
	m.ReplyKind, m.Snippet, m.Expires, m.Shares = raw.ReplyKind, raw.Snippet, raw.Expires, raw.Shares
	m.Mentions = raw.Mentions
	for _, media := range raw.Files {
		file, err := s.attachment(media)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, file)
	}
	for i, picture := range raw.Pictures {
		file, err := s.attachment(picture)
		if err != nil || i >= len(m.Shares) {
			return control.Invalid("picture %d of the shares: %v", i, err)
		}
		share := m.Shares[i]
		share.Preview, share.Expires = s.link(file.File, "")
		share.PreviewMIME, share.Width, share.Height = file.File.MIMEType, file.Width, file.Height
	}
	for _, share := range m.Shares {
		if share.FBID == "" {
			share.FBID = person(s.world.NewFile("share", "", nil).ID)
		}
	}
	return nil
}

// React makes somebody's app react.
func (s *Server) React(_ context.Context, id string, req control.ReactRequest) (control.Sent, error) {
	return s.deed(id, req.ID, func(a *account, m *world.Message) error {
		s.react(a, m, req.Emoji)
		return nil
	})
}

// Edit makes somebody's app edit a message of theirs.
func (s *Server) Edit(_ context.Context, id string, req control.EditRequest) (control.Sent, error) {
	return s.deed(id, req.ID, func(a *account, m *world.Message) error {
		if m.Sender != a.ID {
			return control.Refused("%s did not send %s", id, m.ID)
		}
		if err := s.checkEdit(m, req.Text); err != nil {
			return control.Refused("%v", err)
		}
		s.edit(a, m, req.Text)
		return nil
	})
}

// Revoke makes somebody's app unsend a message of theirs.
func (s *Server) Revoke(_ context.Context, id string, target control.Target) (control.Sent, error) {
	return s.deed(id, target.ID, func(a *account, m *world.Message) error {
		if m.Sender != a.ID {
			return control.Refused("%s did not send %s", id, m.ID)
		}
		s.unsend(a, m)
		return nil
	})
}

// deed does something to a message.
func (s *Server) deed(id, message string, f func(a *account, m *world.Message) error) (control.Sent, error) {
	return with(s, id, func(a *account) (control.Sent, error) {
		m, err := s.findMessage(a, message)
		if err == nil {
			err = f(a, m)
		}
		if err != nil {
			return control.Sent{}, err
		}
		return control.Sent{ID: m.ID, Time: s.cfg.Now()}, nil
	})
}

// Receipt marks messages read.
func (s *Server) Receipt(_ context.Context, id string, req control.ReceiptRequest) error {
	return s.do(id, func(a *account) error {
		v, err := s.findView(a, req.Chat)
		if err != nil {
			return err
		}
		watermark := int64(0)
		for _, ref := range req.IDs {
			m, err := s.findMessage(a, ref)
			if err != nil {
				return err
			}
			watermark = max(watermark, m.At)
		}
		if len(req.IDs) == 0 {
			watermark = s.world.Now()
		}
		s.markRead(a, v, watermark)
		return nil
	})
}

// Typing shows or stops the typing notice.
func (s *Server) Typing(_ context.Context, id string, req control.TypingRequest) error {
	return s.do(id, func(a *account) error {
		v, err := s.findView(a, req.Chat)
		if err == nil {
			s.typing(a, v.Thread, req.Typing)
		}
		return err
	})
}

// Timeline returns what reached somebody's app, from an index on.
func (s *Server) Timeline(_ context.Context, id string, from int) ([]control.Event, error) {
	return with(s, id, func(a *account) ([]control.Event, error) { return a.Events.Since(from), nil })
}

// Await blocks until the match is fulfilled or ctx ends.
func (s *Server) Await(ctx context.Context, id string, match control.Match) ([]control.Event, error) {
	a, err := with(s, id, func(a *account) (*account, error) { return a, nil })
	if err != nil {
		return nil, err
	}
	return a.Events.Await(ctx, match)
}

// AddHistory puts messages into threads as if they had been there for long: nobody is told, everything is read.
func (s *Server) AddHistory(_ context.Context, id string, messages []control.HistoryMessage) error {
	return s.do(id, func(a *account) error {
		for _, h := range messages {
			v, err := s.findView(a, h.Chat)
			if err != nil {
				return err
			}
			sender, err := s.findPerson(h.Sender)
			if err != nil {
				return err
			}
			if !slices.Contains(v.Thread.Members, sender.ID) {
				return control.Invalid("%s is not in chat %s", h.Sender, h.Chat)
			}
			m := &world.Message{ID: h.ID, Sender: sender.ID, Text: h.Text, At: h.Time.UnixMilli()}
			if len(h.Raw) > 0 {
				if err = s.fillRaw(m, h.Raw); err != nil {
					return err
				}
			}
			s.world.Add(v.Thread, m)
			for _, member := range v.Thread.Members {
				view := v.Thread.View(member)
				view.ReadAt, view.Delivered = max(view.ReadAt, m.At), max(view.Delivered, m.At)
			}
		}
		return nil
	})
}
