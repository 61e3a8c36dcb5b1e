package app

import (
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/phone/signal"
	"crosschat/simulator/whatsapp/stanza"
)

// Deliver takes a stanza of the link's.
func (a *App) Deliver(n stanza.Node) { a.observer.Open(func() { a.handle(n) }) }

// handle takes a stanza. One that makes the app panic is a problem, told and survived.
func (a *App) handle(n stanza.Node) {
	defer func() {
		if r := recover(); r != nil {
			a.observer.Problem(stanza.Str(n, "id"), types.JID{}, fmt.Sprintf("handling a %s stanza panicked: %v", n.Tag, r))
		}
	}()
	switch n.Tag {
	case "message":
		a.onMessage(n)
	case "receipt":
		a.onReceipt(n)
	case "chatstate":
		a.onChatState(n)
	case "notification":
		a.onNotification(n)
	}
}

// onNotification tops the stock of prekeys up when the server runs low.
func (a *App) onNotification(n stanza.Node) {
	if stanza.Str(n, "type") != "encrypt" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.link.Stock() >= lowStock {
		return
	}
	keys, err := a.signal.NewPreKeys(stock)
	if err == nil {
		a.link.AddPreKeys(publicKeys(keys))
	}
}

func (a *App) onChatState(n stanza.Node) {
	from, _ := stanza.JID(n, "from")
	composing, typing := stanza.Child(n, "composing")
	a.observer.Typing(from, typing, stanza.Str(composing, "media"))
}

// sourceOf reads who sent a stanza and in which chat.
func (a *App) sourceOf(n stanza.Node) (m Message) {
	from, _ := stanza.JID(n, "from")
	m.ID, m.Sender, m.Chat = stanza.Str(n, "id"), from, from.ToNonAD()
	if from.Server == types.GroupServer {
		m.Sender, _ = stanza.JID(n, "participant")
	}
	m.FromMe = m.Sender.User == a.JID().User
	if recipient, ok := stanza.JID(n, "recipient"); ok && m.FromMe && from.Server != types.GroupServer {
		m.Chat = recipient
	}
	seconds, _ := stanza.Int(n, "t")
	m.At, m.Edit = time.Unix(seconds, 0), stanza.Str(n, "edit")
	return m
}

func (a *App) onMessage(n stanza.Node) {
	m := a.sourceOf(n)
	a.mu.Lock()
	if a.failDecrypt > 0 {
		a.failDecrypt--
		a.askAgain(n, m)
		a.mu.Unlock()
		return
	}
	messages, err := a.decrypt(n, m)
	if errors.Is(err, signalerror.ErrOldCounter) {
		a.mu.Unlock()
		a.confirm(n, m) // it takes that for a message which it has already
		a.observer.Problem(m.ID, m.Chat, err.Error())
		return
	} else if err != nil {
		a.askAgain(n, m)
		a.mu.Unlock()
		a.observer.Problem(m.ID, m.Chat, err.Error())
		return
	}
	a.mu.Unlock()
	for _, got := range messages {
		if err := a.checkMessage(n, got); err != nil {
			a.observer.Problem(m.ID, m.Chat, err.Error())
		}
		if a.observer.Message(got.Message) {
			a.confirm(n, got.Message)
		}
	}
}

// received is a message with its layers.
type received struct {
	Message
	layers opened
}

// decrypt opens the parts of a message in order: a sender key before what it decrypts.
func (a *App) decrypt(n stanza.Node, m Message) ([]received, error) {
	var messages []received
	for _, enc := range stanza.Children(n) {
		if enc.Tag != "enc" {
			continue
		}
		sealed := signal.Ciphertext{Kind: stanza.Str(enc, "type"), Data: stanza.Bytes(enc)}
		var plain []byte
		var err error
		if sealed.Kind == signal.KindSenderKey {
			plain, err = a.signal.DecryptGroup(a.ctx, m.Chat.String(), address(m.Sender), sealed.Data)
		} else {
			plain, err = a.signal.Decrypt(a.ctx, address(m.Sender), sealed)
		}
		if err != nil {
			return nil, err
		}
		layers, err := open(plain)
		if err != nil {
			return nil, fmt.Errorf("open %s from %s: %w", sealed.Kind, m.Sender, err)
		}
		if key := layers.transport.GetProtocol().GetAncillary().GetSkdm(); key != nil {
			if err = a.signal.AcceptGroupKey(a.ctx, m.Chat.String(), address(m.Sender), key.GetAxolotlSenderKeyDistributionMessage()); err != nil {
				return nil, err
			}
		}
		if layers.application == nil {
			continue
		}
		got := received{m, layers}
		got.Kind, got.Content, got.Metadata = sealed.Kind, layers.content, layers.application.GetMetadata()
		messages = append(messages, got)
	}
	return messages, nil
}

