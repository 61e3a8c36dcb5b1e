package server

import (
	"fmt"

	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// answer is the rows that a query of a database gets. False says that the cursor is none.
func (s *Server) answer(a *account, db int64, cursor *string) ([]lightspeed.Call, bool, bool) {
	l := a.logs[db]
	if l == nil {
		block := lightspeed.Block{Database: db, Current: fmt.Sprintf("sim%d.0", db), Next: fmt.Sprintf("sim%d.0", db)}
		return s.transaction(a, block, nil), true, true
	}
	from := position{}
	if cursor != nil && *cursor != "" {
		var ok bool
		if from, ok = a.position(db, *cursor); !ok {
			return nil, false, false
		}
	}
	var calls []lightspeed.Call
	var to position
	if from.at == 0 || from.offset > 0 {
		calls, to = s.snapshot(a, db, from)
	} else {
		calls, to = s.since(a, l, from)
	}
	block := lightspeed.Block{
		Database: db, Current: a.cursor(db, from), Next: a.cursor(db, to), SequenceID: int64(to.at),
	}
	return s.transaction(a, block, calls), to.at == len(l.entries) && to.offset == 0, true
}

// since is what the log holds behind a position.
func (s *Server) since(a *account, l *syncLog, from position) ([]lightspeed.Call, position) {
	to := position{at: len(l.entries)}
	if page := s.cfg.SyncPage; page > 0 {
		to.at = min(to.at, from.at+page)
	}
	var calls []lightspeed.Call
	_, asHistory := s.faults.Rules("catchup_upserts", s.subject(a, "query", ""))
	for _, entry := range l.entries[from.at:to.at] {
		for _, c := range entry {
			if asHistory && c.Name == "insertMessage" {
				calls = append(calls, historical(c)...)
				continue
			}
			calls = append(calls, c)
		}
	}
	return calls, to
}

// historical turns a live message into one of the history with its range.
func historical(live lightspeed.Call) []lightspeed.Call {
	thread, _ := live.Args[3].(int64)
	at, _ := live.Args[5].(int64)
	id, _ := live.Args[8].(string)
	upsert := lightspeed.Call{Name: "upsertMessage", Args: append(append(append([]any{}, live.Args[:70]...), nil), live.Args[70:]...)}
	return []lightspeed.Call{
		lightspeed.Range{Thread: thread, MinAt: at, MaxAt: at, MinID: id, MaxID: id, MoreBefore: true}.Insert(), upsert,
	}
}

// snapshot is what a database tells a client that knows nothing of it, or the next page of that.
func (s *Server) snapshot(a *account, db int64, from position) ([]lightspeed.Call, position) {
	to := position{at: from.at}
	if from.offset == 0 {
		to.at = len(a.logs[db].entries)
	}
	switch db {
	case lightspeed.Contacts:
		return s.contactSnapshot(a, from.offset, to)
	case lightspeed.Mailbox, lightspeed.Requests:
		return s.threadSnapshot(a, db, from.offset, to)
	}
	return nil, to
}

func (s *Server) contactSnapshot(a *account, offset int, to position) ([]lightspeed.Call, position) {
	list := s.world.Contacts(a.Person)
	list = list[min(offset, len(list)):]
	if page := s.cfg.SyncPage; page > 0 && len(list) > page {
		list, to.offset = list[:page], offset+page
	}
	var calls []lightspeed.Call
	for _, p := range list {
		calls = append(calls, s.contact(a, p).DeleteThenInsert())
	}
	return calls, to
}

// views lists the threads of a database.
func (a *account) views(db int64) []*world.View {
	var views []*world.View
	for _, v := range a.Views() {
		if database(v) == db && !v.Deleted {
			views = append(views, v)
		}
	}
	return views
}

func (s *Server) threadSnapshot(a *account, db int64, offset int, to position) ([]lightspeed.Call, position) {
	all := a.views(db)
	first := all[:min(len(all), s.cfg.ThreadsPage)]
	page := first[min(offset, len(first)):]
	if size := s.cfg.SyncPage; size > 0 && len(page) > size {
		page, to.offset = page[:size], offset+size
	}
	calls := s.threadsWithMessages(a, page)
	if to.offset == 0 {
		calls = append(calls, rangeCall(db, first, len(all) > len(first)), lightspeed.ThreadsRangesQuery(-1))
	}
	return calls, to
}

// rangeCall says how far a list of threads goes.
func rangeCall(db int64, listed []*world.View, more bool) lightspeed.Call {
	if len(listed) == 0 {
		return lightspeed.ThreadsRange(db, -1, 0, false, 0)
	}
	last := listed[len(listed)-1]
	return lightspeed.ThreadsRange(db, -1, last.Thread.LastActivity, more, last.PlainKey())
}

// threadsWithMessages tells threads with the last messages of each.
func (s *Server) threadsWithMessages(a *account, views []*world.View) []lightspeed.Call {
	var calls []lightspeed.Call
	for _, v := range views {
		v.Told = true
		calls = append(calls, s.threadCalls(a, v)...)
		if !v.Thread.Encrypted || !v.Thread.Born {
			messages, more := v.Last(s.cfg.MessagesInTable)
			calls = append(calls, s.historyCalls(v, messages, more, 0)...)
		}
	}
	return calls
}
