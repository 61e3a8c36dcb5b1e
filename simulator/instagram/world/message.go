package world

import "slices"

// Message is one message.
type Message struct {
	ID        string
	OTID      int64
	Thread    *Thread
	Sender    *Person
	At        int64   // ms
	Type      string  // content_type
	Delta     string  // __typename of the delta that brings it
	Text      string  // of texts, which can be edited
	Body      *string // text_body where it isn't Text
	Snippet   string
	Content   map[string]any // nil for texts; may hold Links
	ReplyTo   string
	Mentions  []Mention
	Forwarded bool
	Expires   int64 // ms, 0 for never
	Edits     []Edit
	Reactions []*Reaction
	Media     *Media // what the sender's app knows of the file; nil for none
	// SkipBump says of a system line that it doesn't move the thread to the top.
	SkipBump bool
}

// IsText says whether the message is an ordinary text.
func (m *Message) IsText() bool { return m.Content == nil }

// Reaction finds somebody's reaction; nil if there is none.
func (m *Message) Reaction(p *Person) *Reaction {
	for _, r := range m.Reactions {
		if r.Sender == p {
			return r
		}
	}
	return nil
}

// React sets somebody's only reaction; nil takes it away.
func (m *Message) React(p *Person, r *Reaction) {
	m.Reactions = slices.DeleteFunc(m.Reactions, func(old *Reaction) bool { return old.Sender == p })
	if r != nil {
		m.Reactions = append(m.Reactions, r)
	}
}

// Mention marks a stretch of a text in UTF-16 units. Kind is a profile_range_type; Person is nil for the whole thread.
type Mention struct {
	Person         *Person
	Kind           string
	Offset, Length int
}

// Edit is an earlier text and when it was written.
type Edit struct {
	Text string
	At   int64
}

// Reaction is what somebody reacted with. Log is the id of the system line that tells of it.
type Reaction struct {
	Sender *Person
	Emoji  string
	At     int64
	Log    string
}

// Media describes the file of a message for the timeline.
type Media struct {
	Kind     string
	File     *File
	Waveform []byte
	ViewOnce bool
}

// File is a file on the CDN. Links to it name Generation; those to earlier ones have expired.
type File struct {
	ID         int64 // the attachment_fbid
	Owner      *Person
	Name       string
	MIMEType   string
	Data       []byte
	Width      int
	Height     int
	Millis     int
	Voice      bool
	Waveform   []float64
	Generation int
	Gone       bool // deleted from the server
}

// Link stands in a Content for the URL of a file, which is made anew whenever the message is told.
type Link struct{ File *File }

// Post is a post, reel or story, as a share of it points to.
type Post struct {
	ID      int64
	Code    string
	Owner   *Person
	Caption string
	Files   []*File
	Story   bool
}
