package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"crosschat/simulator/instagram/direct"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// createGroup, like all here, is of appendix A.
func (c *call) createGroup() (any, error) {
	var vars struct {
		Recipients []string `json:"recipient_eimu_fbids"`
		OTID       string   `json:"offline_threading_id"`
	}
	if err := c.into(&vars); err != nil {
		return nil, err
	}
	otid, err := c.nonce(vars.OTID)
	if err != nil {
		return nil, err
	}
	var others []*world.Person
	for _, id := range vars.Recipients {
		p := c.s.Direct.World.ByFBID(number(id))
		if p == nil {
			return nil, &problem{direct.CodeGeneral, "unknown recipient"}
		}
		others = append(others, p)
	}
	t, err := c.s.Direct.NewGroup(c.me, "", others, otid)
	if err != nil {
		return nil, err
	}
	id := shape.ID(t.Short)
	return shape.Object{"id": id, "as_ig_direct_thread": shape.Object{
		"id": id, "thread_key": id, "thread_subtype": "IGD_GROUP", "system_folder": "INBOX", "folder": "PRIMARY",
	}}, nil
}

// renameGroup answers in a form that is not known.
func (c *call) renameGroup() (any, error) {
	var vars struct {
		Thread string `json:"thread_fbid"`
		Title  string `json:"new_title"`
	}
	v, err := c.inThread(&vars, &vars.Thread)
	if v == nil {
		return nil, err
	}
	if err := c.s.Direct.Rename(c.me, v.Thread, vars.Title); err != nil {
		return nil, err
	}
	return shape.Object{"id": shape.ID(v.Thread.Short), "thread_title": vars.Title}, nil
}

func (c *call) pinMessage() (any, error) { return c.setPin(true) }

func (c *call) unpinMessage() (any, error) { return c.setPin(false) }

func (c *call) setPin(pinned bool) (any, error) {
	var vars struct {
		Thread  string `json:"thread_fbid"`
		Message string `json:"message_id"`
	}
	v, err := c.inThread(&vars, &vars.Thread)
	if v == nil {
		return nil, err
	}
	m := v.Thread.Message(vars.Message)
	if m == nil {
		return nil, &problem{direct.CodeGeneral, "cannot pin"}
	}
	if err := c.s.Direct.PinMessage(c.me, m, pinned); err != nil {
		return nil, err
	}
	list := []shape.Object{}
	for _, p := range v.Thread.Pinned {
		list = append(list, shape.Object{"id": p.ID, "message_id": p.ID})
	}
	return shape.Object{"id": shape.ID(v.Thread.Short), "pinned_messages": list}, nil
}

// Documents of the mobile surface that change a group's picture.
const (
	docSetImage    = "5576567352987267181917649770"
	docRemoveImage = "50027745118339199321503686240"
)

// serveMobile answers the mobile GraphQL that group pictures need.
func (s *Server) serveMobile(w http.ResponseWriter, r *http.Request, _ *session) {
	form, err := formOf(r)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	unlock := s.Direct.Lock()
	defer unlock()
	ses := s.bearer(r)
	if ses == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var vars struct {
		Thread     string `json:"ig_thread_igid"`
		Attachment string `json:"attachment_fbid"`
	}
	var root string
	switch form.Get("client_doc_id") {
	case docSetImage:
		root = "xig_direct_update_thread_image"
	case docRemoveImage:
		root = "xig_direct_remove_thread_image"
	}
	if err := json.Unmarshal([]byte(form.Get("variables")), &vars); err != nil || root == "" {
		s.note(ses, fmt.Sprintf("mobile document %q, %v", form.Get("client_doc_id"), err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c := &call{s: s, ses: ses, me: ses.person}
	value, err := c.setImage(vars.Thread, vars.Attachment, root == "xig_direct_update_thread_image")
	var entry shape.Object
	if err != nil {
		entry = errorEntry(err, false, false)
	}
	body := s.answer(root, value, entry)
	say(w, string(body))
	w.Write(body) //nolint:errcheck // the client is gone, nobody cares
}

// setImage takes either id of the thread, since which one is meant is not known.
func (c *call) setImage(thread, attachment string, set bool) (any, error) {
	v := c.view(thread, false)
	if v == nil {
		v = c.long(thread)
	}
	if v == nil {
		return nil, nil
	}
	var image *world.File
	if set {
		if image = c.s.Direct.World.File(number(attachment)); image == nil || image.Owner != c.me {
			return nil, &problem{direct.CodeGeneral, "unknown attachment"}
		}
	}
	if err := c.s.Direct.SetImage(c.me, v.Thread, image); err != nil {
		return nil, err
	}
	return shape.Object{"id": shape.ID(v.Thread.Short)}, nil
}

// bearer finds the session of a request of the mobile surface, which carries its cookies in a header.
func (s *Server) bearer(r *http.Request) *session {
	encoded, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer IGT:2:")
	if !ok {
		return nil
	}
	data, err := decodeBase64(encoded)
	if err != nil {
		return nil
	}
	var who struct {
		Owner  string `json:"ds_user_id"`
		Secret string `json:"sessionid"`
	}
	if err := json.Unmarshal(data, &who); err != nil {
		return nil
	}
	ses := s.bySecret[who.Secret]
	if ses == nil || ses.revoked || ses.owner() != who.Owner || r.Header.Get("Ig-U-Ds-User-Id") != who.Owner {
		return nil
	}
	return ses
}
