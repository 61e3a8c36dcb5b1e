package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/e2e/lab/stub"
)

// home is the homeserver of a benchmark with its Matrix users: what ghosts write to them becomes a sighting.
type home interface {
	// newUser makes a user.
	newUser(ctx context.Context, name string) (id.UserID, error)
	// send has a user write a text. It returns when the homeserver has it.
	send(ctx context.Context, user id.UserID, room id.RoomID, body string) error
	// about names the homeserver for whoever reads the table.
	about() string
	close()
}

// isGhost says whether a Matrix user is the bridge's, the bot left out.
func isGhost(user id.UserID) bool { return strings.HasPrefix(string(user), "@crosschat_") }

// stubHome is the stub homeserver, in this process.
type stubHome struct{ server *stub.Server }

func startStubHome(seen *sightings) (stubHome, error) {
	server, err := stub.Start(stub.Options{Observe: func(e *stub.Event) {
		if e.Type != event.EventMessage.Type || !isGhost(e.Sender) {
			return
		}
		if body, err := textOf(e.Content); err == nil {
			seen.note(e.Room, body)
		}
	}})
	return stubHome{server}, err
}

func (h stubHome) existing() *lab.Existing {
	install := func(_ context.Context, b *lab.Bridge) error { return h.server.Attach(b.Registration) }
	return &lab.Existing{URL: h.server.URL, Domain: h.server.Domain, Install: install}
}

func (h stubHome) newUser(_ context.Context, name string) (id.UserID, error) {
	return id.NewUserID(name, h.server.Domain), nil // the stub knows everybody
}

func (h stubHome) send(_ context.Context, user id.UserID, room id.RoomID, body string) error {
	_, err := h.server.SendText(room, user, body)
	return err
}

func (h stubHome) about() string { return "stub, not encrypted" }

func (h stubHome) close() { h.server.Close() }

// realHome is a real homeserver with real clients.
type realHome struct {
	stack *lab.Stack
	seen  *sightings

	users  map[id.UserID]*lab.User
	cancel context.CancelFunc
	ctx    context.Context // of the goroutines that watch
	watch  sync.WaitGroup
}

func newRealHome(ctx context.Context, stack *lab.Stack, seen *sightings) *realHome {
	h := &realHome{stack: stack, seen: seen, users: make(map[id.UserID]*lab.User)}
	h.ctx, h.cancel = context.WithCancel(ctx)
	return h
}

func (h *realHome) newUser(ctx context.Context, name string) (id.UserID, error) {
	user, err := h.stack.NewUser(ctx, name, "password of "+name)
	if err != nil {
		return "", err
	}
	h.users[user.ID] = user
	h.watch.Go(func() { h.look(user) })
	return user.ID, nil
}

// look notes what a user's client is shown, until the home is closed.
func (h *realHome) look(user *lab.User) {
	next := make(map[id.RoomID]int) // the first event of a room that has not been read yet
	for {
		changed := user.Changes()
		for _, room := range user.KnownRooms() {
			timeline := room.Timeline()
			from := min(next[room.ID], len(timeline))
			unread := -1
			for i, evt := range timeline[from:] {
				switch {
				case evt.Type == event.EventEncrypted && unread < 0:
					unread = from + i // its key may still come
				case evt.Type == event.EventMessage && isGhost(evt.Sender):
					h.seen.note(room.ID, evt.Content.AsMessage().Body)
				}
			}
			next[room.ID] = len(timeline)
			if unread >= 0 {
				next[room.ID] = unread
			}
		}
		select {
		case <-changed:
		case <-h.ctx.Done():
			return
		}
	}
}

func (h *realHome) send(ctx context.Context, user id.UserID, room id.RoomID, body string) error {
	_, err := h.users[user].Room(room).SendText(ctx, body)
	return err
}

func (h *realHome) about() string {
	encryption := "encrypted"
	if h.stack.Setting.Encryption == lab.EncryptionOff {
		encryption = "not encrypted"
	}
	kind := string(h.stack.Setting.Homeserver)
	return strings.ToUpper(kind[:1]) + kind[1:] + ", " + encryption
}

func (h *realHome) close() {
	h.cancel()
	h.watch.Wait()
	for _, user := range h.users {
		user.Close()
	}
}

// startStub starts stub, simulator and bridge.
func (s *stage) startStub(ctx context.Context, set map[string]string) error {
	stubbed, err := startStubHome(&s.seen)
	if err != nil {
		return err
	}
	s.home = stubbed
	options := s.options(lab.Setting{Encryption: lab.EncryptionOff, Database: "sqlite"}, set)
	options.Existing = stubbed.existing()
	return s.startStack(ctx, options)
}

// startDefault starts simulator and bridge with the homeserver that the scenarios run on: Synapse with encryption where
// there can be one, else Dendrite.
func (s *stage) startDefault(ctx context.Context, set map[string]string) error {
	setting := lab.Setting{Homeserver: lab.Synapse, Encryption: lab.EncryptionAppservice, Database: "sqlite"}
	if err := lab.SynapseUnavailable(); err != nil {
		say(err.Error())
		setting.Homeserver, setting.Encryption = lab.Dendrite, lab.EncryptionSync
	}
	if err := s.startStack(ctx, s.options(setting, set)); err != nil {
		return err
	}
	s.home = newRealHome(ctx, s.stack, &s.seen)
	return nil
}

// options are what all stacks of benchmarks have in common: a log as it is by default, and doors for measuring.
func (s *stage) options(setting lab.Setting, set map[string]string) lab.StackOptions {
	all := map[string]string{"provisioning.debug_endpoints": "true", "network.chats_at_login": "all"}
	for _, net := range networks() {
		maps.Copy(all, net.unhurried)
	}
	maps.Copy(all, set)
	s.started++
	return lab.StackOptions{
		Setting: setting, Programs: s.programs, Dir: filepath.Join(s.dir, fmt.Sprintf("stack%d", s.started)), Progress: s.say,
		Set: all, LogLevel: "debug",
	}
}

// stop ends what was started, so that something else can be started.
func (s *stage) stop() error {
	if s.home != nil {
		s.home.close()
		s.home = nil
	}
	err := s.stack.Stop()
	s.stack = nil
	s.seen.forget()
	if err != nil {
		err = errors.Join(err, errors.New("see the logs in "+s.dir))
	}
	return err
}
