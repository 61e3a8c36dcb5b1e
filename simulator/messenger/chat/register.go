package chat

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waArmadilloICDC"
	"google.golang.org/protobuf/proto"
)

// keyType is the type byte of Curve25519 keys.
const keyType = 5

// Identities are the identity keys on somebody's list, with its sequence number (section 5.2).
func (s *Server) Identities(person int64) ([][32]byte, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(person)
	return slices.Clone(u.list), u.sequence
}

// form is a registration as it was parsed.
type form struct {
	uuid     string
	keys     Keys
	details  []byte // of the signed list
	sig      [64]byte
	list     *waArmadilloICDC.ICDCIdentityList
	sequence int
	hash     []byte
}

// Register takes a device and returns its number and whether it is new. An error says what is wrong with the form.
func (s *Server) Register(person int64, values url.Values) (int, bool, error) {
	f, err := parseForm(values)
	if err != nil {
		return 0, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(person)
	identities, err := f.verify(u)
	if err != nil {
		return 0, false, err
	}
	for _, d := range u.devices {
		if d.link == nil && d.uuid == f.uuid {
			d.keys = f.keys
			s.renew(u, f, identities)
			return int(d.number), false, nil
		}
	}
	d := &device{user: u, number: u.next, uuid: f.uuid, keys: f.keys, seen: map[string]string{}}
	u.devices[d.number] = d
	u.next++
	s.renew(u, f, identities)
	s.announceDevices(u)
	return int(d.number), true, nil
}

func (s *Server) renew(u *user, f form, identities [][32]byte) {
	u.list, u.sequence = identities, f.sequence
}

func parseForm(values url.Values) (f form, err error) {
	var problems []error
	decode := func(name string, size int) []byte {
		data, err := base64.StdEncoding.DecodeString(values.Get(name))
		if err != nil || size > 0 && len(data) != size {
			problems = append(problems, fmt.Errorf("field %s=%q", name, values.Get(name)))
			return make([]byte, max(size, 1))
		}
		return data
	}
	f.uuid = values.Get("device_id")
	f.keys.RegistrationID = binary.BigEndian.Uint32(decode("e_regid", 4))
	if kind := decode("e_keytype", 1); kind[0] != keyType {
		problems = append(problems, fmt.Errorf("key type %d", kind[0]))
	}
	f.keys.Identity = [32]byte(decode("e_ident", 32))
	f.keys.Signed.ID = binary.BigEndian.Uint32(append([]byte{0}, decode("e_skey_id", 3)...))
	f.keys.Signed.Public = [32]byte(decode("e_skey_val", 32))
	f.keys.Signature = [64]byte(decode("e_skey_sig", 64))
	f.hash = decode("ihash", 10)
	var signed waArmadilloICDC.SignedICDCIdentityList
	if err := proto.Unmarshal(decode("icdc_list", 0), &signed); err != nil || len(signed.GetSignature()) != 64 {
		return f, errors.Join(append(problems, fmt.Errorf("signed list is malformed: %w", err))...)
	}
	f.details, f.sig, f.list = signed.GetDetails(), [64]byte(signed.GetSignature()), &waArmadilloICDC.ICDCIdentityList{}
	if err := proto.Unmarshal(f.details, f.list); err != nil {
		problems = append(problems, fmt.Errorf("list of identities: %w", err))
	}
	f.sequence, err = strconv.Atoi(values.Get("icdc_seq"))
	if err != nil || int(f.list.GetSeq()) != f.sequence || strconv.FormatInt(f.list.GetTimestamp(), 10) != values.Get("icdc_ts") {
		problems = append(problems, fmt.Errorf("sequence %s at %s does not fit the list", values.Get("icdc_seq"), values.Get("icdc_ts")))
	}
	return f, errors.Join(problems...)
}

// verify checks signatures and that the list continues the one that is known. It returns the list.
func (f form) verify(u *user) ([][32]byte, error) {
	var identities [][32]byte
	for _, raw := range f.list.GetDevices() {
		if len(raw) != 32 {
			return nil, fmt.Errorf("identity of %d bytes", len(raw))
		}
		identities = append(identities, [32]byte(raw))
	}
	signer := int(f.list.GetSigningDeviceIndex())
	if signer < 0 || signer >= len(identities) || identities[signer] != f.keys.Identity {
		return nil, fmt.Errorf("signing device %d of %d is not the one that registers", signer, len(identities))
	}
	if !ecc.VerifySignature(ecc.NewDjbECPublicKey(f.keys.Identity), f.details, f.sig) {
		return nil, errors.New("signature of the list is wrong")
	}
	if !validSigned(f.keys) {
		return nil, errors.New("signature of the signed prekey is wrong")
	}
	want := slices.Clone(u.list)
	sequence := u.sequence
	if !slices.Contains(want, f.keys.Identity) {
		want, sequence = append(want, f.keys.Identity), sequence+1
	}
	if !slices.Equal(want, identities) || f.sequence != sequence {
		return nil, fmt.Errorf("list %d of %d identities, want %d of %d", f.sequence, len(identities), sequence, len(want))
	}
	if !bytes.Equal(f.hash, identityHash(identities)) {
		return nil, errors.New("hash of the identities is wrong")
	}
	return identities, nil
}

// validSigned checks the signature of a signed prekey.
func validSigned(k Keys) bool {
	signed := append([]byte{keyType}, k.Signed.Public[:]...)
	return ecc.VerifySignature(ecc.NewDjbECPublicKey(k.Identity), signed, k.Signature)
}

// identityHash is over the identities in their bytes' order.
func identityHash(identities [][32]byte) []byte {
	sorted := slices.Clone(identities)
	slices.SortFunc(sorted, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	for _, key := range sorted {
		h.Write(key[:])
	}
	return h.Sum(nil)[:10]
}
