package whatsapp

import (
	"context"
	"errors"
	"io"
	"mime"
	"os"
	"path"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
)

// maxCardFile is the largest file that is sent as cards, which WhatsApp has in the message itself.
const maxCardFile = 256 << 10

// contactsToMatrix makes one text for reading and one file with all cards.
func (c *Client) contactsToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, contacts []*waE2E.ContactMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	if len(contacts) == 0 {
		return notice("A WhatsApp contact card came that is empty."), nil
	}
	var cards []convert.SentCard
	for _, contact := range contacts {
		cards = append(cards, convert.SentCard{Name: contact.GetDisplayName(), VCard: contact.GetVcard()})
	}
	return convert.Contacts(ctx, intent, portal.MXID, cards)
}

// isCardFile says whether a Matrix file is a vCard.
func isCardFile(content *event.MessageEventContent) bool {
	if content.MsgType != event.MsgFile {
		return false
	}
	kind := ""
	if content.Info != nil {
		kind, _, _ = mime.ParseMediaType(content.Info.MimeType)
		if content.Info.Size > maxCardFile {
			return false
		}
	}
	return kind == convert.VCardType || kind == "text/x-vcard" || strings.EqualFold(path.Ext(content.GetFileName()), ".vcf")
}

// contactsFromMatrix sends the cards of a file as such. It returns nil for a file that holds none.
func (c *Client) contactsFromMatrix(ctx context.Context, content *event.MessageEventContent) (*waE2E.Message, error) {
	var cards []convert.Card
	err := convert.Download(ctx, c.network.bridge.Bot, content, maxCardFile, func(file *os.File, _ int64) error {
		data, err := io.ReadAll(file)
		cards = convert.ParseCards(string(data))
		return err
	})
	if errors.Is(err, bridgev2.ErrMediaTooLarge) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var contacts []*waE2E.ContactMessage
	for _, card := range cards {
		name := card.Name
		if name == "" {
			name = "Contact"
		}
		contacts = append(contacts, &waE2E.ContactMessage{DisplayName: proto.String(name), Vcard: proto.String(card.Raw)})
	}
	switch len(contacts) {
	case 0:
		return nil, nil
	case 1:
		return &waE2E.Message{ContactMessage: contacts[0]}, nil
	default:
		name := contacts[0].GetDisplayName()
		return &waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{DisplayName: proto.String(name), Contacts: contacts}}, nil
	}
}
