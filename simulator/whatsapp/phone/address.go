package phone

import (
	"context"
	"fmt"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/phone/signal"
)

// learn notes that a phone number and a hidden id are one user. Empty JIDs are ignored. p.mu is held.
func (p *Phone) learn(a, b types.JID) {
	if a.Server == types.HiddenUserServer {
		a, b = b, a
	}
	if a.Server == types.DefaultUserServer && b.Server == types.HiddenUserServer {
		p.lids[a.User], p.pns[b.User] = b.User, a.User
	}
}

// toLID names a user or device by LID where the phone knows it, and gives groups and unknown ones back. p.mu is held.
func (p *Phone) toLID(jid types.JID) types.JID {
	if jid.Server == types.DefaultUserServer {
		if lid, ok := p.lids[jid.User]; ok {
			return types.JID{User: lid, Server: types.HiddenUserServer, Device: jid.Device}
		}
	}
	return jid
}

// toPN is the phone number behind a LID. A phone knows the numbers of those it writes to from its address book; here it
// may look them up. p.mu is held.
func (p *Phone) toPN(lid types.JID) (types.JID, bool) {
	if number, ok := p.pns[lid.User]; ok {
		return types.NewJID(number, types.DefaultUserServer), true
	}
	account, ok := p.server.Account(lid.User)
	if !ok {
		return types.JID{}, false
	}
	p.learn(account.PN(), lid.ToNonAD())
	return account.PN(), true
}

// isOwn says whether a JID, of a user or a device, is of this account.
func (p *Phone) isOwn(jid types.JID) bool {
	return jid.User == p.lid.User && jid.Server == types.HiddenUserServer ||
		jid.User == p.pn.User && jid.Server == types.DefaultUserServer
}

// address is the key of the Signal session with a device. p.mu is held.
func (p *Phone) address(device types.JID) (signal.Address, error) {
	lid := p.toLID(device)
	if lid.Server != types.HiddenUserServer {
		return signal.Address{}, fmt.Errorf("no LID is known for %s", device)
	}
	return signal.Address{LID: lid.User, Device: lid.Device}, nil
}

func (p *Phone) ownAddress() signal.Address { return signal.Address{LID: p.lid.User} }

