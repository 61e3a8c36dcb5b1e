package server

import (
	"encoding/json"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// The reach-out time lock keeps an account from beginning chats for a while (sections 7.2 and 14).

// hasHeardFrom notes that somebody has written to the user, who may answer from then on.
func (u *user) hasHeardFrom(other *user) {
	if u.heardFrom == nil {
		u.heardFrom = map[string]bool{}
	}
	u.heardFrom[other.LID] = true
}

// timelocked says whether a message would begin a chat, and its sender may not.
func (s *Server) timelocked(d *device, n stanza.Node, to types.JID) bool {
	peer := s.userOf(to)
	return peer != nil && peer != d.user && !isOneDevice(n, to) &&
		!d.user.heardFrom[peer.LID] && s.faults.rules("timelock", subject{dev: d})
}

// tellTimelock tells the person's companions that a lock is there, or has ended.
func (s *Server) tellTimelock(f Fault, active bool) {
	const name = "xwa2_notify_account_reachout_timelock"
	lock := map[string]any{"is_active": active}
	if seconds := argInt(f.Args, "seconds", 3600); active && seconds > 0 {
		ends := s.cfg.Now().Add(time.Duration(seconds) * time.Second)
		lock["time_enforcement_ends"] = strconv.FormatInt(ends.Unix(), 10)
	}
	text, err := json.Marshal(map[string]any{"data": map[string]any{name: lock}})
	if err != nil {
		panic(err) // it is made of plain values
	}
	for _, u := range s.others(nil) {
		if f.Person != "" && f.Person != u.Phone {
			continue
		}
		for _, d := range u.sorted() {
			if !d.isPhone() {
				s.notify(d, "mex", types.ServerJID, stanza.New("update", stanza.Attrs{"op_name": name}, text))
			}
		}
	}
}
