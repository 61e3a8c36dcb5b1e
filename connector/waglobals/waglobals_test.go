package waglobals

import (
	"errors"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/store"
)

// The variables are the process's, so this is one test in the order in which a process does it.
func TestSetOnce(t *testing.T) {
	realRoot := whatsmeow.WACertPubKey
	for _, key := range []string{"zz", "00", strings.Repeat("0", 63)} {
		if err := Set(Settings{RootKey: key}); err == nil {
			t.Errorf("Set with root key %q succeeded", key)
		}
	}
	if whatsmeow.WACertPubKey != realRoot {
		t.Fatal("a refused root key was used")
	}
	first := Settings{DeviceName: "Test device", DeviceType: waCompanionReg.DeviceProps_EDGE, RootKey: strings.Repeat("ab", 32)}
	if err := Set(first); err != nil {
		t.Fatal(err)
	}
	if got := store.DeviceProps.GetOs(); got != first.DeviceName {
		t.Errorf("device name is %q, want %q", got, first.DeviceName)
	}
	if got := store.DeviceProps.GetPlatformType(); got != first.DeviceType {
		t.Errorf("device type is %s, want %s", got, first.DeviceType)
	}
	if whatsmeow.WACertPubKey[0] != 0xab || whatsmeow.WACertPubKey[31] != 0xab {
		t.Errorf("root key is %x", whatsmeow.WACertPubKey)
	}
	if err := Set(first); err != nil {
		t.Errorf("the same settings again: %v", err)
	}
	if err := Set(Settings{DeviceName: "Other"}); !errors.Is(err, ErrConflict) {
		t.Errorf("other settings: got %v, want %v", err, ErrConflict)
	}
}
