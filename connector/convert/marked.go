package convert

import (
	"html"
	"slices"
	"strings"
)

// Marked is a part of a text that a network marks up in a way of its own, see Markup.Find.
type Marked struct {
	Start, End int // bytes of the text, marks included
	// Element is the HTML element for it: strong, em, del, code, pre or blockquote. Language is that of code in a pre.
	Element, Language string
	// Parts are what is shown of it, by first byte and end, with a line break between two.
	Parts [][2]int
}

// found writes the body with the marks that the network has found. Spans that overlap another, or lie outside, are left
// out.
func (f *formatter) found(spans []Marked) {
	spans = slices.Clone(spans)
	slices.SortStableFunc(spans, func(a, b Marked) int { return a.Start - b.Start })
	at := 0
	for _, s := range spans {
		if s.Start < at || s.End <= s.Start || s.End > len(f.body) {
			continue
		}
		f.text(at, s.Start)
		f.one(s)
		at, f.marked = s.End, true
	}
	f.text(at, len(f.body))
}

func (f *formatter) one(s Marked) {
	code := s.Element == "code" || s.Element == "pre"
	f.out.WriteString("<" + s.Element + ">")
	if s.Element == "pre" {
		f.out.WriteString("<code")
		if s.Language != "" {
			f.out.WriteString(` class="language-` + html.EscapeString(s.Language) + `"`)
		}
		f.out.WriteString(">")
	}
	for i, part := range s.Parts {
		if i > 0 {
			f.out.WriteString("<br>")
		}
		switch {
		case part[0] < s.Start || part[1] > s.End || part[0] > part[1]:
		case code:
			f.out.WriteString(html.EscapeString(f.body[part[0]:part[1]]))
		default:
			f.text(part[0], part[1])
		}
	}
	if s.Element == "pre" {
		f.out.WriteString("</code>")
	}
	f.out.WriteString("</" + s.Element + ">")
}

// text writes a part of the body without marks.
func (f *formatter) text(start, end int) {
	plain := start
	flush := func(to int) {
		f.out.WriteString(strings.ReplaceAll(html.EscapeString(f.body[plain:to]), "\n", "<br>"))
	}
	for i := start; i < end; i++ {
		if m, ok := f.at[i]; ok && m.End <= end {
			flush(i)
			f.pill(m)
			plain = m.End
			i = m.End - 1
		}
	}
	flush(end)
}
