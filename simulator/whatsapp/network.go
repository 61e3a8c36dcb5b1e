// Package whatsapp is the simulated WhatsApp of the control API: a server that speaks WhatsApp's wire protocol and
// people whose phones are simulated in the same process. It turns what the API asks into what a phone does, and what
// happens on a phone into events of the person's timeline. The wire is package server's, the Signal device and all phone
// duties are package phone's.
//
// Calls come from the API's request goroutines; each phone reports from its own.
//
// Where it differs from the real network: everybody counts as everybody's contact for announcements; there is no rate
// limit; a number that is not a person is unknown; clocks are the machine's.
package whatsapp

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp/phone"
	"crosschat/simulator/whatsapp/server"
)

// Name is the network's name in the control API.
const Name = "whatsapp"

// The first phone number and the first hidden id that are given out to people who ask for none.
const (
	firstPhone = 15550000001
	firstLID   = 200000000001
)

// Network is the simulated WhatsApp. It implements control.Network.
type Network struct {
	server *server.Server
	log    zerolog.Logger

	mu      sync.Mutex
	people  map[string]*person // by phone number
	byLID   map[string]string  // LID → phone number
	created int
}

var _ control.Network = (*Network)(nil)

// New makes a network over a server, which the caller serves and closes.
func New(s *server.Server, log zerolog.Logger) *Network {
	return &Network{server: s, log: log, people: make(map[string]*person), byLID: make(map[string]string)}
}

// Close stops all phones. The server is the caller's.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.people {
		p.phone.Close()
	}
}

// Name is "whatsapp".
func (n *Network) Name() string { return Name }

// Ready says how a client finds the server, given the file that its certificate authority was written to.
func (n *Network) Ready(caFile string) control.WhatsAppReady {
	root := n.server.RootKey()
	return control.WhatsAppReady{Address: n.server.Address(), CAFile: caFile, RootKey: hex.EncodeToString(root[:])}
}

// AddPerson creates an account and its phone.
func (n *Network) AddPerson(ctx context.Context, req control.NewPerson) (control.Person, error) {
	if strings.Trim(req.Phone, "0123456789") != "" {
		return control.Person{}, control.Invalid("phone %q has other characters than digits", req.Phone)
	}
	account := n.account(req)
	p := &person{network: n, id: account.Phone}
	n.mu.Lock()
	if _, taken := n.people[account.Phone]; taken {
		n.mu.Unlock()
		return control.Person{}, control.Refused("number %s belongs to somebody already", account.Phone)
	}
	device, err := phone.New(phone.Config{Server: n.server, Account: account, Observer: p, Log: n.log})
	if err != nil {
		n.mu.Unlock()
		return control.Person{}, fmt.Errorf("create person: %w", err)
	}
	p.phone = device
	n.people[account.Phone] = p
	n.byLID[account.LID] = account.Phone
	n.mu.Unlock()
	if len(req.Avatar) > 0 {
		picture, err := device.PictureID(ctx)
		if err != nil {
			return control.Person{}, err
		}
		p.avatar.Store(&picture)
	}
	for _, id := range req.Contacts {
		other, err := n.person(id)
		if err != nil {
			return control.Person{}, err
		}
		name := other.phone.Account().PushName
		if err := n.SetContact(ctx, p.id, control.Contact{ID: id, Name: name}); err != nil {
			return control.Person{}, err
		}
	}
	return n.describe(p)
}

// account fills in what a request leaves open.
func (n *Network) account(req control.NewPerson) server.Account {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := server.Account{Phone: req.Phone, PushName: req.Name, About: req.About, Picture: req.Avatar}
	a.LID = fmt.Sprint(firstLID + n.created)
	for i := n.created; a.Phone == ""; i++ {
		candidate := fmt.Sprint(firstPhone + i)
		if _, taken := n.people[candidate]; !taken {
			a.Phone = candidate
		}
	}
	n.created++
	if a.PushName == "" {
		a.PushName = "Person " + a.Phone[max(0, len(a.Phone)-4):]
	}
	return a
}

