package chat

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"crosschat/simulator/faults"
	"crosschat/simulator/whatsapp/media"
)

// maxUpload bounds what one upload may hold in memory.
const maxUpload = 512 << 20

// uploadKinds are the kinds that an upload may name.
var uploadKinds = []string{"image", "video", "ptt", "document"}

// MediaHandler serves encrypted files (section 5.7).
func (s *Server) MediaHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sub := faults.Subject{What: r.Method, ID: r.URL.Path}
		if kind := r.URL.Query().Get("mms-type"); kind != "" {
			sub.What += "/" + kind
		}
		if args, hit := s.faults.Strike("media_delay", sub); hit {
			select {
			case <-time.After(time.Duration(args.Int("ms", 1000)) * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
		if args, hit := s.faults.Strike("media_status", sub); hit {
			w.WriteHeader(args.Int("status", http.StatusServiceUnavailable))
			return
		}
		switch r.Method {
		case http.MethodPost:
			s.takeUpload(w, r)
		case http.MethodGet:
			s.serveBlob(w, r, sub)
		default:
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	})
}

func (s *Server) takeUpload(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/wa-msgr/mms/"), "/")
	query := r.URL.Query()
	s.mu.Lock()
	known := s.auth[query.Get("auth")]
	s.mu.Unlock()
	host, _, _ := strings.Cut(r.Host, ":")
	switch {
	case len(parts) != 2 || !slices.Contains(uploadKinds, parts[0]) || parts[1] != query.Get("token"):
		s.note(nil, "upload to %s", r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
		return
	case slices.Contains(s.cfg.MediaHosts, host) && host != s.cfg.MediaHosts[len(s.cfg.MediaHosts)-1]:
		s.note(nil, "upload to %s, which is not the last host", host)
		w.WriteHeader(http.StatusNotFound)
		return
	case !known:
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxUpload))
	sum := sha256.Sum256(data)
	if err != nil || base64.URLEncoding.EncodeToString(sum[:]) != query.Get("token") {
		s.note(nil, "upload whose token is not its hash: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	blob := s.store.Put(parts[0], data)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{ //nolint:errcheck // the client is gone, nobody cares
		"url": blob.URL, "direct_path": blob.Path, "handle": parts[1][:16], "object_id": strconv.Itoa(len(data)),
	})
}

func (s *Server) serveBlob(w http.ResponseWriter, r *http.Request, sub faults.Subject) {
	blob, err := s.store.Get(r.URL.Path)
	switch {
	case errors.Is(err, media.ErrExpired):
		w.WriteHeader(http.StatusForbidden)
		return
	case err != nil:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	query := r.URL.Query()
	if _, marked := query["__wa-mms"]; !marked || query.Get("hash") == "" || query.Get("mms-type") == "" {
		s.note(nil, "download with query %q", r.URL.RawQuery)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	data := blob.Data
	sum := sha256.Sum256(data)
	if query.Get("hash") != base64.URLEncoding.EncodeToString(sum[:]) {
		s.note(nil, "download with the hash of another file")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if _, hit := s.faults.Strike("media_corrupt", sub); hit && len(data) > 0 {
		data = slices.Clone(data)
		data[len(data)/2] ^= 1
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if _, hit := s.faults.Strike("media_truncate", sub); hit {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		data = data[:len(data)/2] // the server breaks off, since less than announced is written
	}
	w.Write(data) //nolint:errcheck // the client is gone, nobody cares
}
