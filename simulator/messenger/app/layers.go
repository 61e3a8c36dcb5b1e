// Package app is the encrypted half of somebody's own Messenger app: a Signal device that sends and receives what
// section 5 of messenger.md describes, over a chat.Link. It owns keys, sessions and what it has sent; it decides nothing:
// it only decrypts, answers requests for messages, and confirms what arrived. Everything else is asked of it.
//
// Methods may be called from any goroutine; the link's goroutine calls Deliver. One lock guards the state and is held while
// a message is encrypted and handed over, so that ciphertexts leave in the order in which the ratchet made them. The
// Observer is called without it.
//
// Where it differs from a real app: it asks for device lists before every message; it trusts every changed identity; it
// never rotates its signed prekey.
package app

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waArmadilloApplication"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waMsgApplication"
	"go.mau.fi/whatsmeow/proto/waMsgTransport"
	"google.golang.org/protobuf/proto"
)

// Versions of the layers.
const (
	applicationVersion = 2
	contentVersion     = 1
)

// ErrLayers says that a decrypted message is not built as section 5.6 says.
var ErrLayers = errors.New("malformed layers")

// Content is a *waConsumerApplication.ConsumerApplication or a *waArmadilloApplication.Armadillo; nil is neither: only a
// change of the timer.
type Content = proto.Message

// Metadata is what stands beside the content. Franking is filled in by encode.
type Metadata = waMsgApplication.MessageApplication_Metadata

// encode serialises a message's application layer and makes its franking tag.
func encode(content Content, meta *Metadata) (application, tag []byte, err error) {
	if meta == nil {
		meta = &Metadata{}
	}
	key := make([]byte, 32)
	rand.Read(key) //nolint:errcheck // never fails
	meta.FrankingKey, meta.FrankingVersion = key, proto.Int32(0)
	m := &waMsgApplication.MessageApplication{Metadata: meta}
	if content != nil {
		payload, err := proto.Marshal(content)
		if err != nil {
			return nil, nil, fmt.Errorf("serialise content: %w", err)
		}
		sub := &waMsgApplication.MessageApplication_SubProtocolPayload{FutureProof: waCommon.FutureProofBehavior_PLACEHOLDER.Enum()}
		wrapped := &waCommon.SubProtocol{Payload: payload, Version: proto.Int32(contentVersion)}
		switch content.(type) {
		case *waConsumerApplication.ConsumerApplication:
			sub.SubProtocol = &waMsgApplication.MessageApplication_SubProtocolPayload_ConsumerMessage{ConsumerMessage: wrapped}
		case *waArmadilloApplication.Armadillo:
			sub.SubProtocol = &waMsgApplication.MessageApplication_SubProtocolPayload_Armadillo{Armadillo: wrapped}
		default:
			return nil, nil, fmt.Errorf("%w: content of type %T", ErrLayers, content)
		}
		m.Payload = &waMsgApplication.MessageApplication_Payload{
			Content: &waMsgApplication.MessageApplication_Payload_SubProtocol{SubProtocol: sub},
		}
	}
	if application, err = proto.Marshal(m); err != nil {
		return nil, nil, fmt.Errorf("serialise message: %w", err)
	}
	return application, franking(key, application), nil
}

func franking(key, application []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(application)
	return mac.Sum(nil)
}

// envelope is what a transport carries beside the application.
type envelope struct {
	application []byte // nil for a sender key alone
	dsm         string // chat, for own devices
	groupKey    []byte
	group       string // of groupKey
	backup      string // message id, in groups
}