// person finds somebody by id.
func (n *Network) person(id string) (*person, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, ok := n.people[id]
	if !ok {
		return nil, control.NotFound("no person %q", id)
	}
	return p, nil
}

// People lists everybody, by id.
func (n *Network) People(context.Context) ([]control.Person, error) {
	n.mu.Lock()
	people := make([]*person, 0, len(n.people))
	for _, p := range n.people {
		people = append(people, p)
	}
	n.mu.Unlock()
	slices.SortFunc(people, func(a, b *person) int { return strings.Compare(a.id, b.id) })
	out := make([]control.Person, 0, len(people))
	for _, p := range people {
		described, err := n.describe(p)
		if err != nil {
			return nil, err
		}
		out = append(out, described)
	}
	return out, nil
}

// Person describes somebody as they are now.
func (n *Network) Person(_ context.Context, id string) (control.Person, error) {
	p, err := n.person(id)
	if err != nil {
		return control.Person{}, err
	}
	return n.describe(p)
}

func (n *Network) describe(p *person) (control.Person, error) {
	account := p.phone.Account()
	out := control.Person{
		ID: p.id, Name: account.PushName, Phone: account.Phone, LID: account.LID, About: account.About,
		Companions: []control.Companion{},
	}
	if p.avatar.Load() != nil {
		out.AvatarID = *p.avatar.Load()
	}
	devices, err := n.server.Devices(p.id)
	if err != nil {
		return control.Person{}, fmt.Errorf("list devices of %s: %w", p.id, err)
	}
	for _, d := range devices {
		if d.Number == 0 {
			out.Online = d.Connected
			continue
		}
		out.Companions = append(out.Companions, companion(d))
	}
	return out, nil
}

func companion(d server.Device) control.Companion {
	return control.Companion{Device: d.Number, Name: d.Name, Type: strings.ToLower(d.Platform), Connected: d.Connected, Active: d.Active}
}

// chatJID turns a person or group id, or status, into the JID that person's phone addresses.
func (n *Network) chatJID(id string) (types.JID, error) {
	if strings.HasSuffix(id, "@"+types.GroupServer) {
		jid, err := types.ParseJID(id)
		if err != nil {
			return types.JID{}, control.Invalid("group id %q is malformed", id)
		}
		return jid, nil
	}
	if id == statusChat {
		return types.StatusBroadcastJID, nil
	}
	p, err := n.person(id)
	if err != nil {
		return types.JID{}, err
	}
	return p.phone.LID(), nil
}

// statusChat is what the API calls the chat of status updates.
const statusChat = "status"

// idOf names a user or group in the API's words; JIDs of unknown users stay JIDs.
func (n *Network) idOf(jid types.JID) string {
	switch jid.Server {
	case types.HiddenUserServer:
		n.mu.Lock()
		defer n.mu.Unlock()
		if id, ok := n.byLID[jid.User]; ok {
			return id
		}
	case types.DefaultUserServer:
		return jid.User
	}
	switch {
	case jid.IsEmpty():
		return ""
	case jid == types.StatusBroadcastJID:
		return statusChat
	}
	return jid.ToNonAD().String()
}

// refusal gives the errors that a user of the API causes their status; others pass.
func refusal(err error) error {
	for _, target := range []error{
		phone.ErrOffline, phone.ErrNotLinkingQR, phone.ErrWrongKeys, phone.ErrNotCode, phone.ErrWrongCode, phone.ErrUnknownUser,
		server.ErrUnknownRef, server.ErrUsedRef, server.ErrTooManyDevices, server.ErrPairingGone, server.ErrPairingRefused,
		server.ErrDeviceSignature, server.ErrUnknownUser, server.ErrUnknownDevice, server.ErrTaken,
	} {
		if errors.Is(err, target) {
			return control.Refused("%v", err)
		}
	}
	return err
}
