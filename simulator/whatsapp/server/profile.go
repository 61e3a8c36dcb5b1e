package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// SetPushName changes the name that comes with the user's messages. Nobody is told until the next one.
func (l *Link) SetPushName(name string) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.s.closed {
		return ErrClosed
	}
	l.user.PushName = name
	return nil
}

// SetAbout changes the about text and tells everybody's devices.
func (l *Link) SetAbout(text string) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.s.closed {
		return ErrClosed
	}
	l.s.setAbout(l.user, text)
	return nil
}

func (s *Server) setAbout(u *user, text string) {
	u.About = text
	s.tellContacts(u, "status", u.LIDJID(), stanza.New("set", nil, text))
}

// SetPicture changes the profile picture, tells everybody's devices and returns the new picture's id; nil removes it. It
// fails on anything but a JPEG.
func (l *Link) SetPicture(jpeg []byte) (string, error) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.s.closed {
		return "", ErrClosed
	}
	if jpeg != nil && !isJPEG(jpeg) {
		return "", fmt.Errorf("set picture of %s: not a JPEG", l.user.Phone)
	}
	l.s.setPicture(l.user, l.user.devices[0], jpeg)
	return l.user.pictureID, nil
}

// Picture is the id of the user's present picture, empty if there is none.
func (l *Link) Picture() string {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.user.pictureID
}

func isJPEG(data []byte) bool { return bytes.HasPrefix(data, []byte{0xff, 0xd8, 0xff}) }

// storePicture puts a picture where clients fetch it: plain bytes behind a direct path.
func (s *Server) storePicture(u *user, jpeg []byte) {
	u.Picture, u.pictureID, u.picturePath, u.pictureURL = jpeg, "", "", ""
	if len(jpeg) == 0 {
		u.Picture = nil
		return
	}
	blob := s.media.Put("picture", jpeg)
	u.pictureID, u.picturePath, u.pictureURL = s.newPictureID(), blob.Path, blob.URL
}

func (s *Server) newPictureID() string {
	s.lastID++
	return strconv.FormatUint(uint64(s.cfg.Now().Unix())+s.lastID, 10)
}

func (s *Server) setPicture(u *user, by *device, jpeg []byte) {
	s.storePicture(u, jpeg)
	change := stanza.New("delete", stanza.Attrs{"jid": u.LIDJID()})
	if u.pictureID != "" {
		change = stanza.New("set", stanza.Attrs{"jid": u.LIDJID(), "id": u.pictureID, "author": u.LIDJID()})
	}
	s.tellContacts(u, "picture", u.LIDJID(), change)
	s.tellOwn(u, by, "account_sync", stanza.New("picture", nil))
}

// picture serves avatars of users and groups (section 6).
func (r *request) picture() error {
	target, ok := stanza.JID(r.node, "target")
	if !ok {
		target = r.dev.user.PN()
	}
	if stanza.Str(r.node, "type") == "set" {
		return r.changePicture(target)
	}
	if r.child.Tag != "picture" {
		return errNotImplemented
	}
	var id, path, address string
	if target.Server == types.GroupServer {
		g := r.s.groups[target.User]
		if g == nil {
			return errItemNotFound
		}
		id, path, address = g.pictureID, g.picturePath, g.pictureURL
	} else {
		u := r.s.userOf(target)
		if u == nil {
			return errItemNotFound
		}
		if !u.shows("profile", r.dev.user) || u.blocked[r.dev.user.LID] {
			return errNotAuthorized
		}
		id, path, address = u.pictureID, u.picturePath, u.pictureURL
	}
	if id == "" {
		return errItemNotFound
	}
	if stanza.Str(r.child, "id") == id {
		r.content = []stanza.Node{stanza.New("picture", stanza.Attrs{"status": "304"})}
		return nil
	}
	r.content = []stanza.Node{stanza.New("picture", stanza.Attrs{
		"id": id, "type": stanza.Str(r.child, "type"), "url": address, "direct_path": path,
		"hash": url.QueryEscape(id),
	})}
	return nil
}

func (r *request) changePicture(target types.JID) error {
	jpeg := stanza.Bytes(r.child)
	if r.child.Tag == "" {
		jpeg = nil
	} else if r.child.Tag != "picture" || len(jpeg) > 0 && !isJPEG(jpeg) {
		return errNotAcceptable
	}
	id := ""
	if target.Server == types.GroupServer {
		g, err := r.memberOf(target)
		if err != nil {
			return err
		}
		id = r.s.setGroupPicture(g, r.dev, jpeg)
	} else {
		if r.s.userOf(target) != r.dev.user {
			return errForbidden
		}
		r.s.setPicture(r.dev.user, r.dev, jpeg)
		id = r.dev.user.pictureID
	}
	if id != "" {
		r.content = []stanza.Node{stanza.New("picture", stanza.Attrs{"id": id})}
	}
	return nil
}

// mexSetAbout is the one query of w:mex in scope.
const mexSetAbout = "9152604461510864"

func (r *request) mex() error {
	if !r.is("get", "query") {
		return errNotImplemented
	}
	if stanza.Str(r.child, "query_id") != mexSetAbout {
		return errNotImplemented
	}
	var query struct {
		Variables struct {
			Input map[string]any `json:"input"`
		} `json:"variables"`
	}
	if err := json.Unmarshal(stanza.Bytes(r.child), &query); err != nil {
		return errBadRequest
	}
	text, _ := query.Variables.Input["text"].(string)
	r.s.setAbout(r.dev.user, text)
	r.content = []stanza.Node{stanza.New("result", nil, `{"data":{"xwa2_update_text_status":{"result":"SUCCESS"}}}`)}
	return nil
}
