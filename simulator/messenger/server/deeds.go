package server

import (
	"slices"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// What people do, by their app or by a client. Each deed changes the world, is logged for everybody's clients, and shows
// up on everybody's app. The caller holds the lock.

// members are the accounts of a thread.
func (s *Server) members(t *world.Thread) []*account {
	list := make([]*account, 0, len(t.Members))
	for _, id := range t.Members {
		list = append(list, s.accounts[id])
	}
	return list
}

// on runs what happens on somebody's app, now or when it is opened.
func on(a *account, f func()) {
	if a.Offline {
		a.Backlog = append(a.Backlog, f)
		return
	}
	f()
}

// deliver puts a message into a thread. byClient says that a real client sent it.
func (s *Server) deliver(sender *account, t *world.Thread, m *world.Message, byClient bool) {
	fresh := len(t.Messages) == 0
	s.world.Add(t, m)
	mine := t.View(sender.ID)
	if mine.Folder == world.Pending {
		s.accept(sender, mine) // an answer accepts a request
	}
	mine.ReadAt = max(mine.ReadAt, m.At)
	for _, a := range s.members(t) {
		v := t.View(a.ID)
		if fresh && a != sender && !t.Group && stranger(a, sender) && v.Folder == world.Inbox {
			v.Folder = world.Pending
		}
		v.Deleted = false
		s.append(a, database(v), s.liveCalls(a, v, m)...)
	}
	for _, a := range s.members(t) { // only now: what apps do by themselves comes behind the message for everybody
		on(a, func() { s.arrive(a, sender, t.View(a.ID), m, byClient) })
	}
}

// stranger says whether a first message of other is a message request.
func stranger(a *account, other *account) bool {
	friend, known := a.Friends[other.ID]
	return known && !friend
}

// arrive is a message reaching somebody's app.
func (s *Server) arrive(a, sender *account, v *world.View, m *world.Message, byClient bool) {
	a.Events.Append(s.messageEvent(a, v, m))
	if a == sender {
		return
	}
	if !a.HoldDelivery {
		v.Delivered = max(v.Delivered, m.At)
		other := m.Thread.View(sender.ID)
		if other != nil {
			s.append(sender, database(other), lightspeed.DeliveryReceipt(other.PlainKey(), a.ID, m.At))
		}
		on(sender, func() {
			sender.Events.Append(control.Event{
				Kind: control.KindReceipt, Chat: chatOf(m.Thread, sender.ID), Sender: person(a.ID), Ref: m.ID, Text: "delivered",
			})
		})
	}
	if a.AutoRead {
		s.markRead(a, v, m.At)
	}
	if a.Echo && byClient && m.Text != "" {
		s.deliver(a, m.Thread, &world.Message{Sender: a.ID, Text: m.Text}, false)
	}
}

// chatOf is how the control API names a thread for a member.
func chatOf(t *world.Thread, member int64) string {
	if t.Group {
		return person(t.ID)
	}
	return person(t.Peer(member))
}

// messageEvent is a message as somebody's app shows it.
func (s *Server) messageEvent(a *account, v *world.View, m *world.Message) control.Event {
	e := control.Event{
		Kind: control.KindMessage, Chat: chatOf(m.Thread, a.ID), Sender: person(m.Sender), FromMe: m.Sender == a.ID, ID: m.ID,
		Text: m.Text, ReplyTo: m.ReplyTo,
	}
	for _, mention := range m.Mentions {
		e.Mentions = append(e.Mentions, person(mention.Person))
	}
	if len(m.Files) > 0 {
		e.Media = mediaOf(m.Files[0])
		e.Media.Caption = m.Text
	}
	e.Raw = rawOf(m)
	return e
}

// markRead moves somebody's read watermark forward.
func (s *Server) markRead(a *account, v *world.View, watermark int64) {
	if watermark <= v.ReadAt {
		return
	}
	before := v.ReadAt
	v.ReadAt = watermark
	s.append(a, database(v), lightspeed.MarkRead(v.PlainKey(), watermark))
	if a.HideReads || v.Folder == world.Pending {
		return
	}
	for _, other := range s.members(v.Thread) {
		if other == a {
			continue
		}
		theirs := v.Thread.View(other.ID)
		s.append(other, database(theirs), lightspeed.ReadReceipt(theirs.PlainKey(), a.ID, watermark, s.world.Now()))
		for _, m := range v.Thread.Messages {
			if m.At > before && m.At <= watermark && m.Sender == other.ID {
				on(other, func() {
					other.Events.Append(control.Event{
						Kind: control.KindReceipt, Chat: chatOf(v.Thread, other.ID), Sender: person(a.ID), Ref: m.ID, Text: "read",
					})
				})
			}
		}
	}
}

// everywhere logs rows about a message for all members, and an event on all apps.
func (s *Server) everywhere(actor *account, t *world.Thread, e control.Event, rows func(v *world.View) []lightspeed.Call) {
	for _, a := range s.members(t) {
		v := t.View(a.ID)
		if calls := rows(v); len(calls) > 0 {
			s.append(a, database(v), calls...)
		}
		seen := e
		seen.Chat, seen.Sender, seen.FromMe = chatOf(t, a.ID), person(actor.ID), a == actor
		on(a, func() { a.Events.Append(seen) })
	}
}

// react sets, changes or (with an empty emoji) removes somebody's reaction.
func (s *Server) react(actor *account, m *world.Message, emoji string) {
	if emoji == "" {
		delete(m.Reactions, actor.ID)
	} else {
		m.Reactions[actor.ID] = world.Reaction{Emoji: emoji, At: s.world.Now()}
	}
	s.everywhere(actor, m.Thread, control.Event{Kind: control.KindReaction, Ref: m.ID, Text: emoji}, func(v *world.View) []lightspeed.Call {
		if emoji == "" {
			return []lightspeed.Call{lightspeed.DeleteReaction(v.PlainKey(), m.ID, actor.ID)}
		}
		return []lightspeed.Call{lightspeed.UpsertReaction(v.PlainKey(), m.Reactions[actor.ID].At, m.ID, actor.ID, emoji)}
	})
}

// unsend takes a message back.
func (s *Server) unsend(actor *account, m *world.Message) {
	m.Unsent, m.UnsentAt, m.Text = true, s.world.Now(), ""
	m.Files, m.Shares = nil, nil
	clear(m.Reactions)
	s.everywhere(actor, m.Thread, control.Event{Kind: control.KindRevoke, Ref: m.ID}, func(v *world.View) []lightspeed.Call {
		return []lightspeed.Call{s.messageRow(v, m).DeleteThenInsert()}
	})
}

// edit changes a text. The caller has checked that it may be.
func (s *Server) edit(actor *account, m *world.Message, text string) {
	m.Edits = append(m.Edits, world.Edit{Text: m.Text, At: s.world.Now()})
	m.Text = text
	s.everywhere(actor, m.Thread, control.Event{Kind: control.KindEdit, Ref: m.ID, Text: text}, func(*world.View) []lightspeed.Call {
		return []lightspeed.Call{lightspeed.Edit(m.ID, text, int64(len(m.Edits)))}
	})
}

// typing shows or stops the typing notice. It is in no log.
func (s *Server) typing(actor *account, t *world.Thread, typing bool) {
	e := control.Event{Kind: control.KindTyping, Text: "composing"}
	if !typing {
		e.Text = "paused"
	}
	for _, a := range s.members(t) {
		if a == actor {
			continue
		}
		v := t.View(a.ID)
		s.tell(a, database(v), lightspeed.Typing(v.PlainKey(), actor.ID, typing))
		if !a.Offline {
			seen := e
			seen.Chat, seen.Sender = chatOf(t, a.ID), person(actor.ID)
			a.Events.Append(seen)
		}
	}
}

// mute mutes a thread for one member.
func (s *Server) mute(a *account, v *world.View, until int64) {
	v.MutedUntil = until
	s.append(a, database(v), lightspeed.Mute(v.PlainKey(), until))
}

// accept turns a message request into a chat of the inbox.
func (s *Server) accept(a *account, v *world.View) {
	if v.Folder != world.Pending && v.Folder != world.Spam {
		return
	}
	v.Folder = world.Inbox
	for _, other := range s.members(v.Thread) {
		if other != a {
			a.Friends[other.ID] = true
		}
	}
	s.append(a, lightspeed.Requests, lightspeed.MessageRequest(v.PlainKey(), false))
	s.append(a, database(v), s.threadCalls(a, v)...)
}

// deleteForOwner deletes a thread for one member; new messages bring it back.
func (s *Server) deleteForOwner(a *account, v *world.View) {
	db := database(v)
	if n := len(v.Thread.Messages); n > 0 {
		v.Since = v.Thread.Messages[n-1].At
	}
	v.Told, v.Deleted = false, true
	calls := []lightspeed.Call{lightspeed.DeleteThread(v.PlainKey())}
	if v.Folder == world.Pending {
		calls = append(calls, lightspeed.DeleteMessageRequest(v.PlainKey()))
	}
	s.append(a, db, calls...)
}

// encrypt finds or makes a chat that was always on the encrypted plane, and tells nobody.
func (s *Server) encrypt(a, b *world.Person) *world.View {
	if v := a.View(b.ID); v != nil {
		return v
	}
	t := s.world.Direct(a, b)
	t.Encrypted, t.Born = true, true
	return t.View(a.ID)
}

// uploads finds a file that the account has uploaded, as an attachment; nil if there is none.
func (s *Server) uploads(a *account, id int64) *world.Attachment {
	f := s.world.File(id)
	if f == nil {
		return nil
	}
	return s.pendingUploads[upload{a.ID, id}]
}

// upload names a file that somebody put there to send it.
type upload struct{ account, file int64 }

// announce tells a thread to all its members' clients anew.
func (s *Server) announce(t *world.Thread) {
	for _, a := range s.members(t) {
		v := t.View(a.ID)
		v.Told = true
		s.append(a, database(v), s.threadCalls(a, v)...)
	}
}

// join adds people to a group; leave takes one out. Admin messages say so.
func (s *Server) join(actor *account, t *world.Thread, people ...*world.Person) {
	for _, p := range people {
		if !s.world.Join(t, p) {
			continue
		}
		for _, a := range s.members(t) {
			v := t.View(a.ID)
			if a.ID == p.ID {
				v.Told = true
				s.append(a, database(v), s.threadCalls(a, v)...)
				continue
			}
			s.append(a, database(v), s.contact(a, p).Verify(), s.participant(v, p.ID))
		}
		s.deliver(actor, t, &world.Message{Sender: actor.ID, Admin: true, Text: actor.FirstName + " added " + p.FirstName + " to the group."}, false)
	}
}

func (s *Server) leave(actor *account, t *world.Thread, p *world.Person) bool {
	if !slices.Contains(t.Members, p.ID) {
		return false
	}
	text := actor.FirstName + " removed " + p.FirstName + " from the group."
	if actor.ID == p.ID {
		text = actor.FirstName + " left the group."
	}
	s.deliver(actor, t, &world.Message{Sender: actor.ID, Admin: true, Text: text}, false)
	for _, a := range s.members(t) {
		v := t.View(a.ID)
		s.append(a, database(v), lightspeed.RemoveParticipant(v.PlainKey(), p.ID))
	}
	return s.world.Leave(t, p)
}

func (s *Server) setAdmin(t *world.Thread, id int64, admin bool) {
	t.Admins[id] = admin
	for _, a := range s.members(t) {
		v := t.View(a.ID)
		s.append(a, database(v), lightspeed.AdminStatus(v.PlainKey(), id, admin))
	}
}

func (s *Server) rename(actor *account, t *world.Thread, name string) {
	t.Name = name
	for _, a := range s.members(t) {
		v := t.View(a.ID)
		s.append(a, database(v), lightspeed.ThreadName(v.PlainKey(), name))
	}
	s.deliver(actor, t, &world.Message{Sender: actor.ID, Admin: true, Text: actor.FirstName + " named the group " + name + "."}, false)
}

func (s *Server) setImage(actor *account, t *world.Thread, f *world.File) {
	t.Picture = f
	for _, a := range s.members(t) {
		v := t.View(a.ID)
		url, ends := s.link(f, "")
		s.append(a, database(v), lightspeed.ThreadImage(v.PlainKey(), url, ends))
	}
	s.deliver(actor, t, &world.Message{Sender: actor.ID, Admin: true, Text: actor.FirstName + " changed the group photo."}, false)
}

// contactChanged tells a person's new profile to everybody who has them in a list.
func (s *Server) contactChanged(p *world.Person) {
	for _, a := range s.accounts {
		if a.Friends[p.ID] || a.View(p.ID) != nil || s.shareGroup(a, p) || a.ID == p.ID {
			s.append(a, lightspeed.Contacts, s.contact(a, p).DeleteThenInsert())
		}
	}
}

func (s *Server) shareGroup(a *account, p *world.Person) bool {
	for _, v := range a.Views() {
		if v.Thread.Group && v.Thread.View(p.ID) != nil {
			return true
		}
	}
	return false
}
