// Package dgw speaks Meta's websocket gateway: its frames, streams, acknowledgements, pings and close codes. It knows
// nothing of what the streams carry, so that more than one network can use it.
//
// A Conn is used by three goroutines of its own: one reads the socket, one writes it, and the one that called Serve
// owns all state. Everything else asks that one and waits for the answer; the methods of Conn and Stream may be called
// from any goroutine except from inside a stream's handler.
package dgw
