package phone

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/phone/appstate"
)

// writeAttempts is how often a change of settings is tried when another device was faster.
const writeAttempts = 5

// settings is the account's synchronised state (section 12), guarded by the phone's lock.
type settings struct {
	key         appstate.Key
	collections map[string]*appstate.Collection
	chats       map[types.JID]*ChatSettings
	contacts    map[types.JID]string // by LID
	pushName    string
}

func newSettings(pushName string) (*settings, error) {
	key, err := appstate.NewKey([]byte{0, 0, 0, 0, 0, 1})
	if err != nil {
		return nil, err
	}
	s := &settings{
		key:         key,
		collections: make(map[string]*appstate.Collection),
		chats:       make(map[types.JID]*ChatSettings),
		contacts:    make(map[types.JID]string),
		pushName:    pushName,
	}
	for _, name := range appstate.Names {
		s.collections[name] = appstate.NewCollection(name)
	}
	return s, nil
}

// seedSettings writes something into every collection: at version 0 a client takes its next fetch for a first full one
// and keeps silent about the first change. p.mu is held.
func (p *Phone) seedSettings(ctx context.Context) error {
	for _, name := range appstate.Names {
		actions := []appstate.Action{{
			Index:   []string{"sentinel", name},
			Version: 1,
			Value: &waSyncAction.SyncActionValue{
				KeyExpiration: &waSyncAction.KeyExpiration{ExpiredKeyEpoch: proto.Int32(0)},
			},
		}}
		if name == appstate.CriticalBlock {
			actions = []appstate.Action{nameAction(p.settings.pushName), {
				Index:   []string{"setting_locale"},
				Version: 1,
				Value:   &waSyncAction.SyncActionValue{LocaleSetting: &waSyncAction.LocaleSetting{Locale: proto.String("en_GB")}},
			}}
		}
		if err := p.writeSettings(ctx, name, actions); err != nil {
			return fmt.Errorf("seed settings: %w", err)
		}
	}
	return nil
}

// writeSettings makes a patch and stores it at the server. When the server has newer patches it takes them in and tries
// again. p.mu is held.
func (p *Phone) writeSettings(ctx context.Context, name string, actions []appstate.Action) error {
	c := p.settings.collections[name]
	for range writeAttempts {
		patch, err := c.Encode(p.settings.key, actions, time.Now())
		if err != nil {
			return err
		}
		data, err := proto.Marshal(patch)
		if err != nil {
			return fmt.Errorf("encode patch of %s: %w", name, err)
		}
		reply, err := p.syncCollection(ctx, c, data)
		if err != nil {
			return err
		}
		conflict, err := p.takePatches(c, reply)
		if err != nil {
			return err
		}
		if conflict {
			continue
		}
		patch.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(c.Version + 1)}
		if _, err := c.Apply(p.settings.key, patch); err != nil {
			return fmt.Errorf("apply own patch: %w", err)
		}
		return nil
	}
	return fmt.Errorf("write %s: another device was faster %d times", name, writeAttempts)
}

// syncCollection asks the server about one collection, with a patch to store unless that is empty. p.mu is held.
func (p *Phone) syncCollection(ctx context.Context, c *appstate.Collection, patch []byte) (waBinary.Node, error) {
	collection := node("collection", waBinary.Attrs{
		"name": c.Name, "version": strconv.FormatUint(c.Version, 10), "return_snapshot": "false",
	})
	if len(patch) > 0 {
		collection.Content = []waBinary.Node{leaf("patch", patch)}
	}
	resp, err := p.request(ctx, node("iq",
		waBinary.Attrs{"to": types.ServerJID, "type": "set", "xmlns": "w:sync:app:state"},
		node("sync", nil, collection)))
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("synchronise %s: %w", c.Name, err)
	}
	reply, ok := descend(*resp, "sync", "collection")
	if !ok {
		return waBinary.Node{}, fmt.Errorf("synchronise %s: reply has no collection", c.Name)
	}
	return reply, nil
}

// takePatches applies the patches in a reply; conflict says that the server refused the one it was sent. p.mu is held.
func (p *Phone) takePatches(c *appstate.Collection, reply waBinary.Node) (conflict bool, err error) {
	if attr(reply, "type") == "error" {
		e, _ := child(reply, "error")
		if attr(e, "code") != "409" {
			return false, fmt.Errorf("synchronise %s: server answers %s %s", c.Name, attr(e, "code"), attr(e, "text"))
		}
		conflict = true
	}
	patches, _ := child(reply, "patches")
	for _, n := range patches.GetChildren() {
		var patch waServerSync.SyncdPatch
		if err := proto.Unmarshal(content(n), &patch); err != nil {
			return conflict, fmt.Errorf("parse patch of %s: %w", c.Name, err)
		}
		actions, err := c.Apply(p.settings.key, &patch)
		if errors.Is(err, appstate.ErrVersion) && patch.GetVersion().GetVersion() <= c.Version {
			continue // known already
		}
		if err != nil {
			return conflict, fmt.Errorf("apply patch of %s: %w", c.Name, err)
		}
		for _, action := range actions {
			p.learnSetting(action)
		}
	}
	return conflict, nil
}

// onServerSync fetches what a companion changed.
func (p *Phone) onServerSync(n waBinary.Node) {
	before, after, err := p.fetchSettings(n)
	if err != nil {
		p.problem(Problem{What: err.Error()})
	}
	for jid, now := range after.chats {
		if now != before.chats[jid] {
			p.observer.Settings(now)
		}
	}
	if after.pushName != before.pushName {
		p.observer.Renamed(after.pushName)
	}
}

// fetchSettings takes in the patches of the collections that a notification names.
func (p *Phone) fetchSettings(n waBinary.Node) (before, after settingsSnapshot, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before = p.settings.snapshot()
	for _, changed := range n.GetChildren() {
		c, ok := p.settings.collections[attr(changed, "name")]
		if !ok {
			continue
		}
		reply, syncErr := p.syncCollection(p.ctx, c, nil)
		if syncErr == nil {
			_, syncErr = p.takePatches(c, reply)
		}
		err = errors.Join(err, syncErr)
	}
	return before, p.settings.snapshot(), err
}

type settingsSnapshot struct {
	chats    map[types.JID]ChatSettings
	pushName string
}

func (s *settings) snapshot() settingsSnapshot {
	out := settingsSnapshot{chats: make(map[types.JID]ChatSettings, len(s.chats)), pushName: s.pushName}
	for jid, chat := range s.chats {
		out.chats[jid] = *chat
	}
	return out
}
