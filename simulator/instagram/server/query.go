package server

import (
	"fmt"

	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// mailbox is the id of somebody's mailbox.
func mailbox(p *world.Person) string { return shape.ID(17840000000000777 + p.IGID%1000) }

// view finds a thread of the caller by short id, or by key if keys resolve too; nil if there is none.
func (c *call) view(id string, keys bool) *world.View {
	if t := c.s.Direct.World.ByShort(number(id)); t != nil {
		return c.me.View(t)
	}
	if keys {
		return c.s.Direct.World.Known(c.me, number(id))
	}
	return nil
}

// long finds a thread of the caller by long id; nil if there is none.
func (c *call) long(id string) *world.View {
	if t := c.s.Direct.World.ByLong(id); t != nil {
		return c.me.View(t)
	}
	return nil
}

func (c *call) listed(requests bool) []*world.View {
	return c.me.Views(func(v *world.View) bool {
		if requests {
			return v.Folder == world.FolderPending
		}
		return !v.Request() && v.InboxFolder == world.InboxPrimary
	})
}

// list is the answer of inbox and requests.
func (c *call) list(requests bool) (any, error) {
	var vars struct {
		Device *string `json:"device_id_for_iris_subscription"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	if vars.Device == nil || *vars.Device == "" {
		c.s.note(c.ses, c.op.key+" without a device")
	}
	pinned := []shape.Object{}
	if !requests {
		for _, v := range c.listed(false) {
			if v.Pinned {
				pinned = append(pinned, c.s.Direct.Shape.ThreadNode(v, c.s.Direct.Shape.Listed(v, c.s.cfg.Stubs)))
			}
		}
	}
	return shape.Object{
		"id": mailbox(c.me), "__token": nil, "iris_inactive_subscription_uq_seq_id": shape.ID(c.me.Seq),
		"threads_by_folder": c.s.Direct.Shape.Threads(c.listed(requests), "", c.s.cfg.InboxPage, c.s.cfg.Stubs),
		"pinned_threads_v2": pinned,
	}, nil
}

// inbox is section 6.2.
func (c *call) inbox() (any, error) { return c.list(false) }

// requests is section 6.13.
func (c *call) requests() (any, error) { return c.list(true) }

// inboxPage is section 6.3. The mailbox may be named by its id or by the caller's FBID: sources disagree.
func (c *call) inboxPage() (any, error) {
	var vars struct {
		Count  int     `json:"count"`
		Cursor *string `json:"cursor"`
		Folder string  `json:"folder"`
		ID     string  `json:"id"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	if vars.ID != mailbox(c.me) && vars.ID != shape.ID(c.me.FBID) || vars.Folder != "INBOX" {
		return nil, nil
	}
	cursor := ""
	if vars.Cursor != nil {
		cursor = *vars.Cursor
	}
	count := min(max(vars.Count, 1), c.s.cfg.InboxPage)
	return shape.Object{
		"id": mailbox(c.me), "__token": nil,
		"threads_by_folder": c.s.Direct.Shape.Threads(c.listed(false), cursor, count, c.s.cfg.Stubs),
	}, nil
}

// thread is section 6.4.
func (c *call) thread() (any, error) {
	var vars struct {
		Thread string `json:"thread_fbid"`
		Count  int    `json:"__relay_internal__pv__IGDInitialMessagePageCountrelayprovider"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	v := c.view(vars.Thread, true)
	if v == nil {
		return nil, nil
	}
	return c.s.Direct.Shape.ThreadNode(v, c.s.Direct.Shape.Detail(v, vars.Count)), nil
}

// messages is section 6.5.
func (c *call) messages() (any, error) {
	var vars struct {
		ID     string  `json:"id"`
		After  *string `json:"after"`
		Before *string `json:"before"`
		First  *int    `json:"first"`
		Last   *int    `json:"last"`
		Newer  *string `json:"newer_than_message_id"`
		Older  *string `json:"older_than_message_id"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	if vars.Before != nil || vars.Last != nil || vars.Newer != nil || vars.First == nil || *vars.First < 1 {
		c.s.note(c.ses, "messages paged in a way that is not known")
		return nil, &problem{codeBadInput, "unknown paging"}
	}
	v := c.view(vars.ID, false)
	if v == nil {
		return nil, nil
	}
	want := shape.Range{Count: *vars.First}
	if vars.After != nil {
		want.After = *vars.After
	}
	if vars.Older != nil {
		want.Before = *vars.Older
	}
	if want.After != "" && want.Before != "" {
		c.s.note(c.ses, "messages with both a cursor and a message to start from")
	}
	return c.s.Direct.Shape.ThreadNode(v, shape.Object{
		"id": shape.ID(v.Thread.Short), "slide_messages": c.s.Direct.Shape.Messages(v, want),
	}), nil
}

// search is the first of section 6.14: at most 20 others.
func (c *call) search() (any, error) {
	var vars struct {
		Text string `json:"search_text"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	found := []shape.Object{}
	for _, p := range c.s.Direct.World.Search(vars.Text) {
		if p != c.me && !p.Blocks(c.me) && len(found) < 20 {
			found = append(found, c.s.Direct.Shape.SearchResult(p))
		}
	}
	return shape.Object{"search_messenger_contact_v2": found}, nil
}

// userByFbid finds somebody by messaging id.
func (c *call) userByFbid() (any, error) {
	var vars struct {
		FBID string `json:"messaging_user_fbid"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	p := c.s.Direct.World.ByFBID(number(vars.FBID))
	if p == nil || p.Blocks(c.me) {
		return nil, nil
	}
	return c.s.Direct.Shape.User(c.me, p), nil
}

// profile finds somebody by IGID. It has no root of its own.
func (c *call) profile() (any, error) {
	var vars struct {
		ID string `json:"id"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	viewer := shape.Object{"user": c.s.Direct.Shape.User(c.me, c.me)}
	p := c.s.Direct.World.Person(number(vars.ID))
	if p == nil || p.Blocks(c.me) {
		return shape.Object{"user": nil, "viewer": viewer}, nil
	}
	user := c.s.Direct.Shape.User(c.me, p)
	user["fbid_v2"] = fmt.Sprint(p.Viewer)
	return shape.Object{"user": user, "viewer": viewer}, nil
}
