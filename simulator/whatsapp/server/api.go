package server

import (
	"errors"
	"time"

	"github.com/rs/zerolog"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/noise"
)

// Config says how a Server listens and how patient it is. The zero value is usable.
type Config struct {
	// Listen is the address of the TLS listener, "127.0.0.1:0" by default.
	Listen string
	// Root signs the Noise certificates. Clients keep its public key in one variable of the whole process, so servers that
	// run beside one another in a process must be given the same Root. Nil makes a fresh one.
	Root *noise.Root
	// Logger gets the life of the server; stanzas are in the stanza log instead (Log).
	Logger zerolog.Logger
	// OnEntry, if set, is called for each new entry of the stanza log, one at a time and in order. It must not block and
	// must not call the Server.
	OnEntry func(Entry)

	// PairTimeout closes a registration connection that nobody scanned; 160 s by default (section 4.1).
	PairTimeout time.Duration
	// RestartDelay is how long the socket stays open after 515 unless the client closes first; 2 s by default (4.2).
	RestartDelay time.Duration
	// CloseDelay is the same for every failure and every other fatal stream error; 300 ms by default (4.2).
	CloseDelay time.Duration
	// HandshakeTimeout closes a connection that doesn't finish the Noise handshake; 20 s by default.
	HandshakeTimeout time.Duration
	// MediaHosts are the names that media_conn hands out, "mmg.whatsapp.net" by default.
	MediaHosts []string
	// Now is the clock, time.Now by default. It stamps stanzas; time-outs use the real clock.
	Now func() time.Time
}

// Errors that the phone side tells apart with errors.Is.
var (
	ErrClosed          = errors.New("server is closed")
	ErrUnknownRef      = errors.New("no connection waits with this pairing ref")
	ErrUsedRef         = errors.New("pairing ref was used already")
	ErrTooManyDevices  = errors.New("account has four companions already")
	ErrPairingGone     = errors.New("connection that was to be paired is gone")
	ErrPairingRefused  = errors.New("companion refused the pairing")
	ErrDeviceSignature = errors.New("companion's device signature is wrong")
	ErrUnknownUser     = errors.New("no such user")
	ErrUnknownDevice   = errors.New("no such device")
	ErrTaken           = errors.New("number is taken")
)

// MaxCompanions is how many companions an account may have; the next one is refused.
const MaxCompanions = 4

// Account is a user as the server knows them.
type Account struct {
	Phone    string // digits
	LID      string // digits of the hidden id; one to one with Phone, for ever
	PushName string
	About    string
	Picture  []byte // JPEG; nil is none
	Business string // verified business name; empty for ordinary people
}

// PN is the account's phone-number JID.
func (a Account) PN() types.JID { return types.NewJID(a.Phone, types.DefaultUserServer) }

// LIDJID is the account's hidden JID.
func (a Account) LIDJID() types.JID { return types.NewJID(a.LID, types.HiddenUserServer) }

// PreKey is the public half of a one-time prekey; ids have 24 bits.
type PreKey struct {
	ID     uint32
	Public [32]byte
}

// SignedPreKey is the public half of a signed prekey. Signature is over 05 ‖ Public, by the identity key.
type SignedPreKey struct {
	PreKey
	Signature [64]byte
}

// DeviceKeys is what a device registers: the keys that others need to open sessions with it.
type DeviceKeys struct {
	RegistrationID uint32
	Identity       [32]byte // Curve25519, without the type byte
	Signed         SignedPreKey
	PreKeys        []PreKey
}

// Device describes one device of a user.
type Device struct {
	Number    int // 0 is the primary phone
	Name      string
	Platform  string
	KeyIndex  uint32
	Connected bool
	Active    bool // past the passive stage of login
	Queued    int  // stanzas not acknowledged yet
	PreKeys   int  // one-time prekeys left
	Identity  [32]byte
}

// Deliver takes stanzas that reach a phone: messages, receipts, notifications, presence and acks of what it sent. It is
// called by one goroutine of the link, one node at a time, never from inside Send or Request, and may call both. A stanza
// counts as received once Deliver returns; the acks that a client would send are accepted and not needed, but messages
// still want their receipts.
type Deliver func(waBinary.Node)

// Registration is what a companion said of itself when it connected to be paired.
type Registration struct {
	NoiseKey  [32]byte // proven in the handshake
	Keys      DeviceKeys
	Props     *waCompanionReg.DeviceProps // nil if it sent none that parse
	BuildHash []byte
}

// Completion is what the phone gives to finish a pairing (section 4.2).
type Completion struct {
	// Container is a serialised waAdv.ADVSignedDeviceIdentityHMAC.
	Container []byte
	Platform  string // what the phone is; "android" by default
	Business  string
	// ClientProps is a serialised waCompanionReg.ClientPairingProps, or nil.
	ClientProps []byte
}

// CodeFinish is the companion's last word in pairing by code (section 4.3).
type CodeFinish struct {
	WrappedBundle     []byte // salt 32 ‖ nonce 12 ‖ AES-256-GCM
	CompanionIdentity [32]byte
}

// Entry is one stanza that crossed the wire, or one HTTP request for media.
type Entry struct {
	Index     int
	Time      time.Time
	Direction string // "in": from a device to the server; "out": from the server to a device
	User      string // phone number; empty before login
	Device    int
	Phone     bool // the device is a simulated phone (number 0), not a real client
	Data      string
}

// Unexpected is a request that the server does not know.
type Unexpected struct {
	Time   time.Time
	User   string
	Device int
	What   string
}

// Fault breaks something, once unless Times says otherwise. Its fields mirror the control API's fault one for one, so one
// converts into the other. Kinds are listed in faults.go.
type Fault struct {
	ID      string // chosen by AddFault
	Kind    string
	Person  string // phone number; empty is anybody's
	Device  int    // 0 is any companion
	Stanza  string // tag, or tag/class such as iq/encrypt, message/text, receipt/read, notification/picture; empty is any
	MatchID string
	Skip    int
	Times   int // 0 is once, -1 until removed
	Args    map[string]string
	Hits    int
}
