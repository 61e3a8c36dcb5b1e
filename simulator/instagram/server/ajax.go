package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// writeGuarded answers with JSON behind the guard.
func writeGuarded(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	body, err := json.Marshal(value)
	if err != nil {
		body = []byte("null") // nothing that is put in can fail to encode
	}
	say(w, string(body))
	w.Write(append([]byte(guard), body...)) //nolint:errcheck // the client is gone, nobody cares
}

// writeJSON answers with JSON as the REST calls do.
func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	body, err := json.Marshal(value)
	if err != nil {
		body = []byte("null") // nothing that is put in can fail to encode
	}
	say(w, string(body))
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client is gone, nobody cares
}

// serveNavigation tells the ids of a thread by its key (section 7.1).
func (s *Server) serveNavigation(w http.ResponseWriter, r *http.Request, ses *session) {
	form, err := formOf(r)
	if err != nil {
		s.note(ses, fmt.Sprintf("navigation that is no form: %v", err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	unlock := s.Direct.Lock()
	defer unlock()
	if !s.genuine(w, r, ses, form) {
		return
	}
	s.likeBrowser(r, ses, "navigation", xhrHeaders)
	for _, field := range []string{"client_previous_actor_id", "routing_namespace", "__crn"} {
		if form.Get(field) == "" {
			s.note(ses, "navigation without "+field)
		}
	}
	key, _ := strings.CutPrefix(strings.TrimSuffix(form.Get("route_url"), "/"), "/direct/t/")
	v := s.Direct.World.Known(ses.person, number(key))
	sub := ses.subject("navigation", key)
	var props any
	if _, hit := s.faults.Strike("null_props", sub); !hit {
		if v == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		props = shape.Object{"thread_igid": v.Thread.Long, "thread_fbid": shape.ID(v.Thread.Short)}
	}
	writeGuarded(w, shape.Object{"__ar": 1, "lid": s.lid(), "payload": shape.Object{
		"error": false, "payload": shape.Object{"result": shape.Object{
			"type": "route_definition", "exports": shape.Object{"rootView": shape.Object{"props": props}},
		}},
	}})
}

// lid is a number that answers come with.
func (s *Server) lid() string { return shape.ID(s.Direct.World.NewOTID()) }

// restDenied answers a REST call of nobody.
func restDenied(w http.ResponseWriter, ses *session) bool {
	if ses == nil {
		writeJSON(w, http.StatusForbidden, shape.Object{"message": "login_required", "require_login": true, "status": "fail"})
	}
	return ses == nil
}

// serveBadge is what is left of the REST calls for messages: the account's newest seq id (section 1).
func (s *Server) serveBadge(w http.ResponseWriter, _ *http.Request, ses *session) {
	if restDenied(w, ses) {
		return
	}
	unlock := s.Direct.Lock()
	defer unlock()
	unread := len(ses.person.Views(func(v *world.View) bool {
		return !v.Request() && (v.Unread || v.Thread.Activity > v.Read)
	}))
	writeJSON(w, http.StatusOK, shape.Object{
		"seq_id": ses.person.Seq, "badge_count": unread, "badge_count_at_ms": s.Direct.World.Now(), "status": "ok",
	})
}

// serveProfileInfo is at the end of section 6.14.
func (s *Server) serveProfileInfo(w http.ResponseWriter, r *http.Request, ses *session) {
	if restDenied(w, ses) {
		return
	}
	unlock := s.Direct.Lock()
	defer unlock()
	p := s.Direct.World.ByUsername(r.URL.Query().Get("username"))
	if p == nil {
		writeJSON(w, http.StatusNotFound, shape.Object{"status": "fail"})
		return
	}
	writeJSON(w, http.StatusOK, shape.Object{"status": "ok", "data": shape.Object{"user": shape.Object{
		"id": shape.ID(p.IGID), "fbid": shape.ID(p.Viewer), "eimu_id": shape.ID(p.FBID), "username": p.Username,
		"full_name": p.Name, "profile_pic_url_hd": s.Direct.Shape.Picture(p), "biography": p.About,
	}}})
}

// serveMediaInfo tells of a post or reel (section 7.2).
func (s *Server) serveMediaInfo(w http.ResponseWriter, r *http.Request, ses *session) {
	if restDenied(w, ses) {
		return
	}
	unlock := s.Direct.Lock()
	defer unlock()
	id, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/media/"), "/")
	post := s.Direct.World.Post(number(id))
	if post == nil || rest != "info/" {
		writeJSON(w, http.StatusNotFound, shape.Object{"message": "Media not found or unavailable", "status": "fail"})
		return
	}
	writeJSON(w, http.StatusOK, shape.Object{"items": []shape.Object{s.item(post)}, "status": "ok"})
}

// serveReels tells of somebody's stories (section 7.2).
func (s *Server) serveReels(w http.ResponseWriter, r *http.Request, ses *session) {
	if restDenied(w, ses) {
		return
	}
	unlock := s.Direct.Lock()
	defer unlock()
	query := r.URL.Query()
	reels := shape.Object{}
	post := s.Direct.World.Post(number(query.Get("media_id")))
	if post != nil && post.Story && post.Owner != nil && shape.ID(post.Owner.IGID) == query.Get("reel_ids") {
		reels[query.Get("reel_ids")] = shape.Object{"items": []shape.Object{s.item(post)}}
	}
	writeJSON(w, http.StatusOK, shape.Object{"reels": reels, "status": "ok"})
}

// item is a post as both calls have it. The smaller versions come first, since clients must look for the largest.
func (s *Server) item(post *world.Post) shape.Object {
	pk := shape.ID(post.ID)
	item := shape.Object{"pk": pk, "id": pk, "code": post.Code, "caption": nil}
	if post.Owner != nil {
		item["id"] = pk + "_" + shape.ID(post.Owner.IGID)
		item["user"] = shape.Object{"username": post.Owner.Username, "pk": shape.ID(post.Owner.IGID)}
	}
	if post.Caption != "" {
		item["caption"] = shape.Object{"text": post.Caption}
	}
	var parts []shape.Object
	for _, f := range post.Files {
		parts = append(parts, s.versions(f))
	}
	if len(parts) > 1 {
		item["carousel_media"] = parts
	}
	if len(parts) > 0 {
		for key, value := range parts[0] {
			if key != "pk" {
				item[key] = value
			}
		}
	}
	return item
}

func (s *Server) versions(f *world.File) shape.Object {
	small := shape.Object{"width": f.Width / 2, "height": f.Height / 2, "url": s.sign(f) + "&size=small"}
	full := shape.Object{"width": f.Width, "height": f.Height, "url": s.sign(f)}
	part := shape.Object{"pk": shape.ID(f.ID), "image_versions2": shape.Object{"candidates": []shape.Object{}}}
	if strings.HasPrefix(f.MIMEType, "video/") {
		part["video_versions"], part["video_duration"] = []shape.Object{small, full}, float64(f.Millis)/1000
	} else {
		part["image_versions2"] = shape.Object{"candidates": []shape.Object{small, full}}
	}
	return part
}

// decodeBase64 accepts both with and without padding.
func decodeBase64(text string) ([]byte, error) {
	data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, fmt.Errorf("decode base64: %w", err)
	}
	return data, nil
}
