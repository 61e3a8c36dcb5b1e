package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"crosschat/e2e/lab"
)

// patience is how long a benchmark waits for one thing before it takes it for lost.
const patience = 4 * time.Minute

// stage is what one benchmark plays on: at most one stack at a time, with its homeserver.
type stage struct {
	programs lab.Programs
	dir      string
	scale    float64
	profiles string // folder for profiles, or empty

	stack   *lab.Stack
	home    home
	seen    sightings
	texts   atomic.Int64 // how many were written
	started int          // how many stacks
}

func (s *stage) startStack(ctx context.Context, options lab.StackOptions) error {
	var err error
	if s.stack, err = lab.StartStack(ctx, options); err != nil {
		return err
	}
	// Many write at the same time; each new connection would cost as much as a message.
	s.stack.Simulator.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	return nil
}

func (s *stage) say(line string) { say("  " + line) }

// count is how often to do what is done count times at full scale.
func (s *stage) count(full int) int { return max(1, int(math.Ceil(float64(full)*s.scale))) }

// profiled has the bridge profiled while f runs, if the command line asks for that.
func (s *stage) profiled(ctx context.Context, name string, f func() error) error {
	if s.profiles == "" {
		return f()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.keepProfile(ctx, "profile?seconds=5", name) }()
	if err := f(); err != nil {
		return err
	}
	return <-done
}

// keepProfile takes a profile of the bridge and puts it into a file.
func (s *stage) keepProfile(ctx context.Context, what, name string) error {
	data, err := s.stack.Bridge.Profile(ctx, what)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.profiles, name+".pprof"), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("profile %s: %w", name, err)
	}
	return nil
}

// settled is the bridge's resident memory after its garbage was collected and given back.
func (s *stage) settled(ctx context.Context) (int64, error) {
	last := int64(math.MaxInt64)
	for steady := 0; steady < 3; {
		if _, err := s.stack.Bridge.Profile(ctx, "heap?gc=1"); err != nil {
			return 0, err
		}
		select {
		case <-time.After(time.Second): // Go's runtime gives memory back little by little
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
		memory, err := lab.ReadMemory(s.stack.Bridge.PID())
		if err != nil {
			return 0, err
		}
		if memory.Now > last-last/200 {
			steady++
		} else {
			steady = 0
		}
		last = min(last, memory.Now)
	}
	return last, nil
}

// peakOf is the bridge's resident memory before f, settled, and at its peak while f runs.
func (s *stage) peakOf(ctx context.Context, profile string, f func() error) (before, peak int64, err error) {
	if before, err = s.settled(ctx); err != nil {
		return 0, 0, err
	}
	pid := s.stack.Bridge.PID()
	if err = lab.ResetPeak(pid); err != nil {
		return 0, 0, err
	}
	if err = s.profiled(ctx, profile, f); err != nil {
		return 0, 0, err
	}
	memory, err := lab.ReadMemory(pid)
	return before, memory.Peak, err
}

// number is one that has an order and a middle.
type number interface {
	int64 | float64 | time.Duration
}

// median is the middle of some numbers, which it sorts.
func median[T number](numbers []T) T {
	slices.Sort(numbers)
	return numbers[len(numbers)/2]
}

// quantile99 is what 99 of 100 of the numbers do not exceed. It sorts them.
func quantile99[T number](numbers []T) T {
	slices.Sort(numbers)
	return numbers[(len(numbers)*99+99)/100-1]
}

func mebi(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

func milli(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func perSecond(rate float64) string { return fmt.Sprintf("%.0f/s", rate) }

func percent(ratio float64) string { return fmt.Sprintf("%.0f %%", 100*ratio) }
