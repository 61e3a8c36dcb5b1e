package direct

import (
	"fmt"
	"slices"
	"strings"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// settings tells somebody's app that a client of theirs, or they themselves, changed a thread.
func (d *Direct) settings(p *world.Person, t *world.Thread, what string) {
	e := control.Event{Kind: control.KindSettings, Chat: chat(p, t), Sender: shape.ID(p.IGID), FromMe: true, Text: what}
	happen(p, func() { p.Events.Append(e) })
}

// Move puts a thread into a folder for one member; inboxFolder may be empty. Moving a request to the inbox accepts it.
func (d *Direct) Move(p *world.Person, t *world.Thread, folder, inboxFolder string) {
	v := p.View(t)
	v.Folder = folder
	if inboxFolder != "" {
		v.InboxFolder = inboxFolder
	}
	d.Tell(p, "", shape.Moved(t, folder, inboxFolder))
	d.settings(p, t, "folder "+folder)
}

// Mute mutes a thread for one member until a time in ms, -1 for ever, 0 not.
func (d *Direct) Mute(p *world.Person, t *world.Thread, until int64) {
	p.View(t).MutedUntil = until
	d.Tell(p, "", shape.Muted(t, until != 0))
	d.settings(p, t, fmt.Sprintf("muted %t", until != 0))
}

// Pin pins a thread to the top of one member's list.
func (d *Direct) Pin(p *world.Person, t *world.Thread, pinned bool) {
	p.View(t).Pinned = pinned
	d.Tell(p, "", shape.PinnedThread(t, pinned))
	d.settings(p, t, fmt.Sprintf("pinned %t", pinned))
}

// MarkUnread sets one member's unread flag of a thread.
func (d *Direct) MarkUnread(p *world.Person, t *world.Thread, unread bool) {
	p.View(t).Unread = unread
	d.Tell(p, "", shape.MarkedUnread(t, unread))
	d.settings(p, t, fmt.Sprintf("unread %t", unread))
}

// Hide deletes a thread for one member: it leaves their lists with all its messages, until somebody writes again.
func (d *Direct) Hide(p *world.Person, t *world.Thread) {
	v := p.View(t)
	v.Hidden = true
	if n := len(t.Messages); n > 0 {
		v.Since = t.Messages[n-1].At
	}
	d.Tell(p, "", shape.ThreadDeleted(t))
	d.settings(p, t, "deleted")
}

// systemLine adds a line that nobody wrote. The caller tells of it.
func (d *Direct) systemLine(t *world.Thread, by *world.Person, kind, text string, otid int64) *world.Message {
	if otid == 0 {
		otid = d.World.NewOTID()
	}
	reaction := kind == "REACTION_LOG_XMAT"
	empty := ""
	var link any
	if reaction {
		link = shape.Object{"uri": "https://www.instagram.com/"}
	}
	m := &world.Message{
		OTID: otid, Sender: by, Type: kind, Delta: shape.AdminText, Body: &empty, SkipBump: reaction,
		Content: content("SlideMessageAdminText", shape.Object{
			"is_reaction_action_log": reaction,
			"text_fragments":         []any{shape.Object{"plaintext": text, "link_fragment": link}},
		}),
	}
	d.add(t, m)
	return m
}

// Call rings the others of a thread; all that is left of it is a line.
func (d *Direct) Call(by *world.Person, t *world.Thread, video bool) *world.Message {
	what := "an audio call"
	if video {
		what = "a video chat"
	}
	line := d.systemLine(t, by, "IG_VIDEO_CALL_XMAT", by.Name+" started "+what, 0)
	d.tellMembers(t, line.ID, func(p *world.Person) shape.Object { return d.Shape.MessageDelta(p, line) })
	return line
}

// NewGroup makes a group. otid is the nonce of the call that asked for it, 0 for none; a second call with the same one
// gives the first one's group.
func (d *Direct) NewGroup(creator *world.Person, title string, others []*world.Person, otid int64) (*world.Thread, error) {
	for _, v := range creator.Views(func(v *world.View) bool { return v.Thread.Group }) {
		if otid != 0 && v.Thread.BySender(creator, otid) != nil {
			return v.Thread, nil
		}
	}
	if len(others) < 2 || slices.Contains(others, creator) {
		return nil, refuse("a group needs at least two others")
	}
	t := d.World.NewGroup(creator, title)
	for _, p := range others {
		d.World.Join(t, p)
	}
	line := d.systemLine(t, creator, "ADMIN_TEXT", creator.Name+" created the group", otid)
	d.tellMembers(t, line.ID, func(p *world.Person) shape.Object { return d.Shape.MessageDelta(p, line) })
	d.group(t, creator, "created")
	return t, nil
}

// group notes a change of a group in its members' timelines.
func (d *Direct) group(t *world.Thread, by *world.Person, what string) {
	d.note(t, nil, by, control.Event{Kind: control.KindSettings, Text: what})
}

// inGroup refuses what only members of a group may do, or its admins.
func inGroup(t *world.Thread, by *world.Person, admin bool) error {
	if !t.Group || !t.Has(by) || admin && !t.Admins[by] {
		return refuse("not allowed in this thread")
	}
	return nil
}

// Rename gives a group another name.
func (d *Direct) Rename(by *world.Person, t *world.Thread, title string) error {
	if err := inGroup(t, by, false); err != nil {
		return err
	}
	t.Title = title
	line := d.systemLine(t, by, "ADMIN_TEXT", by.Name+" named the group "+title, 0)
	d.tellMembers(t, line.ID, func(p *world.Person) shape.Object { return d.Shape.Renamed(p, line) })
	d.group(t, by, "title "+title)
	return nil
}

// SetImage gives a group another picture; nil removes it.
func (d *Direct) SetImage(by *world.Person, t *world.Thread, image *world.File) error {
	if err := inGroup(t, by, false); err != nil {
		return err
	}
	t.Image = image
	line := d.systemLine(t, by, "ADMIN_TEXT", by.Name+" changed the group photo", 0)
	d.tellMembers(t, line.ID, func(p *world.Person) shape.Object { return d.Shape.NewImage(p, line) })
	d.group(t, by, "image")
	return nil
}

// AddMembers adds people to a group; those who are in it already are passed over.
func (d *Direct) AddMembers(by *world.Person, t *world.Thread, people []*world.Person) error {
	if err := inGroup(t, by, false); err != nil {
		return err
	}
	var names []string
	for _, p := range people {
		if d.World.Join(t, p) {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	line := d.systemLine(t, by, "ADMIN_TEXT", by.Name+" added "+strings.Join(names, ", "), 0)
	d.tellMembers(t, line.ID, func(p *world.Person) shape.Object { return d.Shape.Joined(p, line) })
	d.group(t, by, "added "+strings.Join(names, ", "))
	return nil
}

// RemoveMember takes somebody out of a group, or lets them leave if they are by.
func (d *Direct) RemoveMember(by *world.Person, t *world.Thread, p *world.Person) error {
	if err := inGroup(t, by, by != p); err != nil {
		return err
	}
	if !t.Has(p) {
		return refuse("%s is not in the group", p.Username)
	}
	text := by.Name + " left the group"
	if by != p {
		text = by.Name + " removed " + p.Name
	}
	d.group(t, by, text)
	line := d.systemLine(t, by, "ADMIN_TEXT", text, 0)
	told := slices.Clone(t.Members)
	d.World.Leave(t, p)
	for _, m := range told {
		d.Tell(m, line.ID, d.Shape.Left(m, by, p, line))
	}
	return nil
}

// SetAdmin makes somebody an admin of a group, or no longer.
func (d *Direct) SetAdmin(by *world.Person, t *world.Thread, p *world.Person, admin bool) error {
	if err := inGroup(t, by, true); err != nil {
		return err
	}
	if !t.Has(p) {
		return refuse("%s is not in the group", p.Username)
	}
	t.Admins[p] = admin
	d.tellMembers(t, "", func(*world.Person) shape.Object { return shape.AdminsChanged(t) })
	d.group(t, by, "admins")
	return nil
}

// PinMessage pins a message in its thread, or no longer.
func (d *Direct) PinMessage(by *world.Person, m *world.Message, pinned bool) error {
	t := m.Thread
	if !t.Has(by) {
		return refuse("not a member of the thread")
	}
	t.Pinned = slices.DeleteFunc(t.Pinned, func(other *world.Message) bool { return other == m })
	var now, no []string
	if pinned {
		t.Pinned, now = append(t.Pinned, m), []string{m.ID}
	} else {
		no = []string{m.ID}
	}
	d.tellMembers(t, m.ID, func(*world.Person) shape.Object { return shape.PinnedMessages(t, now, no) })
	return nil
}
