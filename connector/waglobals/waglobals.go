// Package waglobals sets whatsmeow's package variables, which rule every connection of the process: WhatsApp's and the
// encrypted one of Messenger. The networks call it from Start, before any login connects; after that nothing changes,
// since whatsmeow reads the variables without a lock. It also makes the stores of both wait for the database, see Patient.
// It owns nothing else.
package waglobals

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/store"
)

// Settings are what the process shares.
type Settings struct {
	// DeviceName is what a phone shows in its list of linked devices. Empty leaves whatsmeow's.
	DeviceName string
	// DeviceType is as what kind of program a phone shows it there. The zero value is none in particular.
	DeviceType waCompanionReg.DeviceProps_PlatformType
	// RootKey replaces the key that signs WhatsApp's servers: 64 hex digits, for simulated networks only. Empty leaves
	// the real one.
	RootKey string
}

// ErrConflict is what a second caller gets that wants other settings than the first.
var ErrConflict = errors.New("whatsmeow was already set up otherwise in this process")

var (
	lock sync.Mutex
	set  *Settings
)

// Set applies the settings. The first caller wins; the same settings again do nothing, others are refused with
// ErrConflict. A malformed root key is an error and changes nothing.
func Set(s Settings) error {
	root, err := parseRootKey(s.RootKey)
	if err != nil {
		return err
	}
	lock.Lock()
	defer lock.Unlock()
	if set != nil {
		if *set != s {
			return ErrConflict
		}
		return nil
	}
	set = &s
	if s.DeviceName != "" {
		store.DeviceProps.Os = proto.String(s.DeviceName)
	}
	store.DeviceProps.PlatformType = s.DeviceType.Enum()
	if s.RootKey != "" {
		whatsmeow.WACertPubKey = root
	}
	return nil
}

func parseRootKey(text string) (key [32]byte, err error) {
	if text == "" {
		return key, nil
	}
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(key) {
		return key, fmt.Errorf("root key: want %d hex digits", 2*len(key))
	}
	return [32]byte(raw), nil
}
