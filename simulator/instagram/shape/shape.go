// Package shape turns the simulated world into the JSON that Instagram's web client is told: users, threads, messages and
// the entries of deltas (instagram.md sections 5.5, 6.4, 11 and 12). It owns forms only; who is told what is package
// direct's. A Renderer is used by whoever holds the world's lock.
//
// Forms matter: every id and time is a decimal string, and what section 5.5 lists as a number is a number.
package shape

import (
	"strconv"

	"crosschat/simulator/instagram/world"
)

// Object is a JSON object.
type Object = map[string]any

// Renderer makes JSON of the world.
type Renderer struct {
	// Sign makes the URL of a file, which must not be nil.
	Sign func(*world.File) string
	// Anonymous is the picture of people who have none.
	Anonymous *world.File
}

// ID is a number as ids and times are written.
func ID(n int64) string { return strconv.FormatInt(n, 10) }

// User is somebody as viewer sees them.
func (r *Renderer) User(viewer, p *world.Person) Object {
	var bot any
	if p.Bot != "" {
		bot = p.Bot
	}
	return Object{
		"id": ID(p.IGID), "pk": ID(p.IGID), "interop_messaging_user_fbid": ID(p.FBID),
		"username": p.Username, "full_name": p.Name, "profile_pic_url": r.Picture(p), "is_verified": p.Verified,
		"ai_agent_type": bot,
		"friendship_status": Object{
			"following": viewer.Follows(p), "blocking": viewer.Blocks(p), "is_restricted": false,
		},
	}
}

// SearchResult is somebody as the search for people names them.
func (r *Renderer) SearchResult(p *world.Person) Object {
	return Object{
		"id": ID(p.IGID), "pk": ID(p.IGID), "interop_messaging_user_fbid": ID(p.FBID),
		"username": p.Username, "full_name": p.Name, "profile_pic_url": r.Picture(p), "is_verified": p.Verified,
	}
}

// Picture is the URL of somebody's picture.
func (r *Renderer) Picture(p *world.Person) string {
	if p.Avatar == nil {
		return r.Sign(r.Anonymous)
	}
	return r.Sign(p.Avatar)
}

// ThreadNode is a thread as an element of a list: the wrapper around Thread.
func (r *Renderer) ThreadNode(v *world.View, thread Object) Object {
	return Object{"__typename": "SlideThread", "id": ID(v.Thread.Short), "as_ig_direct_thread": thread}
}

// Listed is a thread with what only lists have, and stubs of its newest messages.
func (r *Renderer) Listed(v *world.View, stubs int) Object {
	o := r.common(v)
	o["is_muted"], o["is_pin"], o["folder"] = v.MutedUntil != 0, v.Pinned, v.InboxFolder
	o["messaging_folder_tag"], o["thread_label"] = v.Folder, 0
	withoutViewer := []Object{}
	for _, p := range v.Others() {
		withoutViewer = append(withoutViewer, Object{"id": ID(p.IGID)})
	}
	o["usersWithoutViewer"] = withoutViewer
	page := Page(v, Range{Count: stubs})
	for i := range page.Edges {
		page.Edges[i].stub = true
	}
	// A list never leads on to a thread's history.
	page.More = false
	o["slide_messages"] = r.messages(v, page)
	return o
}

// Detail is a thread with what only its own query has, and its newest messages.
func (r *Renderer) Detail(v *world.View, count int) Object {
	o := r.common(v)
	o["reachability_status"], o["group_creator"] = nil, nil
	o["ig_thread_capabilities"] = Object{"capabilities_0": "0", "capabilities_1": "0"}
	o["pinned_messages"] = pinned(v.Thread)
	o["admin_user_ids"] = admins(v.Thread)
	o["slide_messages"] = r.messages(v, Page(v, Range{Count: count}))
	return o
}

func pinned(t *world.Thread) []Object {
	list := []Object{}
	for _, m := range t.Pinned {
		list = append(list, Object{"id": m.ID, "message_id": m.ID})
	}
	return list
}

func admins(t *world.Thread) []string {
	list := []string{}
	for _, p := range t.Members {
		if t.Admins[p] {
			list = append(list, ID(p.IGID))
		}
	}
	return list
}

func (r *Renderer) common(v *world.View) Object {
	t := v.Thread
	var image any
	if t.Image != nil {
		image = r.Sign(t.Image)
	}
	users, receipts := []Object{}, []Object{}
	for _, p := range v.Others() {
		users = append(users, r.User(v.Owner, p))
		var read int64
		if other := p.View(t); other != nil && !p.HideReads && !other.Request() {
			read = other.Read
		}
		receipts = append(receipts, receipt(p, read))
	}
	return Object{
		"id": ID(t.Short), "thread_fbid": ID(t.Short), "thread_key": ID(v.Key()), "thread_id": t.Long,
		"thread_subtype": subtype(v), "is_group": t.Group, "thread_title": title(v), "thread_image_url": image,
		"viewer_id": ID(v.Owner.IGID), "viewer": r.User(v.Owner, v.Owner), "users": users, "nicknames": []any{},
		"last_activity_timestamp_ms": ID(t.Activity), "marked_as_unread": v.Unread, "system_folder": v.Folder,
		"input_mode": 0, "takedown_data": nil, "event_chat_info": nil,
		"slide_read_receipts": append(receipts, receipt(v.Owner, v.Read)),
	}
}

func receipt(p *world.Person, at int64) Object {
	return Object{"participant_fbid": ID(p.FBID), "watermark_timestamp_ms": ID(at)}
}

func subtype(v *world.View) string {
	peer := v.Peer()
	switch {
	case v.Thread.Group:
		return "IGD_GROUP"
	case peer != nil && peer.Bot != "":
		return "IG_AI_BOT_ONE_TO_ONE"
	case v.Owner.Professional || peer != nil && peer.Professional:
		return "IG_BUSINESS_ACCOUNT_ONE_TO_ONE"
	default:
		return "IG_ONLY_ONE_TO_ONE"
	}
}

func title(v *world.View) string {
	if v.Thread.Group {
		return v.Thread.Title
	}
	p := v.Peer()
	if p == nil {
		p = v.Owner
	}
	if p.Name != "" {
		return p.Name
	}
	return p.Username
}