// transport serialises the outermost layer with padding of its own.
func (e envelope) transport() ([]byte, error) {
	var n [1]byte
	rand.Read(n[:]) //nolint:errcheck // never fails
	size := n[0]%15 + 1
	t := &waMsgTransport.MessageTransport{Protocol: &waMsgTransport.MessageTransport_Protocol{
		Integral:  &waMsgTransport.MessageTransport_Protocol_Integral{Padding: bytes.Repeat([]byte{size}, int(size))},
		Ancillary: &waMsgTransport.MessageTransport_Protocol_Ancillary{},
	}}
	if e.application != nil {
		t.Payload = &waMsgTransport.MessageTransport_Payload{
			ApplicationPayload: &waCommon.SubProtocol{Payload: e.application, Version: proto.Int32(applicationVersion)},
			FutureProof:        waCommon.FutureProofBehavior_PLACEHOLDER.Enum(),
		}
	}
	if e.dsm != "" {
		t.Protocol.Integral.DSM = &waMsgTransport.MessageTransport_Protocol_Integral_DeviceSentMessage{
			DestinationJID: &e.dsm, Phash: proto.String(""),
		}
	}
	if e.groupKey != nil {
		t.Protocol.Ancillary.Skdm = &waMsgTransport.MessageTransport_Protocol_Ancillary_SenderKeyDistributionMessage{
			GroupID: &e.group, AxolotlSenderKeyDistributionMessage: e.groupKey,
		}
	}
	if e.backup != "" {
		t.Protocol.Ancillary.BackupDirective = &waMsgTransport.MessageTransport_Protocol_Ancillary_BackupDirective{
			MessageID:  &e.backup,
			ActionType: waMsgTransport.MessageTransport_Protocol_Ancillary_BackupDirective_UPSERT.Enum(),
		}
	}
	data, err := proto.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("serialise transport: %w", err)
	}
	return data, nil
}

// opened is a transport that was read.
type opened struct {
	transport   *waMsgTransport.MessageTransport
	application *waMsgApplication.MessageApplication // nil for a sender key alone
	serialised  []byte
	content     Content
}

// open reads a decrypted transport and checks what a faithful peer checks.
func open(data []byte) (opened, error) {
	o := opened{transport: &waMsgTransport.MessageTransport{}}
	if err := proto.Unmarshal(data, o.transport); err != nil {
		return o, fmt.Errorf("%w: transport: %w", ErrLayers, err)
	}
	padding := o.transport.GetProtocol().GetIntegral().GetPadding()
	if n := len(padding); n < 1 || n > 16 || !bytes.Equal(padding, bytes.Repeat([]byte{byte(n)}, n)) {
		return o, fmt.Errorf("%w: padding %x", ErrLayers, padding)
	}
	payload := o.transport.GetPayload()
	if payload == nil {
		return o, nil
	}
	if v := payload.GetApplicationPayload().GetVersion(); v != applicationVersion {
		return o, fmt.Errorf("%w: application of version %d", ErrLayers, v)
	}
	o.serialised = payload.GetApplicationPayload().GetPayload()
	o.application = &waMsgApplication.MessageApplication{}
	if err := proto.Unmarshal(o.serialised, o.application); err != nil {
		return o, fmt.Errorf("%w: application: %w", ErrLayers, err)
	}
	if n := len(o.application.GetMetadata().GetFrankingKey()); n != 32 {
		return o, fmt.Errorf("%w: franking key of %d bytes", ErrLayers, n)
	}
	var err error
	o.content, err = contentOf(o.application)
	return o, err
}

func contentOf(m *waMsgApplication.MessageApplication) (Content, error) {
	if m.GetPayload() == nil {
		return nil, nil
	}
	sub := m.GetPayload().GetSubProtocol()
	var wrapped *waCommon.SubProtocol
	var content Content
	switch kind := sub.GetSubProtocol().(type) {
	case *waMsgApplication.MessageApplication_SubProtocolPayload_ConsumerMessage:
		wrapped, content = kind.ConsumerMessage, &waConsumerApplication.ConsumerApplication{}
	case *waMsgApplication.MessageApplication_SubProtocolPayload_Armadillo:
		wrapped, content = kind.Armadillo, &waArmadilloApplication.Armadillo{}
	default:
		return nil, fmt.Errorf("%w: content of type %T", ErrLayers, kind)
	}
	if v := wrapped.GetVersion(); v != contentVersion {
		return nil, fmt.Errorf("%w: content of version %d", ErrLayers, v)
	}
	if err := proto.Unmarshal(wrapped.GetPayload(), content); err != nil {
		return nil, fmt.Errorf("%w: content: %w", ErrLayers, err)
	}
	return content, nil
}
