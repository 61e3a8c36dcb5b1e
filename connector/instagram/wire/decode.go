package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// The server's JSON is read leniently: a value of a type that was not expected is as good as none, unless nothing can be
// done without it. That is checked where the raw types become those that the package shows.

// unmarshal reads JSON into raw types. Values of wrong types are left out.
func unmarshal(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return nil
	}
	return err
}

// text is text that may be a number or null on the wire.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(data []byte) error {
	*t = ""
	if len(data) == 0 {
		return nil
	}
	switch c := data[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(data, &s) == nil {
			*t = text(s)
		}
	case c == '-' || c >= '0' && c <= '9':
		*t = text(data)
	}
	return nil
}

// millis is a time that is Unix milliseconds as text or a number on the wire; zero if there is none.
type millis struct{ time.Time }

// UnmarshalJSON never fails.
func (m *millis) UnmarshalJSON(data []byte) error {
	m.Time = time.Time{}
	if ms, err := strconv.ParseInt(string(bytes.Trim(data, `"`)), 10, 64); err == nil && ms > 0 && ms < maxMillis {
		m.Time = time.UnixMilli(ms).UTC()
	}
	return nil
}

// maxMillis keeps times within four-digit years, which others need.
const maxMillis = 253402300800000

// size is a number of pixels or the like, 0 if there is none or it is absurd.
type size int

// UnmarshalJSON never fails.
func (s *size) UnmarshalJSON(data []byte) error {
	*s = 0
	if n, err := strconv.ParseFloat(string(bytes.Trim(data, `"`)), 64); err == nil && n > 0 && n < 1e9 {
		*s = size(n)
	}
	return nil
}

type rawUser struct {
	ID         IGID `json:"id"`
	PK         IGID `json:"pk"`
	FBID       FBID `json:"interop_messaging_user_fbid"`
	Username   text `json:"username"`
	FullName   text `json:"full_name"`
	Picture    text `json:"profile_pic_url"`
	Verified   bool `json:"is_verified"`
	Agent      text `json:"ai_agent_type"`
	Friendship struct {
		Following  bool `json:"following"`
		Blocking   bool `json:"blocking"`
		Restricted bool `json:"is_restricted"`
	} `json:"friendship_status"`
}

func (r *rawUser) user() User {
	u := User{
		IGID: r.PK, FBID: r.FBID, Username: string(r.Username), FullName: string(r.FullName), PictureURL: string(r.Picture),
		Verified: r.Verified, Bot: r.Agent != "", Following: r.Friendship.Following, Blocked: r.Friendship.Blocking,
		Restricted: r.Friendship.Restricted,
	}
	if u.IGID == 0 {
		u.IGID = r.ID
	}
	return u
}

func users(raw []rawUser) []User {
	list := make([]User, 0, len(raw))
	for _, r := range raw {
		if u := r.user(); u.IGID != 0 || u.FBID != 0 {
			list = append(list, u)
		}
	}
	return list
}

type rawReceipt struct {
	Reader FBID   `json:"participant_fbid"`
	UpTo   millis `json:"watermark_timestamp_ms"`
}

type rawPage struct {
	Edges []struct {
		Node json.RawMessage `json:"node"`
	} `json:"edges"`
	Info struct {
		EndCursor text `json:"end_cursor"`
		More      bool `json:"has_next_page"`
	} `json:"page_info"`
}

type rawThread struct {
	ID        ShortID   `json:"id"`
	Short     ShortID   `json:"thread_fbid"`
	Key       ThreadKey `json:"thread_key"`
	Long      LongID    `json:"thread_id"`
	Subtype   text      `json:"thread_subtype"`
	Group     bool      `json:"is_group"`
	Title     text      `json:"thread_title"`
	Image     text      `json:"thread_image_url"`
	Viewer    rawUser   `json:"viewer"`
	Users     []rawUser `json:"users"`
	Nicknames []struct {
		User FBID `json:"eimu_id"`
		Name text `json:"nickname"`
	} `json:"nicknames"`
	Admins       *[]IGID      `json:"admin_user_ids"`
	LastActivity millis       `json:"last_activity_timestamp_ms"`
	Unread       bool         `json:"marked_as_unread"`
	SystemFolder text         `json:"system_folder"`
	Folder       text         `json:"folder"`
	InputMode    size         `json:"input_mode"`
	Muted        *bool        `json:"is_muted"`
	Pinned       *bool        `json:"is_pin"`
	Receipts     []rawReceipt `json:"slide_read_receipts"`
	Messages     *rawPage     `json:"slide_messages"`
	Pinnings     []rawPinning `json:"pinned_messages"`
}

