// Package iris reads and writes what the stream of Instagram's sync socket carries: the subscription a client sends and the
// operations it gets (instagram.md section 10). It owns their bytes; cursors, logs and what a delta says are for its
// caller. Its functions are pure and may be called from any goroutine.
package iris

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Group is the database of direct messages.
const Group = 223

// Version is the version that a subscription names.
const Version = -3

// ErrMalformed is wrapped by the errors of ParseSubscription.
var ErrMalformed = errors.New("malformed subscription")

// Subscription is what the first data of the stream asks for.
type Subscription struct {
	AppID        string
	DeviceID     string
	RequestID    int64
	Cursor       int64 // last_applied_cursor.seq_id
	SnapshotAt   int64 // ms
	DocID        string
	UserAgent    string
	FailureCount int64
}

// ParseSubscription reads the first data. Every field must be there and have the form of section 10.1.
func ParseSubscription(data []byte) (Subscription, error) {
	var outer struct {
		AppID     *string `json:"app_id"`
		DeviceID  *string `json:"device_id"`
		RequestID *int64  `json:"request_id"`
		Type      *int64  `json:"type"`
		Payload   *string `json:"payload"`
	}
	if err := decode("subscription", data, &outer); err != nil {
		return Subscription{}, err
	}
	if outer.AppID == nil || outer.DeviceID == nil || outer.RequestID == nil || outer.Payload == nil ||
		outer.Type == nil || *outer.Type != 2 {
		return Subscription{}, fmt.Errorf("%w: field missing or type not 2", ErrMalformed)
	}
	s := Subscription{AppID: *outer.AppID, DeviceID: *outer.DeviceID, RequestID: *outer.RequestID}
	var inner struct {
		Database     *int64  `json:"database"`
		Cursor       *string `json:"last_applied_cursor"`
		SyncParams   *string `json:"sync_params"`
		EpochID      *int64  `json:"epoch_id"`
		Version      *int64  `json:"version"`
		FailureCount *int64  `json:"failure_count"`
	}
	if err := decode("payload", []byte(*outer.Payload), &inner); err != nil {
		return Subscription{}, err
	}
	if inner.Database == nil || *inner.Database != Group || inner.Version == nil || *inner.Version != Version {
		return Subscription{}, fmt.Errorf("%w: database or version is another", ErrMalformed)
	}
	if inner.Cursor == nil || inner.SyncParams == nil || inner.EpochID == nil || inner.FailureCount == nil {
		return Subscription{}, fmt.Errorf("%w: field of payload missing", ErrMalformed)
	}
	s.FailureCount = *inner.FailureCount
	var cursor struct {
		SeqID *int64 `json:"seq_id"`
	}
	if err := decode("cursor", []byte(*inner.Cursor), &cursor); err != nil {
		return Subscription{}, err
	}
	var params struct {
		UserAgent  string `json:"user_agent"`
		SnapshotAt *int64 `json:"snapshot_at_ms"`
		DocID      string `json:"prevalidated_graphql_doc_id"`
	}
	if err := decode("sync_params", []byte(*inner.SyncParams), &params); err != nil {
		return Subscription{}, err
	}
	if cursor.SeqID == nil || params.SnapshotAt == nil || params.DocID == "" || params.UserAgent == "" {
		return Subscription{}, fmt.Errorf("%w: field of cursor or sync_params missing", ErrMalformed)
	}
	s.Cursor, s.SnapshotAt, s.DocID, s.UserAgent = *cursor.SeqID, *params.SnapshotAt, params.DocID, params.UserAgent
	return s, nil
}

func decode(what string, data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMalformed, what, err)
	}
	return nil
}

// Operation is one operation of a response, as protobuf.
type Operation []byte

// Subscribed is the answer to a subscription.
func Subscribed(subscribed, latest int64) Operation {
	var b []byte
	b = appendVarint(b, 1, Group)
	b = appendVarint(b, 2, subscribed)
	b = appendVarint(b, 3, latest)
	return operation(1, b)
}

// Resnapshot tells the client to forget its cursor. errorType 1 is the server's own wish.
func Resnapshot(message string, errorType int32) Operation {
	var b []byte
	b = appendVarint(b, 1, Group)
	b = appendText(b, 2, message)
	b = appendVarint(b, 3, int64(errorType))
	return operation(2, b)
}

// Delta carries entries of slide_delta_processor. The extra fields of the real network, which clients must ignore, come
// with extra.
func Delta(entries []json.RawMessage, extra bool) (Operation, error) {
	text, err := json.Marshal([]any{map[string]any{"data": map[string]any{"slide_delta_processor": entries}}})
	if err != nil {
		return nil, fmt.Errorf("encode delta: %w", err)
	}
	return RawDelta(string(text), extra), nil
}

// RawDelta is Delta with any text in the place of its JSON.
func RawDelta(text string, extra bool) Operation {
	var b []byte
	b = appendVarint(b, 1, Group)
	b = appendText(b, 2, text)
	if extra {
		b = appendVarint(b, 3, 7)
		b = appendText(b, 5, "x")
	}
	return operation(3, b)
}

// Noop says nothing.
func Noop() Operation { return operation(4, nil) }

// Failure says that the sync failed.
func Failure(message string) Operation {
	return operation(5, appendText(appendVarint(nil, 1, Group), 2, message))
}

// Unknown is an operation without a member that a client could know.
func Unknown() Operation { return operation(15, nil) }

// Response is the data payload that carries operations, answering the subscription requestID.
func Response(requestID int64, operations ...Operation) []byte {
	b := appendText(nil, 1, "\x06\x00") // the control header, as seen
	for _, o := range operations {
		b = protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), o)
	}
	b = appendText(b, 3, "")
	return []byte(`{"payload":"` + base64.StdEncoding.EncodeToString(b) +
		`","request_id":` + strconv.FormatInt(requestID, 10) + `}`)
}

func operation(member protowire.Number, body []byte) Operation {
	return protowire.AppendBytes(protowire.AppendTag(nil, member, protowire.BytesType), body)
}

func appendVarint(b []byte, field protowire.Number, n int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(n))
}

func appendText(b []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
}
