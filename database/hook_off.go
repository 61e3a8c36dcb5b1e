//go:build !crosschat_testhooks

package database

// syncing is called before the write-ahead log is synced, and what it returns after. Builds with the tag crosschat_testhooks
// note how far the log has come by then.
func syncing(string) (synced func()) { return func() {} }
