// Package page reads the pages of Meta's sites: the configurations in their scripts, the tokens that every request carries,
// and the addresses of their programs. What only one site says is that network's to look for, with a Visitor.
//
// It loads nothing and keeps no state; its functions may be called from any goroutine. It looks for values by their own
// shape wherever they are in the page, since what is around them changes more often than they do.
package page
