package noise

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waCert"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"google.golang.org/protobuf/proto"
)

// script is a transport whose peer is a list of messages; what is written is kept.
type script struct {
	in  [][]byte
	out [][]byte
}

func (s *script) Read(context.Context) ([]byte, error) {
	if len(s.in) == 0 {
		return nil, io.EOF
	}
	message := s.in[0]
	s.in = s.in[1:]
	return message, nil
}

func (s *script) Write(_ context.Context, message []byte) error {
	s.out = append(s.out, bytes.Clone(message))
	return nil
}

func frame(body []byte) []byte {
	return append([]byte{byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// initiator is the client's half of the handshake.
type initiator struct {
	state     *symmetric
	ephemeral *ecdh.PrivateKey
	static    *ecdh.PrivateKey
}

func newInitiator(t *testing.T) *initiator {
	t.Helper()
	i := &initiator{state: newSymmetric(clientHeader)}
	var err error
	if i.ephemeral, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if i.static, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *initiator) hello(t *testing.T) []byte {
	public := i.ephemeral.PublicKey().Bytes()
	i.state.mixHash(public)
	return frame(mustMarshal(t, &waWa6.HandshakeMessage{ClientHello: &waWa6.HandshakeMessage_ClientHello{Ephemeral: public}}))
}

// finish answers the server's hello and returns the certificate chain that came with it.
func (i *initiator) finish(t *testing.T, reply, payload []byte) (answer, chain []byte) {
	t.Helper()
	message := &waWa6.HandshakeMessage{}
	if err := proto.Unmarshal(reply[lengthSize:], message); err != nil {
		t.Fatal(err)
	}
	hello := message.ServerHello
	i.state.mixHash(hello.Ephemeral)
	i.mustMix(t, i.ephemeral, hello.Ephemeral)
	static := i.mustDecrypt(t, hello.Static)
	i.mustMix(t, i.ephemeral, static)
	chain = i.mustDecrypt(t, hello.Payload)
	sealed := i.state.encrypt(i.static.PublicKey().Bytes())
	i.mustMix(t, i.static, hello.Ephemeral)
	return frame(mustMarshal(t, &waWa6.HandshakeMessage{ClientFinish: &waWa6.HandshakeMessage_ClientFinish{
		Static: sealed, Payload: i.state.encrypt(payload),
	}})), chain
}

func (i *initiator) mustMix(t *testing.T, private *ecdh.PrivateKey, public []byte) {
	t.Helper()
	if err := i.state.mixKey(private, public); err != nil {
		t.Fatal(err)
	}
}

func (i *initiator) mustDecrypt(t *testing.T, sealed []byte) []byte {
	t.Helper()
	plain, err := i.state.decrypt(sealed)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func mustMarshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustIdentity(t *testing.T, opts ChainOptions) (*Root, *Identity) {
	t.Helper()
	root, err := NewRoot()
	if err != nil {
		t.Fatal(err)
	}
	identity, err := NewIdentity(root, time.Now(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return root, identity
}

func TestHandshake(t *testing.T) {
	routing := slices.Concat([]byte("ED\x00\x01"), []byte{0, 0, 5}, []byte("route"))
	for _, test := range []struct {
		name  string
		parts func(header, hello []byte) [][]byte
	}{
		{"one message", func(header, hello []byte) [][]byte { return [][]byte{slices.Concat(header, hello)} }},
		{"two messages", func(header, hello []byte) [][]byte { return [][]byte{header, hello} }},
		{"byte by byte", func(header, hello []byte) (parts [][]byte) {
			for _, b := range slices.Concat(header, hello) {
				parts = append(parts, []byte{b})
			}
			return parts
		}},
		{"after routing information", func(header, hello []byte) [][]byte {
			return [][]byte{slices.Concat(routing, header, hello)}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, identity := mustIdentity(t, ChainOptions{})
			client := newInitiator(t)
			transport := &script{in: test.parts(clientHeader, client.hello(t))}
			conn := NewConn(transport)
			shake, err := Begin(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			if err = shake.Reply(t.Context(), identity); err != nil {
				t.Fatal(err)
			}
			payload := mustMarshal(t, &waWa6.ClientPayload{Username: new(uint64(15550000001))})
			answer, chain := client.finish(t, transport.out[0], payload)
			transport.in = [][]byte{answer}
			peer, err := shake.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(peer.Static[:], client.static.PublicKey().Bytes()) {
				t.Errorf("static key %x, want %x", peer.Static, client.static.PublicKey().Bytes())
			}
			if peer.Payload.GetUsername() != 15550000001 {
				t.Errorf("username %d, want 15550000001", peer.Payload.GetUsername())
			}
			if err = proto.Unmarshal(chain, &waCert.CertChain{}); err != nil {
				t.Errorf("certificate chain: %v", err)
			}
			exchange(t, conn, transport, client)
		})
	}
}

// exchange sends frames both ways after the handshake, several in one message and split ones too.
func exchange(t *testing.T, conn *Conn, transport *script, client *initiator) {
	t.Helper()
	toServer, toClient, err := client.state.split()
	if err != nil {
		t.Fatal(err)
	}
	first := frame(toServer.Seal(nil, nonce(0), []byte("one"), nil))
	second := frame(toServer.Seal(nil, nonce(1), []byte("two"), nil))
	both := slices.Concat(first, second)
	transport.in = [][]byte{both[:2], both[2 : len(first)+5], both[len(first)+5:]}
	for _, want := range []string{"one", "two"} {
		got, err := conn.ReadFrame(t.Context())
		if err != nil || string(got) != want {
			t.Fatalf("read %q, %v; want %q", got, err, want)
		}
	}
	transport.out = nil
	if err = conn.WriteFrame(t.Context(), []byte("three")); err != nil {
		t.Fatal(err)
	}
	if err = conn.WriteSplit(t.Context(), []byte("four")); err != nil {
		t.Fatal(err)
	}
	if len(transport.out) != 3 {
		t.Fatalf("%d messages written, want 3", len(transport.out))
	}
	split := slices.Concat(transport.out[1], transport.out[2])
	for i, sealed := range [][]byte{transport.out[0], split} {
		got, err := toClient.Open(nil, nonce(uint32(i)), sealed[lengthSize:], nil)
		if want := []string{"three", "four"}[i]; err != nil || string(got) != want {
			t.Errorf("written frame %d is %q, %v; want %q", i, got, err, want)
		}
	}
	transport.in = [][]byte{first}
	if _, err = conn.ReadFrame(t.Context()); err == nil {
		t.Error("a repeated frame was accepted")
	}
}

func TestHandshakeRefuses(t *testing.T) {
	point := func(n int) []byte {
		return frame(mustMarshal(t, &waWa6.HandshakeMessage{
			ClientHello: &waWa6.HandshakeMessage_ClientHello{Ephemeral: make([]byte, n)},
		}))
	}
	for _, test := range []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, io.EOF},
		{"other protocol", []byte("GET / HTTP/1.1\r\n"), ErrHeader},
		{"other version", []byte{'W', 'A', 5, 2, 0, 0, 0}, ErrHeader},
		{"half a header", []byte{'W', 'A'}, io.EOF},
		{"header only", clientHeader, io.EOF},
		{"frame breaks off", slices.Concat(clientHeader, []byte{0, 0, 9, 1}), io.EOF},
		{"endless routing information", []byte("ED\x00\x01\xff\xff\xff"), io.EOF},
		{"routing information only", []byte("ED\x00\x01\x00\x00\x01x"), io.EOF},
		{"junk instead of protobuf", slices.Concat(clientHeader, frame([]byte{0xff, 0xff})), ErrHandshake},
		{"no hello", slices.Concat(clientHeader, frame(nil)), ErrHandshake},
		{"short key", slices.Concat(clientHeader, point(31)), ErrHandshake},
		{"key of low order", slices.Concat(clientHeader, point(32)), ErrHandshake},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, identity := mustIdentity(t, ChainOptions{})
			transport := &script{in: [][]byte{test.in}}
			if test.in == nil {
				transport.in = nil
			}
			shake, err := Begin(t.Context(), NewConn(transport))
			if err == nil {
				err = shake.Reply(t.Context(), identity)
			}
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestFinishRefusesForgedKeys(t *testing.T) {
	_, identity := mustIdentity(t, ChainOptions{})
	for _, test := range []struct {
		name  string
		spoil func(*waWa6.HandshakeMessage_ClientFinish)
	}{
		{"static", func(f *waWa6.HandshakeMessage_ClientFinish) { f.Static[3] ^= 1 }},
		{"payload", func(f *waWa6.HandshakeMessage_ClientFinish) { f.Payload[0] ^= 1 }},
		{"nothing", func(f *waWa6.HandshakeMessage_ClientFinish) { f.Static, f.Payload = nil, nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := newInitiator(t)
			transport := &script{in: [][]byte{slices.Concat(clientHeader, client.hello(t))}}
			shake, err := Begin(t.Context(), NewConn(transport))
			if err != nil {
				t.Fatal(err)
			}
			if err = shake.Reply(t.Context(), identity); err != nil {
				t.Fatal(err)
			}
			answer, _ := client.finish(t, transport.out[0], nil)
			message := &waWa6.HandshakeMessage{}
			if err = proto.Unmarshal(answer[lengthSize:], message); err != nil {
				t.Fatal(err)
			}
			test.spoil(message.ClientFinish)
			transport.in = [][]byte{frame(mustMarshal(t, message))}
			if _, err = shake.Finish(t.Context()); !errors.Is(err, ErrHandshake) {
				t.Errorf("error %v, want %v", err, ErrHandshake)
			}
		})
	}
}

func TestChain(t *testing.T) {
	for _, test := range []struct {
		name    string
		opts    ChainOptions
		expired bool
		issuer  uint32
	}{
		{"good", ChainOptions{}, false, intermediateSerial},
		{"expired", ChainOptions{Expired: true}, true, intermediateSerial},
		{"other issuer", ChainOptions{IssuerSerial: 9}, false, 9},
	} {
		t.Run(test.name, func(t *testing.T) {
			root, identity := mustIdentity(t, test.opts)
			chain := &waCert.CertChain{}
			between, leaf := &waCert.CertChain_NoiseCertificate_Details{}, &waCert.CertChain_NoiseCertificate_Details{}
			for _, part := range []struct {
				data func() []byte
				into proto.Message
			}{
				{func() []byte { return identity.chain }, chain},
				{func() []byte { return chain.Intermediate.Details }, between},
				{func() []byte { return chain.Leaf.Details }, leaf},
			} {
				if err := proto.Unmarshal(part.data(), part.into); err != nil {
					t.Fatal(err)
				}
			}
			if !signedBy(root.PublicKey(), chain.Intermediate) || !signedBy([32]byte(between.Key), chain.Leaf) {
				t.Error("a signature of the chain is wrong")
			}
			if !bytes.Equal(leaf.Key, identity.static.PublicKey().Bytes()) {
				t.Error("leaf is for another key")
			}
			if leaf.GetIssuerSerial() != test.issuer {
				t.Errorf("issuer %d, want %d", leaf.GetIssuerSerial(), test.issuer)
			}
			if expired := time.Unix(int64(leaf.GetNotAfter()), 0).Before(time.Now()); expired != test.expired {
				t.Errorf("expired %t, want %t", expired, test.expired)
			}
		})
	}
}

func signedBy(key [32]byte, c *waCert.CertChain_NoiseCertificate) bool {
	return ecc.VerifySignature(ecc.NewDjbECPublicKey(key), c.Details, [64]byte(c.Signature))
}

func TestWriteFrameTooLong(t *testing.T) {
	err := NewConn(&script{}).WriteFrame(t.Context(), make([]byte, MaxFrame+1))
	if !errors.Is(err, ErrFrameTooLong) {
		t.Errorf("error %v, want %v", err, ErrFrameTooLong)
	}
}

// FuzzBegin feeds arbitrary first bytes, cut in two messages, to a server.
func FuzzBegin(f *testing.F) {
	f.Add([]byte("WA\x06\x03\x00\x00\x00"), 3)
	f.Add([]byte("ED\x00\x01\x00\x00\x01xWA\x06\x03\x00\x00\x02\x12\x00"), 9)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		cut = min(max(cut, 0), len(data))
		_, identity := mustIdentity(t, ChainOptions{})
		shake, err := Begin(t.Context(), NewConn(&script{in: [][]byte{data[:cut], data[cut:]}}))
		if err != nil {
			return
		}
		if err = shake.Reply(t.Context(), identity); err != nil {
			return
		}
		if _, err = shake.Finish(t.Context()); err == nil {
			t.Error("a handshake without keys succeeded")
		}
	})
}
