package server

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"google.golang.org/protobuf/proto"
)

func newRef() string {
	random := make([]byte, 24)
	rand.Read(random) //nolint:errcheck // never fails
	return "2@" + base64.RawURLEncoding.EncodeToString(random)
}

func parseRegistration(data *waWa6.ClientPayload_DevicePairingRegistrationData) (r Registration, err error) {
	for _, field := range []struct {
		name  string
		value []byte
		size  int
	}{
		{"registration id", data.GetERegid(), 4}, {"key type", data.GetEKeytype(), 1},
		{"identity", data.GetEIdent(), 32}, {"signed prekey id", data.GetESkeyID(), 3},
		{"signed prekey", data.GetESkeyVal(), 32}, {"signature", data.GetESkeySig(), 64},
	} {
		if len(field.value) != field.size {
			return r, fmt.Errorf("%s has %d bytes, want %d", field.name, len(field.value), field.size)
		}
	}
	r.Keys = DeviceKeys{
		RegistrationID: binary.BigEndian.Uint32(data.ERegid),
		Identity:       [32]byte(data.EIdent),
		Signed: SignedPreKey{
			PreKey:    PreKey{ID: uint24(data.ESkeyID), Public: [32]byte(data.ESkeyVal)},
			Signature: [64]byte(data.ESkeySig),
		},
	}
	if err = r.Keys.check(); err != nil {
		return r, err
	}
	r.BuildHash = data.GetBuildHash()
	props := &waCompanionReg.DeviceProps{}
	if proto.Unmarshal(data.GetDeviceProps(), props) == nil {
		r.Props = props
	}
	return r, nil
}

// check verifies the signature of the signed prekey.
func (k *DeviceKeys) check() error {
	signed := append([]byte{ecc.DjbType}, k.Signed.Public[:]...)
	if !ecc.VerifySignature(ecc.NewDjbECPublicKey(k.Identity), signed, k.Signed.Signature) {
		return fmt.Errorf("signed prekey %d: wrong signature", k.Signed.ID)
	}
	return nil
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }
