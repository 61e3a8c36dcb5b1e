// Package wire is Instagram Direct's own web protocol for one account: the session made of a browser's cookies, the page
// load that starts it, the calls of its persisted documents, the gateway that tells what happens, uploads and downloads. It
// knows nothing of Matrix, and keeps nothing: who and what an id stands for is its user's to remember.
//
// A Client lives as long as its login. Load checks the session; Serve connects, brings what happened since the cursor, and
// blocks until the connection ends; whoever calls it decides by Advise when to call it again. All other methods are plain
// requests: they may be called from any goroutine at any time, with or without a connection, except Typing.
//
// Of the goroutines of one connection one reads the socket, one writes it, one owns the streams (all in package dgw), one
// hands what came in to the Handler, in order, and owns the cursor, one polls what is not pushed, and one hears of typing on
// a socket of its own. All have ended when Serve returns.
//
// What changes on the network's side is read from the page and its scripts or is in Config.
package wire
