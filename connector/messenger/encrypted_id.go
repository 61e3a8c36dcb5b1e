package messenger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/remoteid"
)

// Messages of the encrypted plane are messenger-e2ee:<chat>:<author>:<id>. Those of the plain one begin with mid, which the
// server gives them.

// encryptedMark is how ids of the encrypted plane begin, behind the network's prefix.
const encryptedMark = "e2ee:"

// encryptedKey names a message of the encrypted plane: only together these are unique.
type encryptedKey struct {
	Chat, Author int64
	ID           string
}

func makeEncryptedID(key encryptedKey) (networkid.MessageID, error) {
	if key.Chat <= 0 || key.Author <= 0 || key.ID == "" || strings.Contains(key.ID, ":") {
		return "", fmt.Errorf("make id of message %.300q of %d in %d: %w", key.ID, key.Author, key.Chat, errNotOurs)
	}
	return makeMessageID(fmt.Sprintf("%s%d:%d:%s", encryptedMark, key.Chat, key.Author, key.ID))
}

// isEncrypted says on which plane a message is.
func isEncrypted(id networkid.MessageID) bool {
	raw, ok := remoteid.Of(remoteid.Messenger, id)
	return ok && strings.HasPrefix(raw, encryptedMark)
}

// parseEncryptedID undoes makeEncryptedID.
func parseEncryptedID(id networkid.MessageID) (key encryptedKey, err error) {
	raw, ok := remoteid.Of(remoteid.Messenger, id)
	parts := strings.Split(strings.TrimPrefix(raw, encryptedMark), ":")
	if !ok || !strings.HasPrefix(raw, encryptedMark) || len(parts) != 3 || parts[2] == "" {
		return key, fmt.Errorf("parse message id %q: %w", id, errNotOurs)
	}
	if key.Chat, ok = remoteid.Number(parts[0]); ok {
		key.Author, ok = remoteid.Number(parts[1])
	}
	if !ok {
		return key, fmt.Errorf("parse message id %q: %w", id, errNotNumber)
	}
	key.ID = parts[2]
	return key, nil
}

// jidOf is a person's address on the encrypted plane.
func jidOf(person int64) types.JID {
	return types.NewJID(strconv.FormatInt(person, 10), types.MessengerServer)
}

// groupJID is the address of an encrypted group.
func groupJID(key int64) types.JID {
	return types.NewJID(strconv.FormatInt(key, 10), types.GroupServer)
}

// personOf is whose address this is, of whatever device; false if it is no person's.
func personOf(jid types.JID) (int64, bool) {
	if jid.Server != types.MessengerServer {
		return 0, false
	}
	return remoteid.Number(jid.User)
}

// chatOf is the key of the chat that an address stands for; false if it is none.
func chatOf(jid types.JID) (int64, bool) {
	if jid.Server != types.MessengerServer && jid.Server != types.GroupServer {
		return 0, false
	}
	return remoteid.Number(jid.User)
}

var errNoTarget = errors.New("the message that is meant is not named")

// resolve finds the message that a key in a message by author means (protocol notes, section 5.6).
func (e *encrypted) resolve(chat types.JID, author int64, key *waCommon.MessageKey) (encryptedKey, error) {
	target := encryptedKey{ID: key.GetID()}
	target.Chat, _ = chatOf(chat)
	switch {
	case key.GetID() == "":
		return target, errNoTarget
	case key.GetFromMe():
		target.Author = author
	case key.GetParticipant() != "":
		participant, err := types.ParseJID(key.GetParticipant())
		if err != nil {
			return target, fmt.Errorf("parse author of the message that is meant: %w", err)
		}
		var ok bool
		if target.Author, ok = personOf(participant); !ok {
			return target, fmt.Errorf("author of the message that is meant: %w", errNotOurs)
		}
	case chat.Server == types.GroupServer:
		return target, errNoTarget
	case author == e.c.self:
		target.Author = target.Chat
	default:
		target.Author = e.c.self
	}
	return target, nil
}

// keyOf names a message as its reactions, edits and revocations from this account do.
func (e *encrypted) keyOf(chat types.JID, target encryptedKey) *waCommon.MessageKey {
	key := &waCommon.MessageKey{
		RemoteJID: proto.String(chat.String()), ID: proto.String(target.ID), FromMe: proto.Bool(target.Author == e.c.self),
	}
	if chat.Server == types.GroupServer && target.Author != e.c.self {
		key.Participant = proto.String(jidOf(target.Author).String())
	}
	return key
}
