// Package metrics shows from outside how the bridge is: metrics for Prometheus (those that package meter counts, and states
// that are looked up when somebody asks), and whether the process lives and is ready. It serves them at an address of their
// own, and health at the appservice's port too. Attach is called once, before the bridge starts; the rest runs in the
// goroutines of HTTP servers.
package metrics
