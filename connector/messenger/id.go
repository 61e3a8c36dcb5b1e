package messenger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/remoteid"
)

// Ids of people, threads and logins are messenger-<number>, those of messages messenger-<the network's own>.

var (
	errNotOurs   = errors.New("it is not one of messenger's")
	errNotNumber = errors.New("it is no number")
)

func makeID[T ~string](number int64) T {
	return remoteid.Make[T](remoteid.Messenger, strconv.FormatInt(number, 10))
}

// parseID undoes makeID. It takes no other writing of the same number.
func parseID[T ~string](id T) (int64, error) {
	raw, ok := remoteid.Of(remoteid.Messenger, id)
	if !ok {
		return 0, fmt.Errorf("parse id %q: %w", id, errNotOurs)
	}
	number, ok := remoteid.Number(raw)
	if !ok {
		return 0, fmt.Errorf("parse id %q: %w", id, errNotNumber)
	}
	return number, nil
}

// longestMessageID is more than any id of a message has.
const longestMessageID = 256

func makeMessageID(mid string) (networkid.MessageID, error) {
	if mid == "" || len(mid) > longestMessageID || strings.ContainsFunc(mid, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", fmt.Errorf("make id of message %.300q: %w", mid, errNotOurs)
	}
	return remoteid.Make[networkid.MessageID](remoteid.Messenger, mid), nil
}

func parseMessageID(id networkid.MessageID) (mid string, err error) {
	mid, ok := remoteid.Of(remoteid.Messenger, id)
	if !ok {
		return "", fmt.Errorf("parse message id %q: %w", id, errNotOurs)
	}
	return mid, nil
}
