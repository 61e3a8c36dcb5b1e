package host

import "sync"

// Work counts what is going on, so that a server can wait for its end. Unlike with a sync.WaitGroup, more may begin at the
// same time, which is then refused.
type Work struct {
	lock    sync.Mutex
	ended   bool
	running sync.WaitGroup
}

// Begin is false behind End; else Done must follow.
func (w *Work) Begin() bool {
	w.lock.Lock()
	defer w.lock.Unlock()
	if !w.ended {
		w.running.Add(1)
	}
	return !w.ended
}

// Done ends what Begin began.
func (w *Work) Done() { w.running.Done() }

// End lets nothing begin any more, and waits for what has.
func (w *Work) End() {
	w.lock.Lock()
	w.ended = true
	w.lock.Unlock()
	w.running.Wait()
}
