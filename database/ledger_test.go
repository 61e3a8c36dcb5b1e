package database_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/util/dbutil"
	_ "go.mau.fi/util/dbutil/litestream" // the SQLite driver that the bridge uses

	"crosschat/database"
	"crosschat/e2e/lab"
)

// onBoth runs a test on SQLite, and on PostgreSQL where this machine has it.
func onBoth(t *testing.T, test func(*testing.T, *database.Ledger)) {
	t.Run("SQLite", func(t *testing.T) {
		uri := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_txlock=immediate"
		test(t, mustOpen(t, "sqlite3-fk-wal", uri))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server, err := lab.StartPostgres(t.Context(), func(string) {})
		if err != nil {
			lab.Notice("the ledger on PostgreSQL: %v", err)
			t.SkipNow() // the notice has said so loudly
		}
		t.Cleanup(func() { _ = server.Stop() })
		uri, err := server.CreateDatabase(t.Context(), "ledger")
		if err != nil {
			t.Fatalf("create database: %v", err)
		}
		test(t, mustOpen(t, "postgres", uri))
	})
}

func mustOpen(t *testing.T, kind, uri string) *database.Ledger {
	t.Helper()
	db, err := dbutil.NewFromConfig("", dbutil.Config{PoolConfig: dbutil.PoolConfig{Type: kind, URI: uri, MaxOpenConns: 3}}, dbutil.NoopLogger)
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ledger := database.New(db, zerolog.Nop()).Ledger()
	for range 2 {
		if err := ledger.Upgrade(t.Context()); err != nil {
			t.Fatalf("upgrade: %v", err)
		}
	}
	return ledger
}

func event(seq int64) database.Outgoing {
	return database.Outgoing{
		Seq: seq, EventID: fmt.Sprintf("$%d", seq), RoomID: "!room", Body: []byte("{\"a\":\"\\u0000\xff\"}"), ReceivedAt: time.UnixMilli(1000 * seq),
	}
}

func TestAccept(t *testing.T) {
	onBoth(t, func(t *testing.T, l *database.Ledger) {
		keys := database.Outgoing{Seq: 3, Body: []byte("{}"), ReceivedAt: time.Now()}
		for _, step := range []struct {
			fingerprint string
			rows        []database.Outgoing
			want        int
		}{
			{"a", []database.Outgoing{event(1), event(2), keys}, 3},
			{"a", []database.Outgoing{event(1), event(2), keys}, 0}, // the answer was lost
			{"b", []database.Outgoing{{Seq: 5, EventID: "$2", RoomID: "!room", Body: []byte("{}")}, event(6)}, 1},
			{"c", []database.Outgoing{{Seq: 7, Body: []byte("{}")}}, 1},
		} {
			stored, err := l.Accept(t.Context(), step.fingerprint, 10, step.rows)
			if err != nil || len(stored) != step.want {
				t.Fatalf("accept %q: %d stored (%v), want %d", step.fingerprint, len(stored), err, step.want)
			}
		}
		waiting, err := l.Waiting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var seqs []int64
		for _, row := range waiting {
			seqs = append(seqs, row.Seq)
		}
		if fmt.Sprint(seqs) != "[1 2 3 6 7]" {
			t.Errorf("waiting are %v, want 1 2 3 6 7", seqs)
		}
		if got := waiting[0]; got.EventID != "$1" || string(got.Body) != string(event(1).Body) || !got.ReceivedAt.Equal(event(1).ReceivedAt) {
			t.Errorf("the first is %+v", got)
		}
		if last, err := l.LastSeq(t.Context()); err != nil || last != 10 {
			t.Errorf("last number is %d (%v), want 10", last, err)
		}
	})
}

