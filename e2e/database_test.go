package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	_ "github.com/lib/pq"           // the bridge's database may be PostgreSQL
	_ "github.com/mattn/go-sqlite3" // or SQLite

	"crosschat/simulator/control"
)

// openDatabase opens the bridge's database to look into it.
func (s *stage) openDatabase() *sql.DB {
	s.Helper()
	driver, uri := "sqlite3", s.stack.DatabaseURI()
	if strings.HasPrefix(uri, "postgres:") {
		driver = "postgres"
	} else {
		uri = "file:" + uri + "?mode=ro&_busy_timeout=5000"
	}
	db, err := sql.Open(driver, uri)
	s.must(err)
	s.Cleanup(func() { _ = db.Close() })
	return db
}

// tablesOf lists the tables whose name starts with prefix.
func tablesOf(ctx context.Context, db *sql.DB, prefix string) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT name FROM sqlite_master WHERE type='table'")
	if err != nil {
		rows, err = db.QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema='public'")
	}
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err = rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list tables: %w", err)
		}
		if strings.HasPrefix(name, prefix) {
			tables = append(tables, name)
		}
	}
	return tables, rows.Err()
}

// countOwn counts the rows of a table in which the column that says whose session the row belongs to starts with one of
// the owners.
func countOwn(ctx context.Context, db *sql.DB, table string, owners ...string) (int, error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return 0, fmt.Errorf("read table %s: %w", table, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, fmt.Errorf("read table %s: %w", table, err)
	}
	owner := slices.IndexFunc(columns, func(c string) bool { return c == "our_jid" || c == "jid" || c == "our_id" })
	if owner < 0 {
		return 0, nil
	}
	count := 0
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err = rows.Scan(into...); err != nil {
			return 0, fmt.Errorf("read table %s: %w", table, err)
		}
		if slices.ContainsFunc(owners, func(o string) bool { return o != "" && strings.HasPrefix(cells[owner].String, o) }) {
			count++
		}
	}
	return count, rows.Err()
}

// rowsOfLogin lists what is left of a person's login in a web network's own tables, one of which holds sessions.
func rowsOfLogin(ctx context.Context, db *sql.DB, network string, p control.Person) (found []string, err error) {
	prefix := "crosschat_" + network + "_"
	tables, err := tablesOf(ctx, db, prefix)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(tables, prefix+"session") {
		return nil, fmt.Errorf("the bridge's database has no table of sessions on %s, only %q", network, tables)
	}
	for _, table := range tables {
		var count int
		row := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table+" WHERE login_id = '"+network+"-"+p.ID+"'")
		if err = row.Scan(&count); err != nil {
			return nil, fmt.Errorf("read table %s: %w", table, err)
		}
		if count > 0 {
			found = append(found, fmt.Sprintf("%d rows of %s", count, table))
		}
	}
	return found, nil
}
