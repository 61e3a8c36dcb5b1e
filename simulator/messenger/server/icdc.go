package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"crosschat/simulator/faults"
)

// Registrar keeps the encrypted devices of people. Its methods are called while the server's lock is held, and must not
// call the server.
type Registrar interface {
	// Identities are the identity keys on somebody's list, with its sequence number.
	Identities(person int64) (keys [][32]byte, sequence int)
	// Register takes a device that section 5.2's form describes and returns its number, and whether it is a new one. An
	// error says what is wrong with the form.
	Register(person int64, form url.Values) (device int, fresh bool, err error)
}

// Errors of CheckCAT.
var (
	ErrCATExpired = errors.New("crypto auth token has expired")
	ErrCATInvalid = errors.New("crypto auth token is not valid")
)

// CheckCAT says whether a crypto auth token is good for a person.
func (s *Server) CheckCAT(crypto string, id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkCAT(crypto, id)
}

func (s *Server) checkCAT(crypto string, id int64) error {
	c := s.cats[crypto]
	switch {
	case c == nil || c.account.ID != id || c.account.gate != "":
		return ErrCATInvalid
	case s.cfg.Now().Unix() >= c.expires:
		return ErrCATExpired
	default:
		return nil
	}
}

// ExpireCATs makes all tokens of a person expire.
func (s *Server) ExpireCATs(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.cats {
		if c.account.ID == id {
			c.expires = 0
		}
	}
}

func (s *Server) serveICDCFetch(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.registrant(w, r, "icdc/fetch")
	if !ok {
		return
	}
	keys, sequence := s.cfg.Registrar.Identities(id)
	identities := []string{}
	for _, key := range keys {
		identities = append(identities, base64.RawURLEncoding.EncodeToString(key[:]))
	}
	writeJSON(w, object{"device_identities": identities, "icdc_seq": sequence, "status": http.StatusOK})
}

func (s *Server) serveRegister(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.registrant(w, r, "icdc/register")
	if !ok {
		return
	}
	device, fresh, err := s.cfg.Registrar.Register(id, r.PostForm)
	if err != nil {
		s.note(s.accounts[id], "registration: "+err.Error())
		writeJSON(w, object{"status": http.StatusBadRequest, "type": "error", "icdc_success": false})
		return
	}
	kind := "existing"
	if fresh {
		kind = "new"
	}
	writeJSON(w, object{"status": http.StatusOK, "type": kind, "product": "msgr", "wa_device_id": device, "icdc_success": true})
}

// registrant checks what both steps of a registration have in common and finds out whose it is. Otherwise it answers.
func (s *Server) registrant(w http.ResponseWriter, r *http.Request, what string) (int64, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.Method != http.MethodPost || r.ParseForm() != nil || s.cfg.Registrar == nil {
		w.WriteHeader(http.StatusBadRequest)
		return 0, false
	}
	id, err := strconv.ParseInt(r.PostForm.Get("fbid"), 10, 64)
	if args, hit := s.faults.Strike("icdc_status", faults.Subject{Person: r.PostForm.Get("fbid"), What: what}); hit {
		writeJSON(w, object{"status": args.Int("status", http.StatusInternalServerError)})
		return 0, false
	}
	if err == nil {
		err = s.checkCAT(r.PostForm.Get("fb_cat"), id)
	}
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		writeJSON(w, object{"status": http.StatusUnauthorized, "type": "error"})
		return 0, false
	}
	for field, bad := range map[string]bool{
		"app_id":    r.PostForm.Get("app_id") != strconv.Itoa(messengerAppID),
		"device_id": len(r.PostForm.Get("device_id")) != 36,
		"cookies":   r.Header.Get("Cookie") != "",
		"origin":    r.Header.Get("Origin") != "https://"+HostWeb,
	} {
		if bad {
			s.note(s.accounts[id], fmt.Sprintf("%s with a wrong %s", what, field))
			writeJSON(w, object{"status": http.StatusBadRequest, "type": "error"})
			return 0, false
		}
	}
	return id, true
}

func writeJSON(w http.ResponseWriter, body object) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body) //nolint:errcheck // the client is gone, nobody cares
}