// checkMessage says what is wrong with a message that could be read.
func (a *App) checkMessage(n stanza.Node, m received) error {
	if tag := stanza.ChildBytes(n, "franking", "franking_tag"); tag != nil {
		key := m.layers.application.GetMetadata().GetFrankingKey()
		if !hmac.Equal(tag, franking(key, m.layers.serialised)) {
			return fmt.Errorf("franking tag of %s is wrong", m.ID)
		}
	}
	dsm := m.layers.transport.GetProtocol().GetIntegral().GetDSM()
	direct := m.Chat.Server == types.MessengerServer
	switch {
	case direct && m.FromMe && dsm == nil:
		return fmt.Errorf("copy of own message %s does not say for whom it was", m.ID)
	case !m.FromMe && dsm != nil:
		return fmt.Errorf("message %s of somebody else says for whom it was", m.ID)
	case dsm != nil && direct && dsm.GetDestinationJID() != m.Chat.String():
		return fmt.Errorf("copy of own message %s was for %s, not %s", m.ID, dsm.GetDestinationJID(), m.Chat)
	}
	if len(stanza.Children(n)) > 0 && stanza.Str(stanza.Children(n)[0], "count") != "" {
		return nil // what is sent again says less of itself
	}
	want := attributesOf(m.Content)
	if kind := stanza.Str(n, "type"); kind != want.kind {
		return fmt.Errorf("message %s of type %q, want %q", m.ID, kind, want.kind)
	}
	if m.Edit != want.edit {
		return fmt.Errorf("message %s with edit %q, want %q", m.ID, m.Edit, want.edit)
	}
	return nil
}

// confirm sends the receipt for a message.
func (a *App) confirm(n stanza.Node, m Message) {
	from, _ := stanza.JID(n, "from")
	receipt := stanza.New("receipt", stanza.Attrs{"id": m.ID, "to": from})
	if m.Chat.Server == types.GroupServer {
		receipt = stanza.With(receipt, "participant", m.Sender)
	}
	if m.FromMe {
		receipt = stanza.With(receipt, "type", "sender")
	}
	if err := a.sendNode(a.ctx, receipt); err != nil {
		a.observer.Problem(m.ID, m.Chat, err.Error())
	}
}

// askAgain sends a retry receipt; the caller holds the lock. Keys go along from the second time on.
func (a *App) askAgain(n stanza.Node, m Message) {
	key := m.ID + " " + m.Sender.String()
	a.retries[key]++
	count := a.retries[key]
	if count > maxRetries {
		return
	}
	from, _ := stanza.JID(n, "from")
	content := []stanza.Node{
		stanza.New("retry", stanza.Attrs{"count": strconv.Itoa(count), "id": m.ID, "t": stanza.Str(n, "t"), "v": "1"}),
		stanza.New("registration", nil, a.registration()),
	}
	if count > 1 {
		keys, err := a.retryKeys()
		if err != nil {
			return
		}
		content = append(content, keys)
	}
	receipt := stanza.New("receipt", stanza.Attrs{"id": m.ID, "to": from, "type": "retry"}, content)
	if m.Chat.Server == types.GroupServer {
		receipt = stanza.With(receipt, "participant", m.Sender)
	} else if m.FromMe {
		receipt = stanza.With(receipt, "recipient", m.Chat)
	}
	// The link fails only once the server is closed.
	_ = a.link.Send(a.ctx, receipt)
}

func (a *App) retryKeys() (stanza.Node, error) {
	fresh, err := a.signal.NewPreKeys(1)
	if err != nil {
		return stanza.Node{}, err
	}
	identity, signed := a.signal.Identity(), a.signal.SignedPreKey()
	return stanza.New("keys", nil,
		stanza.New("type", nil, []byte{5}), stanza.New("identity", nil, identity[:]),
		keyNode("key", fresh[0], false), keyNode("skey", signed, true)), nil
}

