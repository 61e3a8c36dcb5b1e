package lightspeed

// Message is insertMessage, upsertMessage or deleteThenInsertMessage.
type Message struct {
	ThreadKey        int64
	ID               string
	OTID             string // offline threading id: what the sender chose
	Sender           int64
	Text             string
	Timestamp        int64
	PrimarySortKey   int64
	SecondarySortKey int64
	StickerID        int64
	Admin            bool // a notice of the service
	Unsent           bool
	UnsentAt         int64
	CannotUnsend     int64 // 0: it can be unsent
	EditCount        int64
	Forwarded        bool
	DisplayedContent int64

	// Comma-separated lists of the same length; offsets and lengths count UTF-16 units.
	MentionOffsets, MentionLengths, MentionIDs, MentionTypes string

	ReplyTo         string // message id
	ReplySourceType int64  // version 2: 1 message, 2 and 4 story, 10 note, …
	ReplySnippet    string
	ReplyText       string
	ReplySender     int64
	ReplyMediaURL   string
	ReplyMediaType  string

	EphemeralSeconds int64 // idx 60
	EphemeralExpires int64 // idx 62
}

// The three procedures share a layout up to a column, behind which they differ by one.
const (
	noShift    = 0
	withoutTwo = -1 // deleteThenInsertMessage lacks column 42
)

func messageColumns(shift int) func(*Message) []column {
	return func(m *Message) []column {
		return []column{
			{0, &m.Text}, {3, &m.ThreadKey}, {5, &m.Timestamp}, {6, &m.PrimarySortKey}, {7, &m.SecondarySortKey},
			{8, &m.ID}, {9, &m.OTID}, {10, &m.Sender}, {11, &m.StickerID}, {12, &m.Admin},
			{17, &m.Unsent}, {18, &m.UnsentAt},
			{19, &m.MentionOffsets}, {20, &m.MentionLengths}, {21, &m.MentionIDs}, {22, &m.MentionTypes},
			{23, &m.ReplyTo}, {25, &m.ReplySourceType}, {27, &m.ReplySnippet}, {28, &m.ReplyText}, {29, &m.ReplySender},
			{31, &m.ReplyMediaURL}, {35, &m.ReplyMediaType},
			{43 + shift, &m.Forwarded}, {49 + shift, &m.CannotUnsend}, {52 + shift, &m.DisplayedContent},
			{60 + shift, &m.EphemeralSeconds}, {62 + shift, &m.EphemeralExpires}, {68 + shift, &m.EditCount},
		}
	}
}

// MessageRange is insertNewMessageRange: which part of a thread's history the table's History rows cover.
type MessageRange struct {
	ThreadKey    int64
	MinTemplate  int64
	MaxTemplate  int64
	MinMessageID string
	MaxMessageID string
	MinTimestamp int64
	MaxTimestamp int64
	MoreBefore   bool
	MoreAfter    bool
}

func (r *MessageRange) columns() []column {
	return []column{
		{0, &r.ThreadKey}, {1, &r.MinTemplate}, {2, &r.MaxTemplate}, {3, &r.MinMessageID}, {4, &r.MaxMessageID},
		{5, &r.MinTimestamp}, {6, &r.MaxTimestamp}, {7, &r.MoreBefore}, {8, &r.MoreAfter},
	}
}

// RangeEnd is updateExistingMessageRange: at this time the history ends. Which end is ambiguous.
type RangeEnd struct {
	ThreadKey int64
	Timestamp int64
}

func (r *RangeEnd) columns() []column { return []column{{0, &r.ThreadKey}, {1, &r.Timestamp}} }

// MessageDelete is deleteMessage.
type MessageDelete struct {
	ThreadKey int64
	MessageID string
}

func (d *MessageDelete) columns() []column { return []column{{0, &d.ThreadKey}, {1, &d.MessageID}} }

// Edit is editMessage. It does not say the thread. An edit whose count is not above the known one is old.
type Edit struct {
	MessageID string
	Text      string
	Count     int64
}

func (e *Edit) columns() []column {
	return []column{{0, &e.MessageID}, {2, &e.Text}, {3, &e.Count}}
}

// Reaction is upsertReaction, or with Removed deleteReaction. A person has one a message.
type Reaction struct {
	ThreadKey int64
	MessageID string
	Actor     int64
	Emoji     string
	Timestamp int64
	Removed   bool
}

func (r *Reaction) upsertColumns() []column {
	return []column{{0, &r.ThreadKey}, {1, &r.Timestamp}, {2, &r.MessageID}, {3, &r.Actor}, {4, &r.Emoji}}
}

func (r *Reaction) deleteColumns() []column {
	r.Removed = true
	return []column{{0, &r.ThreadKey}, {1, &r.MessageID}, {2, &r.Actor}}
}

// Read is updateReadReceipt: somebody else read everything up to the watermark.
type Read struct {
	ThreadKey int64
	Contact   int64
	Watermark int64
	At        int64
}

func (r *Read) columns() []column {
	return []column{{0, &r.Watermark}, {1, &r.ThreadKey}, {2, &r.Contact}, {3, &r.At}}
}

// OwnRead is markThreadRead or markThreadReadV2: we read up to the watermark on another device.
type OwnRead struct {
	ThreadKey int64
	Watermark int64
}

func (r *OwnRead) columnsV1() []column { return []column{{0, &r.Watermark}, {1, &r.ThreadKey}} }
func (r *OwnRead) columnsV2() []column { return []column{{0, &r.ThreadKey}, {1, &r.Watermark}} }

// DeliveryReceipt is updateDeliveryReceipt.
type DeliveryReceipt struct {
	ThreadKey int64
	Contact   int64
	Watermark int64
}

func (r *DeliveryReceipt) columns() []column {
	return []column{{0, &r.Watermark}, {1, &r.ThreadKey}, {2, &r.Contact}}
}

// Typing is updateTypingIndicator. It is repeated every 3 s and ends by itself after 5 s.
type Typing struct {
	ThreadKey int64
	Sender    int64
	Active    bool
}

func (t *Typing) columns() []column {
	return []column{{0, &t.ThreadKey}, {1, &t.Sender}, {2, &t.Active}}
}
