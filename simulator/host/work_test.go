package host

import (
	"sync"
	"testing"
)

// What comes while the server ends is refused or waited for; the race detector watches.
func TestWork(t *testing.T) {
	var w Work
	var lock sync.Mutex
	going := 0
	count := func(n int) {
		lock.Lock()
		defer lock.Unlock()
		going += n
	}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if w.Begin() {
				count(1)
				count(-1)
				w.Done()
			}
		})
	}
	w.End()
	lock.Lock()
	if going != 0 {
		t.Errorf("%d are still going on", going)
	}
	lock.Unlock()
	if w.Begin() {
		t.Error("something began behind the end")
	}
	all.Wait()
}
