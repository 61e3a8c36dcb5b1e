// Package page reads what the messages page of the site says about the session: tokens, ids, the schema version and
// the first payload. All of it changes from load to load or from week to week, which is why it is read and not known. How a
// page is read at all is metaweb's.
//
// It loads nothing itself and keeps no state; its functions may be called from any goroutine.
package page
