package phone

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"go.mau.fi/libsignal/signalerror"
)

// maxRetries caps the retry receipts that a phone sends for one message, maxAnswers those that it answers: two devices
// that retry without end would loop at full speed (section 8.2).
const (
	maxRetries = 5
	maxAnswers = 10
)

// retryKey is a message and the device on the other side.
type retryKey struct {
	id     string
	device types.JID
}

// retry asks the sender to encrypt a message again. From the second time on it sends keys for a new session, at the first
// time only if there is none. p.mu is held.
func (p *Phone) retry(a arrival, cause error) {
	key := retryKey{a.id, a.sender}
	if p.retries[key] >= maxRetries {
		return
	}
	p.retries[key]++
	count := p.retries[key]
	attrs := waBinary.Attrs{"id": a.id, "to": a.from, "type": "retry"}
	for _, name := range []string{"participant", "recipient"} {
		if jid := attrJID(a.node, name); !jid.IsEmpty() {
			attrs[name] = jid
		}
	}
	if a.peer {
		attrs["category"] = "peer"
	}
	receipt := node("receipt", attrs,
		node("retry", waBinary.Attrs{
			"count": strconv.Itoa(count), "id": a.id, "t": strconv.FormatInt(a.time.Unix(), 10), "v": "1",
		}),
		leaf("registration", bigEndian(p.signal.RegistrationID(), 4)))
	if count > 1 || noSession(cause) {
		keys, err := p.retryKeys()
		if err != nil {
			p.log.Warn().Err(err).Msg("Keys for a retry receipt could not be made")
			return
		}
		receipt.Content = append(receipt.GetChildren(), keys)
	}
	if err := p.link.Send(p.ctx, receipt); err != nil {
		p.log.Warn().Err(err).Str("message_id", a.id).Msg("Retry receipt was not sent")
	}
}

// noSession says whether decryption failed because this phone has no session or lost its keys, so that only a new session
// helps.
func noSession(err error) bool {
	for _, target := range []error{
		signalerror.ErrNoSessionForUser, signalerror.ErrUninitializedSession, signalerror.ErrNoOneTimeKeyFound,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// retryKeys is this phone's own bundle, with a one-time prekey that nobody else gets. p.mu is held.
func (p *Phone) retryKeys() (waBinary.Node, error) {
	oneTime, err := p.signal.NewPreKeys(1)
	if err != nil {
		return waBinary.Node{}, err
	}
	identity, signed := p.signal.Identity(), p.signal.SignedPreKey()
	return node("keys", nil,
		leaf("type", []byte{5}),
		leaf("identity", identity[:]),
		node("key", nil, leaf("id", bigEndian(oneTime[0].ID, 3)), leaf("value", oneTime[0].Key[:])),
		node("skey", nil, leaf("id", bigEndian(signed.ID, 3)), leaf("value", signed.Key[:]),
			leaf("signature", signed.Signature[:])),
	), nil
}

// answerRetry encrypts a sent message again for the one device that asks.
func (p *Phone) answerRetry(n waBinary.Node) {
	device := attrJID(n, "from")
	if participant := attrJID(n, "participant"); !participant.IsEmpty() {
		device = participant
	}
	var err error
	p.locked(func() { err = p.resend(p.ctx, n, device) })
	if err != nil {
		p.problem(Problem{Sender: device, ID: attr(n, "id"), What: err.Error()})
	}
}

// resend is answerRetry under the lock.
func (p *Phone) resend(ctx context.Context, n waBinary.Node, device types.JID) error {
	request, _ := child(n, "retry")
	id := attr(request, "id")
	sent, ok := p.sent[id]
	if !ok {
		return fmt.Errorf("asked to retry %q, which this phone did not send", id)
	}
	key := retryKey{id, p.toLID(device)}
	if p.answered[key]++; p.answered[key] > maxAnswers {
		return nil
	}
	if err := p.renewSession(ctx, n, device); err != nil {
		return fmt.Errorf("answer retry of %s: %w", id, err)
	}
	message, err := p.retryContent(ctx, sent, device)
	if err != nil {
		return fmt.Errorf("answer retry of %s: %w", id, err)
	}
	plain, err := proto.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode %s again: %w", id, err)
	}
	attrs := encAttrs(sent.content)
	attrs["count"] = attr(request, "count")
	enc, err := p.encrypt(ctx, device, plain, attrs)
	if err != nil {
		return fmt.Errorf("answer retry of %s: %w", id, err)
	}
	stanza := node("message", retryAttrs(n, id, sent, device), enc)
	if sent.peer {
		stanza = node("message", stanza.Attrs, node("meta", waBinary.Attrs{"appdata": "default"}), enc)
	}
	if err := p.link.Send(ctx, stanza); err != nil {
		return fmt.Errorf("send %s again: %w", id, err)
	}
	return nil
}

// renewSession starts a new session from the keys in a retry receipt; without keys it keeps the session, or starts one
// from the server's bundle. p.mu is held.
func (p *Phone) renewSession(ctx context.Context, n waBinary.Node, device types.JID) error {
	keys, ok := child(n, "keys")
	if !ok {
		return p.ensureSessions(ctx, []types.JID{device}, false)
	}
	address, err := p.address(device)
	if err != nil {
		return err
	}
	bundle, err := parseBundle(n, keys)
	if err != nil {
		return fmt.Errorf("parse keys of %s: %w", device, err)
	}
	return p.signal.Start(ctx, address, bundle)
}

// retryContent is what the device gets: own devices the wrapped form except of peer messages, members of a group the
// sender key too. p.mu is held.
func (p *Phone) retryContent(ctx context.Context, sent *sentMessage, device types.JID) (*waE2E.Message, error) {
	switch {
	case sent.peer:
		return sent.content, nil
	case sent.chat.Server == types.GroupServer:
		key, err := p.signal.GroupKey(ctx, sent.chat.String(), p.ownAddress())
		if err != nil {
			return nil, err
		}
		message := proto.CloneOf(sent.content)
		message.SenderKeyDistributionMessage = distribution(sent.chat, key)
		return message, nil
	case p.isOwn(device):
		return forOwnDevices(sent.chat, sent.content), nil
	}
	return sent.content, nil
}

func retryAttrs(n waBinary.Node, id string, sent *sentMessage, device types.JID) waBinary.Attrs {
	attrs := waBinary.Attrs{"id": id, "to": attrJID(n, "from"), "type": stanzaType(sent.content)}
	request, _ := child(n, "retry")
	if t := attr(request, "t"); t != "" {
		attrs["t"] = t
	}
	maps.Copy(attrs, sent.attrs)
	switch {
	case sent.peer:
		attrs["category"] = "peer"
	case sent.chat.Server == types.GroupServer:
		attrs["participant"] = device
	default:
		attrs["device_fanout"] = "false"
		if recipient := attrJID(n, "recipient"); !recipient.IsEmpty() {
			attrs["recipient"] = recipient
		}
	}
	return attrs
}

func distribution(group types.JID, key []byte) *waE2E.SenderKeyDistributionMessage {
	return &waE2E.SenderKeyDistributionMessage{
		GroupID:                             proto.String(group.String()),
		AxolotlSenderKeyDistributionMessage: key,
	}
}
