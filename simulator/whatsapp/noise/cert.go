// Package noise is the server side of the Noise handshake and framing that WhatsApp's chat socket uses (whatsapp-server.md
// sections 2 and 3): the certificate chain, the XX responder, and frames over a message transport. It knows no stanzas.
//
// A Conn is read by one goroutine and written by another; nothing else may touch it. Roots and Identities are immutable.
package noise

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waCert"
	"google.golang.org/protobuf/proto"
)

// Root signs the certificates that a server shows in the handshake. Clients know its public key.
type Root struct {
	key *ecc.ECKeyPair
}

// NewRoot makes a root with a fresh key.
func NewRoot() (*Root, error) {
	key, err := ecc.GenerateKeyPair()
	if err != nil {
		return nil, fmt.Errorf("make noise root key: %w", err)
	}
	return &Root{key: key}, nil
}

// PublicKey is what a client must hold to accept certificates of this root.
func (r *Root) PublicKey() [32]byte { return r.key.PublicKey().PublicKey() }

// Identity is a server's static key with the serialised certificate chain that vouches for it.
type Identity struct {
	static *ecdh.PrivateKey
	chain  []byte
}

// ChainOptions make a chain that clients must refuse. The zero value makes a good one.
type ChainOptions struct {
	Expired      bool   // the leaf ended yesterday
	IssuerSerial uint32 // of the leaf; 0 is the intermediate's own
}

const (
	intermediateSerial = 1
	leafSerial         = 2
	validity           = 365 * 24 * time.Hour
)

// NewIdentity makes a static key and has a fresh intermediate, signed by the root, vouch for it.
func NewIdentity(root *Root, now time.Time, opts ChainOptions) (*Identity, error) {
	static, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make noise static key: %w", err)
	}
	between, err := ecc.GenerateKeyPair()
	if err != nil {
		return nil, fmt.Errorf("make intermediate key: %w", err)
	}
	betweenKey := between.PublicKey().PublicKey()
	notBefore, notAfter := now.Add(-48*time.Hour), now.Add(validity)
	intermediate, err := certificate(root.key, &waCert.CertChain_NoiseCertificate_Details{
		Serial: new(uint32(intermediateSerial)), IssuerSerial: new(uint32(0)), Key: betweenKey[:],
		NotBefore: unix(notBefore), NotAfter: unix(notAfter),
	})
	if err != nil {
		return nil, err
	}
	issuer := uint32(intermediateSerial)
	if opts.IssuerSerial != 0 {
		issuer = opts.IssuerSerial
	}
	if opts.Expired {
		notAfter = now.Add(-24 * time.Hour)
	}
	leaf, err := certificate(between, &waCert.CertChain_NoiseCertificate_Details{
		Serial: new(uint32(leafSerial)), IssuerSerial: &issuer, Key: static.PublicKey().Bytes(),
		NotBefore: unix(notBefore), NotAfter: unix(notAfter),
	})
	if err != nil {
		return nil, err
	}
	chain, err := proto.Marshal(&waCert.CertChain{Leaf: leaf, Intermediate: intermediate})
	if err != nil {
		return nil, fmt.Errorf("serialise certificate chain: %w", err)
	}
	return &Identity{static: static, chain: chain}, nil
}

func certificate(
	signer *ecc.ECKeyPair, details *waCert.CertChain_NoiseCertificate_Details,
) (*waCert.CertChain_NoiseCertificate, error) {
	raw, err := proto.Marshal(details)
	if err != nil {
		return nil, fmt.Errorf("serialise certificate details: %w", err)
	}
	signature := ecc.CalculateSignature(signer.PrivateKey(), raw)
	return &waCert.CertChain_NoiseCertificate{Details: raw, Signature: signature[:]}, nil
}

func unix(t time.Time) *uint64 { return new(uint64(t.Unix())) }
