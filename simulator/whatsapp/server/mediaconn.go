package server

import (
	"crypto/rand"
	"encoding/hex"

	"crosschat/simulator/whatsapp/stanza"
)

// mediaConn hands out the media hosts and a token for them (section 10.1).
func (r *request) mediaConn() error {
	if !r.is("set", "media_conn") {
		return errNotImplemented
	}
	var hosts []stanza.Node
	for i, host := range r.s.cfg.MediaHosts {
		n := stanza.New("host", stanza.Attrs{"hostname": host})
		if i > 0 {
			n.Attrs["type"] = "fallback"
		}
		hosts = append(hosts, n)
	}
	r.content = []stanza.Node{stanza.New("media_conn", stanza.Attrs{
		"auth": r.s.newMediaAuth(), "ttl": "300", "auth_ttl": "21600", "max_buckets": "12", "id": r.s.newID(),
	}, hosts)}
	return nil
}

func (s *Server) newMediaAuth() string {
	random := make([]byte, 16)
	rand.Read(random) //nolint:errcheck // never fails
	auth := hex.EncodeToString(random)
	s.mediaAuth[auth] = true
	return auth
}

// mediaAuthorised is called by the media handler, without the lock.
func (s *Server) mediaAuthorised(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mediaAuth[token]
}
