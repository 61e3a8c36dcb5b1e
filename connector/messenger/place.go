package messenger

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	"crosschat/connector/messenger/wire/lightspeed"
	crosschatdb "crosschat/database"
)

// Somebody who shares their place for a time is told again and again where they are, by rows that name chat, person and
// begin. Matrix gets one message for it, with an id made of these three, which is edited when they have moved.

// longestShare is more than Messenger lets people share their place for.
const longestShare = 48 * time.Hour

// places brings where people are who share that.
func (t *table) places(ctx context.Context) error {
	for _, row := range t.LiveLocations {
		if err := t.c.place(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// placeID is the id of our own that a shared place has. No message of the network's begins like that.
func placeID(row lightspeed.LiveLocation) networkid.MessageID {
	id, _ := makeMessageID(fmt.Sprintf("live.%d.%d.%d", row.ThreadKey, row.Sender, row.Start))
	return id
}

func (c *Client) place(ctx context.Context, row lightspeed.LiveLocation) error {
	known, _ := c.known.thread(row.ThreadKey)
	content, err := placeContent(row)
	if known.hidden() || err != nil {
		return nil // nowhere on earth
	}
	old, err := c.network.bridge.DB.Message.GetFirstPartByID(ctx, c.login.ID, placeID(row))
	if err != nil {
		return fmt.Errorf("look for a shared place: %w", err)
	}
	position := strconv.FormatFloat(row.Latitude, 'f', -1, 64) + "," + strconv.FormatFloat(row.Longitude, 'f', -1, 64)
	if old != nil {
		return c.movePlace(ctx, row, old, position, content)
	}
	if ended := time.UnixMilli(row.End); ended.Before(time.Now()) || ended.After(time.Now().Add(longestShare)) {
		return nil // what is over says nothing of now
	}
	meta := c.meta(bridgev2.RemoteEventMessage, row.ThreadKey, row.Sender, row.Start)
	meta.CreatePortal = true
	return ledger.DeliverMessage(ctx, c.login, meta, ledger.Message{
		ID: placeID(row),
		Convert: func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			return &bridgev2.ConvertedMessage{Parts: []*bridgev2.ConvertedMessagePart{{
				Type: event.EventMessage, Content: content,
				DBMetadata: &crosschatdb.MessageMetadata{Messenger: &crosschatdb.MessengerMessage{Place: position}},
			}}}, nil
		},
	})
}

// movePlace edits the message of somebody who has moved.
func (c *Client) movePlace(ctx context.Context, row lightspeed.LiveLocation, old *database.Message, position string, content *event.MessageEventContent) error {
	if meta, ok := old.Metadata.(*crosschatdb.MessageMetadata); ok && meta.Messenger != nil && meta.Messenger.Place == position {
		return nil
	}
	meta := c.meta(bridgev2.RemoteEventEdit, row.ThreadKey, row.Sender, 0)
	meta.PortalKey = old.Room
	return c.deliver(ctx, fmt.Sprintf("place %s %s", old.ID, position), meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[*event.MessageEventContent]{
			EventMeta: meta, Data: content, TargetMessage: old.ID,
			ConvertEditFunc: func(_ context.Context, _ *bridgev2.Portal, _ bridgev2.MatrixAPI, existing []*database.Message, content *event.MessageEventContent) (*bridgev2.ConvertedEdit, error) {
				existing[0].Metadata = &crosschatdb.MessageMetadata{Messenger: &crosschatdb.MessengerMessage{Place: position}}
				return &bridgev2.ConvertedEdit{ModifiedParts: []*bridgev2.ConvertedEditPart{{
					Part: existing[0], Type: event.EventMessage, Content: content,
				}}}, nil
			},
		}
	})
}

func placeContent(row lightspeed.LiveLocation) (*event.MessageEventContent, error) {
	return convert.Location(convert.Place{Latitude: row.Latitude, Longitude: row.Longitude, Live: true})
}
