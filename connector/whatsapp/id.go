package whatsapp

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/remoteid"
)

// The ids, stored for ever:
//
//	user, 1:1 portal, login   whatsapp-lid-<number>, or whatsapp-<phone number> while no LID is known
//	group                     whatsapp-group-<WhatsApp's id of it>
//	status updates            whatsapp-status
//	message                   whatsapp-<chat>:<sender>:<WhatsApp's id>, chat and sender as above without "whatsapp-"
//
// WhatsApp's message ids are chosen by the sender and unique only for one chat and sender; bytes in them that are not
// letters, digits, '-', '_', '.' or '~' are percent-encoded.

const (
	lidMark = "lid-"
	// longestNumber is more than any phone number or LID has; longestMessageID more than any client makes.
	longestNumber    = 20
	longestMessageID = 200
)

var errNotAUser = errors.New("not a person's address")

// messageKey is what a message id says.
type messageKey struct {
	Chat   types.JID
	Sender types.JID
	ID     types.MessageID
}

// person is a user's address without device, with the hosted forms of business accounts as the normal ones they stand
// for. It is false for groups, lists, channels and everything else that is no person.
func person(jid types.JID) (types.JID, bool) {
	jid = jid.ToNonAD()
	switch jid.Server {
	case types.HostedServer:
		jid.Server = types.DefaultUserServer
	case types.HostedLIDServer:
		jid.Server = types.HiddenUserServer
	case types.DefaultUserServer, types.HiddenUserServer:
	default:
		return types.EmptyJID, false
	}
	return jid, isNumber(jid.User)
}

func isNumber(text string) bool {
	if text == "" || len(text) > longestNumber {
		return false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func rawUser(jid types.JID) (string, error) {
	p, ok := person(jid)
	if !ok {
		return "", fmt.Errorf("make id of %q: %w", jid, errNotAUser)
	}
	if p.Server == types.HiddenUserServer {
		return lidMark + p.User, nil
	}
	return p.User, nil
}

func parseRawUser(raw string) (types.JID, bool) {
	number, isLID := strings.CutPrefix(raw, lidMark)
	if !isNumber(number) {
		return types.EmptyJID, false
	}
	if isLID {
		return types.NewJID(number, types.HiddenUserServer), true
	}
	return types.NewJID(number, types.DefaultUserServer), true
}

// makeID makes the id of a person, in whichever of bridgev2's roles.
func makeID[T networkid.UserID | networkid.PortalID | networkid.UserLoginID](jid types.JID) (T, error) {
	raw, err := rawUser(jid)
	if err != nil {
		return "", err
	}
	return T(remoteid.Make[string](remoteid.WhatsApp, raw)), nil
}

// mustID is makeID for an address that person has approved.
func mustID[T networkid.UserID | networkid.PortalID | networkid.UserLoginID](jid types.JID) T {
	id, err := makeID[T](jid)
	if err != nil {
		panic(err)
	}
	return id
}

// parseID undoes makeID.
func parseID[T networkid.UserID | networkid.PortalID | networkid.UserLoginID](id T) (types.JID, error) {
	raw, ok := remoteid.Of(remoteid.WhatsApp, string(id))
	if !ok {
		return types.EmptyJID, fmt.Errorf("parse id %q: not WhatsApp's", id)
	}
	jid, ok := parseRawUser(raw)
	if !ok {
		return types.EmptyJID, fmt.Errorf("parse id %q: %w", id, errNotAUser)
	}
	return jid, nil
}

func makeMessageID(key messageKey) (networkid.MessageID, error) {
	chat, err := rawChat(key.Chat)
	if err != nil {
		return "", fmt.Errorf("chat of message %q: %w", key.ID, err)
	}
	sender, err := rawUser(key.Sender)
	if err != nil {
		return "", fmt.Errorf("sender of message %q: %w", key.ID, err)
	}
	if key.ID == "" || len(key.ID) > longestMessageID {
		return "", fmt.Errorf("make message id: WhatsApp's id has %d bytes", len(key.ID))
	}
	raw := chat + ":" + sender + ":" + escape(key.ID)
	return remoteid.Make[networkid.MessageID](remoteid.WhatsApp, raw), nil
}

func parseMessageID(id networkid.MessageID) (messageKey, error) {
	raw, ok := remoteid.Of(remoteid.WhatsApp, id)
	if !ok {
		return messageKey{}, fmt.Errorf("parse message id %q: not WhatsApp's", id)
	}
	parts := strings.Split(raw, ":")
	if len(parts) != 3 {
		return messageKey{}, fmt.Errorf("parse message id %q: want chat, sender and id", id)
	}
	chat, chatOK := parseRawChat(parts[0])
	sender, senderOK := parseRawUser(parts[1])
	if !chatOK || !senderOK {
		return messageKey{}, fmt.Errorf("parse message id %q: %w", id, errNotAUser)
	}
	waID, err := url.PathUnescape(parts[2])
	if err != nil || waID == "" || len(waID) > longestMessageID {
		return messageKey{}, fmt.Errorf("parse message id %q: bad last part", id)
	}
	return messageKey{Chat: chat, Sender: sender, ID: waID}, nil
}

// escape is percent-encoding that leaves only unreserved characters (RFC 3986, section 2.3).
func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for _, c := range []byte(text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			out.WriteByte(c)
		} else {
			out.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return out.String()
}
