package waglobals

import (
	"errors"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
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
	first := Settings{DeviceName: "Test device", RootKey: strings.Repeat("ab", 32)}
	if err := Set(first); err != nil {
		t.Fatal(err)
	}
	if got := store.DeviceProps.GetOs(); got != first.DeviceName {
		t.Errorf("device name is %q, want %q", got, first.DeviceName)
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

func TestRaiseVersion(t *testing.T) {
	before := store.GetWAVersion()
	t.Cleanup(func() { store.SetWAVersion(before) })
	older, newer := before, before
	older[2]--
	newer[2]++
	if RaiseVersion(older) || RaiseVersion(before) {
		t.Error("an older or equal version was taken")
	}
	if !RaiseVersion(newer) {
		t.Error("a newer version was not taken")
	}
	if got := store.GetWAVersion(); got != newer {
		t.Errorf("version is %s, want %s", got, newer)
	}
}
