// Package control is the simulator's control API: JSON over HTTP, by which a test or a person creates simulated people,
// speaks as them, reads what reached them and breaks things at chosen points. The files api*.go hold the messages of that
// API, client.go a Go client for it, server.go and routes.go the handlers. The package knows no wire protocol: each
// network registers itself as a Network.
package control

import (
	"encoding/json"
	"time"
)

// Ready is the one line of JSON that the simulator prints on standard output when everything listens.
type Ready struct {
	Control   string         `json:"control"` // base URL of this API
	WhatsApp  WhatsAppReady  `json:"whatsapp"`
	Messenger MessengerReady `json:"messenger"`
	Instagram InstagramReady `json:"instagram"`
}

// WhatsAppReady says how a client is steered to the simulated WhatsApp server (whatsapp-server.md section 1).
type WhatsAppReady struct {
	Address string `json:"address"`  // host:port of the TLS listener that serves chat, media and the version page
	CAFile  string `json:"ca_file"`  // PEM file of the certificate authority that signed its certificate
	RootKey string `json:"root_key"` // the Noise certificate root, 32 bytes in hex
}

// NewPerson is what POST /v1/{network}/people takes. Empty fields are chosen by the simulator.
type NewPerson struct {
	Name   string `json:"name"`
	Phone  string `json:"phone,omitempty"`  // WhatsApp: digits without plus
	Avatar []byte `json:"avatar,omitempty"` // JPEG
	About  string `json:"about,omitempty"`
	// Contacts are ids of people who are in this person's address book from the start.
	Contacts []string `json:"contacts,omitempty"`
}

// Person is a simulated person with their phone. ID names them in every other call; on WhatsApp it is the phone number.
type Person struct {
	ID         string      `json:"id"`
	Name       string      `json:"name"`
	Username   string      `json:"username,omitempty"` // Instagram
	Phone      string      `json:"phone,omitempty"`
	LID        string      `json:"lid,omitempty"` // WhatsApp: the hidden id, digits only
	AvatarID   string      `json:"avatar_id,omitempty"`
	About      string      `json:"about,omitempty"`
	Online     bool        `json:"online"` // whether their phone is connected
	Companions []Companion `json:"companions"`
}

// Companion is a linked device of a person: a real client, such as the bridge.
type Companion struct {
	Device    int    `json:"device"`
	Name      string `json:"name"`           // what the client calls itself while pairing
	Type      string `json:"type,omitempty"` // as what kind of program the phone lists it: chrome, say
	Connected bool   `json:"connected"`
	Active    bool   `json:"active"`
}

// Profile changes a person; nil fields stay as they are. An empty, non-nil Avatar removes the picture.
type Profile struct {
	Name   *string `json:"name,omitempty"`
	About  *string `json:"about,omitempty"`
	Avatar *[]byte `json:"avatar,omitempty"`
}

// Behaviour says what a person's phone does by itself. By default it does nothing but what a phone must do (decrypt,
// send delivery receipts).
type Behaviour struct {
	Online        *bool `json:"online,omitempty"`         // false: phone is off, stanzas queue
	AutoRead      *bool `json:"auto_read,omitempty"`      // read receipts for whatever arrives
	Echo          *bool `json:"echo,omitempty"`           // answers each text with the same text
	FailDecrypt   *int  `json:"fail_decrypt,omitempty"`   // pretend that the next n messages can't be decrypted
	HoldDelivery  *bool `json:"hold_delivery,omitempty"`  // withhold delivery receipts
	ReadReceipts  *bool `json:"read_receipts,omitempty"`  // the privacy setting
	PresenceShown *bool `json:"presence_shown,omitempty"` // last seen visible
	// Passkey is the credential id of the account's passkey, which linking asks for then; an empty text removes it.
	Passkey *string `json:"passkey,omitempty"`
}

// Media is a file in a message, as plaintext; the phone encrypts and uploads it.
type Media struct {
	Kind     string `json:"kind"` // image, video, gif, audio, voice, document, sticker
	Data     []byte `json:"data"`
	MIMEType string `json:"mime_type"`
	FileName string `json:"file_name,omitempty"`
	Caption  string `json:"caption,omitempty"`
	Width    int    `json:"width,omitempty"`
	Height   int    `json:"height,omitempty"`
	Seconds  int    `json:"seconds,omitempty"`
	Waveform []byte `json:"waveform,omitempty"`
	// Thumbnail is a small JPEG that travels inside the message.
	Thumbnail []byte `json:"thumbnail,omitempty"`
	ViewOnce  bool   `json:"view_once,omitempty"`
	Animated  bool   `json:"animated,omitempty"`
	// Noise, instead of Data, asks for a file of so many bytes, the same each time: what ChaCha8 with a seed of zeros
	// gives. It spares the API large bodies.
	Noise int `json:"noise,omitempty"`
	// Size and SHA256 are told of a file in an event. A file of more than 8 MiB has its Data left out there.
	Size   int    `json:"size,omitempty"`
	SHA256 []byte `json:"sha256,omitempty"`
}