func keyNode(tag string, k signal.PreKey, signed bool) stanza.Node {
	children := []stanza.Node{
		stanza.New("id", nil, binary.BigEndian.AppendUint32(nil, k.ID)[1:]), stanza.New("value", nil, append([]byte(nil), k.Key[:]...)),
	}
	if signed {
		children = append(children, stanza.New("signature", nil, append([]byte(nil), k.Signature[:]...)))
	}
	return stanza.New(tag, nil, children)
}

func (a *App) onReceipt(n stanza.Node) {
	m := a.sourceOf(n)
	kind := stanza.Str(n, "type")
	if kind == "retry" {
		if err := a.resend(n, m); err != nil {
			a.observer.Problem(m.ID, m.Chat, err.Error())
		}
		return
	}
	ids := []string{m.ID}
	if list, ok := stanza.Child(n, "list"); ok {
		for _, each := range stanza.Children(list) {
			ids = append(ids, stanza.Str(each, "id"))
		}
	}
	a.observer.Receipt(m.Chat, m.Sender, ids, kind)
}

// resend encrypts a message again for the one device that asks.
func (a *App) resend(n stanza.Node, m Message) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	retry, _ := stanza.Child(n, "retry")
	id := stanza.Str(retry, "id")
	sent := a.sent[id]
	if sent == nil {
		return fmt.Errorf("device %s asks for %s, which this app did not send", m.Sender, id)
	}
	if keys, ok := stanza.Child(n, "keys"); ok {
		bundle, err := bundleOf(keys, stanza.ChildBytes(n, "registration"))
		if err != nil {
			return fmt.Errorf("retry of %s from %s: %w", id, m.Sender, err)
		}
		if err = a.signal.Start(a.ctx, address(m.Sender), bundle); err != nil {
			return err
		}
	}
	e := envelope{application: sent.application}
	if m.FromMe && sent.chat.Server == types.MessengerServer {
		e.dsm = sent.chat.String()
	}
	if sent.chat.Server == types.GroupServer {
		key, err := a.signal.GroupKey(a.ctx, sent.chat.String(), address(a.JID()))
		if err != nil {
			return err
		}
		e.groupKey, e.group = key, sent.chat.String()
	}
	enc, err := a.encFor(m.Sender, e, attributes{kind: sent.kind, media: sent.media}, false)
	if err != nil {
		return err
	}
	enc = stanza.With(enc, "count", stanza.Str(retry, "count"))
	out := stanza.New("message", stanza.Attrs{
		"id": id, "to": m.Sender, "type": sent.kind, "t": stanza.Str(retry, "t"), "device_fanout": "false",
	}, enc, stanza.New("franking", nil, stanza.New("franking_tag", nil, sent.tag)))
	if sent.chat.Server == types.GroupServer {
		out = stanza.With(out, "to", sent.chat, "participant", m.Sender)
	} else if m.FromMe {
		out = stanza.With(out, "recipient", sent.chat)
	}
	return a.link.Send(a.ctx, out)
}

// bundleOf reads the keys of a retry receipt.
func bundleOf(keys stanza.Node, registration []byte) (signal.Bundle, error) {
	identity := stanza.ChildBytes(keys, "identity")
	signed, ok := stanza.Child(keys, "skey")
	signature := stanza.ChildBytes(signed, "signature")
	signedKey, valid := readKey(signed)
	if !ok || !valid || len(identity) != 32 || len(signature) != 64 || len(registration) != 4 {
		return signal.Bundle{}, fmt.Errorf("malformed keys")
	}
	b := signal.Bundle{RegistrationID: binary.BigEndian.Uint32(registration), Identity: [32]byte(identity), Signed: signedKey}
	b.Signed.Signature = [64]byte(signature)
	if one, has := stanza.Child(keys, "key"); has {
		key, valid := readKey(one)
		if !valid {
			return signal.Bundle{}, fmt.Errorf("malformed prekey")
		}
		b.OneTime = &key
	}
	return b, nil
}

func readKey(n stanza.Node) (signal.PreKey, bool) {
	id, value := stanza.ChildBytes(n, "id"), stanza.ChildBytes(n, "value")
	if len(id) != 3 || len(value) != 32 {
		return signal.PreKey{}, false
	}
	return signal.PreKey{ID: binary.BigEndian.Uint32(append([]byte{0}, id...)), Key: [32]byte(value)}, true
}
