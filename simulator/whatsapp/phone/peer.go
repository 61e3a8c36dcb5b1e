package phone

import (
	"context"
	"fmt"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// welcome gives a new companion what only the phone has, in the order of section 5.3: the keys of the settings before
// anything can refer to them, then history.
func (p *Phone) welcome(ctx context.Context, device int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.shareKeys(ctx, uint16(device)); err != nil {
		return err
	}
	return p.sendHistory(ctx, uint16(device))
}

// sendPeer sends a peer message to one companion (section 7.5): encrypted for its LID session, addressed by number.
// p.mu is held.
func (p *Phone) sendPeer(ctx context.Context, device uint16, message *waE2E.ProtocolMessage, priority string) error {
	lid := types.JID{User: p.lid.User, Server: types.HiddenUserServer, Device: device}
	if err := p.ensureSessions(ctx, []types.JID{lid}, false); err != nil {
		return err
	}
	content := &waE2E.Message{ProtocolMessage: message}
	plain, err := proto.Marshal(content)
	if err != nil {
		return fmt.Errorf("encode peer message: %w", err)
	}
	enc, err := p.encrypt(ctx, lid, plain, nil)
	if err != nil {
		return err
	}
	id := newID()
	attrs := waBinary.Attrs{
		"id": id, "type": "text", "category": "peer",
		"to": types.JID{User: p.pn.User, Server: types.DefaultUserServer, Device: device},
	}
	if priority != "" {
		attrs["push_priority"] = priority
	}
	p.sent[id] = &sentMessage{chat: p.pn, content: content, peer: true}
	ack, err := p.ask(ctx, node("message", attrs, node("meta", waBinary.Attrs{"appdata": "default"}), enc))
	if err != nil {
		return fmt.Errorf("send peer message: %w", err)
	}
	if code := attr(*ack, "error"); code != "" && code != "0" {
		return fmt.Errorf("send peer message: %w", &SendError{code})
	}
	return nil
}

// shareKeys sends the app-state key to a companion. p.mu is held.
func (p *Phone) shareKeys(ctx context.Context, device uint16) error {
	indexes := make([]uint32, 0, p.keyIndex+1)
	for i := range p.keyIndex + 1 {
		indexes = append(indexes, i)
	}
	key := p.settings.key
	share := &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum(),
		AppStateSyncKeyShare: &waE2E.AppStateSyncKeyShare{Keys: []*waE2E.AppStateSyncKey{{
			KeyID: &waE2E.AppStateSyncKeyId{KeyID: key.ID},
			KeyData: &waE2E.AppStateSyncKeyData{
				KeyData: key.Data,
				Fingerprint: &waE2E.AppStateSyncKeyFingerprint{
					RawID:         proto.Uint32(p.signal.RegistrationID()),
					CurrentIndex:  proto.Uint32(p.keyIndex),
					DeviceIndexes: indexes,
				},
				Timestamp: proto.Int64(time.Now().UnixMilli()),
			},
		}}},
	}
	if err := p.sendPeer(ctx, device, share, "high"); err != nil {
		return fmt.Errorf("share keys with device %d: %w", device, err)
	}
	return nil
}

// onPeer answers what a companion asks of its phone. No lock is held.
func (p *Phone) onPeer(a arrival, message *waE2E.Message) {
	var err error
	p.locked(func() { err = p.answerPeer(a.id, a.sender.Device, message.GetProtocolMessage()) })
	if err != nil {
		p.problem(Problem{Sender: a.sender, ID: a.id, What: err.Error()})
	}
}

// answerPeer is onPeer under the lock.
func (p *Phone) answerPeer(id string, device uint16, message *waE2E.ProtocolMessage) error {
	switch message.GetType() {
	case waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST:
		return p.shareKeys(p.ctx, device)
	case waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_MESSAGE:
		return p.answerPeerRequest(id, device, message.GetPeerDataOperationRequestMessage())
	}
	return fmt.Errorf("companion sent a peer message of type %s", message.GetType())
}

// answerPeerRequest serves one request for data that only the phone has. p.mu is held.
func (p *Phone) answerPeerRequest(id string, device uint16, request *waE2E.PeerDataOperationRequestMessage) error {
	switch kind := request.GetPeerDataOperationRequestType(); kind {
	case waE2E.PeerDataOperationRequestType_HISTORY_SYNC_ON_DEMAND:
		return p.answerOnDemand(id, device, request.GetHistorySyncOnDemandRequest())
	case waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND:
		return p.answerPlaceholders(id, device, request.GetPlaceholderMessageResendRequest())
	default:
		return fmt.Errorf("companion asked for %s, which a simulated phone does not serve", kind)
	}
}

// answerPlaceholders sends messages again that a companion could not decrypt (section 7.6).
func (p *Phone) answerPlaceholders(id string, device uint16,
	requests []*waE2E.PeerDataOperationRequestMessage_PlaceholderMessageResendRequest,
) error {
	type result = waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult
	type resend = waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_PlaceholderMessageResendResponse
	var results []*result
	for _, request := range requests {
		info, ok := p.history.find(request.GetMessageKey().GetID())
		if !ok {
			continue // the phone does not have it either
		}
		data, err := proto.Marshal(p.webMessage(info))
		if err != nil {
			return fmt.Errorf("encode message for a placeholder: %w", err)
		}
		results = append(results, &result{PlaceholderMessageResendResponse: &resend{WebMessageInfoBytes: data}})
	}
	return p.sendPeer(p.ctx, device, &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(),
		PeerDataOperationRequestResponseMessage: &waE2E.PeerDataOperationRequestResponseMessage{
			PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND.Enum(),
			StanzaID:                     proto.String(id),
			PeerDataOperationResult:      results,
		},
	}, "")
}
