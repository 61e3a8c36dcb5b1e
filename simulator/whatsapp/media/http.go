package media

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxUpload bounds what one upload may hold in memory.
const maxUpload = 512 << 20

// Effect is what a fault does to one request. The zero value does nothing.
type Effect struct {
	Status     int // answer this and do nothing else
	RetryAfter string
	Truncate   bool // announce the whole length, send half, break off
	Corrupt    bool // flip a bit of what is sent
	Delay      time.Duration
}

// Handler serves uploads, downloads and deletions.
type Handler struct {
	Store *Store
	// Authorised says whether the token that media_conn handed out is valid.
	Authorised func(token string) bool
	// Fault is asked once for each request; kind is empty if the path doesn't tell.
	Fault func(method, kind, path string) Effect
	// Log is told each request with its answer.
	Log func(method, path string, status int)
}

// Owns says whether a request is for media rather than for another part of the server.
func Owns(path string) bool {
	return strings.HasPrefix(path, "/mms/") || strings.HasPrefix(path, "/v/")
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	defer func() { h.Log(r.Method, r.URL.Path, recorder.status) }()
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	kind := ""
	if len(parts) == 3 {
		kind = parts[1]
	}
	effect := h.Fault(r.Method, kind, r.URL.Path)
	if effect.Delay > 0 {
		select {
		case <-time.After(effect.Delay):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case effect.Status != 0:
		if effect.RetryAfter != "" {
			w.Header().Set("Retry-After", effect.RetryAfter)
		}
		recorder.WriteHeader(effect.Status)
	case r.Method == http.MethodGet:
		h.download(recorder, r, effect)
	case len(parts) != 3 || parts[0] != "mms":
		recorder.WriteHeader(http.StatusNotFound)
	case !h.Authorised(r.URL.Query().Get("auth")):
		recorder.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodPost:
		h.upload(recorder, r, kind, parts[2])
	case r.Method == http.MethodDelete:
		h.remove(recorder, r)
	default:
		recorder.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (h *Handler) download(w http.ResponseWriter, r *http.Request, effect Effect) {
	blob, err := h.Store.Get(r.URL.Path)
	switch {
	case errors.Is(err, ErrExpired):
		w.WriteHeader(http.StatusGone)
		return
	case err != nil:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	data := blob.Data
	if effect.Corrupt {
		data = corrupted(data)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if effect.Truncate {
		// The server breaks the connection when less than this was written.
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		data = data[:len(data)/2]
	}
	w.Write(data) //nolint:errcheck // the client is gone, nobody cares
}

func (h *Handler) upload(w http.ResponseWriter, r *http.Request, kind, token string) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxUpload))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	// Clients differ in whether they pad the token.
	sum := sha256.Sum256(data)
	if strings.TrimRight(token, "=") != base64.RawURLEncoding.EncodeToString(sum[:]) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	blob := h.Store.Put(kind, data)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{ //nolint:errcheck // the client is gone, nobody cares
		"url": blob.URL, "direct_path": blob.Path, "handle": token[:16], "object_id": token[:16],
	})
}

// remove takes the path to delete from d_md, since the token names a content, not an upload.
func (h *Handler) remove(w http.ResponseWriter, r *http.Request) {
	path, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(r.URL.Query().Get("d_md"), "="))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if err = h.Store.Delete(string(path)); err != nil {
		w.WriteHeader(http.StatusNotFound)
	}
}
