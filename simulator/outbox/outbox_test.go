package outbox

import (
	"context"
	"testing"
)

func TestOutbox(t *testing.T) {
	o := New[int]()
	go func() {
		for i := range 100 {
			o.Push(i)
		}
	}()
	for want := range 100 {
		if got, ok := o.Pull(t.Context()); !ok || got != want {
			t.Fatalf("pulled %d, %t, want %d", got, ok, want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	o.Push(7)
	if got, ok := o.Pull(ended); !ok || got != 7 {
		t.Errorf("pulled %d, %t, want what is there even at the end", got, ok)
	}
	o.Push(8)
	o.Clear()
	if got, ok := o.Pull(ended); ok {
		t.Errorf("pulled %d from what was cleared", got)
	}
}
