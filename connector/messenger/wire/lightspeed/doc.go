// Package lightspeed decodes the payloads in which Messenger's server sends changes: small programs whose result is a
// list of stored-procedure calls. Run interprets a program, Decode sorts its calls into a Table of typed rows by the
// column tables in rows.go and its neighbours.
//
// It owns no connection and no state, and decides nothing about what rows mean. Its functions may be called from any
// goroutine. What it does not know (operations, procedures, columns of another type) it skips and counts in a Report;
// it fails only on what is no program at all, or a hostile one.
package lightspeed
