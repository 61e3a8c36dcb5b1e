package phone

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waAdv"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/server"
)

// Errors of Scan and EnterCode that are the phone's own; the server's are in its package.
var (
	ErrNotLinkingQR = errors.New("this QR code does not link a device")
	ErrWrongKeys    = errors.New("keys in the QR code are not those of the device that asks")
	ErrNotCode      = errors.New("this is not a linking code")
	ErrWrongCode    = errors.New("wrong linking code")
)

// linkingQR is what a companion shows: the server's ref and its own keys.
type linkingQR struct {
	ref             string
	noise, identity []byte
	advSecret       []byte
}

// parseQR reads the text of a QR code: four or five fields, today after a # (section 4.1).
func parseQR(text string) (linkingQR, error) {
	if _, after, ok := strings.Cut(text, "#"); ok {
		text = after
	}
	fields := strings.Split(strings.TrimSpace(text), ",")
	if len(fields) < 4 || len(fields) > 5 || !strings.Contains(fields[0], "@") {
		return linkingQR{}, fmt.Errorf("%w: %d fields", ErrNotLinkingQR, len(fields))
	}
	qr := linkingQR{ref: fields[0]}
	for i, field := range []*[]byte{&qr.noise, &qr.identity, &qr.advSecret} {
		data, err := base64.StdEncoding.DecodeString(fields[i+1])
		if err != nil || len(data) != 32 {
			return linkingQR{}, fmt.Errorf("%w: field %d is not a key", ErrNotLinkingQR, i+1)
		}
		*field = data
	}
	return qr, nil
}

// Scan links the companion that shows a QR code, and gives it keys and history. It returns its device number when the
// server has accepted it. What is refused changes nothing.
func (p *Phone) Scan(ctx context.Context, text string) (int, error) {
	if p.off.Load() {
		return 0, ErrOffline
	}
	qr, err := parseQR(text)
	if err != nil {
		return 0, err
	}
	pairing, err := p.server.FindPairing(qr.ref)
	if err != nil {
		return 0, fmt.Errorf("find the device of the QR code: %w", err)
	}
	if !bytes.Equal(pairing.NoiseKey[:], qr.noise) || !bytes.Equal(pairing.Keys.Identity[:], qr.identity) {
		return 0, ErrWrongKeys
	}
	var passkey string
	p.locked(func() { passkey = p.behaviour.Passkey })
	if passkey != "" {
		return p.linkByPasskey(ctx, pairing, qr.advSecret, passkey)
	}
	return p.linkCompanion(ctx, pairing, qr.advSecret)
}

// linkCompanion signs one companion, completes its pairing and does what a phone does after that (section 5.3).
func (p *Phone) linkCompanion(ctx context.Context, pairing *server.Pairing, advSecret []byte) (int, error) {
	container, err := p.signCompanion(pairing.Keys.Identity, advSecret)
	if err != nil {
		return 0, err
	}
	device, err := pairing.Complete(ctx, p.link, server.Completion{
		Container: container, Platform: "android", Business: p.Account().Business,
	})
	if err != nil {
		return 0, fmt.Errorf("link device: %w", err)
	}
	if err := p.welcome(ctx, device); err != nil {
		return 0, fmt.Errorf("give device %d its keys and history: %w", device, err)
	}
	return device, nil
}

// signCompanion makes the container of section 4.2: the companion's identity, signed by this phone's, under the secret
// that only the QR code or the pairing code can have brought.
func (p *Phone) signCompanion(identity [32]byte, advSecret []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keyIndex++
	details, err := proto.Marshal(&waAdv.ADVDeviceIdentity{
		RawID:       proto.Uint32(p.signal.RegistrationID()),
		Timestamp:   proto.Uint64(uint64(time.Now().Unix())),
		KeyIndex:    proto.Uint32(p.keyIndex),
		AccountType: waAdv.ADVEncryptionType_E2EE.Enum(),
		DeviceType:  waAdv.ADVEncryptionType_E2EE.Enum(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode device identity: %w", err)
	}
	own := p.signal.Identity()
	signature := p.signal.Sign(slices.Concat([]byte{6, 0}, details, identity[:]))
	signed, err := proto.Marshal(&waAdv.ADVSignedDeviceIdentity{
		Details: details, AccountSignatureKey: own[:], AccountSignature: signature[:],
	})
	if err != nil {
		return nil, fmt.Errorf("encode signed device identity: %w", err)
	}
	mac := hmac.New(sha256.New, advSecret)
	mac.Write(signed)
	container, err := proto.Marshal(&waAdv.ADVSignedDeviceIdentityHMAC{Details: signed, HMAC: mac.Sum(nil)})
	if err != nil {
		return nil, fmt.Errorf("encode device identity container: %w", err)
	}
	return container, nil
}
