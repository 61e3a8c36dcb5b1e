package lightspeed

// Kinds of attachments.
const (
	AttachmentSticker        = 1
	AttachmentImage          = 2
	AttachmentAnimatedImage  = 3
	AttachmentVideo          = 4
	AttachmentAudio          = 5
	AttachmentFile           = 6
	AttachmentXMA            = 7
	AttachmentEphemeralImage = 8
	AttachmentEphemeralVideo = 9
	AttachmentSelfieSticker  = 10
	AttachmentSoundBite      = 12
)

// Link is a signed address of media, good until it expires.
type Link struct {
	URL      string
	Fallback string
	Expires  int64 // 0: not said
	MimeType string
}

func (l *Link) columns(url, fallback, expires, mimeType int) []column {
	return []column{{url, &l.URL}, {fallback, &l.Fallback}, {expires, &l.Expires}, {mimeType, &l.MimeType}}
}

// Blob is insertBlobAttachment or the older insertAttachment: a file of any kind.
type Blob struct {
	MessageID string
	ThreadKey int64
	FBID      string // of the attachment
	Index     int64
	Type      int64
	Filename  string
	Size      int64
	MimeType  string
	HasMedia  bool
	Playable  Link
	Preview   Link
	Width     int64
	Height    int64
	Duration  int64 // ms
	Timestamp int64

	WaveformData string
	WaveformRate int64

	Ephemeral     bool  // View and State are set
	EphemeralView int64 // 0 once, 1 replayable, 2 permanent
	EphemeralSeen int64 // 0 permanent, 1 unseen, 2 seen, 3 replayed, 4 expired
	GIF           bool
	Title         string
	ActionURL     string
}

func (b *Blob) blobColumns() []column {
	columns := []column{
		{0, &b.Filename}, {1, &b.Size}, {2, &b.HasMedia}, {14, &b.Width}, {15, &b.Height}, {22, &b.Duration},
		{23, &b.Index}, {27, &b.ThreadKey}, {29, &b.Type}, {30, &b.MimeType}, {31, &b.Timestamp}, {32, &b.MessageID},
		{34, &b.FBID}, {46, &b.WaveformRate}, {47, &b.WaveformData},
	}
	columns = append(columns, b.Playable.columns(3, 4, 5, 6)...)
	return append(columns, b.Preview.columns(8, 9, 10, 11)...)
}

func (b *Blob) attachmentColumns() []column {
	b.Ephemeral = true
	columns := []column{
		{1, &b.Filename}, {2, &b.Size}, {3, &b.HasMedia}, {16, &b.Width}, {17, &b.Height}, {25, &b.Duration},
		{26, &b.Index}, {32, &b.ThreadKey}, {34, &b.Type}, {35, &b.MimeType}, {36, &b.Timestamp}, {37, &b.MessageID},
		{39, &b.FBID}, {65, &b.ActionURL}, {66, &b.Title}, {114, &b.EphemeralSeen}, {115, &b.EphemeralView}, {131, &b.GIF},
	}
	columns = append(columns, b.Playable.columns(5, 6, 7, 8)...)
	return append(columns, b.Preview.columns(10, 11, 12, 13)...)
}

// XMA is insertXmaAttachment: something shared, a link, a place, a call.
type XMA struct {
	MessageID    string
	ThreadKey    int64
	FBID         string
	Index        int64
	Type         int64
	Filename     string
	Size         int64
	Playable     Link
	Preview      Link
	Width        int64
	Height       int64
	ActionURL    string
	Title        string
	Subtitle     string
	Description  string
	Source       string
	HeaderTitle  string
	Body         string
	Caption      string
	TargetID     int64
	DefaultCTA   int64
	TemplateType int64
	Timestamp    int64
}

func (x *XMA) columns() []column {
	columns := []column{
		{1, &x.Filename}, {2, &x.Size}, {13, &x.Width}, {14, &x.Height}, {20, &x.Index}, {25, &x.ThreadKey},
		{27, &x.Type}, {29, &x.Timestamp}, {30, &x.MessageID}, {32, &x.FBID}, {34, &x.TemplateType}, {36, &x.DefaultCTA},
		{57, &x.ActionURL}, {58, &x.Title}, {59, &x.Subtitle}, {63, &x.Description}, {64, &x.Source},
		{102, &x.HeaderTitle}, {109, &x.TargetID}, {115, &x.Body}, {123, &x.Caption},
	}
	columns = append(columns, x.Playable.columns(4, 5, 6, 7)...)
	return append(columns, x.Preview.columns(8, 9, 10, 11)...)
}

// CTA is insertAttachmentCta: what a tap on an XMA does. It is joined to the XMA by its attachment's id.
type CTA struct {
	ID         int64
	Attachment string
	ThreadKey  int64
	MessageID  string
	Title      string
	Type       string
	ActionURL  string
	NativeURL  string
	TargetID   int64
}

func (c *CTA) columns() []column {
	return []column{
		{0, &c.ID}, {1, &c.Attachment}, {3, &c.ThreadKey}, {5, &c.MessageID}, {6, &c.Title}, {7, &c.Type},
		{9, &c.ActionURL}, {10, &c.NativeURL}, {15, &c.TargetID},
	}
}

// Sticker is insertStickerAttachment.
type Sticker struct {
	MessageID string
	ThreadKey int64
	FBID      string
	Index     int64
	Playable  Link
	Preview   Link
	Width     int64
	Height    int64
	Label     string // what it shows, in words
	TargetID  int64
	Timestamp int64
}

func (s *Sticker) columns() []column {
	columns := []column{
		{9, &s.Width}, {10, &s.Height}, {12, &s.Index}, {13, &s.Label}, {14, &s.ThreadKey}, {17, &s.Timestamp},
		{18, &s.MessageID}, {19, &s.FBID}, {27, &s.TargetID},
	}
	columns = append(columns, s.Playable.columns(0, 1, 2, 3)...)
	return append(columns, s.Preview.columns(4, 5, 6, 7)...)
}
