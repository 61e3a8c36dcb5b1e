package whatsapp

import (
	"context"
	"errors"
	"io"
	"mime"
	"os"
	"path"
	"strings"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
)

const (
	vCardType = "text/vcard"
	// readCard is how much of a card is read to show it; the file is whole.
	readCard = 64 << 10
	// shownCards are written out, the others are in the file only.
	shownCards = 10
	// maxCardFile is the largest file that is sent as cards, which WhatsApp has in the message itself.
	maxCardFile = 256 << 10
)

// contactsToMatrix makes one text for reading and one file with all cards.
func (c *Client) contactsToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, contacts []*waE2E.ContactMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	var shown []string
	var file strings.Builder
	for i, contact := range contacts {
		raw := contact.GetVcard()
		if file.WriteString(raw); !strings.HasSuffix(raw, "\n") {
			file.WriteString("\n")
		}
		if i >= shownCards {
			continue
		}
		card := convert.Card{Name: shorten(convert.Clean(contact.GetDisplayName()), longestQuote)}
		if cards := convert.ParseCards(raw[:min(len(raw), readCard)]); len(cards) > 0 {
			name := card.Name
			if card = cards[0]; name != "" {
				card.Name = name
			}
		}
		shown = append(shown, card.Text())
	}
	if len(contacts) == 0 {
		return notice("A WhatsApp contact card came that is empty."), nil
	}
	if len(contacts) > shownCards {
		shown = append(shown, "…")
	}
	parts := textParts(strings.Join(shown, "\n\n"))
	if strings.TrimSpace(file.String()) == "" {
		return parts, nil
	}
	attached, err := c.cardFile(ctx, portal, intent, contacts[0].GetDisplayName(), file.String())
	return append(parts, attached...), err
}

func (c *Client) cardFile(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, name, cards string) ([]*bridgev2.ConvertedMessagePart, error) {
	name = strings.Map(func(char rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, char) || char < ' ' {
			return '_'
		}
		return char
	}, shorten(convert.Clean(name), 60))
	if name = strings.Trim(name, ". "); name == "" {
		name = "contact"
	}
	part, err := convert.Media(ctx, intent, convert.Source{
		Room: portal.MXID, Kind: event.MsgFile, Name: name + ".vcf", MIMEType: vCardType,
		Fetch: func(_ context.Context, file *os.File) error {
			_, err := file.WriteString(cards)
			return err
		},
	})
	switch {
	case errors.Is(err, bridgev2.ErrMediaTooLarge):
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Contact cards could not be bridged")
		return notice("The card itself could not be bridged: it is larger than the homeserver allows."), nil
	case err != nil:
		return nil, err
	}
	return []*bridgev2.ConvertedMessagePart{part}, nil
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
	return kind == vCardType || kind == "text/x-vcard" || strings.EqualFold(path.Ext(content.GetFileName()), ".vcf")
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
