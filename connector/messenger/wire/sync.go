package wire

import (
	"context"
	"fmt"
	"sync"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
	"crosschat/connector/metaweb/dgw"
)

const maxSyncPages = 100

// session is the goroutine that brings the databases in sync and keeps them so.
func (n *connection) session(ctx context.Context) error {
	c := n.c
	c.mu.Lock()
	first := !c.synced
	n.early = c.synced || c.resumed
	c.mu.Unlock()
	var fetched *lightspeed.Table
	if first {
		var err error
		if fetched, err = n.fetchFirst(ctx); err != nil {
			return fmt.Errorf("fetch threads: %w", err)
		}
	}
	if err := n.syncAll(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	c.synced, c.unauthorized = true, false
	c.mu.Unlock()
	n.goLive(ctx)
	if err := n.handOver(ctx, fetched); err != nil {
		return err
	}
	c.handler.CaughtUp(ctx)
	return n.keepInSync(ctx)
}

// goLive lets actions use the connection.
func (n *connection) goLive(ctx context.Context) {
	n.living.Do(func() {
		n.c.setLive(n)
		n.c.handler.Connected(ctx)
	})
}

// fetchFirst asks for the threads of the inbox and of the requests, which a new client always does first.
func (n *connection) fetchFirst(ctx context.Context) (*lightspeed.Table, error) {
	table, _, err := n.exchange(ctx, n.c.firstTasks(n.site))
	return table, err
}

func (c *Client) firstTasks(s *site) []task.Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	parents := []int64{task.InboxKey}
	if s.initial != nil {
		for _, q := range s.initial.RangeQueries {
			if q.ParentThreadKey != task.InboxKey && len(parents) < 10 {
				parents = append(parents, q.ParentThreadKey)
			}
		}
	}
	cursor := optional(c.position.get(DatabaseMailbox).Cursor)
	var tasks []task.Task
	add := func(parent, key, activity int64) {
		tasks = append(tasks,
			task.FetchThreads(task.ThreadsPage{Parent: parent, ReferenceKey: key, ReferenceActivity: activity, Cursor: cursor,
				SyncGroup: task.GroupMailbox}),
			task.FetchThreads(task.ThreadsPage{Parent: parent, ReferenceKey: key, ReferenceActivity: activity,
				SyncGroup: task.GroupRequests}))
	}
	for _, parent := range parents {
		add(parent, 0, task.FirstPage)
	}
	if r, ok := c.position.ranges[task.GroupMailbox]; ok {
		add(r.ParentThreadKey, r.MinThreadKey, r.MinActivity)
	}
	return tasks
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// syncAll opens all databases at once. Only the mailbox must work.
func (n *connection) syncAll(ctx context.Context) error {
	results := make([]error, len(databases))
	var workers sync.WaitGroup
	for i, database := range databases {
		workers.Go(func() {
			results[i] = dgw.Guard(ctx, func(ctx context.Context) error { return n.syncDatabase(ctx, database) })
		})
	}
	workers.Wait()
	for i, err := range results {
		if err == nil {
			continue
		}
		if databases[i] == DatabaseMailbox || ctx.Err() != nil {
			return fmt.Errorf("sync database %d: %w", databases[i], err)
		}
		n.c.log.Warn().Err(err).Int64("database", databases[i]).Msg("Database is not in sync")
	}
	return nil
}

// syncDatabase asks for what is new page by page, until a page leads nowhere.
func (n *connection) syncDatabase(ctx context.Context, database int64) error {
	for range maxSyncPages {
		n.c.mu.Lock()
		before := n.c.position.get(database)
		n.c.mu.Unlock()
		table, err := n.syncPage(ctx, database, before)
		if err != nil {
			return err
		}
		block, ok := firstBlock(table, database)
		if !ok {
			n.c.log.Warn().Int64("database", database).Msg("Sync response has no first block")
			return nil
		}
		n.c.mu.Lock()
		stays := n.c.position.get(database) == before
		n.c.mu.Unlock()
		if stays || !advances(block, before) {
			return nil
		}
	}
	n.c.log.Warn().Int64("database", database).Msg("Sync of a database does not end")
	return nil
}

func firstBlock(table *lightspeed.Table, database int64) (lightspeed.FirstBlock, bool) {
	for _, block := range table.FirstBlocks {
		if block.Database == database {
			return block, true
		}
	}
	return lightspeed.FirstBlock{}, false
}

// syncPage sends one query, on the database's stream or a new one, and waits until the answer is handled.
func (n *connection) syncPage(ctx context.Context, database int64, from Database) (*lightspeed.Table, error) {
	raw, requestID, err := n.c.encodeQuery(n.site, database, from)
	if err != nil {
		return nil, err
	}
	waiting, forget := n.await(requestID)
	defer forget()
	if err = n.query(ctx, database, raw); err != nil {
		return nil, err
	}
	timer := time.NewTimer(n.c.cfg.SyncTimeout)
	defer timer.Stop()
	var table *lightspeed.Table
	select {
	case table = <-waiting.arrived:
		if n.early && database == DatabaseMailbox {
			n.goLive(ctx)
		}
	case <-timer.C:
		return nil, fmt.Errorf("sync response: %w", dgw.ErrTimeout)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case err = <-waiting.handled:
		return table, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// query sends a query on the database's stream, which it opens if there is none.
func (n *connection) query(ctx context.Context, database int64, raw []byte) error {
	if stream, ok := n.streams.Load(database); ok {
		return stream.(*dgw.Stream).Send(ctx, raw)
	}
	stream, err := n.conn.Open(ctx, dgw.OpenOptions{First: raw, FirstWantsAck: true, Handle: n.receive(database),
		Ended: func(err error) { n.ended(database, err) }})
	if err != nil {
		return err
	}
	n.streams.Store(database, stream)
	return nil
}

// ended notes that the server ended a database's stream. The gateway's goroutine calls it, so it must not block.
func (n *connection) ended(database int64, err error) {
	n.streams.Delete(database)
	n.c.log.Warn().Err(err).Int64("database", database).Msg("Gateway ended the stream of a database")
	if database == DatabaseMailbox {
		select {
		case n.deaf <- err:
		default:
		}
	}
}

// handOver hands the page's tables to the Handler, and the answer to the first requests. The cursors are stored only
// behind them.
func (n *connection) handOver(ctx context.Context, fetched *lightspeed.Table) error {
	n.c.mu.Lock()
	tables := n.c.unhandled
	n.c.mu.Unlock()
	if fetched != nil {
		tables = append(tables[:len(tables):len(tables)], Delivery{Table: fetched, Origin: FromFetch})
	}
	for _, d := range tables {
		handled := make(chan error, 1)
		if !n.decoded.Put(parcel{Delivery: d, handled: handled}) {
			return ErrOverrun
		}
		select {
		case err := <-handled:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	n.c.mu.Lock()
	n.c.unhandled = nil
	n.c.mu.Unlock()
	return n.c.save(ctx)
}

// keepInSync asks for the mailbox now and then, since pushes have been seen to stop on a connection that looks well, and
// ends the connection when the page is too old.
func (n *connection) keepInSync(ctx context.Context) error {
	ticker := time.NewTicker(n.c.cfg.ResyncInterval)
	defer ticker.Stop()
	expired := time.NewTimer(time.Until(n.site.loadedAt.Add(n.c.cfg.PageAge)))
	defer expired.Stop()
	var last time.Time
	for {
		doubt := n.resyncs
		var later <-chan time.Time
		if since := time.Since(last); since < n.c.cfg.ResyncPause {
			doubt = nil
			later = time.After(n.c.cfg.ResyncPause - since)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-expired.C:
			return ErrPageTooOld
		case err := <-n.deaf:
			return fmt.Errorf("mailbox stream: %w", err)
		case <-later:
			continue
		case <-ticker.C:
		case <-doubt:
		}
		last = time.Now()
		if err := n.syncDatabase(ctx, DatabaseMailbox); err != nil {
			return fmt.Errorf("sync mailbox again: %w", err)
		}
	}
}
