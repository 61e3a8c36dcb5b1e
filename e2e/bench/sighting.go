package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"maunium.net/go/mautrix/id"
)

// sighting is where and when a text of a ghost was first seen.
type sighting struct {
	room id.RoomID
	time time.Time
}

// sightings collects them by their text: benchmarks write no text twice. It may be used from any goroutine; its zero
// value is empty.
type sightings struct {
	mu      sync.Mutex
	all     map[string]sighting
	changed chan struct{} // closed and dropped at each change, made by who waits
}

func (s *sightings) note(room id.RoomID, body string) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.all[body]; again {
		return
	}
	if s.all == nil {
		s.all = make(map[string]sighting)
	}
	s.all[body] = sighting{room, now}
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

func (s *sightings) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = nil
}

// await waits until a text was seen.
func (s *sightings) await(ctx context.Context, body string) (sighting, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		s.mu.Lock()
		found, ok := s.all[body]
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		if ok {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return sighting{}, fmt.Errorf("wait for %q in Matrix: %w", body, context.Cause(ctx))
		}
	}
}

// awaitAll waits until all texts were seen, and returns when the last one was.
func (s *sightings) awaitAll(ctx context.Context, bodies []string) (time.Time, error) {
	var last time.Time
	for _, body := range bodies {
		found, err := s.await(ctx, body)
		if err != nil {
			return last, err
		}
		if found.time.After(last) {
			last = found.time
		}
	}
	return last, nil
}

// awaitQuiet waits until all texts were seen, or nothing new for as long as quiet. It returns how many were, and when the
// last one was.
func (s *sightings) awaitQuiet(ctx context.Context, bodies []string, quiet time.Duration) (count int, last time.Time, err error) {
	for {
		s.mu.Lock()
		count = 0
		for _, body := range bodies {
			if found, ok := s.all[body]; ok {
				count++
				if found.time.After(last) {
					last = found.time
				}
			}
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		if count == len(bodies) {
			return count, last, nil
		}
		select {
		case <-changed:
		case <-time.After(quiet):
			return count, last, nil
		case <-ctx.Done():
			return count, last, context.Cause(ctx)
		}
	}
}

func textOf(content []byte) (string, error) {
	var text struct {
		Body string `json:"body"`
	}
	if err := json.Unmarshal(content, &text); err != nil {
		return "", fmt.Errorf("parse message: %w", err)
	}
	return text.Body, nil
}