// rawPinning is an id, or a message.
type rawPinning struct{ ID MessageID }

// UnmarshalJSON never fails.
func (p *rawPinning) UnmarshalJSON(data []byte) error {
	var id text
	var object struct {
		ID        text `json:"id"`
		MessageID text `json:"message_id"`
	}
	if len(data) > 0 && data[0] == '"' {
		_ = id.UnmarshalJSON(data)
	} else if json.Unmarshal(data, &object) == nil {
		if id = object.MessageID; id == "" {
			id = object.ID
		}
	}
	p.ID = MessageID(id)
	return nil
}

func messageIDs(raw []rawPinning) []MessageID {
	var ids []MessageID
	for _, r := range raw {
		if r.ID != "" {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// errNoID is a thread or message without its id.
var errNoID = errors.New("it has no id")

// thread makes a Thread. report is told of messages that can't be read.
func (r *rawThread) thread(stubs bool, report func(error)) (*Thread, error) {
	t := &Thread{
		IDs: ThreadIDs{r.Key, r.Short, r.Long}, Group: r.Group, Subtype: string(r.Subtype), Title: string(r.Title),
		ImageURL: string(r.Image), Viewer: r.Viewer.user(), Users: users(r.Users), Folder: Folder(r.SystemFolder),
		Category: string(r.Folder), LastActivity: r.LastActivity.Time, MarkedUnread: r.Unread, Muted: r.Muted,
		Pinned: r.Pinned, InputMode: int64(r.InputMode), Pinnings: messageIDs(r.Pinnings), Stubs: stubs,
	}
	if t.IDs.Short == 0 {
		t.IDs.Short = r.ID
	}
	if t.IDs.Short == 0 {
		return nil, fmt.Errorf("read thread: %w", errNoID)
	}
	t.completeKey()
	if r.Admins != nil {
		t.Admins, t.AdminsKnown = *r.Admins, true
	}
	for _, n := range r.Nicknames {
		if n.User != 0 && n.Name != "" {
			if t.Nicknames == nil {
				t.Nicknames = make(map[FBID]string)
			}
			t.Nicknames[n.User] = string(n.Name)
		}
	}
	for _, receipt := range r.Receipts {
		if receipt.Reader != 0 && !receipt.UpTo.IsZero() {
			t.Receipts = append(t.Receipts, ReadReceipt{receipt.Reader, receipt.UpTo.Time})
		}
	}
	if r.Messages != nil {
		page := r.Messages.page(t.IDs.Short, report)
		t.Messages, t.Older, t.More = page.Messages, page.Cursor, page.More
	}
	return t, nil
}

// completeKey finds the key where the server doesn't say it.
func (t *Thread) completeKey() {
	switch {
	case t.IDs.Key != 0:
	case t.Group:
		t.IDs.Key = ThreadKey(t.IDs.Short)
	case len(t.Users) == 1:
		t.IDs.Key = t.Users[0].FBID.ThreadKey()
	case len(t.Users) == 0:
		t.IDs.Key = t.Viewer.FBID.ThreadKey()
	}
}

// page makes a Page, the oldest message first.
func (r *rawPage) page(thread ShortID, report func(error)) *Page {
	p := &Page{Cursor: string(r.Info.EndCursor), More: r.Info.More && r.Info.EndCursor != ""}
	for i := len(r.Edges) - 1; i >= 0; i-- {
		m, err := readMessage(r.Edges[i].Node, thread)
		if err != nil {
			report(err)
			continue
		}
		p.Messages = append(p.Messages, *m)
	}
	return p
}
