package appstate

import (
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"google.golang.org/protobuf/proto"
)

// That these patches are what other clients take for right is shown by the tests of the whole phone, with a stock client
// that checks every code.

var now = time.UnixMilli(1_700_000_000_000)

func newKey(t testing.TB) Key {
	t.Helper()
	key, err := NewKey([]byte{0, 0, 0, 0, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mute(chat string, muted bool) Action {
	return Action{Index: []string{"mute", chat}, Version: 2, Value: &waSyncAction.SyncActionValue{
		MuteAction: &waSyncAction.MuteAction{Muted: proto.Bool(muted)},
	}}
}

// encode makes a patch as the server would hand it on.
func encode(t testing.TB, c *Collection, key Key, actions ...Action) *waServerSync.SyncdPatch {
	t.Helper()
	patch, err := c.Encode(key, actions, now)
	if err != nil {
		t.Fatal(err)
	}
	patch.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(c.Version + 1)}
	return patch
}

func TestTwoDevicesAgree(t *testing.T) {
	key := newKey(t)
	writer, reader := NewCollection(RegularHigh), NewCollection(RegularHigh)
	steps := [][]Action{
		{mute("1@lid", true)},
		{mute("2@lid", true), mute("1@lid", false)},
		{{Index: []string{"mute", "1@lid"}, Version: 2, Remove: true}},
		{mute("1@lid", true), mute("1@lid", false)},
	}
	for i, actions := range steps {
		patch := encode(t, writer, key, actions...)
		for _, c := range []*Collection{writer, reader} {
			got, err := c.Apply(key, patch)
			if err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			if len(got) != len(actions) || got[0].Index[1] != actions[0].Index[1] || got[0].Remove != actions[0].Remove {
				t.Errorf("step %d: got %+v, want %+v", i, got, actions)
			}
		}
		if writer.hash != reader.hash || reader.Version != uint64(i+1) {
			t.Errorf("step %d: devices differ at version %d", i, reader.Version)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	key := newKey(t)
	for _, test := range []struct {
		name   string
		damage func(*waServerSync.SyncdPatch)
		want   error
	}{
		{"version from the future", func(p *waServerSync.SyncdPatch) { p.Version.Version = proto.Uint64(3) }, ErrVersion},
		{"no version", func(p *waServerSync.SyncdPatch) { p.Version = nil }, ErrVersion},
		{"another key", func(p *waServerSync.SyncdPatch) { p.KeyID.ID = []byte{9} }, ErrUnknownKey},
		{"another key in a record", func(p *waServerSync.SyncdPatch) { p.Mutations[0].Record.KeyID = nil }, ErrUnknownKey},
		{"value", func(p *waServerSync.SyncdPatch) { p.Mutations[0].Record.Value.Blob[20] ^= 1 }, ErrMAC},
		{"index", func(p *waServerSync.SyncdPatch) { p.Mutations[0].Record.Index.Blob[0] ^= 1 }, ErrMAC},
		{"operation", func(p *waServerSync.SyncdPatch) {
			p.Mutations[0].Operation = waServerSync.SyncdMutation_REMOVE.Enum()
		}, ErrMAC},
		{"snapshot code", func(p *waServerSync.SyncdPatch) { p.SnapshotMAC[0] ^= 1 }, ErrMAC},
		{"patch code", func(p *waServerSync.SyncdPatch) { p.PatchMAC[0] ^= 1 }, ErrMAC},
		{"mutation left out", func(p *waServerSync.SyncdPatch) { p.Mutations = nil }, ErrMAC},
		{"empty record", func(p *waServerSync.SyncdPatch) { p.Mutations[0].Record = nil }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := NewCollection(Regular)
			patch := encode(t, c, key, mute("1@lid", true))
			test.damage(patch)
			_, err := c.Apply(key, patch)
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if c.Version != 0 {
				t.Errorf("collection went to version %d", c.Version)
			}
		})
	}
}

func FuzzApply(f *testing.F) {
	key := newKey(f)
	good, err := proto.Marshal(encode(f, NewCollection(Regular), key, mute("1@lid", true)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var patch waServerSync.SyncdPatch
		if proto.Unmarshal(data, &patch) != nil {
			return
		}
		_, _ = NewCollection(Regular).Apply(key, &patch)
	})
}
