package instagram

import (
	"errors"
	"fmt"
	"strings"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/remoteid"
)

// The ids, stored for ever:
//
//	user, login, portal of a chat of two   instagram-<account number>, the other's for a portal
//	portal of a group                      instagram-group-<short id of the thread>
//	message                                instagram-<mid.$…>, the network's own
//
// Rooms of history and what is in them: package history.
//
// Accounts have a second id in messaging, which never becomes part of ours: account numbers are what everything else on
// Instagram knows people by.

const groupMark = "group-"

var (
	errNotOurs   = errors.New("it is not one of instagram's")
	errNotNumber = errors.New("it is no number")
)

func makeID[T ~string](person wire.IGID) T {
	return remoteid.Make[T](remoteid.Instagram, person.String())
}

func makeGroupID(group wire.ShortID) networkid.PortalID {
	return remoteid.Make[networkid.PortalID](remoteid.Instagram, groupMark+group.String())
}

// parseID undoes makeID. It takes no other writing of the same number.
func parseID[T ~string](id T) (wire.IGID, error) {
	raw, ok := remoteid.Of(remoteid.Instagram, id)
	if !ok {
		return 0, fmt.Errorf("parse id %q: %w", id, errNotOurs)
	}
	number, ok := remoteid.Number(raw)
	if !ok {
		return 0, fmt.Errorf("parse id %q: %w", id, errNotNumber)
	}
	return wire.IGID(number), nil
}

// parsePortal undoes makeID and makeGroupID: one of the two is not 0.
func parsePortal(id networkid.PortalID) (peer wire.IGID, group wire.ShortID, err error) {
	raw, ok := remoteid.Of(remoteid.Instagram, id)
	if !ok {
		return 0, 0, fmt.Errorf("parse portal id %q: %w", id, errNotOurs)
	}
	text, isGroup := strings.CutPrefix(raw, groupMark)
	number, ok := remoteid.Number(text)
	switch {
	case !ok:
		return 0, 0, fmt.Errorf("parse portal id %q: %w", id, errNotNumber)
	case isGroup:
		return 0, wire.ShortID(number), nil
	default:
		return wire.IGID(number), 0, nil
	}
}

// longestMessageID is more than any id of a message has.
const longestMessageID = 256

func makeMessageID(mid wire.MessageID) (networkid.MessageID, error) {
	if mid == "" || len(mid) > longestMessageID || strings.ContainsFunc(string(mid), func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", fmt.Errorf("make id of message %.300q: %w", mid, errNotOurs)
	}
	return remoteid.Make[networkid.MessageID](remoteid.Instagram, string(mid)), nil
}

func parseMessageID(id networkid.MessageID) (wire.MessageID, error) {
	mid, ok := remoteid.Of(remoteid.Instagram, id)
	if !ok {
		return "", fmt.Errorf("parse message id %q: %w", id, errNotOurs)
	}
	return wire.MessageID(mid), nil
}