// devices asks the server for all devices of the given users, this phone left out, in the address space of each user
// JID. LIDs of users named by phone number are learnt on the way. Users without a device are unknown: an error.
// p.mu is held.
func (p *Phone) devices(ctx context.Context, users ...types.JID) ([]types.JID, error) {
	list := make([]waBinary.Node, 0, len(users))
	for _, user := range users {
		list = append(list, node("user", waBinary.Attrs{"jid": user}))
	}
	resp, err := p.request(ctx, node("iq", waBinary.Attrs{"to": types.ServerJID, "type": "get", "xmlns": "usync"},
		node("usync", waBinary.Attrs{"sid": newID(), "mode": "query", "last": "true", "index": "0", "context": "message"},
			node("query", nil, node("devices", waBinary.Attrs{"version": "2"}), node("lid", nil)),
			waBinary.Node{Tag: "list", Content: list})))
	if err != nil {
		return nil, fmt.Errorf("ask for devices of %v: %w", users, err)
	}
	answer, _ := descend(*resp, "usync", "list")
	found := make(map[types.JID][]types.JID)
	for _, user := range answer.GetChildren() {
		jid := attrJID(user, "jid")
		if lid, ok := child(user, "lid"); ok {
			p.learn(jid, attrJID(lid, "val"))
		}
		devices, _ := descend(user, "devices", "device-list")
		for _, d := range devices.GetChildren() {
			if number, err := strconv.ParseUint(attr(d, "id"), 10, 16); err == nil {
				device := types.JID{User: jid.User, Server: jid.Server, Device: uint16(number)}
				found[jid] = append(found[jid], device)
				p.noteLinking(device, attr(d, "key-index"))
			}
		}
	}
	var out []types.JID
	for _, user := range users {
		devices, ok := found[user]
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrUnknownUser, user)
		}
		for _, d := range devices {
			if !p.isOwn(d) || d.Device != 0 {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

// noteLinking forgets the session with a companion in whose place another one has been linked since: key indexes count up
// per account (section 4.2), and the new device has none of the old one's keys. p.mu is held.
func (p *Phone) noteLinking(device types.JID, keyIndex string) {
	address, err := p.address(device)
	if err != nil || keyIndex == "" {
		return
	}
	if old, ok := p.keyIndexes[address]; ok && old != keyIndex {
		p.signal.ForgetSession(address)
	}
	p.keyIndexes[address] = keyIndex
}

// ensureSessions starts sessions with those devices with which there is none, from bundles of the server. Devices that
// the server has no keys of stay without: the error names them, and the others have theirs. p.mu is held.
func (p *Phone) ensureSessions(ctx context.Context, devices []types.JID, renew bool) error {
	var users []waBinary.Node
	for _, d := range devices {
		address, err := p.address(d)
		if err != nil {
			return err
		}
		if renew || !p.signal.HasSession(address) {
			users = append(users, node("user", waBinary.Attrs{"jid": d}))
		}
	}
	if len(users) == 0 {
		return nil
	}
	resp, err := p.request(ctx, node("iq", waBinary.Attrs{"to": types.ServerJID, "type": "get", "xmlns": "encrypt"},
		waBinary.Node{Tag: "key", Content: users}))
	if err != nil {
		return fmt.Errorf("ask for prekeys: %w", err)
	}
	list, _ := child(*resp, "list")
	for _, user := range list.GetChildren() {
		if err := p.startSession(ctx, user); err != nil {
			p.log.Warn().Err(err).Msg("Bundle is unusable")
		}
	}
	return nil
}

func (p *Phone) startSession(ctx context.Context, user waBinary.Node) error {
	device := attrJID(user, "jid")
	address, err := p.address(device)
	if err != nil {
		return err
	}
	bundle, err := parseBundle(user, user)
	if err != nil {
		return fmt.Errorf("parse bundle of %s: %w", device, err)
	}
	return p.signal.Start(ctx, address, bundle)
}

// parseBundle reads a prekey bundle. In the answer of the server the registration id stands among the keys, in a retry
// receipt beside them.
func parseBundle(outer, keys waBinary.Node) (signal.Bundle, error) {
	var b signal.Bundle
	if e, ok := child(keys, "error"); ok {
		return b, fmt.Errorf("server answers %s %s", attr(e, "code"), attr(e, "text"))
	}
	registration, identity := childContent(outer, "registration"), childContent(keys, "identity")
	if len(registration) != 4 || len(identity) != 32 {
		return b, fmt.Errorf("registration has %d bytes, identity %d", len(registration), len(identity))
	}
	b.RegistrationID = fromBigEndian(registration)
	copy(b.Identity[:], identity)
	skey, ok := child(keys, "skey")
	if !ok {
		return b, fmt.Errorf("signed prekey is missing")
	}
	var err error
	if b.Signed, err = parsePreKey(skey); err != nil {
		return b, fmt.Errorf("signed prekey: %w", err)
	}
	signature := childContent(skey, "signature")
	if len(signature) != 64 {
		return b, fmt.Errorf("signature has %d bytes", len(signature))
	}
	copy(b.Signed.Signature[:], signature)
	if key, ok := child(keys, "key"); ok {
		oneTime, err := parsePreKey(key)
		if err != nil {
			return b, fmt.Errorf("one-time prekey: %w", err)
		}
		b.OneTime = &oneTime
	}
	return b, nil
}

func parsePreKey(n waBinary.Node) (signal.PreKey, error) {
	id, value := childContent(n, "id"), childContent(n, "value")
	if len(id) != 3 || len(value) != 32 {
		return signal.PreKey{}, fmt.Errorf("id has %d bytes, value %d", len(id), len(value))
	}
	key := signal.PreKey{ID: fromBigEndian(id)}
	copy(key.Key[:], value)
	return key, nil
}
