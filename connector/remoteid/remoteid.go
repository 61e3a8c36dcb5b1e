// Package remoteid makes and cuts the ids by which the process tells its networks apart: <network>-<the network's own
// id>. It is the only place that knows the separator. Ids are stored for ever and, escaped, become part of Matrix user
// ids, so the format never changes without a migration. Pure functions, for any goroutine.
package remoteid

import (
	"strconv"
	"strings"
)

// Network is the prefix of one network's ids, and its key in the config.
type Network string

// The networks.
const (
	WhatsApp  Network = "whatsapp"
	Messenger Network = "messenger"
	Instagram Network = "instagram"
)

const separator = "-"

// Make prefixes a network's own id. T is any of bridgev2's string ids, or string for flow ids.
func Make[T ~string](network Network, raw string) T {
	return T(string(network) + separator + raw)
}

// Cut undoes Make: the first separator ends the prefix. It is false for an id without a prefix or without anything
// behind it; whether the network exists is for the caller to know.
func Cut[T ~string](id T) (network Network, raw string, ok bool) {
	prefix, raw, found := strings.Cut(string(id), separator)
	if !found || prefix == "" || raw == "" {
		return "", "", false
	}
	return Network(prefix), raw, true
}

// Of is Cut for one network: it is false also for another network's id.
func Of[T ~string](network Network, id T) (raw string, ok bool) {
	found, raw, ok := Cut(id)
	if !ok || found != network {
		return "", false
	}
	return raw, true
}

// Number reads a network's own id where that is a number above 0, in the one way of writing it. It is false for anything
// else, so that no two ids mean the same.
func Number(raw string) (int64, bool) {
	number, err := strconv.ParseInt(raw, 10, 64)
	return number, err == nil && number > 0 && strconv.FormatInt(number, 10) == raw
}