func TestOutcomes(t *testing.T) {
	onBoth(t, func(t *testing.T, l *database.Ledger) {
		if _, err := l.Accept(t.Context(), "a", 9, []database.Outgoing{event(1), event(2), event(3)}); err != nil {
			t.Fatal(err)
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(l.Finish(t.Context()))
		must(l.Finish(t.Context(), 1, 77))
		must(l.Tried(t.Context(), 2))
		must(l.Fail(t.Context(), 3, "broken \x00\xff", "it is broken"))
		failed, err := l.Failed(t.Context())
		must(err)
		if len(failed) != 1 || failed[0].Seq != 3 || failed[0].Reason != "broken \uFFFD\uFFFD" || failed[0].Notice != "it is broken" || failed[0].FailedAt.IsZero() {
			t.Errorf("failed are %+v", failed)
		}
		must(l.Told(t.Context(), 3))
		must(l.Revive(t.Context(), 3))
		waiting, err := l.Waiting(t.Context())
		must(err)
		if len(waiting) != 2 || waiting[0].Tries != 1 || waiting[1].Notice != "" || time.Since(waiting[1].ReceivedAt) > time.Minute {
			t.Errorf("waiting are %+v", waiting)
		}
		must(l.Reachable(t.Context()))
	})
}

func TestUndeliveredAndBegun(t *testing.T) {
	onBoth(t, func(t *testing.T, l *database.Ledger) {
		u := database.Undelivered{Seq: 4, LoginID: "login", PortalID: "chat", MessageID: "1", SentAt: time.Now(), Reason: "no", Notice: "sorry"}
		for range 2 {
			if err := l.AddUndelivered(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			u.Seq++
		}
		if err := l.ToldUndelivered(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		list, err := l.Undelivered(t.Context())
		if err != nil || len(list) != 1 || list[0].Seq != 4 || list[0].Notice != "" {
			t.Errorf("undelivered are %+v (%v)", list, err)
		}
		for range 2 {
			if err := l.Begin(t.Context(), "room", "chat"); err != nil {
				t.Fatal(err)
			}
		}
		if keys, err := l.Begun(t.Context(), "room"); err != nil || fmt.Sprint(keys) != "[chat]" {
			t.Errorf("begun are %q (%v)", keys, err)
		}
		if err := l.End(t.Context(), "room", "chat"); err != nil {
			t.Fatal(err)
		}
		if size, err := l.Size(t.Context()); err != nil || size.Begun != 0 || size.Undelivered != 1 {
			t.Errorf("size is %+v (%v)", size, err)
		}
	})
}

// TestSizeIsBounded has much go through, and some of it fail.
func TestSizeIsBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, l *database.Ledger) {
		const transactions, each = 600, 3
		for i := range int64(transactions) {
			var rows []database.Outgoing
			for j := range int64(each) {
				rows = append(rows, event(i*10+j+1))
			}
			if _, err := l.Accept(t.Context(), fmt.Sprint(i), i*10+9, rows); err != nil {
				t.Fatal(err)
			}
			if err := l.Finish(t.Context(), i*10+1, i*10+2); err != nil {
				t.Fatal(err)
			}
			if err := l.Fail(t.Context(), i*10+3, "no", ""); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Prune(t.Context(), time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		size, err := l.Size(t.Context())
		if err != nil || size.Waiting != 0 || size.Failed != transactions || size.Transactions != 2000 {
			t.Errorf("before the failed are old: %+v (%v)", size, err)
		}
		if err := l.Prune(t.Context(), time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if size, err = l.Size(t.Context()); err != nil || size.Failed != 0 {
			t.Errorf("after: %+v (%v)", size, err)
		}
	})
}

func TestLedgerKnowsHowTheLastRunEnded(t *testing.T) {
	onBoth(t, func(t *testing.T, l *database.Ledger) {
		for i, want := range []bool{false, true, true} {
			if fell, err := l.Rise(t.Context()); err != nil || fell != want {
				t.Errorf("start %d: the run before did not end in order: %t (%v), want %t", i, fell, err, want)
			}
			if err := l.Settle(t.Context()); err != nil {
				t.Errorf("settle: %v", err)
			}
		}
		if err := l.Rest(t.Context()); err != nil {
			t.Errorf("rest: %v", err)
		}
		if fell, err := l.Rise(t.Context()); err != nil || fell {
			t.Errorf("after an orderly end: %t (%v)", fell, err)
		}
		if size, err := l.Size(t.Context()); err != nil || size.Begun != 0 {
			t.Errorf("%d steps are noted (%v), want none", size.Begun, err)
		}
	})
}
