package chat

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// Deliver takes stanzas that reach somebody's app: messages, receipts, chat states. It is called by one goroutine, one
// stanza at a time, without any lock, and may call the link.
type Deliver func(stanza.Node)

// Link is an app's device on the encrypted plane: device 0 of its person.
type Link struct {
	server  *Server
	device  *device
	deliver Deliver
}

// Bundle is what is needed to start a session with a device. OneTime may be nil.
type Bundle struct {
	Keys
	OneTime *PreKey
}

// Attach makes the device of somebody's app. It replaces an earlier one, as a reinstallation does: the identity changes.
func (s *Server) Attach(person int64, keys Keys, stock []PreKey, deliver Deliver) *Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(person)
	old := u.devices[0]
	d := &device{user: u, keys: keys, stock: slices.Clone(stock), seen: map[string]string{}}
	d.link = &Link{server: s, device: d, deliver: deliver}
	u.devices[0] = d
	if old != nil {
		u.list = slices.DeleteFunc(u.list, func(key [32]byte) bool { return key == old.keys.Identity })
	}
	u.list = append(u.list, keys.Identity)
	u.sequence++
	s.announceDevices(u)
	if old != nil {
		s.announceIdentity(u)
	}
	return d.link
}

// JID is the link's device.
func (l *Link) JID() types.JID { return l.device.jid() }

// AddPreKeys adds to the stock.
func (l *Link) AddPreKeys(keys []PreKey) {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	l.device.stock = append(l.device.stock, keys...)
}

// Stock is how many prekeys are left.
func (l *Link) Stock() int {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	return len(l.device.stock)
}

// Recipients lists the devices that a message to a chat is for, without the link's own.
func (l *Link) Recipients(chat types.JID) ([]types.JID, error) {
	s := l.server
	var group *Group
	if chat.Server == types.GroupServer {
		g, ok := s.cfg.Group(personOf(chat))
		if !ok {
			return nil, fmt.Errorf("list devices of %s: %w", chat, ErrUnknown)
		}
		group = &g
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.recipients(l.device, chat, group)
	return slices.DeleteFunc(list, func(jid types.JID) bool { return jid == l.device.jid() }), nil
}

// Bundle takes a device's bundle.
func (l *Link) Bundle(jid types.JID) (Bundle, error) {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	d := l.server.find(jid)
	if d == nil {
		return Bundle{}, fmt.Errorf("get bundle of %s: %w", jid, ErrUnknown)
	}
	return l.server.bundle(d), nil
}

// Send routes a stanza of the app's: a message, a receipt or a chat state. A message that the network refuses is an error.
func (l *Link) Send(_ context.Context, n stanza.Node) error {
	s := l.server
	group := s.groupOf(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return ErrClosed
	}
	s.record("in", l.device, n)
	switch n.Tag {
	case "message":
		return s.sendOf(l.device, n, group)
	case "receipt":
		s.handleReceipt(l.device, n, group)
	case "chatstate":
		s.handleChatState(l.device, n)
	default:
		return fmt.Errorf("send a %s: no app sends that", n.Tag)
	}
	return nil
}

// sendOf routes an app's message.
func (s *Server) sendOf(d *device, n stanza.Node, group *Group) error {
	to, _ := stanza.JID(n, "to")
	if stanza.Str(n, "device_fanout") == "false" {
		s.handleResend(d, n, to)
		return nil
	}
	if err := checkMessage(n, group != nil); err != nil {
		return fmt.Errorf("send %s: %w", stanza.Str(n, "id"), err)
	}
	if group != nil && !group.has(d.user.id) {
		return fmt.Errorf("send to %s: %d is not in it", to, d.user.id)
	}
	s.route(d, n, to, s.recipients(d, to, group))
	return nil
}

// NewMessageID makes the id of a message (section 5.6).
func (l *Link) NewMessageID() string {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	l.server.lastID++
	return strconv.FormatInt(l.server.cfg.Now().UnixMilli()<<22|int64(l.server.lastID)&(1<<22-1), 10)
}
