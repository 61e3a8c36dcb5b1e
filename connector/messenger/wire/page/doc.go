// Package page reads what the messages page of the site says about the session: tokens, ids, the schema version and
// the first payload. All of it changes from load to load or from week to week, which is why it is read and not known.
//
// It loads nothing itself and keeps no state; its functions may be called from any goroutine. It looks for values by
// their own shape wherever they are in the page, since what is around them changes more often than they do.
package page
