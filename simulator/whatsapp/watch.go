package whatsapp

import (
	"context"
	"regexp"
	"strings"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp/server"
)

// AddFault breaks something at the server.
func (n *Network) AddFault(_ context.Context, fault control.Fault) (control.Fault, error) {
	added, err := n.server.AddFault(server.Fault(fault))
	if err != nil {
		return control.Fault{}, control.Invalid("%v", err)
	}
	return control.Fault(added), nil
}

// Faults lists all faults.
func (n *Network) Faults(context.Context) ([]control.Fault, error) {
	out := []control.Fault{}
	for _, f := range n.server.Faults() {
		out = append(out, control.Fault(f))
	}
	return out, nil
}

// RemoveFault ends a fault.
func (n *Network) RemoveFault(_ context.Context, id string) error {
	if !n.server.RemoveFault(id) {
		return control.NotFound("no fault %q", id)
	}
	return nil
}

// Log returns what crossed the wire.
func (n *Network) Log(_ context.Context, from int) ([]control.LogEntry, error) {
	out := []control.LogEntry{}
	for _, e := range n.server.Log(from) {
		out = append(out, logEntry(e))
	}
	return out, nil
}

// AwaitLog blocks until as many entries as asked for match.
func (n *Network) AwaitLog(ctx context.Context, match control.LogMatch) ([]control.LogEntry, error) {
	pattern, err := regexp.Compile(match.Pattern)
	if err != nil {
		return nil, control.Invalid("pattern %q: %v", match.Pattern, err)
	}
	accept := func(e server.Entry) bool {
		return strings.Contains(e.Data, match.Contains) && pattern.MatchString(e.Data) &&
			(match.Person == "" || match.Person == e.User) &&
			(match.Direction == "" || match.Direction == e.Direction) &&
			(match.Device == 0 || match.Device == e.Device)
	}
	var found []control.LogEntry
	from := match.From
	for len(found) < max(match.Count, 1) {
		e, err := n.server.AwaitLog(ctx, from, accept)
		if err != nil {
			return nil, control.TimedOut("%d of %d log entries matched in time: %v", len(found), max(match.Count, 1), err)
		}
		found = append(found, logEntry(e))
		from = e.Index + 1
	}
	return found, nil
}

func logEntry(e server.Entry) control.LogEntry {
	return control.LogEntry{
		Index: e.Index, Time: e.Time, Network: Name, Direction: e.Direction, Person: e.User, Device: e.Device, Data: e.Data,
	}
}

// Unexpected lists requests that the server does not know.
func (n *Network) Unexpected(context.Context) ([]control.Unexpected, error) {
	out := []control.Unexpected{}
	for _, u := range n.server.Unexpected() {
		out = append(out, control.Unexpected{Network: Name, Time: u.Time, Person: u.User, What: u.What})
	}
	return out, nil
}
