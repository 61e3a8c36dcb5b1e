package connector

import (
	"context"
	"time"

	"go.mau.fi/util/dbutil"

	"crosschat/connector/ledger"
	"crosschat/connector/meter"
)

// metered counts the time of queries and tells the ledger of those that failed, beside logging the slow ones.
func (c *Connector) metered(log dbutil.DatabaseLogger) dbutil.DatabaseLogger {
	return meteredLog{log, c.ledger}
}

type meteredLog struct {
	dbutil.DatabaseLogger
	ledger *ledger.Ledger
}

// QueryTiming implements dbutil.DatabaseLogger.
func (m meteredLog) QueryTiming(ctx context.Context, method, query string, args []any, nrows int, took time.Duration, err error) {
	meter.Database.Took(took, err)
	m.ledger.Queried(ctx, query, err)
	m.DatabaseLogger.QueryTiming(ctx, method, query, args, nrows, took, err)
}

// Ledger is the process's ledger, from Init on.
func (c *Connector) Ledger() *ledger.Ledger { return c.ledger }

// Monitoring is the address at which metrics and health are to be served; empty is nowhere.
func (c *Connector) Monitoring() string { return c.config.Monitoring.Listen }
