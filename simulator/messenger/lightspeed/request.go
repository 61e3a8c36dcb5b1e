package lightspeed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Request types of the envelope (section 2.5).
const (
	TypeQueryParams = 1 // database query with sync params
	TypeQueryCursor = 2 // database query with a cursor
	TypeTasks       = 3
	TypeStateless   = 4
)

// ErrBadRequest says that a request is not in the form of section 2.5.
var ErrBadRequest = errors.New("bad request")

// Request is what a Data frame carries. Payload is JSON in its turn, read by ParseQuery, ParseBatch or ParseStateless.
type Request struct {
	AppID   string `json:"app_id"`
	Payload string `json:"payload"`
	ID      int    `json:"request_id"`
	Type    int    `json:"type"`
}

// ParseRequest reads an envelope.
func ParseRequest(data []byte) (Request, error) {
	var r Request
	if err := Strict(data, &r, "app_id", "payload", "request_id", "type"); err != nil {
		return r, err
	}
	if r.ID < 1 || r.ID > 1<<16-1 {
		return r, fmt.Errorf("%w: request_id %d", ErrBadRequest, r.ID)
	}
	if r.Type < TypeQueryParams || r.Type > TypeStateless {
		return r, fmt.Errorf("%w: type %d", ErrBadRequest, r.Type)
	}
	return r, nil
}

// Query asks for the rows of a database.
type Query struct {
	Database     int64           `json:"database"`
	Cursor       *string         `json:"last_applied_cursor"`
	SyncParams   *string         `json:"sync_params"`
	Epoch        int64           `json:"epoch_id"`
	TraceID      string          `json:"data_trace_id"`
	Version      json.Number     `json:"version"`
	FailureCount json.RawMessage `json:"failure_count"`
}

// ParseQuery reads a query of the socket. Over GraphQL failure_count is missing, which web says.
func ParseQuery(payload string, web bool) (Query, error) {
	var q Query
	required := []string{"database", "last_applied_cursor", "epoch_id", "version"}
	if !web {
		required = append(required, "sync_params", "failure_count")
	}
	if err := Strict([]byte(payload), &q, required...); err != nil {
		return q, err
	}
	// A json.Number takes a quoted number too, which here is a mistake of the client's.
	var raw struct {
		Version json.RawMessage `json:"version"`
	}
	if err := json.Unmarshal([]byte(payload), &raw); err != nil || !isDigits(string(raw.Version)) {
		return q, fmt.Errorf("%w: version %s is no number", ErrBadRequest, raw.Version)
	}
	return q, nil
}

// Batch is several tasks.
type Batch struct {
	Epoch   int64  `json:"epoch_id"`
	TraceID string `json:"data_trace_id"`
	Tasks   []Task `json:"tasks"`
	Version string `json:"version_id"`
}

// Task is one task; Payload is JSON whose form depends on Label.
type Task struct {
	FailureCount json.RawMessage `json:"failure_count"`
	Label        string          `json:"label"`
	Payload      string          `json:"payload"`
	Queue        string          `json:"queue_name"`
	ID           int64           `json:"task_id"`
}

// ParseBatch reads a batch of tasks.
func ParseBatch(payload string) (Batch, error) {
	var b Batch
	if err := Strict([]byte(payload), &b, "epoch_id", "tasks", "version_id"); err != nil {
		return b, err
	}
	if len(b.Tasks) == 0 {
		return b, fmt.Errorf("%w: no tasks", ErrBadRequest)
	}
	for _, t := range b.Tasks {
		if !isDigits(t.Label) || t.Queue == "" {
			return b, fmt.Errorf("%w: task with label %q in queue %q", ErrBadRequest, t.Label, t.Queue)
		}
	}
	if !isDigits(b.Version) {
		return b, fmt.Errorf("%w: version %q", ErrBadRequest, b.Version)
	}
	return b, nil
}

// Stateless is a task without an answer.
type Stateless struct {
	Label   string `json:"label"`
	Payload string `json:"payload"`
	Version string `json:"version"`
}

// ParseStateless reads a stateless task.
func ParseStateless(payload string) (Stateless, error) {
	var s Stateless
	if err := Strict([]byte(payload), &s, "label", "payload", "version"); err != nil {
		return s, err
	}
	if !isDigits(s.Label) || !isDigits(s.Version) {
		return s, fmt.Errorf("%w: label %q, version %q", ErrBadRequest, s.Label, s.Version)
	}
	return s, nil
}

func isDigits(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// Strict reads a JSON object into a struct and refuses fields it does not have, fields of other types, and the lack of a
// required one.
func Strict(data []byte, into any, required ...string) error {
	var present map[string]json.RawMessage
	if err := json.Unmarshal(data, &present); err != nil {
		return fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	for _, name := range required {
		if _, ok := present[name]; !ok {
			return fmt.Errorf("%w: %s is missing", ErrBadRequest, name)
		}
	}
	for name, value := range present {
		if slices.Contains(required, name) && string(value) == "null" && !nullable[name] {
			return fmt.Errorf("%w: %s is null", ErrBadRequest, name)
		}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the object", ErrBadRequest)
	}
	return nil
}

// nullable are the required fields that may be null.
var nullable = map[string]bool{
	"last_applied_cursor": true, "sync_params": true, "failure_count": true, "reaction_style": true, "cursor": true,
	"messaging_tag": true, "ig_folder": true, "session_id": true, "selected_participants": true, "group_id": true,
	"community_id": true, "query_id": true,
}
