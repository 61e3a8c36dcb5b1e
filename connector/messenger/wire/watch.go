package wire

import "crosschat/connector/messenger/wire/lightspeed"

// watcher is somebody who waits for something to be pushed.
type watcher struct {
	// see looks at every table that comes in, before it is handled. It must not block. If it answers a thread, the
	// history in the table is what it waited for.
	see func(*lightspeed.Table) (thread int64)
}

// watch has see called for every table from now on, until stop.
func (c *Client) watch(see func(*lightspeed.Table) int64) (stop func()) {
	w := &watcher{see}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers[w] = struct{}{}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers, w)
	}
}

// notify shows a table to all watchers and answers the threads whose history they waited for.
func (c *Client) notify(table *lightspeed.Table) (fetched []int64) {
	c.mu.Lock()
	watchers := make([]*watcher, 0, len(c.watchers))
	for w := range c.watchers {
		watchers = append(watchers, w)
	}
	c.mu.Unlock()
	for _, w := range watchers {
		if thread := w.see(table); thread != 0 {
			fetched = append(fetched, thread)
		}
	}
	return fetched
}
