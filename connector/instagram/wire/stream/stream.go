// Package stream has the payloads of the two sockets for typing notices: Thrift in its compact coding (section 14 of the
// protocol's description).
//
// It keeps no state; its functions may be called from any goroutine.
package stream

// Status is how far a subscription is.
type Status int

// Statuses.
const (
	Accepted Status = 1
	Started  Status = 2
	Stopped  Status = 3
)

// Update is one thing that the server says of a subscription: what is not said is zero.
type Update struct {
	Status Status
	// Data is the JSON of what happened.
	Data []byte
	// Ended says that the subscription is over; RetryAfter, in milliseconds, when to try again, 0 if that isn't said.
	Ended      bool
	Reason     int32
	RetryAfter int64
}

// Request makes the body of a subscription.
func Request(body string) []byte {
	w := newWriter()
	w.begin(2)
	w.text(1, body)
	w.end()
	return w.finish()
}

// Decode reads a response. What is no response has no updates. The error is ErrMalformed.
func Decode(payload []byte) ([]Update, error) {
	r := &reader{rest: payload}
	union, err := r.structure(0)
	if err != nil {
		return nil, err
	}
	var updates []Update
	for _, delta := range union[5].fields[2].list {
		var u Update
		u.Status = Status(delta.fields[1].number)
		u.Data = delta.fields[4].fields[1].bytes
		if end, ended := delta.fields[5]; ended {
			u.Ended, u.Reason, u.RetryAfter = true, int32(end.fields[1].number), max(0, end.fields[3].number)
		}
		updates = append(updates, u)
	}
	return updates, nil
}

// Connect makes the first data of the socket for sending.
func Connect(deviceID string) []byte {
	w := newWriter()
	w.begin(1)
	w.number(1, 0) // session
	w.number(2, 0) // capabilities
	w.text(3, "")  // user agent
	w.text(4, deviceID)
	w.text(5, "") // family device
	w.begin(6)    // subscription
	w.noTexts(1)
	w.end()
	w.end()
	return w.finish()
}

// Publish makes data that publishes under a topic.
func Publish(topic, payload string) []byte {
	w := newWriter()
	w.begin(2)
	w.text(1, payload)
	w.text(2, topic)
	w.end()
	return w.finish()
}
