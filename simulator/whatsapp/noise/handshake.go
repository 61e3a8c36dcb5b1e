package noise

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waWa6"
	"google.golang.org/protobuf/proto"
)

// ErrHandshake says that the client's part of the handshake was malformed or did not decrypt.
var ErrHandshake = errors.New("bad handshake")

// Peer is what the handshake proved of a client and what the client said in it.
type Peer struct {
	Static  [32]byte // its static key, proven
	Payload *waWa6.ClientPayload
}

// Handshake is the responder's side of Noise XX. Its three steps are called in order by the goroutine that reads the Conn;
// nothing may write to the Conn before Finish returned. They are apart so that a server can fail between them on purpose.
type Handshake struct {
	conn      *Conn
	state     *symmetric
	ephemeral *ecdh.PrivateKey
	client    []byte // its ephemeral key
}

// Begin reads the header and the client's hello.
func Begin(ctx context.Context, conn *Conn) (*Handshake, error) {
	header, err := conn.readHeader(ctx)
	if err != nil {
		return nil, err
	}
	message, err := readMessage(ctx, conn)
	if err != nil {
		return nil, err
	}
	client := message.GetClientHello().GetEphemeral()
	if len(client) != 32 {
		return nil, fmt.Errorf("%w: ephemeral key of %d bytes", ErrHandshake, len(client))
	}
	state := newSymmetric(header)
	state.mixHash(client)
	return &Handshake{conn: conn, state: state, client: client}, nil
}

// Reply sends the server's hello with the identity's certificates.
func (h *Handshake) Reply(ctx context.Context, id *Identity) error {
	var err error
	if h.ephemeral, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		return fmt.Errorf("make ephemeral key: %w", err)
	}
	public := h.ephemeral.PublicKey().Bytes()
	h.state.mixHash(public)
	if err = h.state.mixKey(h.ephemeral, h.client); err != nil {
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	static := h.state.encrypt(id.static.PublicKey().Bytes())
	if err = h.state.mixKey(id.static, h.client); err != nil {
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	body, err := proto.Marshal(&waWa6.HandshakeMessage{ServerHello: &waWa6.HandshakeMessage_ServerHello{
		Ephemeral: public, Static: static, Payload: h.state.encrypt(id.chain),
	}})
	if err != nil {
		return fmt.Errorf("serialise server hello: %w", err)
	}
	return h.conn.WriteFrame(ctx, body)
}

// Finish reads the client's static key and payload; from then on the Conn encrypts.
func (h *Handshake) Finish(ctx context.Context) (*Peer, error) {
	message, err := readMessage(ctx, h.conn)
	if err != nil {
		return nil, err
	}
	static, err := h.state.decrypt(message.GetClientFinish().GetStatic())
	if err != nil || len(static) != 32 {
		return nil, fmt.Errorf("%w: static key of the client is unreadable", ErrHandshake)
	}
	if err = h.state.mixKey(h.ephemeral, static); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	plain, err := h.state.decrypt(message.GetClientFinish().GetPayload())
	if err != nil {
		return nil, fmt.Errorf("%w: payload of the client is unreadable", ErrHandshake)
	}
	peer := &Peer{Static: [32]byte(static), Payload: &waWa6.ClientPayload{}}
	if err = proto.Unmarshal(plain, peer.Payload); err != nil {
		return nil, fmt.Errorf("%w: parse payload of the client: %w", ErrHandshake, err)
	}
	h.conn.in, h.conn.out, err = h.state.split()
	return peer, err
}

func readMessage(ctx context.Context, conn *Conn) (*waWa6.HandshakeMessage, error) {
	frame, err := conn.ReadFrame(ctx)
	if err != nil {
		return nil, err
	}
	message := &waWa6.HandshakeMessage{}
	if err = proto.Unmarshal(frame, message); err != nil {
		return nil, fmt.Errorf("%w: parse frame: %w", ErrHandshake, err)
	}
	return message, nil
}
