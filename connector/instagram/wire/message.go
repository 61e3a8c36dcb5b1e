package wire

import "time"

// Message is a message of a thread.
type Message struct {
	ID     MessageID
	Thread ShortID
	Sender FBID // 0 for the system
	// Author is what the message says of its sender, nil if nothing.
	Author *User
	Time   time.Time
	// OTID is the sender's; in messages of the own account it tells what this client sent. 0 if not said.
	OTID OTID

	Text    string
	Snippet string // the server's one-line summary, in the language of the account
	// ContentType is the server's name for the kind, such as MONTAGE_SHARE_XMA. It is an open set.
	ContentType string
	Content     Content // nil in stubs
	Mentions    []Mention
	Reactions   []Reaction
	ReplyTo     MessageID // empty if it is no reply
	// Quoted is what the message says of the one it replies to. It may be partial, or nil.
	Quoted *Message
	// Edits are the earlier versions, the oldest first.
	Edits     []Edit
	Forwarded bool
	Pinned    bool
	// Expires is when a vanishing message goes, zero if it stays.
	Expires time.Time
}

// MentionKind is who is mentioned. It is an open set; these are the ones that matter.
type MentionKind string

// Kinds of mentions.
const (
	MentionUser     MentionKind = "PROFILE"
	MentionEveryone MentionKind = "THREAD"
)

// Mention is a range of a message's text, in UTF-16 units, that names somebody.
type Mention struct {
	Offset, Length int
	Kind           MentionKind // empty in what is sent: a user
	User           FBID        // the thread's key for MentionEveryone
}

// Reaction is somebody's reaction; each has one a message.
type Reaction struct {
	Emoji  string
	Sender FBID // 0 if not said
	Time   time.Time
	// LogID is a message about the reaction, by which a later removal may name it.
	LogID MessageID
}

// Edit is an earlier version of a message.
type Edit struct {
	Text string
	Time time.Time
}

// Content is what a message shows: one of the types below.
type Content interface{ isContent() }

// Attachment is a file of a message. Its links are signed and expire: see Expiry of package media.
type Attachment struct {
	ID         string // the server's attachment_fbid; empty if not said
	URL        string // the best there is; empty if none
	PreviewURL string
	Width      int // of the preview
	Height     int
}

type (
	// TextContent is Message.Text alone.
	TextContent struct{}
	// ImagesContent is one or more pictures.
	ImagesContent struct{ Images []Attachment }
	// VideosContent is one or more videos.
	VideosContent struct{ Videos []Attachment }
	// MixedContent is pictures and videos in order; what each is shows only when it is fetched.
	MixedContent struct{ Items []Attachment }
	// VoiceContent is one or more voice messages, MP4 with AAC.
	VoiceContent struct{ Clips []Clip }
	// AnimatedContent is GIFs or animated stickers.
	AnimatedContent struct{ Items []Animation }
	// StickerContent is a still sticker.
	StickerContent struct {
		Image Attachment
		Alt   string
	}
	// ViewOnceContent is a camera message. File is nil when the web may not have it.
	ViewOnceContent struct {
		Mode  ViewMode
		Video bool
		File  *Attachment
	}
	// ShareContent is a link, a shared post, reel, story or profile, a reply to a story, or an automated message.
	ShareContent struct{ Share Share }
	// MusicContent is a piece of a song.
	MusicContent struct {
		Title, Artist string
		PreviewURL    string // the first half minute; empty if there is none
		ImageURL      string
		Link          string
	}
	// AdminContent is the system's: what happened to the thread, calls. Its text is localised.
	AdminContent struct {
		Text string
		// Call is a call's notice; ReactionLog repeats what reactions say already.
		Call, ReactionLog bool
	}
	// AIContent is an answer of a bot.
	AIContent struct{ Text string }
	// UnknownContent is a kind that this package does not know.
	UnknownContent struct{ Type string }
)

func (TextContent) isContent()     {}
func (ImagesContent) isContent()   {}
func (VideosContent) isContent()   {}
func (MixedContent) isContent()    {}
func (VoiceContent) isContent()    {}
func (AnimatedContent) isContent() {}
func (StickerContent) isContent()  {}
func (ViewOnceContent) isContent() {}
func (ShareContent) isContent()    {}
func (MusicContent) isContent()    {}
func (AdminContent) isContent()    {}
func (AIContent) isContent()       {}
func (UnknownContent) isContent()  {}

// Clip is a voice message.
type Clip struct {
	ID       string
	URL      string
	Duration time.Duration
	Waveform []float64 // from 0 to 1
}

// Animation is a GIF or an animated sticker.
type Animation struct {
	WebpURL, MP4URL, PreviewURL string // each may be empty
	Width, Height               int    // of the preview
	Sticker                     bool
	Alt                         string
}

// ViewMode is how often a camera message may be looked at.
type ViewMode int

// View modes.
const (
	ViewOnce   ViewMode = 0
	ViewTwice  ViewMode = 1
	ViewAlways ViewMode = 2
)

// ShareKind is what a Share leads to, judged by its target.
type ShareKind string

// Kinds of shares.
const (
	ShareLink        ShareKind = "link"        // a link in the text, Text
	ShareStory       ShareKind = "story"       // a story that was shared, mentions somebody, or was replied to
	SharePost        ShareKind = "post"        // a post
	ShareReel        ShareKind = "reel"        // a reel
	ShareButtons     ShareKind = "buttons"     // nothing but buttons
	ShareUnavailable ShareKind = "unavailable" // what was shared is gone, or not for this account
	ShareOther       ShareKind = "other"       // a profile, a place and whatever else
)

// Share is what the server calls an XMA.
type Share struct {
	Kind ShareKind
	// Text is what was written with it: the reply to a story, the text with the link.
	Text string
	// TargetURL is where it leads, without the site's link shim; TargetID is the post's number, empty if there is none.
	TargetURL, TargetID string
	// Title, Header (mostly the owner's user name), Subtitle, Caption and Eyebrow (a quote, or what it is about) are shown
	// around the picture; each may be empty.
	Title, Header, Subtitle, Caption, Eyebrow string
	Image                                     Attachment
	Buttons                                   []Button
	// Media names the post for Client.Post; zero if nothing is to be had.
	Media PostRef
}

// Button is a link below an automated message.
type Button struct{ Title, URL string }
