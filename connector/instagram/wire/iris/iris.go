// Package iris has the payloads of the sync socket: the subscription from a cursor on, and what the server tells on it
// (section 10 of the protocol's description). What is in a delta is not its business.
//
// It keeps no state; its functions may be called from any goroutine.
package iris

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"crosschat/connector/metaweb/graphql"
)

// ErrMalformed is a payload that can't be read.
var ErrMalformed = errors.New("payload of the sync socket is malformed")

// Operation is one of the types below.
type Operation any

type (
	// Subscribed says that the subscription was taken. What is between the two numbers follows.
	Subscribed struct{ From, Latest int64 }
	// Resnapshot says that the cursor is not continued.
	Resnapshot struct {
		Message string
		Type    int32
	}
	// Delta is what happened, as JSON.
	Delta struct{ JSON []byte }
	// Noop is nothing.
	Noop struct{}
	// Failure says that there is no sync.
	Failure struct{ Message string }
	// Unknown is an operation that nobody knows.
	Unknown struct{ Field int }
)

// Subscription is what a client says first.
type Subscription struct {
	AppID, DeviceID string
	DocumentID      string // of the deltas
	Seq             int64  // the cursor
	SnapshotAt      int64  // Unix milliseconds: when the cursor was learnt
	Database        int64
	Version         int64
	RequestID       int64
	FailuresInARow  int64
}

// Encode makes the first data of the socket.
func (s Subscription) Encode() ([]byte, error) {
	cursor, err := graphql.Encode(struct {
		Seq int64 `json:"seq_id"`
	}{s.Seq})
	if err != nil {
		return nil, err
	}
	params, err := graphql.Encode(struct {
		UserAgent  string `json:"user_agent"`
		SnapshotAt int64  `json:"snapshot_at_ms"`
		Document   string `json:"prevalidated_graphql_doc_id"`
	}{"WMI Web", s.SnapshotAt, s.DocumentID})
	if err != nil {
		return nil, err
	}
	payload, err := graphql.Encode(struct {
		Database int64  `json:"database"`
		Cursor   string `json:"last_applied_cursor"`
		Params   string `json:"sync_params"`
		Epoch    int64  `json:"epoch_id"`
		Version  int64  `json:"version"`
		Failures int64  `json:"failure_count"`
	}{s.Database, cursor, params, 0, s.Version, s.FailuresInARow})
	if err != nil {
		return nil, err
	}
	request, err := graphql.Encode(struct {
		AppID     string `json:"app_id"`
		DeviceID  string `json:"device_id"`
		Payload   string `json:"payload"`
		RequestID int64  `json:"request_id"`
		Type      int    `json:"type"`
	}{s.AppID, s.DeviceID, payload, s.RequestID, 2})
	return []byte(request), err
}

// Decode reads data of the server. The error is ErrMalformed.
func Decode(data []byte) ([]Operation, error) {
	var frame struct {
		Payload string `json:"payload"`
	}
	if err := json.Unmarshal(data, &frame); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	raw, err := base64.StdEncoding.DecodeString(frame.Payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrMalformed)
	}
	var operations []Operation
	err = fields(raw, func(number protowire.Number, value []byte, _ uint64) error {
		if number != 2 {
			return nil
		}
		operation, err := readOperation(value)
		operations = append(operations, operation)
		return err
	})
	return operations, err
}

// fields goes through a message; value is set for bytes, varint for numbers.
func fields(message []byte, each func(number protowire.Number, value []byte, varint uint64) error) error {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(size))
		}
		message = message[size:]
		var value []byte
		var varint uint64
		switch kind {
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(message)
			if size >= 0 && value == nil {
				value = []byte{}
			}
		case protowire.VarintType:
			varint, size = protowire.ConsumeVarint(message)
		default:
			size = protowire.ConsumeFieldValue(number, kind, message)
		}
		if size < 0 {
			return fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(size))
		}
		message = message[size:]
		if err := each(number, value, varint); err != nil {
			return err
		}
	}
	return nil
}

// readOperation reads an operation; of several members the last counts, as in a oneof.
func readOperation(message []byte) (operation Operation, err error) {
	operation = Unknown{}
	err = fields(message, func(number protowire.Number, value []byte, _ uint64) error {
		if value == nil {
			operation = Unknown{int(number)}
			return nil
		}
		var text string
		var numbers [8]int64
		err := fields(value, func(n protowire.Number, value []byte, varint uint64) error {
			if n == 2 && value != nil {
				text = string(value)
			} else if int(n) < len(numbers) {
				numbers[n] = int64(varint)
			}
			return nil
		})
		switch number {
		case 1:
			operation = Subscribed{numbers[2], numbers[3]}
		case 2:
			operation = Resnapshot{text, int32(numbers[3])}
		case 3:
			operation = Delta{[]byte(text)}
		case 4:
			operation = Noop{}
		case 5:
			operation = Failure{text}
		default:
			operation = Unknown{int(number)}
			return nil
		}
		return err
	})
	return operation, err
}
