// Package wire is Messenger's own web protocol for one account: the session made of a browser's cookies, the page load
// that starts it, the gateway with its sync databases and tasks, uploads and downloads. It knows nothing of Matrix.
//
// A Client lives as long as its login. Load checks the session; Serve connects, keeps the databases in sync and blocks
// until the connection ends; whoever calls it decides by Advise when to call it again. All other methods may be called
// from any goroutine at any time; those that need a connection wait a while for one.
//
// Of the goroutines of one connection one reads the socket, one writes it, one owns the streams (all in package dgw), one
// decodes what came in and tells those who wait for it, and one hands it to the Handler in order and owns the cursors.
// All have ended when Serve returns.
//
// What changes on the network's side is read from the page or is in Config. The sub-packages are leaves of this one:
// page (scraping), lightspeed (payloads), task (requests), e2ee (the encrypted socket, which only shares the session's
// tokens). Cookies, HTTP, the gateway and downloads are metaweb's; its package fingerprint makes the transports that look
// like a browser's, and nothing here needs it.
package wire
