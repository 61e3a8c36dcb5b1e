package server

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/util/keys"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/stanza"
)

// rawClient speaks Noise by the library and stanzas by itself, so that it can misbehave.
type rawClient struct {
	frames chan stanza.Node
	closed chan struct{}
	send   func([]byte) error
	noise  *keys.KeyPair
	keys   DeviceKeys
	signer *ecc.ECKeyPair
}

// mustDialRaw shakes hands with the given payload; nil is a registration.
func mustDialRaw(t *testing.T, s *Server, noise *keys.KeyPair, payload *waWa6.ClientPayload) *rawClient {
	t.Helper()
	c := &rawClient{frames: make(chan stanza.Node, 100), closed: make(chan struct{}), noise: noise}
	if payload == nil {
		c.keys, c.signer = mustKeys(t, 0)
		payload = registrationPayload(c.keys)
	}
	fs := socket.NewFrameSocket(waLog.Noop, httpClient(s))
	if err := fs.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fs.Close(websocket.StatusNormalClosure) })
	nh := socket.NewNoiseHandshake()
	nh.Start(socket.NoiseStartPattern, fs.Header)
	ephemeral := keys.NewKeyPair()
	nh.Authenticate(ephemeral.Pub[:])
	mustSendFrame(t, fs, &waWa6.HandshakeMessage{ClientHello: &waWa6.HandshakeMessage_ClientHello{Ephemeral: ephemeral.Pub[:]}})
	hello := &waWa6.HandshakeMessage{}
	if err := proto.Unmarshal(<-fs.Frames, hello); err != nil {
		t.Fatal(err)
	}
	server := [32]byte(hello.ServerHello.Ephemeral)
	nh.Authenticate(server[:])
	mix := func(private *keys.KeyPair, public [32]byte) {
		if err := nh.MixSharedSecretIntoKey(*private.Priv, public); err != nil {
			t.Fatal(err)
		}
	}
	open := func(sealed []byte) []byte {
		plain, err := nh.Decrypt(sealed)
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
	mix(ephemeral, server)
	static := open(hello.ServerHello.Static)
	mix(ephemeral, [32]byte(static))
	open(hello.ServerHello.Payload)
	sealed := nh.Encrypt(noise.Pub[:])
	mix(noise, server)
	data, err := proto.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	mustSendFrame(t, fs, &waWa6.HandshakeMessage{ClientFinish: &waWa6.HandshakeMessage_ClientFinish{
		Static: sealed, Payload: nh.Encrypt(data),
	}})
	ns, err := nh.Finish(t.Context(), fs, func(_ context.Context, frame []byte) {
		if n, err := stanza.Decode(frame); err == nil {
			c.frames <- n
		}
	}, func(context.Context, *socket.NoiseSocket, bool) { close(c.closed) })
	if err != nil {
		t.Fatal(err)
	}
	c.send = func(plain []byte) error { return ns.SendFrame(t.Context(), plain) }
	return c
}

func mustSendFrame(t *testing.T, fs *socket.FrameSocket, m proto.Message) {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err = fs.SendFrame(data); err != nil {
		t.Fatal(err)
	}
}

func registrationPayload(k DeviceKeys) *waWa6.ClientPayload {
	return &waWa6.ClientPayload{DevicePairingData: &waWa6.ClientPayload_DevicePairingRegistrationData{
		ERegid: registrationBytes(k.RegistrationID), EKeytype: []byte{ecc.DjbType}, EIdent: k.Identity[:],
		ESkeyID: id24(k.Signed.ID), ESkeyVal: k.Signed.Public[:], ESkeySig: k.Signed.Signature[:],
	}}
}

func (c *rawClient) mustSend(t *testing.T, n stanza.Node) {
	t.Helper()
	plain, err := stanza.Encode(n)
	if err != nil {
		t.Fatal(err)
	}
	if err = c.send(plain); err != nil {
		t.Fatal(err)
	}
}

// mustGet waits for a stanza that fulfils ok and drops those before it.
func (c *rawClient) mustGet(t *testing.T, what string, ok func(stanza.Node) bool) stanza.Node {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case n := <-c.frames:
			if ok(n) {
				return n
			}
		case <-deadline:
			t.Fatalf("no %s came", what)
		}
	}
}

// mustAsk sends a stanza and waits for the answer with its id.
func (c *rawClient) mustAsk(t *testing.T, n stanza.Node) stanza.Node {
	t.Helper()
	c.mustSend(t, n)
	return c.mustGet(t, "answer to "+stanza.Render(n), func(answer stanza.Node) bool {
		return stanza.Str(answer, "id") == stanza.Str(n, "id") && (answer.Tag == "iq" || answer.Tag == "ack")
	})
}

func (c *rawClient) mustBeClosed(t *testing.T) {
	t.Helper()
	select {
	case <-c.closed:
	case <-time.After(patience):
		t.Fatal("connection was not closed")
	}
}

func tagged(tag string) func(stanza.Node) bool {
	return func(n stanza.Node) bool { return n.Tag == tag }
}

// mustPairRaw links a raw client and logs it in; it is active when this returns.
func mustPairRaw(t *testing.T, s *Server, p *phone) *rawClient {
	t.Helper()
	c := mustDialRaw(t, s, keys.NewKeyPair(), nil)
	number := mustSign(t, c, p)
	return mustLoginRaw(t, s, p, c, number)
}

// mustSign pairs the client, whose keys it has, and returns its device number.
func mustSign(t *testing.T, c *rawClient, p *phone) int {
	t.Helper()
	shown := c.mustGet(t, "pair-device", tagged("iq"))
	ref := string(stanza.ChildBytes(shown, "pair-device", "ref"))
	pairing, err := p.s.FindPairing(ref)
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		number int
		err    error
	}
	done := make(chan outcome, 1)
	container := p.container(t, c.keys.Identity[:], randomBytes(32))
	go func() {
		number, err := pairing.Complete(t.Context(), p.Link, Completion{Container: container})
		done <- outcome{number, err}
	}()
	success := c.mustGet(t, "pair-success", tagged("iq"))
	c.mustSend(t, c.sign(t, success, nil))
	result := <-done
	if result.err != nil {
		t.Fatal(result.err)
	}
	return result.number
}

// sign answers pair-success; spoil may change the signature before.
func (c *rawClient) sign(t *testing.T, success stanza.Node, spoil func([]byte)) stanza.Node {
	t.Helper()
	details, key := mustOffered(t, stanza.ChildBytes(success, "pair-success", "device-identity"))
	message := slices.Concat([]byte{6, 1}, details, c.keys.Identity[:], key)
	signature := ecc.CalculateSignature(c.signer.PrivateKey(), message)
	if spoil != nil {
		spoil(signature[:])
	}
	return stanza.New("iq", stanza.Attrs{"type": "result", "id": stanza.Str(success, "id")},
		stanza.New("pair-device-sign", nil, stanza.New("device-identity", nil, mustSigned(t, details, signature[:]))))
}

func mustLoginRaw(t *testing.T, s *Server, p *phone, c *rawClient, number int) *rawClient {
	t.Helper()
	account := p.Account()
	var user uint64
	if _, err := fmt.Sscan(account.Phone, &user); err != nil {
		t.Fatal(err)
	}
	device := mustDialRaw(t, s, c.noise, &waWa6.ClientPayload{Username: &user, Device: new(uint32(number))})
	device.keys, device.signer = c.keys, c.signer
	device.mustGet(t, "success", tagged("success"))
	device.mustAsk(t, stanza.New("iq", stanza.Attrs{"id": "active", "type": "set", "xmlns": "passive"}, stanza.New("active", nil)))
	return device
}