// SendRequest makes a person's phone send a message. Exactly one of Text, Media and Raw is given.
type SendRequest struct {
	To       string   `json:"to"` // person id, a group id, or status: what contacts see as a status update
	ID       string   `json:"id,omitempty"`
	Text     string   `json:"text,omitempty"`
	Media    *Media   `json:"media,omitempty"`
	ReplyTo  string   `json:"reply_to,omitempty"` // message id
	Mentions []string `json:"mentions,omitempty"` // person ids; the text holds @<id> for each
	// Album is the message id of an album's head, of which this file is a part. The head itself has no word here: it is a
	// Raw message.
	Album string `json:"album,omitempty"`
	// Raw is a whole message of the network's own format in its canonical JSON (WhatsApp: protojson of waE2E.Message),
	// for kinds that this API has no word for.
	Raw json.RawMessage `json:"raw,omitempty"`
	// Time overrides the time at which the server stamps the message.
	Time *time.Time `json:"time,omitempty"`
	// ByNumber addresses the recipient by phone number where the network's habit is a hidden id.
	ByNumber bool `json:"by_number,omitempty"`
}

// Sent answers a SendRequest.
type Sent struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
}

// Target names a message for reactions, edits, revokes and receipts.
type Target struct {
	Chat   string `json:"chat"`             // person or group id, as the acting person sees the chat
	ID     string `json:"id"`               // message id
	Sender string `json:"sender,omitempty"` // author; empty means the acting person
}

// ReactRequest adds or, with an empty Emoji, removes the acting person's reaction.
type ReactRequest struct {
	Target
	Emoji string `json:"emoji"`
}

// EditRequest replaces the text of one of the acting person's own messages.
type EditRequest struct {
	Target
	Text string `json:"text"`
}

// ReceiptRequest marks messages of a chat; Type is read or played. Sender is their author.
type ReceiptRequest struct {
	Chat   string   `json:"chat"`
	Sender string   `json:"sender,omitempty"`
	IDs    []string `json:"ids"`
	Type   string   `json:"type"`
}

// TypingRequest shows or stops the typing notice. Media is "audio" while recording.
type TypingRequest struct {
	Chat   string `json:"chat"`
	Typing bool   `json:"typing"`
	Media  string `json:"media,omitempty"`
}

// Event kinds in a person's timeline.
const (
	KindMessage  = "message"  // a message arrived or was sent
	KindEdit     = "edit"     // Ref is the edited message
	KindReaction = "reaction" // Ref is the target, Text the emoji, empty when removed
	KindRevoke   = "revoke"   // Ref is the message
	KindReceipt  = "receipt"  // Ref is the message, Text one of delivered, read, played
	KindTyping   = "typing"   // Text is composing, recording or paused
	KindSettings = "settings" // a companion changed a chat's settings (Chat) or the account's name (Text)
	KindPresence = "presence" // Text is available or unavailable
	KindProblem  = "problem"  // the phone met something it should not have met; Text says what
)

// Event is one thing that happened on a person's phone, in order. A timeline is append-only: Index counts from 0.
type Event struct {
	Index  int       `json:"index"`
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"`
	Chat   string    `json:"chat"`             // person or group id of the chat
	Sender string    `json:"sender"`           // person id
	Device int       `json:"device,omitempty"` // device of the sender it came from
	FromMe bool      `json:"from_me,omitempty"`
	ID     string    `json:"id,omitempty"`
	Ref    string    `json:"ref,omitempty"`
	Text   string    `json:"text,omitempty"` // text or caption, in the network's own markup
	Media  *Media    `json:"media,omitempty"`
	// MediaError says why the phone could not download or verify the media.
	MediaError string `json:"media_error,omitempty"`
	ReplyTo    string `json:"reply_to,omitempty"`
	// Encrypted is the kind of end-to-end encryption the message came with (WhatsApp: msg, pkmsg, skmsg).
	Encrypted string   `json:"encrypted,omitempty"`
	Mentions  []string `json:"mentions,omitempty"`
	// Raw is the decrypted message in the network's canonical JSON.
	Raw json.RawMessage `json:"raw,omitempty"`
}

// Match selects events of a timeline; empty fields match anything. Count is how many events must match (default 1).
type Match struct {
	From     int    `json:"from,omitempty"` // first index looked at
	Kind     string `json:"kind,omitempty"`
	Chat     string `json:"chat,omitempty"`
	Sender   string `json:"sender,omitempty"`
	ID       string `json:"id,omitempty"`
	Ref      string `json:"ref,omitempty"`
	Text     string `json:"text,omitempty"`     // exact
	Contains string `json:"contains,omitempty"` // substring of the text
	FromMe   *bool  `json:"from_me,omitempty"`
	Count    int    `json:"count,omitempty"`
}

// AwaitRequest blocks until Match is fulfilled or the deadline passes; then the answer is an error that lists what is
// there instead.
type AwaitRequest struct {
	Match   Match `json:"match"`
	Timeout int   `json:"timeout_ms"`
}

// HistoryMessage is one message that a person's phone knows from before it linked a companion.
type HistoryMessage struct {
	Chat   string          `json:"chat"`
	Sender string          `json:"sender"`
	ID     string          `json:"id"`
	Text   string          `json:"text,omitempty"`
	Raw    json.RawMessage `json:"raw,omitempty"`
	Time   time.Time       `json:"time"`
}
