package server

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"crosschat/simulator/instagram/world"
)

// filePath is where files are on the CDN.
const filePath = "/v/t51.29350-15/"

// extensions of files, so that names look as they do on the CDN.
var extensions = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif", "video/mp4": ".mp4",
	"audio/mp4": ".mp4",
}

// sign makes the link to a file. It holds for the configured time and only for the file's present generation.
func (s *Server) sign(f *world.File) string {
	name := strconv.FormatInt(f.ID, 10) + "_n" + extensions[f.MIMEType]
	until := s.cfg.Now().Add(s.cfg.LinkLife).Unix()
	return fmt.Sprintf("https://%s%s%s?_nc_ht=%s&oe=%X&oh=%s&g=%d", hostFiles, filePath, name, hostFiles, until,
		s.signature(f.ID, until, f.Generation), f.Generation)
}

func (s *Server) signature(id, until int64, generation int) string {
	mac := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(mac, "%d %d %d", id, until, generation) //nolint:errcheck // never fails
	return hex.EncodeToString(mac.Sum(nil)[:12])
}

// serveFile answers with a file. Videos are first sent on to another host, which knows ranges.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, ses *session) {
	if r.Header.Get("Cookie") != "" {
		s.note(ses, "file asked for with cookies")
	}
	unlock := s.Direct.Lock()
	f, status := s.file(r)
	var data []byte
	kind := ""
	if f != nil {
		data, kind = f.Data, f.MIMEType
	}
	unlock()
	if status != http.StatusOK {
		http.Error(w, http.StatusText(status), status)
		return
	}
	host, _, _ := strings.Cut(r.Host, ":")
	if strings.HasPrefix(kind, "video/") && host == hostFiles && r.Header.Get("Referer") == "" {
		link := *r.URL
		link.Scheme, link.Host = "https", hostVideos
		http.Redirect(w, r, link.String(), http.StatusFound)
		return
	}
	sub := ses.subject("media/"+r.Method, r.URL.Path)
	if _, hit := s.faults.Strike("media_corrupt", sub); hit && len(data) > 0 {
		data = bytes.Clone(data)
		data[len(data)/2] ^= 0x10
	}
	if _, hit := s.faults.Strike("media_truncate", sub); hit {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data[:len(data)/2])           //nolint:errcheck // is cut off anyway
		http.NewResponseController(w).Flush() //nolint:errcheck // as above
		panic(http.ErrAbortHandler)           // the documented way to break a connection off
	}
	w.Header().Set("Content-Type", kind)
	if _, hit := s.faults.Strike("media_unsized", sub); hit {
		http.NewResponseController(w).Flush() //nolint:errcheck // so that the length is not told; a client that is gone does not care
		if r.Method == http.MethodGet {
			io.Copy(w, bytes.NewReader(data)) //nolint:errcheck // as above
		}
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// file finds what a link leads to, or the status that says why it leads nowhere.
func (s *Server) file(r *http.Request) (*world.File, int) {
	name, _, _ := strings.Cut(path.Base(r.URL.Path), "_")
	query := r.URL.Query()
	until, err := strconv.ParseInt(query.Get("oe"), 16, 64)
	generation, errGeneration := strconv.Atoi(query.Get("g"))
	f := s.Direct.World.File(number(name))
	switch {
	case err != nil || errGeneration != nil || f == nil:
		return nil, http.StatusNotFound
	case query.Get("oh") != s.signature(f.ID, until, generation) || until < s.cfg.Now().Unix() || generation != f.Generation:
		return nil, http.StatusForbidden
	case f.Gone:
		return nil, http.StatusNotFound
	}
	return f, http.StatusOK
}
