package signal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"go.mau.fi/libsignal/signalerror"

	"crosschat/simulator/simtest"
	"crosschat/simulator/whatsapp/phone/signal"
)

// These tests cause failures on purpose.
func init() { simtest.QuietSignal() }

var (
	annaAddress = signal.Address{LID: "200000000001"}
	benAddress  = signal.Address{LID: "200000000002", Device: 1}
)

func newDevice(t testing.TB) *signal.Device {
	t.Helper()
	d, err := signal.New()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// bundle is what the server would hand out of d; with a one-time prekey if wanted.
func bundle(t testing.TB, d *signal.Device, oneTime bool) signal.Bundle {
	t.Helper()
	b := signal.Bundle{RegistrationID: d.RegistrationID(), Identity: d.Identity(), Signed: d.SignedPreKey()}
	if oneTime {
		keys, err := d.NewPreKeys(1)
		if err != nil {
			t.Fatal(err)
		}
		b.OneTime = &keys[0]
	}
	return b
}

func mustEncrypt(t testing.TB, d *signal.Device, to signal.Address, text string) signal.Ciphertext {
	t.Helper()
	c, err := d.Encrypt(t.Context(), to, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSession(t *testing.T) {
	for _, oneTime := range []bool{true, false} {
		anna, ben := newDevice(t), newDevice(t)
		if err := anna.Start(t.Context(), benAddress, bundle(t, ben, oneTime)); err != nil {
			t.Fatal(err)
		}
		first := mustEncrypt(t, anna, benAddress, "one")
		second := mustEncrypt(t, anna, benAddress, "two")
		if first.Kind != signal.KindPreKey || second.Kind != signal.KindPreKey {
			t.Errorf("kinds before an answer are %s and %s, want pkmsg", first.Kind, second.Kind)
		}
		for _, c := range []struct {
			sealed signal.Ciphertext
			want   string
		}{{second, "two"}, {first, "one"}} { // out of order on purpose
			if got, err := ben.Decrypt(t.Context(), annaAddress, c.sealed); err != nil || string(got) != c.want {
				t.Errorf("decrypted %q, %v; want %q", got, err, c.want)
			}
		}
		if _, err := ben.Decrypt(t.Context(), annaAddress, first); err == nil {
			t.Error("a message was decrypted twice")
		}
		answer := mustEncrypt(t, ben, annaAddress, "three")
		if got, err := anna.Decrypt(t.Context(), benAddress, answer); err != nil || string(got) != "three" {
			t.Errorf("answer is %q, %v", got, err)
		}
		if c := mustEncrypt(t, anna, benAddress, "four"); c.Kind != signal.KindMessage {
			t.Errorf("kind after an answer is %s, want msg", c.Kind)
		}
		if oneTime && ben.PreKeysLeft() != 0 {
			t.Errorf("%d one-time prekeys are left after use", ben.PreKeysLeft())
		}
	}
}

// TestBothStartAtOnce has two devices write to one another before either has heard of the other, and go on in all orders.
func TestBothStartAtOnce(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		devices := []*signal.Device{newDevice(t), newDevice(t)}
		addresses := []signal.Address{annaAddress, benAddress}
		for i, d := range devices {
			if err := d.Start(t.Context(), addresses[1-i], bundle(t, devices[1-i], true)); err != nil {
				t.Fatal(err)
			}
		}
		var waiting [2][]signal.Ciphertext // what is on its way to each, in order
		sent, got := [2]int{}, [2]int{}
		for got[0]+got[1] < 60 {
			i := random.IntN(2)
			if random.IntN(2) == 0 && sent[i] < 30 {
				c := mustEncrypt(t, devices[i], addresses[1-i], fmt.Sprintf("%d", sent[i]))
				waiting[1-i] = append(waiting[1-i], c)
				sent[i]++
				continue
			}
			if len(waiting[i]) == 0 {
				continue
			}
			plain, err := devices[i].Decrypt(t.Context(), addresses[1-i], waiting[i][0])
			if want := fmt.Sprintf("%d", got[i]); err != nil || string(plain) != want {
				t.Fatalf("seed %d: device %d got %q, %v; want %q", seed, i, plain, err, want)
			}
			waiting[i] = waiting[i][1:]
			got[i]++
		}
	}
}

func TestStartRefusesWrongSignature(t *testing.T) {
	anna, ben := newDevice(t), newDevice(t)
	b := bundle(t, ben, true)
	b.Signed.Signature[3] ^= 1
	if err := anna.Start(t.Context(), benAddress, b); !errors.Is(err, signalerror.ErrInvalidSignature) {
		t.Errorf("got %v, want %v", err, signalerror.ErrInvalidSignature)
	}
	if anna.HasSession(benAddress) {
		t.Error("a session was started all the same")
	}
}

func TestNoSession(t *testing.T) {
	anna, ben := newDevice(t), newDevice(t)
	if _, err := anna.Encrypt(t.Context(), benAddress, []byte("x")); err == nil {
		t.Error("encrypted without a session")
	}
	if err := anna.Start(t.Context(), benAddress, bundle(t, ben, false)); err != nil {
		t.Fatal(err)
	}
	sealed := mustEncrypt(t, anna, benAddress, "x")
	stranger := newDevice(t)
	if _, err := stranger.Decrypt(t.Context(), annaAddress, sealed); err == nil {
		t.Error("somebody else decrypted the message")
	}
}

func TestFailedDecryptionLeavesSession(t *testing.T) {
	anna, ben := newDevice(t), newDevice(t)
	if err := anna.Start(t.Context(), benAddress, bundle(t, ben, true)); err != nil {
		t.Fatal(err)
	}
	sealed := mustEncrypt(t, anna, benAddress, "intact")
	for i := range sealed.Data {
		damaged := signal.Ciphertext{Kind: sealed.Kind, Data: bytes.Clone(sealed.Data)}
		damaged.Data[i] ^= 0x55
		if plain, err := ben.Decrypt(t.Context(), annaAddress, damaged); err == nil && string(plain) != "intact" {
			t.Fatalf("byte %d damaged: decrypted %q", i, plain)
		} else if err == nil {
			return // fields outside the code may change; the message is used up then
		}
	}
	if got, err := ben.Decrypt(t.Context(), annaAddress, sealed); err != nil || string(got) != "intact" {
		t.Errorf("after damaged copies: %q, %v", got, err)
	}
}

func TestGroup(t *testing.T) {
	const group = "120363000000000001@g.us"
	anna, ben := newDevice(t), newDevice(t)
	key, err := anna.GroupKey(t.Context(), group, annaAddress)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := anna.EncryptGroup(t.Context(), group, annaAddress, []byte("all"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ben.DecryptGroup(t.Context(), group, annaAddress, sealed.Data); err == nil {
		t.Error("decrypted without the sender key")
	}
	if err := ben.AcceptGroupKey(t.Context(), group, annaAddress, key); err != nil {
		t.Fatal(err)
	}
	if got, err := ben.DecryptGroup(t.Context(), group, annaAddress, sealed.Data); err != nil || string(got) != "all" {
		t.Errorf("decrypted %q, %v", got, err)
	}
	if _, err := ben.DecryptGroup(t.Context(), group, benAddress, sealed.Data); err == nil {
		t.Error("decrypted as somebody else's")
	}
	anna.ForgetGroupKey(group, annaAddress)
	if _, err := anna.GroupKey(t.Context(), group, annaAddress); err != nil {
		t.Fatal(err)
	}
	renewed, err := anna.EncryptGroup(t.Context(), group, annaAddress, []byte("not for ben"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ben.DecryptGroup(t.Context(), group, annaAddress, renewed.Data); err == nil {
		t.Error("decrypted with a sender key that was replaced")
	}
}

func FuzzDecrypt(f *testing.F) {
	anna, ben := newDevice(f), newDevice(f)
	if err := anna.Start(f.Context(), benAddress, bundle(f, ben, true)); err != nil {
		f.Fatal(err)
	}
	sealed := mustEncrypt(f, anna, benAddress, "seed")
	f.Add(sealed.Data)
	f.Add([]byte{})
	f.Add([]byte{0x33})
	f.Add([]byte{0x33, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDevice(t)
		for _, kind := range []string{signal.KindMessage, signal.KindPreKey, "other"} {
			if plain, err := d.Decrypt(t.Context(), annaAddress, signal.Ciphertext{Kind: kind, Data: data}); err == nil {
				t.Errorf("%s decrypted to %q by a device that nobody wrote to", kind, plain)
			}
		}
		_ = d.AcceptGroupKey(t.Context(), "g", annaAddress, data)
		_, _ = d.DecryptGroup(t.Context(), "g", annaAddress, data)
	})
}
