package keys

import (
	"context"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// judge decides about requests for room keys (Matrix specification, "Key requests"). The library's own rule answers the
// bridge's admins only, and about any room.
type judge struct {
	allowed bool          // by the config
	level   id.TrustState // that a device must have at least
	rooms   interface {
		GetMembership(context.Context, id.RoomID, id.UserID) (event.Membership, error)
	}
	machine *crypto.OlmMachine
}

// The refusals. Who is not in a room is told the same, whether it and the key exist or not.
var (
	notMember   = crypto.KeyShareRejection{Code: event.RoomKeyWithheldUnauthorized, Reason: "You are not in that room"}
	notMadeHere = crypto.KeyShareRejection{Code: event.RoomKeyWithheldUnauthorized, Reason: "The bridge gives away only its own keys and those of your own messages"}
)

// judge answers nil if the device may have the key: its user is in the room, it is signed by its user, and the key is of
// what the bridge wrote or of what this user wrote. What others wrote is theirs to give: they may have left that device out.
func (j judge) judge(ctx context.Context, device *id.Device, asked event.RequestedKeyInfo) *crypto.KeyShareRejection {
	log := zerolog.Ctx(ctx)
	if !j.allowed {
		return &crypto.KeyShareRejectNoResponse
	}
	membership, err := j.rooms.GetMembership(ctx, asked.RoomID, device.UserID)
	if err != nil {
		log.Err(err).Msg("Could not look up whether who asks for a key is in the room")
		return &crypto.KeyShareRejectNoResponse
	} else if membership != event.MembershipJoin {
		return &notMember
	}
	if device.Trust == id.TrustStateBlacklisted {
		return &crypto.KeyShareRejectBlacklisted
	}
	if trust, err := j.machine.ResolveTrustContext(ctx, device); err != nil {
		log.Err(err).Msg("Could not look up whether to trust the device that asks for a key")
		return &crypto.KeyShareRejectNoResponse
	} else if trust < j.level {
		return &crypto.KeyShareRejectUnverified
	}
	session, err := j.machine.CryptoStore.GetGroupSession(ctx, asked.RoomID, asked.SessionID)
	if err != nil || session == nil {
		return nil // which the library answers: it has no such key
	}
	if session.SenderKey != j.machine.OwnIdentity().IdentityKey {
		own, err := j.machine.CryptoStore.FindDeviceByKey(ctx, device.UserID, session.SenderKey)
		if err != nil {
			log.Err(err).Msg("Could not look up whose key is asked for")
			return &crypto.KeyShareRejectNoResponse
		} else if own == nil || session.KeySource != id.KeySourceDirect { // else the sender is only said to be this one
			return &notMadeHere
		}
	}
	log.Debug().Stringer("user_id", device.UserID).Msg("Giving away a key")
	return nil
}
