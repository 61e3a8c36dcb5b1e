package server

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/world"
)

// link makes a link to a file and says when it ends, in ms. Videos are sent on from there to another host.
func (s *Server) link(f *world.File, host string) (string, int64) {
	if f == nil {
		return "", 0
	}
	if host == "" {
		host = HostFiles
	}
	ends := s.cfg.Now().Add(s.cfg.URLLife)
	name := strconv.FormatInt(f.ID, 10) + "_n" + extension(f.MIMEType)
	query := url.Values{"oe": {strconv.FormatInt(ends.Unix(), 16)}, "g": {strconv.Itoa(f.Generation)}, "_nc_ht": {host}}
	query.Set("oh", s.signature(name, query.Get("oe"), query.Get("g")))
	return fmt.Sprintf("https://%s/v/t1.15752-9/%s?%s", host, name, query.Encode()), ends.UnixMilli()
}

func extension(mimeType string) string {
	switch mimeType {
	case "image/jpeg":
		return ".jpg"
	case "image/png":
		return ".png"
	case "image/gif":
		return ".gif"
	case "image/webp":
		return ".webp"
	case "video/mp4":
		return ".mp4"
	case "audio/mp4", "audio/aac", "audio/mpeg":
		return ".m4a"
	default:
		return ".bin"
	}
}

func (s *Server) signature(parts ...string) string {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(strings.Join(parts, "|")))
	return hex.EncodeToString(mac.Sum(nil)[:12])
}

// serveFile answers for both hosts of plain files (section 4.2).
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if r.Header.Get("Cookie") != "" || r.Header.Get("Referer") != "" {
		s.note(nil, "download of a file with cookies or a referrer")
	}
	f := s.linked(r.URL)
	if f == nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	sub := faultSubject(0, "media/"+r.Method, r.URL.Path)
	if _, gone := s.faults.Rules("media_expired", sub); gone {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	host, _, _ := strings.Cut(r.Host, ":")
	if strings.HasPrefix(f.MIMEType, "video/") && host == HostFiles {
		s.mu.Lock()
		target, _ := s.link(f, HostVideos)
		s.mu.Unlock()
		http.Redirect(w, r, target, http.StatusFound)
		return
	}
	s.sendFile(w, r, f, sub)
}

// linked finds the file of a link that is genuine and has not expired; nil otherwise.
func (s *Server) linked(u *url.URL) *world.File {
	name, query := path.Base(u.Path), u.Query()
	if !hmac.Equal([]byte(s.signature(name, query.Get("oe"), query.Get("g"))), []byte(query.Get("oh"))) {
		return nil
	}
	ends, err := strconv.ParseInt(query.Get("oe"), 16, 64)
	if err != nil || s.cfg.Now().Unix() > ends {
		return nil
	}
	id, _, _ := strings.Cut(name, "_")
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.world.File(number)
	if f == nil || strconv.Itoa(f.Generation) != query.Get("g") {
		return nil
	}
	copied := *f // Data is never changed
	return &copied
}

func (s *Server) sendFile(w http.ResponseWriter, r *http.Request, f *world.File, sub faultSub) {
	if args, hit := s.faults.Strike("media_status", sub); hit {
		w.WriteHeader(args.Int("status", http.StatusServiceUnavailable))
		return
	}
	data := f.Data
	if _, hit := s.faults.Strike("media_corrupt", sub); hit && len(data) > 0 {
		data = bytes.Clone(data)
		data[len(data)/2] ^= 1
	}
	w.Header().Set("Content-Type", f.MIMEType)
	if _, hit := s.faults.Strike("media_truncate", sub); hit {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data[:len(data)/2]) //nolint:errcheck // the server breaks off, since less than announced was written
		return
	}
	host, _, _ := strings.Cut(r.Host, ":")
	if _, whole := s.faults.Rules("no_range", sub); whole || host == HostFiles {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		if r.Method == http.MethodGet {
			w.Write(data) //nolint:errcheck // the client is gone, nobody cares
		}
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data)) // answers ranges
}

// ExpireFiles makes all links to the files of a message invalid; new links are good. Gone makes the new ones bad too.
func (s *Server) ExpireFiles(message string, gone bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.world.Message(message)
	if m == nil {
		return control.NotFound("no message %q", message)
	}
	for _, a := range m.Files {
		a.File.Generation++
		if gone {
			// Nobody is told this generation, as links are made from a file's present one.
			_, err := s.faults.Add(control.Fault{Kind: "media_expired", MatchID: "/" + person(a.File.ID) + "_", Times: -1})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
