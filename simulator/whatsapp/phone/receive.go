package phone

import (
	"errors"
	"fmt"
	"time"

	"go.mau.fi/libsignal/signalerror"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/phone/signal"
)

var errPretended = errors.New("told to pretend that it can't be decrypted")

// arrival is a message stanza with what its attributes say.
type arrival struct {
	id     string
	from   types.JID // as the stanza has it; receipts go there
	sender types.JID // device, by LID where known
	chat   types.JID
	group  bool
	fromMe bool
	peer   bool
	time   time.Time
	notify string
	node   waBinary.Node
}

// parseArrival reads the attributes of a message and learns from them. p.mu is held.
func (p *Phone) parseArrival(n waBinary.Node) (arrival, error) {
	a := arrival{
		id:     attr(n, "id"),
		from:   attrJID(n, "from"),
		peer:   attr(n, "category") == "peer",
		time:   attrTime(n, "t"),
		notify: attr(n, "notify"),
		node:   n,
	}
	if a.id == "" || a.from.IsEmpty() || a.time.IsZero() {
		return a, fmt.Errorf("message has id %q, from %q and t %q", a.id, a.from, attr(n, "t"))
	}
	a.group = a.from.Server == types.GroupServer || a.from.Server == types.BroadcastServer
	device := a.from
	if a.group {
		device = attrJID(n, "participant")
		p.learn(device, attrJID(n, "participant_pn"))
		p.learn(device, attrJID(n, "participant_lid"))
	} else {
		p.learn(device, attrJID(n, "sender_pn"))
		p.learn(device, attrJID(n, "sender_lid"))
	}
	a.sender = p.toLID(device)
	a.fromMe = p.isOwn(device)
	switch recipient := attrJID(n, "recipient"); {
	case a.group:
		a.chat = a.from
	case a.fromMe && !recipient.IsEmpty():
		p.learn(recipient, attrJID(n, "peer_recipient_pn"))
		p.learn(recipient, attrJID(n, "peer_recipient_lid"))
		a.chat = p.toLID(recipient).ToNonAD()
	default:
		a.chat = a.sender.ToNonAD()
	}
	return a, nil
}

// onMessage decrypts a message, answers with a receipt and tells the observer.
func (p *Phone) onMessage(n waBinary.Node) {
	a, contents, kind, err := p.decryptMessage(n)
	if err != nil {
		p.problem(Problem{Chat: a.chat, Sender: a.sender, ID: attr(n, "id"), What: err.Error()})
		return
	}
	for _, message := range contents {
		p.take(a, message, kind)
	}
}

// decryptMessage opens every <enc> of a message and sends the receipt: one for what was received, or one that asks for it
// again.
func (p *Phone) decryptMessage(n waBinary.Node) (a arrival, contents []*waE2E.Message, kind string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, err = p.parseArrival(n); err != nil {
		return a, nil, "", err
	}
	for _, c := range n.GetChildren() {
		if c.Tag != "enc" {
			continue
		}
		kind = attr(c, "type")
		message, err := p.open(a, c)
		if errors.Is(err, signalerror.ErrOldCounter) {
			p.receive(a) // it takes that for a message which it has already (section 19)
			return a, nil, kind, err
		}
		if err != nil {
			p.retry(a, err)
			return a, nil, kind, err
		}
		contents = append(contents, message)
	}
	if len(contents) == 0 {
		return a, nil, "", errors.New("message has no enc")
	}
	delete(p.retries, retryKey{a.id, a.sender})
	p.receive(a)
	return a, contents, kind, nil
}

// open decrypts one <enc>. p.mu is held.
func (p *Phone) open(a arrival, enc waBinary.Node) (*waE2E.Message, error) {
	if p.behaviour.FailDecrypt > 0 {
		p.behaviour.FailDecrypt--
		return nil, errPretended
	}
	address, err := p.address(a.sender)
	if err != nil {
		return nil, err
	}
	sealed := signal.Ciphertext{Kind: attr(enc, "type"), Data: content(enc)}
	var padded []byte
	if sealed.Kind == signal.KindSenderKey {
		padded, err = p.signal.DecryptGroup(p.ctx, a.from.String(), address, sealed.Data)
	} else {
		padded, err = p.signal.Decrypt(p.ctx, address, sealed)
	}
	if err != nil {
		return nil, err
	}
	plain, err := unpad(padded)
	if err != nil {
		return nil, err
	}
	var message waE2E.Message
	if err := proto.Unmarshal(plain, &message); err != nil {
		return nil, fmt.Errorf("parse message: %w", err)
	}
	if key := message.GetSenderKeyDistributionMessage(); key != nil {
		err := p.signal.AcceptGroupKey(p.ctx, key.GetGroupID(), address, key.GetAxolotlSenderKeyDistributionMessage())
		if err != nil {
			return nil, err
		}
	}
	return &message, nil
}

// take acts on a decrypted message. No lock is held.
func (p *Phone) take(a arrival, message *waE2E.Message, kind string) {
	chat := a.chat
	if sent := message.GetDeviceSentMessage(); sent != nil {
		if !a.fromMe {
			p.problem(Problem{Chat: a.chat, Sender: a.sender, ID: a.id, What: "somebody else sent a DeviceSentMessage"})
			return
		}
		if jid, err := types.ParseJID(sent.GetDestinationJID()); err == nil && !jid.IsEmpty() {
			p.locked(func() { chat = p.toLID(jid).ToNonAD() })
		}
		message = sent.GetMessage()
	}
	if a.peer && a.fromMe {
		p.onPeer(a, message)
		return
	}
	if message == nil || onlyKeys(message) {
		return
	}
	m := Message{
		ID: a.id, Chat: chat, Sender: a.sender, FromMe: a.fromMe, Time: a.time,
		Encrypted: kind, PushName: a.notify, Content: message,
	}
	p.locked(func() { p.history.note(m) })
	p.observer.Message(m)
}

// onlyKeys says whether a message carries nothing but a sender key.
func onlyKeys(m *waE2E.Message) bool {
	rest := proto.CloneOf(m)
	rest.SenderKeyDistributionMessage = nil
	rest.MessageContextInfo = nil
	return proto.Size(rest) == 0
}

// onChatState tells of somebody's typing.
func (p *Phone) onChatState(n waBinary.Node) {
	children := n.GetChildren()
	if len(children) != 1 {
		p.problem(Problem{What: fmt.Sprintf("chatstate has %d children, want 1", len(children))})
		return
	}
	state := children[0].Tag
	if state == "composing" && attr(children[0], "media") == "audio" {
		state = "recording"
	}
	var from, sender types.JID
	p.locked(func() {
		from = p.toLID(attrJID(n, "from"))
		sender = from
		if participant := attrJID(n, "participant"); !participant.IsEmpty() {
			sender = p.toLID(participant)
		}
	})
	p.observer.Typing(Typing{Chat: from.ToNonAD(), Sender: sender.ToNonAD(), State: state})
}

func (p *Phone) onPresence(n waBinary.Node) {
	var from types.JID
	p.locked(func() { from = p.toLID(attrJID(n, "from")).ToNonAD() })
	p.observer.Presence(Presence{From: from, Available: attr(n, "type") != "unavailable"})
}
