package server

import (
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// seen is what both calls of section 6.11 name.
type seen struct {
	Metadata struct {
		Thread string `json:"ig_thread_igid"`
	} `json:"metadata"`
	Data struct {
		Message string `json:"message_id"`
		At      string `json:"message_timestamp_ms"`
	} `json:"data"`
}

// message finds the message that is marked as read.
func (c *call) seen() (*world.View, *world.Message, seen, error) {
	var vars seen
	if err := c.into(&vars); err != nil {
		return nil, nil, vars, err
	}
	v := c.long(vars.Metadata.Thread)
	if v == nil {
		return nil, nil, vars, nil
	}
	if v.Request() {
		c.s.note(c.ses, c.op.key+" in a message request")
	}
	return v, v.Thread.Message(vars.Data.Message), vars, nil
}

// markRead is the first call of section 6.11.
func (c *call) markRead() (any, error) {
	v, m, _, err := c.seen()
	if err != nil || m == nil {
		return nil, err
	}
	c.s.Direct.Read(c.me, m)
	return shape.Object{"participant_fbid": shape.ID(c.me.FBID), "watermark_timestamp_ms": shape.ID(v.Read)}, nil
}

// markReadValidate is the second call of section 6.11.
func (c *call) markReadValidate() (any, error) {
	_, m, vars, err := c.seen()
	if err != nil || m == nil {
		return nil, err
	}
	return vars.Data.At == shape.ID(m.At), nil
}

// inThread reads the variables of a call, and finds the thread that they name; nil if there is none, which is no error.
func (c *call) inThread(vars any, thread *string) (*world.View, error) {
	if err := c.into(vars); err != nil {
		return nil, err
	}
	return c.view(*thread, false), nil
}

// markUnread is the last of section 6.11. What it answers is not known.
func (c *call) markUnread() (any, error) {
	var vars struct {
		Thread string `json:"thread_fbid"`
		Marked bool   `json:"marked"`
	}
	v, err := c.inThread(&vars, &vars.Thread)
	if v == nil {
		return nil, err
	}
	c.s.Direct.MarkUnread(c.me, v.Thread, vars.Marked)
	return shape.Object{"id": shape.ID(v.Thread.Short), "marked_as_unread": vars.Marked}, nil
}

// accept is in section 6.12.
func (c *call) accept() (any, error) {
	var vars struct {
		Thread string  `json:"thread_fbid"`
		Inbox  *string `json:"ig_inbox_folder"`
	}
	v, err := c.inThread(&vars, &vars.Thread)
	if v == nil {
		return nil, err
	}
	if v.Request() {
		inbox := ""
		if vars.Inbox != nil {
			inbox = *vars.Inbox
		}
		c.s.Direct.Move(c.me, v.Thread, world.FolderInbox, inbox)
	}
	return shape.Object{"folder": v.InboxFolder, "id": shape.ID(v.Thread.Short), "system_folder": v.Folder}, nil
}

// deleteThread is in section 6.12.
func (c *call) deleteThread() (any, error) {
	var vars struct {
		Thread string `json:"thread_fbid"`
		Spam   bool   `json:"should_move_future_requests_to_spam"`
	}
	v, err := c.inThread(&vars, &vars.Thread)
	if v == nil {
		return nil, err
	}
	if vars.Spam && v.Request() {
		v.Folder = world.FolderSpam
	}
	c.s.Direct.Hide(c.me, v.Thread)
	return shape.Object{"id": shape.ID(v.Thread.Short)}, nil
}

// mute is in section 6.12. The unit of a finite end is not known; seconds here.
func (c *call) mute() (any, error) {
	var vars struct {
		Thread  string `json:"thread_fbid"`
		Seconds int64  `json:"mute_seconds"`
	}
	v, err := c.inThread(&vars, &vars.Thread)
	if v == nil {
		return nil, err
	}
	var until any
	ms := vars.Seconds
	switch {
	case vars.Seconds < 0:
		ms, until = -1, -1
	case vars.Seconds > 0:
		ms = c.s.Direct.World.Now() + vars.Seconds*1000
		until = ms / 1000
	}
	c.s.Direct.Mute(c.me, v.Thread, ms)
	return shape.Object{"ig_direct_mute_thread": ms != 0, "mute_until": until, "id": shape.ID(v.Thread.Short)}, nil
}

// pinThread is in section 6.12.
func (c *call) pinThread() (any, error) {
	var vars struct {
		Thread string `json:"thread_fbid"`
		Pin    bool   `json:"pin"`
	}
	v, err := c.inThread(&vars, &vars.Thread)
	if v == nil {
		return nil, err
	}
	c.s.Direct.Pin(c.me, v.Thread, vars.Pin)
	return shape.Object{"is_pin": vars.Pin, "id": shape.ID(v.Thread.Short)}, nil
}
