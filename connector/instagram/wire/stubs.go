package wire

import (
	"context"
	"errors"
	"io"
	"time"

	"crosschat/connector/metaweb/media"
)

var errStub = errors.New("not built yet")

// PageState is what a page load said, to spare the next run one.
type PageState struct{}

// FBID is the account's messaging id, 0 before the first Load or Serve (unless the state has it).
func (c *Client) FBID() FBID { return 0 }

// Connected says whether there is a connection that has subscribed.
func (c *Client) Connected() bool { return false }

// NewOTID makes an id for something to be sent, to be used again when it has to be sent again.
func (c *Client) NewOTID() OTID { return 1 }

// Sent is what the server says of something that was sent.
type Sent struct {
	ID   MessageID
	Time time.Time
}

// Text is a text to be sent.
type Text struct {
	// OTID is the caller's, from NewOTID or any other positive number: the same text with the same OTID is sent once, however
	// often this is called.
	OTID OTID
	// Thread is where it goes. If it is 0 it starts the chat with To, of whom both ids should be known.
	Thread   ShortID
	To       User
	Text     string
	Mentions []Mention // Offset and Length in UTF-16 units
	ReplyTo  MessageID
}

// SendText sends a text. Errors: *RejectedError, *BlockedError, *RateLimitError, *TemporaryError, *StaleDocumentError,
// *ReloadError, ErrNotFound and *web.StopError mean that nothing was sent; *UncertainError, that it isn't known; anything else, nothing was sent and
// it may be tried again.
func (c *Client) SendText(ctx context.Context, t Text) (Sent, error) { return Sent{}, errStub }

// Media is an uploaded file to be sent.
type Media struct {
	OTID       OTID
	Thread     ThreadIDs // Short must be set
	Attachment AttachmentID
	ReplyTo    MessageID
}

// SendMedia sends an uploaded file. Errors are SendText's.
func (c *Client) SendMedia(ctx context.Context, m Media) (Sent, error) { return Sent{}, errStub }

// Upload is a file to be uploaded.
type Upload struct {
	Thread   ThreadKey
	Filename string
	// MimeType: jpeg, png, gif, webp pictures; mp4, quicktime, webm, ogg videos; mpeg, mp4, wav audio, voice only audio/mp4.
	MimeType string
	// Open opens the file; it may be called more than once. Size is its length, -1 if that isn't known.
	Open func() (io.ReadCloser, error)
	Size int64
	// Voice makes it a voice message. Waveform, of values from 0 to 1, nine a second, may be empty.
	Voice    bool
	Waveform []float64
}

// Upload uploads a file. Errors are SendText's, and ErrNoAttachment.
func (c *Client) Upload(ctx context.Context, u Upload) (AttachmentID, error) { return 0, errStub }

// Edit changes the text of a message of the account's own: at most five times, within 15 minutes. The answered time is that of
// the event that comes back. Errors are SendText's.
func (c *Client) Edit(ctx context.Context, thread ShortID, message MessageID, text string, otid OTID) (Sent, error) {
	return Sent{}, errStub
}

// Unsend takes back a message of the account's own for everybody. Errors are SendText's.
func (c *Client) Unsend(ctx context.Context, thread LongID, message MessageID) error { return errStub }

// React sets the account's reaction to a message in the place of another. Errors are SendText's.
func (c *Client) React(ctx context.Context, thread ShortID, message MessageID, emoji string) error {
	return errStub
}

// Unreact takes the account's reaction away; emoji is the one that there is.
func (c *Client) Unreact(ctx context.Context, thread ShortID, message MessageID, emoji string) error {
	return errStub
}

// MarkRead says that the account has read up to a message, sent at that time. It must not be called for message requests.
func (c *Client) MarkRead(ctx context.Context, thread LongID, message MessageID, sent time.Time) error {
	return errStub
}

// MarkUnread marks a thread as unread, or no longer.
func (c *Client) MarkUnread(ctx context.Context, thread ShortID, unread bool) error { return errStub }

// Typing says that the account types, or stopped. It needs a connection and a second or so for the first; nothing says whether it
// arrived. Without Config.Typing it does nothing. It must not be called for message requests.
func (c *Client) Typing(ctx context.Context, thread LongID, active bool) error { return errStub }

// MuteForever is a mute without end.
const MuteForever time.Duration = -1

// Mute mutes a thread for a time, for ever, or no more (0).
func (c *Client) Mute(ctx context.Context, thread ShortID, d time.Duration) error { return errStub }

// PinThread pins a thread to the top of the inbox, or no longer.
func (c *Client) PinThread(ctx context.Context, thread ShortID, pin bool) error { return errStub }

// PinMessage pins a message in its thread, or no longer.
func (c *Client) PinMessage(ctx context.Context, thread ShortID, message MessageID, pin bool) error {
	return errStub
}

// DeleteThread hides a thread for the account. One that is gone already is no error.
func (c *Client) DeleteThread(ctx context.Context, thread ShortID) error { return errStub }

// Accept accepts a message request.
func (c *Client) Accept(ctx context.Context, thread ShortID) error { return errStub }

// Rename names a group.
func (c *Client) Rename(ctx context.Context, thread ShortID, name string) error { return errStub }

// CreateGroup makes a group with 2 to 250 others.
func (c *Client) CreateGroup(ctx context.Context, members []FBID, otid OTID) (ShortID, error) {
	return 0, errStub
}

// Inbox lists the first page of the inbox, with stubs of messages. The cursor is not touched.
func (c *Client) Inbox(ctx context.Context) (*Inbox, error) { return nil, errStub }

// InboxPage lists the page behind another one.
func (c *Client) InboxPage(ctx context.Context, after *Inbox) (*Inbox, error) { return nil, errStub }

// Requests lists the message requests.
func (c *Client) Requests(ctx context.Context) (*Inbox, error) { return nil, errStub }

// Thread fetches a thread with its newest 20 messages. ErrNotFound if there is none.
func (c *Client) Thread(ctx context.Context, thread ShortID) (*Thread, error) { return nil, errStub }

// Resolve finds the ids of a thread by its key. ErrNotFound if there is none (a chat that nobody has begun).
func (c *Client) Resolve(ctx context.Context, key ThreadKey) (ThreadIDs, error) {
	return ThreadIDs{}, errStub
}

// History fetches up to 20 messages: those before cursor if it is set, else those before message if that is set, else the newest.
func (c *Client) History(ctx context.Context, thread ShortID, before MessageID, cursor string) (*Page, error) {
	return nil, errStub
}

// Search finds people by name or user name.
func (c *Client) Search(ctx context.Context, text string) ([]User, error) { return nil, errStub }

// User fetches an account by its messaging id. ErrNotFound if there is none.
func (c *Client) User(ctx context.Context, id FBID) (User, error) { return User{}, errStub }

// Profile fetches an account by its number. ErrNotFound if there is none.
func (c *Client) Profile(ctx context.Context, id IGID) (User, error) { return User{}, errStub }

// Post fetches what a shared post, reel or story shows. It is the riskiest call for the account: only on a user's demand.
func (c *Client) Post(ctx context.Context, ref PostRef) (*Post, error) { return nil, errStub }

// Download opens a link of a message, a picture of a user and the like. Errors and limit as in media.Fetcher.Fetch; ErrExpired
// can be mended by fetching the message again.
func (c *Client) Download(ctx context.Context, link string, kind media.Kind, limit int64) (*media.Body, error) {
	return c.fetcher.Fetch(ctx, link, kind, limit)
}
