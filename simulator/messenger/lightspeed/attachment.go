package lightspeed

// Attachment types (section 3.4).
const (
	TypeSticker  = 1
	TypeImage    = 2
	TypeAnimated = 3
	TypeVideo    = 4
	TypeAudio    = 5
	TypeFile     = 6
	TypeXMA      = 7
	TypeEphImage = 8
	TypeEphVideo = 9
)

// Blob is a file of a message.
type Blob struct {
	Thread      int64
	Message     string
	At          int64 // the message's time
	Index       int64
	FBID        string
	Type        int64
	Name        string
	Size        int64
	MIMEType    string
	URL         string
	Expires     int64
	Preview     string
	PreviewMIME string
	PreviewEnds int64
	Width       int64
	Height      int64
	Milliseconds,
	SamplingHz int64
	Waveform string
	// ViewMode counts for ephemeral media: 0 once, 1 replayable.
	ViewMode int64
}

// Insert tells the file.
func (a Blob) Insert() Call {
	return call("insertBlobAttachment", 49, columns{
		0: a.Name, 1: a.Size, 2: true, 3: a.URL, 5: number(a.Expires), 6: a.MIMEType, 8: text(a.Preview),
		10: number(a.PreviewEnds), 11: text(a.PreviewMIME), 14: number(a.Width), 15: number(a.Height),
		22: number(a.Milliseconds), 23: a.Index, 27: a.Thread, 29: a.Type, 30: a.MIMEType, 31: a.At, 32: a.Message, 34: a.FBID,
		46: number(a.SamplingHz), 47: text(a.Waveform),
	})
}

// InsertEphemeral tells a file that may be seen once.
func (a Blob) InsertEphemeral() Call {
	return call("insertAttachment", 133, columns{
		1: a.Name, 2: a.Size, 3: true, 5: a.URL, 7: number(a.Expires), 8: a.MIMEType, 10: text(a.Preview),
		12: number(a.PreviewEnds), 13: text(a.PreviewMIME), 16: number(a.Width), 17: number(a.Height),
		25: number(a.Milliseconds), 26: a.Index, 32: a.Thread, 34: a.Type, 35: a.MIMEType, 36: a.At, 37: a.Message, 39: a.FBID,
		114: int64(1), 115: a.ViewMode,
	})
}

// Sticker is a sticker of a message.
type Sticker struct {
	Thread        int64
	Message       string
	At            int64
	FBID          string
	URL           string
	Expires       int64
	MIMEType      string
	Width, Height int64
	Label         string // accessibility text
	Target        int64
}

// Insert tells the sticker.
func (a Sticker) Insert() Call {
	return call("insertStickerAttachment", 32, columns{
		0: a.URL, 2: number(a.Expires), 3: a.MIMEType, 4: a.URL, 6: number(a.Expires), 7: a.MIMEType, 9: a.Width, 10: a.Height,
		12: int64(0), 13: a.Label, 14: a.Thread, 17: a.At, 18: a.Message, 19: a.FBID, 27: a.Target,
	})
}

// XMA is a share: a link, a post, a place, a call, with its calls to action.
type XMA struct {
	Thread      int64
	Message     string
	At          int64
	Index       int64
	FBID        string
	Name        string
	URL         string
	Expires     int64
	MIMEType    string
	Preview     string
	PreviewMIME string
	Width       int64
	Height      int64
	ActionURL   string
	Title       string
	Subtitle    string
	Description string
	Source      string
	Header      string
	Target      int64
	TypeOne     string
	Caption     string
	Actions     []Action
}

// Action is a call to action of an XMA.
type Action struct {
	ID        int64
	Title     string
	Type      string
	URL       string
	NativeURL string
	Target    int64
}

// Insert tells the share and its actions.
func (a XMA) Insert() []Call {
	defined := columns{
		1: text(a.Name), 4: text(a.URL), 6: number(a.Expires), 7: text(a.MIMEType), 8: text(a.Preview), 10: number(a.Expires),
		11: text(a.PreviewMIME), 13: number(a.Width), 14: number(a.Height), 20: a.Index, 25: a.Thread, 27: int64(TypeXMA), 29: a.At,
		30: a.Message, 32: a.FBID, 57: text(a.ActionURL), 58: text(a.Title), 59: text(a.Subtitle), 63: text(a.Description),
		64: text(a.Source), 102: text(a.Header), 109: number(a.Target), 110: text(a.TypeOne), 123: text(a.Caption),
	}
	if len(a.Actions) > 0 {
		defined[36] = a.Actions[0].ID
	}
	calls := []Call{call("insertXmaAttachment", 133, defined)}
	for _, action := range a.Actions {
		calls = append(calls, call("insertAttachmentCta", 16, columns{
			0: action.ID, 1: a.FBID, 2: a.Index, 3: a.Thread, 5: a.Message, 6: action.Title, 7: action.Type, 9: action.URL,
			10: action.NativeURL, 15: action.Target,
		}))
	}
	return calls
}

// LiveLocation tells where somebody who shares their place is.
func LiveLocation(thread, sender int64, latitude, longitude float64, start, end int64) Call {
	return Call{"upsertLiveLocationSharer", []any{thread, sender, latitude, longitude, start, end}}
}
