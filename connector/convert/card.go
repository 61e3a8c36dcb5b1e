package convert

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

const (
	// VCardType is the type of the files that hold contact cards.
	VCardType = "text/vcard"
	// readCard is how much of a card is read to show it; the file is whole.
	readCard = 64 << 10
	// shownCards are written out, the others are in the file only.
	shownCards = 10
	// maxCardName is how many characters of a card's name are shown.
	maxCardName = 300
)

// SentCard is a contact as a network sends it: a vCard, and the name that stands beside it, if any.
type SentCard struct{ Name, VCard string }

// Contacts makes the parts that show contacts: one text for reading, in pieces if it is long, and one file with all cards.
// Without cards it makes none. An error is the homeserver's.
func Contacts(ctx context.Context, up Uploader, room id.RoomID, cards []SentCard) (parts []*bridgev2.ConvertedMessagePart, err error) {
	if len(cards) == 0 {
		return nil, nil
	}
	var shown []string
	var file strings.Builder
	for i, sent := range cards {
		if file.WriteString(sent.VCard); !strings.HasSuffix(sent.VCard, "\n") {
			file.WriteString("\n")
		}
		if i >= shownCards {
			continue
		}
		card := Card{Name: cut(Clean(sent.Name), maxCardName)}
		if read := ParseCards(sent.VCard[:min(len(sent.VCard), readCard)]); len(read) > 0 {
			name := card.Name
			if card = read[0]; name != "" {
				card.Name = name
			}
		}
		shown = append(shown, card.Text())
	}
	if len(cards) > shownCards {
		shown = append(shown, "…")
	}
	for _, piece := range Split(strings.Join(shown, "\n\n")) {
		parts = append(parts, &bridgev2.ConvertedMessagePart{Type: event.EventMessage, Content: Text(piece)})
	}
	if strings.TrimSpace(file.String()) == "" {
		return parts, nil
	}
	attached, err := cardFile(ctx, up, room, cards[0].Name, file.String())
	if err != nil {
		return nil, err
	}
	return append(parts, attached), nil
}

func cardFile(ctx context.Context, up Uploader, room id.RoomID, name, cards string) (*bridgev2.ConvertedMessagePart, error) {
	name = strings.Map(func(char rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, char) || char < ' ' {
			return '_'
		}
		return char
	}, cut(Clean(name), 60))
	if name = strings.Trim(name, ". "); name == "" {
		name = "contact"
	}
	part, err := Media(ctx, up, Source{
		Room: room, Kind: event.MsgFile, Name: name + ".vcf", MIMEType: VCardType,
		Fetch: func(_ context.Context, file *os.File) error {
			_, err := file.WriteString(cards)
			return err
		},
	})
	if errors.Is(err, bridgev2.ErrMediaTooLarge) {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Contact cards could not be bridged")
		return Notice("The card itself could not be bridged: it is larger than the homeserver allows."), nil
	}
	return part, err
}
