// Package appstate is the encryption of a WhatsApp account's synchronised settings (whatsapp-server.md section 12), as a
// device that holds the keys does it: it makes patches, and checks and opens those of other devices. It knows no stanzas
// and decides nothing about what settings mean. A Collection is not safe for concurrent use.
package appstate

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"google.golang.org/protobuf/proto"
)

// Names are the five collections of every account.
var Names = []string{CriticalBlock, CriticalUnblockLow, RegularHigh, Regular, RegularLow}

// Names of the collections.
const (
	CriticalBlock      = "critical_block"       // push name, locale
	CriticalUnblockLow = "critical_unblock_low" // contacts
	RegularHigh        = "regular_high"         // mute, star, delete
	Regular            = "regular"              // labels and other
	RegularLow         = "regular_low"          // pin, archive, mark read
)

// Errors of Apply.
var (
	ErrUnknownKey = errors.New("patch is encrypted with a key that is not known")
	ErrMAC        = errors.New("message authentication code does not match")
	ErrVersion    = errors.New("patch has the wrong version")
)

// Action is one setting: Index says what of, such as ["mute", chat], Value what it is now.
type Action struct {
	Index   []string
	Value   *waSyncAction.SyncActionValue
	Version int32
	Remove  bool
}

// Collection is one collection with the state that its codes cover.
type Collection struct {
	Name    string
	Version uint64
	hash    [hashSize]byte
	values  map[string][]byte // index MAC → MAC of the present value
}

// NewCollection makes an empty collection at version 0.
func NewCollection(name string) *Collection {
	return &Collection{Name: name, values: make(map[string][]byte)}
}

// Encode makes the patch that takes the collection from its present version to the next. The collection itself changes
// only when the patch is applied.
func (c *Collection) Encode(key Key, actions []Action, now time.Time) (*waServerSync.SyncdPatch, error) {
	patch := &waServerSync.SyncdPatch{KeyID: &waServerSync.KeyId{ID: key.ID}}
	for _, action := range actions {
		mutation, err := encodeMutation(key, action, now)
		if err != nil {
			return nil, fmt.Errorf("encode %v in %s: %w", action.Index, c.Name, err)
		}
		patch.Mutations = append(patch.Mutations, mutation)
	}
	next, err := c.after(patch)
	if err != nil {
		return nil, err
	}
	patch.SnapshotMAC = key.snapshotMAC(next.hash, next.Version, c.Name)
	if patch.PatchMAC, err = key.patchMAC(patch, next.Version, c.Name); err != nil {
		return nil, err
	}
	return patch, nil
}

func encodeMutation(key Key, action Action, now time.Time) (*waServerSync.SyncdMutation, error) {
	index, err := json.Marshal(action.Index)
	if err != nil {
		return nil, fmt.Errorf("encode index: %w", err)
	}
	value := &waSyncAction.SyncActionValue{}
	if action.Value != nil {
		value = proto.CloneOf(action.Value)
	}
	value.Timestamp = proto.Int64(now.UnixMilli())
	plain, err := proto.Marshal(&waSyncAction.SyncActionData{
		Index: index, Value: value, Padding: []byte{}, Version: proto.Int32(action.Version),
	})
	if err != nil {
		return nil, fmt.Errorf("encode value: %w", err)
	}
	sealed, err := key.seal(plain)
	if err != nil {
		return nil, err
	}
	operation := waServerSync.SyncdMutation_SET
	if action.Remove {
		operation = waServerSync.SyncdMutation_REMOVE
	}
	return &waServerSync.SyncdMutation{
		Operation: operation.Enum(),
		Record: &waServerSync.SyncdRecord{
			Index: &waServerSync.SyncdIndex{Blob: key.indexMAC(index)},
			Value: &waServerSync.SyncdValue{Blob: append(sealed, key.valueMAC(operation, sealed)...)},
			KeyID: &waServerSync.KeyId{ID: key.ID},
		},
	}, nil
}

// after is the collection as a patch would leave it.
func (c *Collection) after(patch *waServerSync.SyncdPatch) (*Collection, error) {
	next := &Collection{Name: c.Name, Version: c.Version + 1, hash: c.hash, values: maps.Clone(c.values)}
	for _, m := range patch.GetMutations() {
		mac, _, err := splitValue(m.GetRecord())
		if err != nil {
			return nil, err
		}
		index := string(m.GetRecord().GetIndex().GetBlob())
		if previous, ok := next.values[index]; ok {
			if err := mix(&next.hash, previous, true); err != nil {
				return nil, err
			}
		}
		if m.GetOperation() == waServerSync.SyncdMutation_REMOVE {
			delete(next.values, index)
			continue
		}
		if err := mix(&next.hash, mac, false); err != nil {
			return nil, err
		}
		next.values[index] = bytes.Clone(mac)
	}
	return next, nil
}

// Apply checks every code of a patch, takes it in and returns what it set. On an error the collection stays as it was.
func (c *Collection) Apply(key Key, patch *waServerSync.SyncdPatch) ([]Action, error) {
	if !bytes.Equal(patch.GetKeyID().GetID(), key.ID) {
		return nil, ErrUnknownKey
	}
	if version := patch.GetVersion().GetVersion(); version != c.Version+1 {
		return nil, fmt.Errorf("%w: %d after %d", ErrVersion, version, c.Version)
	}
	var actions []Action
	for _, m := range patch.GetMutations() {
		action, err := decodeMutation(key, m)
		if err != nil {
			return nil, fmt.Errorf("decode mutation of %s: %w", c.Name, err)
		}
		actions = append(actions, action)
	}
	next, err := c.after(patch)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(key.snapshotMAC(next.hash, next.Version, c.Name), patch.GetSnapshotMAC()) {
		return nil, fmt.Errorf("%w: snapshot of %s at %d", ErrMAC, c.Name, next.Version)
	}
	want, err := key.patchMAC(patch, next.Version, c.Name)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(want, patch.GetPatchMAC()) {
		return nil, fmt.Errorf("%w: patch of %s to %d", ErrMAC, c.Name, next.Version)
	}
	*c = *next
	return actions, nil
}

func decodeMutation(key Key, m *waServerSync.SyncdMutation) (Action, error) {
	mac, sealed, err := splitValue(m.GetRecord())
	if err != nil {
		return Action{}, err
	}
	if !bytes.Equal(m.GetRecord().GetKeyID().GetID(), key.ID) {
		return Action{}, ErrUnknownKey
	}
	if !hmac.Equal(key.valueMAC(m.GetOperation(), sealed), mac) {
		return Action{}, fmt.Errorf("%w: value", ErrMAC)
	}
	plain, err := key.unseal(sealed)
	if err != nil {
		return Action{}, err
	}
	var data waSyncAction.SyncActionData
	if err := proto.Unmarshal(plain, &data); err != nil {
		return Action{}, fmt.Errorf("parse value: %w", err)
	}
	if !hmac.Equal(key.indexMAC(data.GetIndex()), m.GetRecord().GetIndex().GetBlob()) {
		return Action{}, fmt.Errorf("%w: index", ErrMAC)
	}
	action := Action{
		Value: data.GetValue(), Version: data.GetVersion(),
		Remove: m.GetOperation() == waServerSync.SyncdMutation_REMOVE,
	}
	if err := json.Unmarshal(data.GetIndex(), &action.Index); err != nil {
		return Action{}, fmt.Errorf("parse index: %w", err)
	}
	return action, nil
}
