package server

import (
	"strconv"
	"strings"

	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// database is where the rows of a thread live.
func database(v *world.View) int64 {
	if v.Folder == world.Pending || v.Folder == world.Spam || v.Thread.Born || v.Hybrid != 0 {
		return lightspeed.Requests
	}
	return lightspeed.Mailbox
}

// contact is how a viewer sees somebody.
func (s *Server) contact(viewer *account, p *world.Person) lightspeed.Contact {
	c := lightspeed.Contact{
		ID: p.ID, Name: p.Name, FirstName: p.FirstName, Username: p.Username, Kind: 1, Self: p.ID == viewer.ID,
		Blocked: viewer.Blocked[p.ID], CanMessage: !viewer.Blocked[p.ID],
	}
	if p.Page {
		c.Kind, c.Page = 2, 1
	}
	if p.AvatarID != 0 {
		c.Picture, c.PictureEnds = s.link(s.world.File(p.AvatarID), "")
	}
	return c
}

// threadRow is how a viewer sees a thread.
func (s *Server) threadRow(v *world.View) lightspeed.Thread {
	t := v.Thread
	row := lightspeed.Thread{
		Key: v.PlainKey(), Type: t.Type(), Name: t.Name, Folder: v.Folder, Parent: t.Parent, SyncGroup: 1,
		LastActivity: t.LastActivity, LastRead: v.ReadAt, MutedUntil: v.MutedUntil, Ephemeral: t.Ephemeral,
		Description: t.Topic,
	}
	if database(v) == lightspeed.Requests {
		row.SyncGroup = lightspeed.Requests
	}
	if t.Ephemeral != 0 {
		row.EphemeralAt, row.EphemeralBy = t.EphemeralAt, t.EphemeralBy
	}
	if t.Group {
		row.Members = int64(len(t.Members))
	}
	if t.Picture != nil {
		row.Picture, row.PictureEnds = s.link(t.Picture, "")
	}
	if last, _ := v.Last(1); len(last) > 0 && !t.Encrypted {
		row.Snippet = last[0].Text
	}
	return row
}

// threadCalls tells a thread with its members and their contacts, without messages.
func (s *Server) threadCalls(a *account, v *world.View) []lightspeed.Call {
	var calls []lightspeed.Call
	for _, id := range v.Thread.Members {
		calls = append(calls, s.contact(a, s.world.Person(id)).Verify())
	}
	row := s.threadRow(v)
	if v.Hybrid != 0 {
		calls = append(calls, lightspeed.HybridThread(v.Hybrid, v.Key, row.Type, v.Thread.Group, row.LastActivity, row.LastRead))
	}
	calls = append(calls, row.DeleteThenInsert())
	for _, id := range v.Thread.Members {
		calls = append(calls, s.participant(v, id))
	}
	if v.Folder == world.Pending {
		calls = append(calls, lightspeed.MessageRequest(row.Key, true))
	}
	return calls
}

func (s *Server) participant(v *world.View, id int64) lightspeed.Call {
	p := lightspeed.Participant{Thread: v.PlainKey(), Contact: id, Admin: v.Thread.Admins[id]}
	if other := v.Thread.View(id); other != nil {
		p.Read, p.Delivered = other.ReadAt, other.Delivered
	}
	return p.Add()
}

// historyCalls tells messages as history, with the range that covers them. reference is that of the query, 0 for none.
func (s *Server) historyCalls(v *world.View, messages []*world.Message, more bool, reference int64) []lightspeed.Call {
	if len(messages) == 0 {
		return nil
	}
	first, last := messages[0], messages[len(messages)-1]
	calls := []lightspeed.Call{lightspeed.Range{
		Thread: v.PlainKey(), MinAt: first.At, MaxAt: last.At, MinID: first.ID, MaxID: last.ID, Before: reference,
		MoreBefore: more, MoreAfter: reference != 0,
	}.Insert()}
	for _, m := range messages {
		calls = append(calls, s.messageRow(v, m).Upsert())
		calls = append(calls, s.attachmentCalls(v, m)...)
		for _, id := range m.Thread.Members {
			if r, ok := m.Reactions[id]; ok {
				calls = append(calls, lightspeed.UpsertReaction(v.PlainKey(), r.At, m.ID, id, r.Emoji))
			}
		}
	}
	return calls
}

func (s *Server) messageRow(v *world.View, m *world.Message) lightspeed.Message {
	row := lightspeed.Message{
		Thread: v.PlainKey(), ID: m.ID, OTID: strconv.FormatInt(m.OTID, 10), Sender: m.Sender, At: m.At, Sort: m.Sort,
		Text: m.Text, Sticker: m.Sticker, Admin: m.Admin, ReplyTo: m.ReplyTo, ReplyType: m.ReplyKind, Snippet: m.Snippet,
		Forwarded: m.Forwarded, Mentions: mentionColumns(m.Mentions), EditCount: int64(len(m.Edits)), Expires: m.Expires,
	}
	if m.Expires > 0 {
		row.ExpiresAt = m.At + m.Expires*1000
	}
	if m.Unsent {
		row.Text, row.Unsent, row.UnsentAt = nil, true, m.UnsentAt
	} else if m.Text == "" && len(m.Files)+len(m.Shares) > 0 {
		row.Text = nil
	}
	return row
}

func mentionColumns(mentions []world.Mention) lightspeed.Mentions {
	var offsets, lengths, ids, kinds []string
	for _, m := range mentions {
		offsets = append(offsets, strconv.Itoa(m.Offset))
		lengths = append(lengths, strconv.Itoa(m.Length))
		ids = append(ids, person(m.Person))
		kinds = append(kinds, m.Kind)
	}
	join := func(parts []string) string { return strings.Join(parts, ",") }
	return lightspeed.Mentions{Offsets: join(offsets), Lengths: join(lengths), IDs: join(ids), Types: join(kinds)}
}

// attachmentCalls tells the files and shares of a message with fresh links.
func (s *Server) attachmentCalls(v *world.View, m *world.Message) []lightspeed.Call {
	if m.Unsent {
		return nil
	}
	var calls []lightspeed.Call
	for i, a := range m.Files {
		calls = append(calls, s.fileCall(v, m, i, a))
		if _, twice := s.faults.Strike("duplicate_rows", faultSubject(v.Owner, "row/attachment", m.ID)); twice {
			calls = append(calls, calls[len(calls)-1])
		}
	}
	for i, share := range m.Shares {
		row := *share
		row.Thread, row.Message, row.At, row.Index = v.PlainKey(), m.ID, m.At, int64(len(m.Files)+i)
		calls = append(calls, row.Insert()...)
	}
	return calls
}

func (s *Server) fileCall(v *world.View, m *world.Message, index int, a *world.Attachment) lightspeed.Call {
	url, expires := s.link(a.File, "")
	id := person(a.File.ID)
	if a.Type == lightspeed.TypeSticker {
		target := m.Sticker
		if target == 0 {
			target = a.File.ID
		}
		return lightspeed.Sticker{
			Thread: v.PlainKey(), Message: m.ID, At: m.At, FBID: id, URL: url, Expires: expires, MIMEType: a.File.MIMEType,
			Width: a.Width, Height: a.Height, Label: a.Label, Target: target,
		}.Insert()
	}
	row := lightspeed.Blob{
		Thread: v.PlainKey(), Message: m.ID, At: m.At, Index: int64(index), FBID: id, Type: a.Type, Name: a.File.Name,
		Size: int64(len(a.File.Data)), MIMEType: a.File.MIMEType, URL: url, Expires: expires, Width: a.Width, Height: a.Height,
		Milliseconds: a.Millis, Waveform: a.Waveform,
	}
	if a.Waveform != "" {
		row.SamplingHz = 9
	}
	if a.Preview != nil {
		row.Preview, row.PreviewEnds = s.link(a.Preview, "")
		row.PreviewMIME = a.Preview.MIMEType
	}
	if a.ViewOnce {
		row.Type = lightspeed.TypeEphImage
		if a.Type == lightspeed.TypeVideo {
			row.Type = lightspeed.TypeEphVideo
		}
		return row.InsertEphemeral()
	}
	return row.Insert()
}

// liveCalls tells a new message to somebody's clients, with its thread if they don't know that yet.
func (s *Server) liveCalls(a *account, v *world.View, m *world.Message) []lightspeed.Call {
	var calls []lightspeed.Call
	_, bare := s.faults.Strike("bare_thread", s.subject(a, "push", ""))
	switch {
	case bare || v.Told:
		calls = append(calls, s.threadRow(v).Verify())
	default:
		calls = append(calls, s.threadCalls(a, v)...)
	}
	v.Told = true
	calls = append(calls, s.messageRow(v, m).Insert())
	return append(calls, s.attachmentCalls(v, m)...)
}
