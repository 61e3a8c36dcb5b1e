package whatsapp

import (
	"context"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	crosschatdb "crosschat/database"
)

// longestShare is how long a live location can be shared (WhatsApp's app offers up to 8 hours).
const longestShare = 8 * time.Hour

func (c *Client) locationToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, location *waE2E.LocationMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	if location.GetIsLive() {
		return c.placePart(ctx, portal, intent, convert.Place{
			Latitude: location.GetDegreesLatitude(), Longitude: location.GetDegreesLongitude(),
			Accuracy: float64(location.GetAccuracyInMeters()), Name: location.GetComment(), Live: true,
		}, location.GetJPEGThumbnail())
	}
	return c.placePart(ctx, portal, intent, convert.Place{
		Latitude: location.GetDegreesLatitude(), Longitude: location.GetDegreesLongitude(),
		Accuracy: float64(location.GetAccuracyInMeters()), Name: location.GetName(), Address: location.GetAddress(),
	}, location.GetJPEGThumbnail())
}

func (c *Client) liveLocationToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, location *waE2E.LiveLocationMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	parts, err := c.placePart(ctx, portal, intent, convert.Place{
		Latitude: location.GetDegreesLatitude(), Longitude: location.GetDegreesLongitude(),
		Accuracy: float64(location.GetAccuracyInMeters()), Name: location.GetCaption(), Live: true,
	}, location.GetJPEGThumbnail())
	if err == nil {
		parts[0].DBMetadata = &crosschatdb.MessageMetadata{WhatsApp: &crosschatdb.WhatsAppMessage{
			Live: &crosschatdb.WhatsAppLive{Sequence: location.GetSequenceNumber()},
		}}
	}
	return parts, err
}

func (c *Client) placePart(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, place convert.Place, thumbnail []byte) ([]*bridgev2.ConvertedMessagePart, error) {
	content, err := convert.Location(place)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Location could not be bridged")
		return notice("A WhatsApp location came that is nowhere on earth."), nil
	}
	content.Info = &event.FileInfo{}
	if err := convert.AddThumbnail(ctx, intent, portal.MXID, thumbnail, content.Info); err != nil {
		return nil, err
	}
	return []*bridgev2.ConvertedMessagePart{{Type: event.EventMessage, Content: content}}, nil
}

// onLiveLocation takes a further position of a location that is being shared: it replaces the one before. One whose
// start is not in Matrix becomes a message of its own.
func (c *Client) onLiveLocation(evt *events.Message, chat, author types.JID) (received, isChange bool) {
	target, err := c.liveTarget(evt, chat, author)
	if err != nil {
		return c.delivered(c.log, err), true
	}
	if target == "" {
		return false, false
	}
	sequence := evt.Message.GetLiveLocationMessage().GetSequenceNumber()
	newer := func(existing []*database.Message) bool {
		live := liveOf(existing[0])
		return live != nil && live.Sequence < sequence
	}
	return c.deliverEdit(evt, chat, author, target, newer), true
}

// liveTarget is the message of the newest location that author shares in the chat, empty if there is none.
func (c *Client) liveTarget(evt *events.Message, chat, author types.JID) (networkid.MessageID, error) {
	now := evt.Info.Timestamp
	rows, err := c.network.bridge.DB.Message.GetMessagesBetweenTimeQuery(c.ctx, c.portalKey(chat), now.Add(-longestShare), now)
	if err != nil {
		return "", err
	}
	var newest *database.Message
	for _, row := range rows {
		if row.SenderID == mustID[networkid.UserID](author) && liveOf(row) != nil && (newest == nil || row.Timestamp.After(newest.Timestamp)) {
			newest = row
		}
	}
	if newest == nil {
		return "", nil
	}
	return newest.ID, nil
}

func liveOf(row *database.Message) *crosschatdb.WhatsAppLive {
	meta, ok := row.Metadata.(*crosschatdb.MessageMetadata)
	if !ok || meta.WhatsApp == nil {
		return nil
	}
	return meta.WhatsApp.Live
}

// locationFromMatrix converts a location; the error is ready for bridgev2.
func locationFromMatrix(content *event.MessageEventContent) (*waE2E.Message, error) {
	place, err := convert.ParseGeo(content.GeoURI)
	if err != nil {
		return nil, ledger.Refuse("the location has no coordinates that WhatsApp understands")
	}
	location := &waE2E.LocationMessage{
		DegreesLatitude: proto.Float64(place.Latitude), DegreesLongitude: proto.Float64(place.Longitude),
	}
	if place.Accuracy > 0 {
		location.AccuracyInMeters = proto.Uint32(uint32(place.Accuracy))
	}
	// Clients write "Location" and the coordinates into the body where the user gave no name.
	if name := strings.TrimSpace(content.Body); name != "" && !strings.Contains(name, content.GeoURI) && !strings.HasPrefix(name, "Location") {
		location.Name = proto.String(shorten(name, longestQuote))
	}
	return &waE2E.Message{LocationMessage: location}, nil
}
