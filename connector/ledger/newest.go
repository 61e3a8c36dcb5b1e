package ledger

import (
	"cmp"
	"context"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
)

// Newest is the one of several messages that stands last in the room, empty if none is there. bridgev2 goes by time alone,
// but some networks' times are whole seconds, and devices name the messages of a receipt in either order.
func Newest(ctx context.Context, login *bridgev2.UserLogin, portal *bridgev2.Portal, ids []networkid.MessageID) networkid.MessageID {
	var last *bridgedb.Message
	for _, id := range ids {
		row, err := login.Bridge.DB.Message.GetLastPartByID(ctx, portal.Receiver, id)
		if err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("Could not look up the target of a receipt")
			continue
		}
		if row == nil || row.HasFakeMXID() {
			continue
		}
		if last == nil || cmp.Or(row.Timestamp.Compare(last.Timestamp), cmp.Compare(row.RowID, last.RowID)) > 0 {
			last = row
		}
	}
	if last == nil {
		return ""
	}
	return last.ID
}
