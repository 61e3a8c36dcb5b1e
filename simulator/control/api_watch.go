package control

import "time"

// Fault breaks something, once by default. Which kinds exist and what their Match keys are is documented where the
// network implements them (whatsapp-server.md section 19).
type Fault struct {
	ID     string `json:"id,omitempty"` // chosen by the simulator
	Kind   string `json:"kind"`
	Person string `json:"person,omitempty"` // whose companion it hits; empty is anybody's
	Device int    `json:"device,omitempty"` // 0 is any
	// Stanza and MatchID narrow it down to stanzas of one tag (and its class), or one id.
	Stanza  string            `json:"stanza,omitempty"`
	MatchID string            `json:"match_id,omitempty"`
	Skip    int               `json:"skip,omitempty"`  // let this many matching ones pass first
	Times   int               `json:"times,omitempty"` // default 1; -1 is until removed
	Args    map[string]string `json:"args,omitempty"`
	Hits    int               `json:"hits"` // how often it struck, in answers
}

// LogEntry is one stanza or request that crossed a simulated network's wire.
type LogEntry struct {
	Index     int       `json:"index"`
	Time      time.Time `json:"time"`
	Network   string    `json:"network"`
	Direction string    `json:"direction"` // in: from a client; out: to a client
	Person    string    `json:"person,omitempty"`
	Device    int       `json:"device,omitempty"`
	Data      string    `json:"data"` // readable form of the stanza
}

// Unexpected is a request that the simulator does not know. A test that finds one fails.
type Unexpected struct {
	Network string    `json:"network"`
	Time    time.Time `json:"time"`
	Person  string    `json:"person,omitempty"`
	What    string    `json:"what"`
}

// LogMatch selects log entries from index From on whose data contains Contains and matches the regular expression
// Pattern; both may be empty. Person, Direction and Device narrow it down.
type LogMatch struct {
	From      int    `json:"from,omitempty"`
	Contains  string `json:"contains,omitempty"`
	Pattern   string `json:"pattern,omitempty"`
	Person    string `json:"person,omitempty"`
	Direction string `json:"direction,omitempty"`
	Device    int    `json:"device,omitempty"`
	Count     int    `json:"count,omitempty"` // default 1
}

// AwaitLogRequest blocks until Match is fulfilled or the deadline passes.
type AwaitLogRequest struct {
	Match   LogMatch `json:"match"`
	Timeout int      `json:"timeout_ms"`
}

// Error is the body of each answer that is not 2xx, and the error of Client's methods and of a Network's.
type Error struct {
	Status  int    `json:"-"` // HTTP status
	Message string `json:"error"`
	Hint    string `json:"hint,omitempty"`
}

// Error says what is wrong and, where there is one, what to do.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}
