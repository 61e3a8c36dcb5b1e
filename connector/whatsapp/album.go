package whatsapp

import (
	"context"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

// An album on WhatsApp is a message with nothing but counts, followed by one message a picture, each of which names the
// first. Matrix has no albums: the first becomes a notice, and the others refer to it (m.reference).

// mostInAlbum is more than WhatsApp lets one choose; larger counts are not repeated.
const mostInAlbum = 1000

// albumParts is the head of an album.
func albumParts(album *waE2E.AlbumMessage) []*bridgev2.ConvertedMessagePart {
	var counts []string
	for _, kind := range []struct {
		count     uint32
		one, many string
	}{
		{album.GetExpectedImageCount(), "picture", "pictures"},
		{album.GetExpectedVideoCount(), "video", "videos"},
	} {
		switch {
		case kind.count == 0:
		case kind.count == 1:
			counts = append(counts, "1 "+kind.one)
		case kind.count <= mostInAlbum:
			counts = append(counts, fmt.Sprintf("%d %s", kind.count, kind.many))
		default:
			counts = append(counts, "many "+kind.many)
		}
	}
	if len(counts) == 0 {
		return notice("An album:")
	}
	return notice("An album of " + strings.Join(counts, " and ") + ":")
}

// joinAlbum makes the parts of a message that belongs to an album refer to the album's head, if that is in the room.
func (c *Client) joinAlbum(ctx context.Context, portal *bridgev2.Portal, evt *events.Message, parts []*bridgev2.ConvertedMessagePart) {
	association := evt.Message.GetMessageContextInfo().GetMessageAssociation()
	parent := association.GetParentMessageKey().GetID()
	if association.GetAssociationType() != waE2E.MessageAssociation_MEDIA_ALBUM || parent == "" {
		return
	}
	chat, author, ok := c.place(ctx, evt.Info.MessageSource)
	if !ok {
		return
	}
	id, err := makeMessageID(messageKey{Chat: chat, Sender: author, ID: parent})
	if err != nil {
		return
	}
	head := c.row(ctx, portal, id)
	if head == nil || head.HasFakeMXID() {
		return
	}
	for _, part := range parts {
		part.Content.RelatesTo = &event.RelatesTo{Type: event.RelReference, EventID: head.MXID}
	}
}
