package convert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"maunium.net/go/mautrix/id"
)

func TestUnits(t *testing.T) {
	for text, want := range map[string]int{"": 0, "ab": 2, "ä": 1, "🦄": 2, "👩🏿‍🚒": 7, "\xff": 1} {
		if got := Units(text); got != want {
			t.Errorf("%q has %d units, want %d", text, got, want)
		}
	}
}

func TestPlaceMentions(t *testing.T) {
	const text = "🦄 @anna and @ben"
	who := func(i int, written string) (id.UserID, string) {
		if written == "@ben" {
			return "", "" // nobody here
		}
		return id.UserID(fmt.Sprintf("@%d:test", i)), written
	}
	for name, test := range map[string]struct {
		spans []Span
		want  string
	}{
		"none":                    {nil, "[]"},
		"behind an emoji":         {[]Span{{3, 5}}, "[{5 10 @0:test @anna}]"},
		"nobody":                  {[]Span{{13, 4}}, "[]"},
		"half a character":        {[]Span{{1, 2}, {0, 1}}, "[]"},
		"outside":                 {[]Span{{-1, 2}, {99, 1}, {3, 99}, {3, 0}, {3, -1}, {1 << 62, 1 << 62}}, "[]"},
		"the second one only":     {[]Span{{-1, 2}, {0, 2}}, "[{0 4 @1:test 🦄}]"},
		"up to the very last one": {[]Span{{0, 17}}, "[{0 19 @0:test " + text + "}]"},
	} {
		if got := fmt.Sprint(PlaceMentions(text, test.spans, who)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestTextParts(t *testing.T) {
	style := Markup{Bold: "*"}
	if parts := TextParts("\x00\r", style, nil); len(parts) != 0 {
		t.Errorf("nothing became %d parts", len(parts))
	}
	asked := 0
	place := func(string) []Mention { asked++; return nil }
	parts := TextParts("*a*\r", style, place)
	if len(parts) != 1 || parts[0].Content.FormattedBody != "<strong>a</strong>" || asked != 1 {
		t.Errorf("a short text became %d parts, %+v; mentions were asked for %d times", len(parts), parts[0].Content, asked)
	}
	if TextParts("a\x00", style, place); asked != 1 {
		t.Error("mentions were placed in a text that was changed")
	}
	long := strings.Repeat("x", 200_000)
	var got strings.Builder
	for i, part := range TextParts(long, style, place) {
		if want := map[bool]string{true: "", false: fmt.Sprint(i)}[i == 0]; string(part.ID) != want {
			t.Errorf("part %d has the id %q, want %q", i, part.ID, want)
		}
		got.WriteString(part.Content.Body)
	}
	if got.String() != long {
		t.Errorf("a long text has %d bytes in its parts, want %d", got.Len(), len(long))
	}
}

func TestByteOffsets(t *testing.T) {
	for text, want := range map[string][]int{
		"":      {0},
		"aä":    {0, 1, 3},
		"🦄b":    {0, -1, 4, 5},
		"\xffa": {0, 1, 2},
	} {
		if got := byteOffsets(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzUTF16(f *testing.F) {
	f.Add("a🦄ä")
	f.Add("\xff\xf0\x9f")
	f.Fuzz(func(t *testing.T, text string) {
		want := len(utf16.Encode([]rune(text)))
		if got := Units(text); got != want {
			t.Errorf("%q has %d units, want %d", text, got, want)
		}
		if got := len(byteOffsets(text)); got != want+1 {
			t.Errorf("%q has %d offsets, want %d", text, got, want+1)
		}
	})
}
