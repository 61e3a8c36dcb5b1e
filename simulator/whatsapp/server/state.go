package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// user is an account and all the server keeps for it. Everything in this file is guarded by Server.mu.
type user struct {
	Account
	created     time.Time
	devices     map[int]*device
	reserved    map[int]bool // numbers of pairings in progress
	link        *Link
	pictureID   string
	picturePath string
	pictureURL  string
	privacy     map[string]string
	blocked     map[string]bool // by LID
	heardFrom   map[string]bool // by LID: who has ever written to them
	collections map[string]*collection
	codes       []*CodeRequest // not taken by the phone yet
	lastSeen    time.Time
	subscribers map[*device]types.JID // who wants presence, and the form in which they asked
}

// device is one device of a user: number 0 is the phone.
type device struct {
	user     *user
	number   int
	keys     DeviceKeys
	spent    map[uint32]bool // ids of one-time prekeys handed out
	lowTold  bool            // the low stock was told and not filled up since
	noiseKey [32]byte
	keyIndex uint32
	name     string
	platform string

	endpoint  endpoint // nil while not connected
	active    bool
	available bool
	queue     []*queued
	recent    recentMessages
}

// endpoint is a device's live connection.
type endpoint interface {
	push(item) // never blocks
	abort()    // closes at once; what was pushed may be lost
}

// queued is a stanza that its device has not acknowledged.
type queued struct {
	node stanza.Node
	sent bool // in the present connection
}

// userOf finds the user that a JID of either form names; nil if there is none.
func (s *Server) userOf(jid types.JID) *user {
	switch jid.Server {
	case types.DefaultUserServer, types.LegacyUserServer:
		return s.byPhone[jid.User]
	case types.HiddenUserServer:
		return s.byLID[jid.User]
	default:
		return nil
	}
}

// deviceOf finds the device that a JID of either form names; nil if there is none.
func (s *Server) deviceOf(jid types.JID) *device {
	if u := s.userOf(jid); u != nil {
		return u.devices[int(jid.Device)]
	}
	return nil
}

// jid is the user's JID in the address space of server, which is either of the two user servers.
func (u *user) jid(server string) types.JID {
	if server == types.HiddenUserServer {
		return u.LIDJID()
	}
	return u.PN()
}

// alternate is the user's JID in the other address space.
func (u *user) alternate(server string) types.JID {
	if server == types.HiddenUserServer {
		return u.PN()
	}
	return u.LIDJID()
}

func (d *device) jid(server string) types.JID {
	jid := d.user.jid(server)
	jid.Device = uint16(d.number)
	return jid
}

func (d *device) isPhone() bool { return d.number == 0 }

// live says whether stanzas may be sent to the device now rather than queued only.
func (d *device) live() bool { return d.endpoint != nil && d.active }

// sorted lists a user's devices, phone first.
func (u *user) sorted() []*device {
	devices := make([]*device, 0, len(u.devices))
	for _, d := range u.devices {
		devices = append(devices, d)
	}
	slices.SortFunc(devices, func(a, b *device) int { return cmp.Compare(a.number, b.number) })
	return devices
}

func (u *user) jids(server string) []types.JID {
	var jids []types.JID
	for _, d := range u.sorted() {
		jids = append(jids, d.jid(server))
	}
	return jids
}

// freeNumber is the lowest companion number that is neither used nor promised.
func (u *user) freeNumber() (int, error) {
	if len(u.devices)-1+len(u.reserved) >= MaxCompanions {
		return 0, ErrTooManyDevices
	}
	for number := 1; ; number++ {
		if u.devices[number] == nil && !u.reserved[number] {
			return number, nil
		}
	}
}

// others lists all users but u in a stable order.
func (s *Server) others(u *user) []*user {
	var all []*user
	for _, other := range s.byPhone {
		if other != u {
			all = append(all, other)
		}
	}
	slices.SortFunc(all, func(a, b *user) int { return cmp.Compare(a.Phone, b.Phone) })
	return all
}

func (s *Server) named(phone string) (*user, error) {
	u := s.byPhone[phone]
	if u == nil {
		return nil, fmt.Errorf("find user %q: %w", phone, ErrUnknownUser)
	}
	return u, nil
}

// Account answers what the server knows of a phone number or LID (digits).
func (s *Server) Account(phoneOrLID string) (Account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.byPhone[phoneOrLID]
	if u == nil {
		u = s.byLID[phoneOrLID]
	}
	if u == nil {
		return Account{}, false
	}
	return u.Account, true
}

func (d *device) describe() Device {
	return Device{
		Number: d.number, Name: d.name, Platform: d.platform, KeyIndex: d.keyIndex, Connected: d.endpoint != nil,
		Active: d.live(), Queued: len(d.queue), PreKeys: len(d.keys.PreKeys), Identity: d.keys.Identity,
	}
}

// Devices lists a user's devices, phone first.
func (s *Server) Devices(phone string) ([]Device, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.named(phone)
	if err != nil {
		return nil, err
	}
	var devices []Device
	for _, d := range u.sorted() {
		devices = append(devices, d.describe())
	}
	return devices, nil
}

// AwaitDevice blocks until a device of the user fulfils ok (for example: Active), or ctx ends.
func (s *Server) AwaitDevice(ctx context.Context, phone string, ok func(Device) bool) (Device, error) {
	var found Device
	err := s.await(ctx, func() bool {
		u := s.byPhone[phone]
		if u == nil {
			return false
		}
		for _, d := range u.sorted() {
			if found = d.describe(); ok(found) {
				return true
			}
		}
		return false
	})
	if err != nil {
		return Device{}, fmt.Errorf("await device of %q: %w", phone, err)
	}
	return found, nil
}
