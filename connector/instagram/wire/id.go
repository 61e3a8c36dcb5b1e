package wire

import (
	"bytes"
	"fmt"
	"strconv"
)

// FBID is an account's id in messaging: of senders, receipts and reactions. 0 means unknown.
type FBID int64

// IGID is an account's number on Instagram: of people's profiles and of typing notices. 0 means unknown.
type IGID int64

// A thread has three ids. Passing the wrong one gets an empty answer and no error from the server, so each has its type.
type (
	// ThreadKey is what a thread is to its user, the same for ever: of a chat of two the other's FBID (their own for notes to
	// self), of a group its ShortID.
	ThreadKey int64
	// ShortID, the server's thread_fbid, is what deltas and most calls name a thread by.
	ShortID int64
	// LongID, the server's thread_id of 39 digits, is what a few calls want, and typing notices name.
	LongID string
)

// ThreadIDs are a thread's three ids; each may be empty if it isn't known.
type ThreadIDs struct {
	Key   ThreadKey `json:"key,omitempty"`
	Short ShortID   `json:"short,omitempty"`
	Long  LongID    `json:"long,omitempty"`
}

// Complete says whether all three are known.
func (t ThreadIDs) Complete() bool { return t.Key != 0 && t.Short != 0 && t.Long != "" }

// MessageID is a message's id: "mid.$…". It is the same for everybody who sees the message.
type MessageID string

// OTID is the number that a client gives to what it sends, to know it again: see Client.NewOTID.
type OTID int64

// AttachmentID is an uploaded file.
type AttachmentID int64

// ThreadKey answers the key of the chat with somebody.
func (f FBID) ThreadKey() ThreadKey { return ThreadKey(f) }

func (f FBID) String() string         { return strconv.FormatInt(int64(f), 10) }
func (i IGID) String() string         { return strconv.FormatInt(int64(i), 10) }
func (k ThreadKey) String() string    { return strconv.FormatInt(int64(k), 10) }
func (s ShortID) String() string      { return strconv.FormatInt(int64(s), 10) }
func (o OTID) String() string         { return strconv.FormatInt(int64(o), 10) }
func (a AttachmentID) String() string { return strconv.FormatInt(int64(a), 10) }

// UnmarshalJSON takes text or a number, whichever the server writes. What is no id is 0: where one is needed, that is checked.
func (f *FBID) UnmarshalJSON(data []byte) error { *f = FBID(looseID(data)); return nil }

// UnmarshalJSON takes text or a number, whichever the server writes. What is no id is 0: where one is needed, that is checked.
func (i *IGID) UnmarshalJSON(data []byte) error { *i = IGID(looseID(data)); return nil }

// UnmarshalJSON takes text or a number, whichever the server writes. What is no id is 0: where one is needed, that is checked.
func (k *ThreadKey) UnmarshalJSON(data []byte) error { *k = ThreadKey(looseID(data)); return nil }

// UnmarshalJSON takes text or a number, whichever the server writes. What is no id is 0: where one is needed, that is checked.
func (s *ShortID) UnmarshalJSON(data []byte) error { *s = ShortID(looseID(data)); return nil }

// UnmarshalJSON takes text or a number, whichever the server writes. What is no id is 0: where one is needed, that is checked.
func (o *OTID) UnmarshalJSON(data []byte) error { *o = OTID(looseID(data)); return nil }

// UnmarshalJSON takes text or a number of digits. What is no id is empty.
func (l *LongID) UnmarshalJSON(data []byte) error {
	*l, _ = parseLongID(string(bytes.Trim(data, `"`)))
	return nil
}

const maxLongID = 64

func digits(text string) bool {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return text != ""
}

func looseID(data []byte) (id int64) {
	if err := readID(data, &id); err != nil {
		return 0
	}
	return id
}

// readID reads an id that is text or a number on the wire, without going through a float.
func readID(data []byte, into *int64) error {
	text := string(bytes.Trim(data, `"`))
	if text == "null" || text == "" {
		*into = 0
		return nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return fmt.Errorf("id %.30q is not a number", text)
	}
	*into = id
	return nil
}

// parseLongID is for ids in paths.
func parseLongID(text string) (LongID, bool) {
	if !digits(text) || len(text) > maxLongID {
		return "", false
	}
	return LongID(text), true
}
