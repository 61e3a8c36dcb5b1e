package phone

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/phone/signal"
)

// ErrUnknownUser is the error of sending to somebody whom the server does not know.
var ErrUnknownUser = errors.New("no such user on the server")

// SendError is a message that the server refused, with the number it gave in its ack.
type SendError struct{ Code string }

func (e *SendError) Error() string { return "server refused the message with error " + e.Code }

// sentMessage is kept for as long as the phone lives, so that any retry can be answered.
type sentMessage struct {
	chat    types.JID
	content *waE2E.Message
	attrs   waBinary.Attrs // edit and the like, which a retry repeats
	peer    bool
}

// Outgoing is a message to send.
type Outgoing struct {
	To      types.JID // user by LID or by phone number, group, or types.StatusBroadcastJID
	ID      string    // empty: the phone makes one
	Content *waE2E.Message
	// Time overrides the time that the server stamps; zero does not.
	Time time.Time
}

// Send encrypts a message for every device of the recipient and of the own account, hands it to the server and waits for
// the ack. It returns the message's id and the server's time. The observer is told before Send returns.
func (p *Phone) Send(ctx context.Context, out Outgoing) (Message, error) {
	if out.ID == "" {
		out.ID = newID()
	}
	sent, err := p.send(ctx, out)
	if err != nil {
		return Message{}, fmt.Errorf("send %s to %s: %w", out.ID, out.To, err)
	}
	p.observer.Message(sent)
	return sent, nil
}

func (p *Phone) send(ctx context.Context, out Outgoing) (Message, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var stanza waBinary.Node
	var err error
	if out.To.Server == types.GroupServer || out.To == types.StatusBroadcastJID {
		stanza, err = p.encryptForGroup(ctx, out)
	} else {
		stanza, err = p.encryptForUser(ctx, out)
	}
	if err != nil {
		return Message{}, err
	}
	stanza.Attrs["id"] = out.ID
	stanza.Attrs["type"] = stanzaType(out.Content)
	if !out.Time.IsZero() {
		stanza.Attrs["t"] = strconv.FormatInt(out.Time.Unix(), 10)
	}
	extra := editAttrs(out.Content)
	maps.Copy(stanza.Attrs, extra)
	chat := p.toLID(out.To)
	p.sent[out.ID] = &sentMessage{chat: out.To, content: out.Content, attrs: extra}
	ack, err := p.ask(ctx, stanza)
	if err != nil {
		return Message{}, err
	}
	if code := attr(*ack, "error"); code != "" && code != "0" {
		return Message{}, &SendError{code}
	}
	sent := Message{ID: out.ID, Chat: chat, Sender: p.lid, FromMe: true, Own: true, Time: attrTime(*ack, "t"), Content: out.Content}
	p.history.note(sent)
	return sent, nil
}

// encryptForUser builds the stanza of a 1:1 message (section 7.1). p.mu is held.
func (p *Phone) encryptForUser(ctx context.Context, out Outgoing) (waBinary.Node, error) {
	self := p.lid
	if out.To.Server == types.DefaultUserServer {
		self = p.pn
	}
	users := []types.JID{out.To}
	if !p.isOwn(out.To) {
		users = append(users, self)
	}
	devices, err := p.devices(ctx, users...)
	if err != nil {
		return waBinary.Node{}, err
	}
	plain, err := proto.Marshal(out.Content)
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("encode message: %w", err)
	}
	wrapped, err := proto.Marshal(forOwnDevices(out.To, out.Content))
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("encode copy for own devices: %w", err)
	}
	attrs := waBinary.Attrs{"to": out.To}
	if out.To.Server == types.HiddenUserServer {
		if pn, ok := p.toPN(out.To); ok {
			attrs["peer_recipient_pn"] = pn
		}
	}
	participants, err := p.encryptForDevices(ctx, devices, plain, wrapped, encAttrs(out.Content))
	if err != nil {
		return waBinary.Node{}, err
	}
	return node("message", attrs, waBinary.Node{Tag: "participants", Content: participants}), nil
}

// encryptForDevices makes one <to> for each device; own devices get wrapped, the others plain. Devices without keys are
// left out, as clients do. p.mu is held.
func (p *Phone) encryptForDevices(ctx context.Context, devices []types.JID, plain, wrapped []byte, attrs waBinary.Attrs,
) ([]waBinary.Node, error) {
	if err := p.ensureSessions(ctx, devices, false); err != nil {
		return nil, err
	}
	to := make([]waBinary.Node, 0, len(devices))
	for _, device := range devices {
		text := plain
		if p.isOwn(device) {
			text = wrapped
		}
		enc, err := p.encrypt(ctx, device, text, attrs)
		if err != nil {
			p.log.Warn().Err(err).Stringer("device", device).Msg("Device is left out of a message")
			continue
		}
		to = append(to, node("to", waBinary.Attrs{"jid": device}, enc))
	}
	return to, nil
}

// encrypt pads and encrypts for one device and returns the <enc>. p.mu is held.
func (p *Phone) encrypt(ctx context.Context, device types.JID, plain []byte, attrs waBinary.Attrs) (waBinary.Node, error) {
	address, err := p.address(device)
	if err != nil {
		return waBinary.Node{}, err
	}
	sealed, err := p.signal.Encrypt(ctx, address, pad(plain))
	if err != nil {
		return waBinary.Node{}, err
	}
	return encNode(sealed, attrs), nil
}

func encNode(sealed signal.Ciphertext, attrs waBinary.Attrs) waBinary.Node {
	all := waBinary.Attrs{"v": "2", "type": sealed.Kind}
	maps.Copy(all, attrs)
	return waBinary.Node{Tag: "enc", Attrs: all, Content: sealed.Data}
}

// forOwnDevices wraps a message for the sender's own other devices.
func forOwnDevices(to types.JID, content *waE2E.Message) *waE2E.Message {
	return &waE2E.Message{
		DeviceSentMessage: &waE2E.DeviceSentMessage{
			DestinationJID: proto.String(to.String()),
			Message:        content,
		},
		MessageContextInfo: content.GetMessageContextInfo(),
	}
}

// pad appends 1 to 15 bytes that all hold their number (section 7.1).
func pad(plain []byte) []byte {
	var r [1]byte
	rand.Read(r[:])
	n := r[0]%15 + 1
	return append(bytes.Clone(plain), bytes.Repeat([]byte{n}, int(n))...)
}

func unpad(padded []byte) ([]byte, error) {
	if len(padded) == 0 {
		return nil, errors.New("remove padding: plaintext is empty")
	}
	n := int(padded[len(padded)-1])
	if n == 0 || n > 16 || n > len(padded) {
		return nil, fmt.Errorf("remove padding: last byte is %d of %d bytes", n, len(padded))
	}
	return padded[:len(padded)-n], nil
}
