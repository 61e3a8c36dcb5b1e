package convert

import (
	"io"
	"mime/quotedprintable"
	"strings"
)

// Card is what a person wants to read of a vCard.
type Card struct {
	Name   string
	Org    string
	Phones []string
	Emails []string
	Raw    string // the card itself, from BEGIN to END
}

const (
	// maxCards is how many cards of a file are read, maxCardLines how many numbers and addresses of a card.
	maxCards     = 300
	maxCardLines = 20
	// maxCardText is how many characters of a value are shown. Cards hold pictures, too.
	maxCardText = 300
)

// ParseCards reads the cards of a vCard file (RFC 6350; versions 2.1 and 3.0, which phones write, too). What is not a card
// is left out.
func ParseCards(file string) (cards []Card) {
	file = Clean(strings.ReplaceAll(file, "\r\n", "\n"))
	for len(cards) < maxCards {
		start := indexFold(file, "BEGIN:VCARD")
		if start < 0 {
			break
		}
		length := indexFold(file[start:], "END:VCARD")
		if length < 0 {
			break
		}
		end := start + length + len("END:VCARD")
		cards = append(cards, parseCard(file[start:end]))
		file = file[end:]
	}
	return cards
}

// indexFold finds an ASCII text in upper or lower case.
func indexFold(text, what string) int {
	for i := 0; i+len(what) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(what)], what) {
			return i
		}
	}
	return -1
}

func parseCard(raw string) Card {
	card := Card{Raw: raw}
	// A line that begins with a space continues the one before.
	unfolded := strings.NewReplacer("\n ", "", "\n\t", "").Replace(raw)
	for line := range strings.SplitSeq(unfolded, "\n") {
		head, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		name, params, _ := strings.Cut(strings.ToUpper(head), ";")
		if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
			name = name[dot+1:] // a group, as in item1.TEL
		}
		switch name {
		case "FN":
			card.Name = cardValue(params, value)
		case "N":
			if card.Name == "" {
				card.Name = strings.Trim(strings.Join(strings.Split(cardValue(params, value), ";"), " "), " ")
			}
		case "ORG":
			card.Org = strings.Trim(cardValue(params, value), "; ")
		case "TEL":
			card.Phones = addValue(card.Phones, strings.TrimPrefix(cardValue(params, value), "tel:"))
		case "EMAIL":
			card.Emails = addValue(card.Emails, cardValue(params, value))
		}
	}
	return card
}

func addValue(values []string, value string) []string {
	if value == "" || len(values) == maxCardLines {
		return values
	}
	return append(values, value)
}

func cardValue(params, value string) string {
	value = cut(value, 4*maxCardText)
	if strings.Contains(params, "QUOTED-PRINTABLE") {
		if decoded, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(value))); err == nil {
			value = Clean(string(decoded))
		}
	}
	value = strings.NewReplacer(`\n`, " ", `\N`, " ", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(value)
	return cut(strings.TrimSpace(value), maxCardText)
}

// Text is the card for reading, one thing a line.
func (c Card) Text() string {
	lines := []string{"Contact: " + c.Name}
	if c.Org != "" && c.Org != c.Name {
		lines = append(lines, c.Org)
	}
	lines = append(lines, c.Phones...)
	return strings.Join(append(lines, c.Emails...), "\n")
}
