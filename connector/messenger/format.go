package messenger

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"crosschat/connector/convert"
)

// Messenger's clients find marks in a text by rules of their own (protocol notes, section 6.1): one after the other, without
// nesting; what one has taken the later ones leave alone.

// inlineMark is a mark around a part of a line.
type inlineMark struct {
	mark    byte
	element string
	before  string // what may stand before the first one, besides a space or nothing
	after   string // what may stand behind the second one, besides a space, nothing and closers
	words   bool   // so may a letter or digit of ASCII
}

const closers = `,.;:!?'")`

// inlineMarks are in the order in which they are looked for.
var inlineMarks = []inlineMark{
	{'`', "code", `*_~'"(`, "*_~", true},
	{'*', "strong", `_~'"(`, "_~", false},
	{'_', "em", `*~'"(`, "*~", false},
	{'~', "del", `*_'"(`, "*_", false},
}

// codeLanguages are those that a block of code may name in its first line.
var codeLanguages = func() map[string]bool {
	known := make(map[string]bool)
	for language := range strings.FieldsSeq(`asp aspx bash c clj cljc cljx clojure coffeescript cplusplus cpp c++ cql cs csharp css
		curl d dart diff dockerfile ecmascript erl erlang go gql gradle graphql groovy handlebars hbs html http java
		javascript jl jruby js json jsx julia kotlin kt less liquid lua macruby markdown ml mssql mysql node objc objc++
		objcpp objectivec objectivecplusplus objectivecpp ocaml perl pgsql php pl plsql postgres postgresql powershell ps1
		py python r rake rb rbx rs ruby rust sass scala scss sh shell sol solidity sql sqlite styl stylus swift ts
		typescript xhtml xml yaml yml zsh`) {
		known[language] = true
	}
	return known
}()

// marker looks for the marks in a text.
type marker struct {
	text  string
	taken []bool // bytes that belong to a span
	spans []convert.Marked
}

// findMarks is how markup finds marks. The text has no carriage returns.
func findMarks(text string) []convert.Marked {
	m := &marker{text: text, taken: make([]bool, len(text))}
	m.fences()
	m.longQuotes()
	m.quotes()
	for _, mark := range inlineMarks {
		for start := 0; start <= len(text); {
			end, next := lineEnd(text, start)
			m.inline(mark, start, end)
			start = next
		}
	}
	return m.spans
}

// lineEnd is where the line that begins at start ends, and where the next one begins; that is behind the text for the last.
func lineEnd(text string, start int) (end, next int) {
	const separator = "\u2028"
	for i := start; i < len(text); i++ {
		if text[i] == '\n' {
			return i, i + 1
		}
		if text[i] == separator[0] && strings.HasPrefix(text[i:], separator) {
			return i, i + len(separator)
		}
	}
	return len(text), len(text) + 1
}

// take makes a span, unless something else has a part of it.
func (m *marker) take(s convert.Marked) bool {
	for i := s.Start; i < s.End; i++ {
		if m.taken[i] {
			return false
		}
	}
	for i := s.Start; i < s.End; i++ {
		m.taken[i] = true
	}
	m.spans = append(m.spans, s)
	return true
}

// fences finds blocks of code: three backticks or more, and as many again at the end of a line.
func (m *marker) fences() {
	unclosed := make(map[int]bool) // lengths of fences that have no second one any more
	for i := 0; i < len(m.text); {
		open := run(m.text, i)
		if open < 3 || unclosed[open] {
			i += max(open, 1)
			continue
		}
		closing, after := m.closingFence(i+open, open)
		if closing < 0 {
			unclosed[open] = true
			i += open
			continue
		}
		language, start := "", i+open
		if first, _, multi := strings.Cut(m.text[start:closing], "\n"); multi {
			if name := strings.TrimSpace(first); name == "" || codeLanguages[strings.ToLower(name)] {
				language, start = strings.ToLower(name), start+len(first)+1
			}
		}
		if strings.TrimSpace(m.text[start:closing]) != "" {
			m.take(convert.Marked{Start: i, End: after, Element: "pre", Language: language, Parts: [][2]int{{start, closing}}})
		}
		i = after
	}
}

// run is how many backticks begin at a place.
func run(text string, at int) int {
	n := 0
	for at+n < len(text) && text[at+n] == '`' {
		n++
	}
	return n
}

// closingFence finds the second fence of a length, with nothing but spaces behind it in its line; after is what follows the
// line.
func (m *marker) closingFence(from, length int) (closing, after int) {
	for i := from; i < len(m.text); {
		n := run(m.text, i)
		if n != length {
			i += max(n, 1)
			continue
		}
		end, next := lineEnd(m.text, i)
		if strings.TrimSpace(m.text[i+n:end]) == "" {
			return i, min(next, len(m.text))
		}
		i += n
	}
	return -1, 0
}

// longQuotes finds quotes from a line that begins with >>> to one that is <<<.
func (m *marker) longQuotes() {
	none := false // there is no end any more
	for start := 0; start <= len(m.text) && !none; {
		_, next := lineEnd(m.text, start)
		if rest, ok := strings.CutPrefix(m.text[start:], ">>>"); ok && !m.isTaken(start) {
			content := len(m.text) - len(strings.TrimPrefix(rest, " "))
			none = true
			for line := next; line <= len(m.text); {
				end, after := lineEnd(m.text, line)
				if strings.TrimSpace(m.text[line:end]) == "<<<" {
					none = false
					if m.take(convert.Marked{Start: start, End: min(after, len(m.text)), Element: "blockquote", Parts: [][2]int{{content, line}}}) {
						next = after
					}
					break
				}
				line = after
			}
		}
		start = next
	}
}

func (m *marker) isTaken(at int) bool { return at < len(m.taken) && m.taken[at] }

// quotes finds lines that begin with >. Those that follow each other are one quote.
func (m *marker) quotes() {
	if strings.TrimSpace(m.text) == ">" {
		return
	}
	var quote convert.Marked
	finish := func() {
		if len(quote.Parts) > 0 {
			m.take(quote)
		}
		quote = convert.Marked{}
	}
	for start := 0; start < len(m.text); {
		end, next := lineEnd(m.text, start)
		if m.text[start] != '>' || m.isTaken(start) {
			finish()
		} else {
			content := start + 1
			if content < end && m.text[content] == ' ' {
				content++
			}
			if len(quote.Parts) == 0 {
				quote.Start, quote.Element = start, "blockquote"
			}
			quote.Parts, quote.End = append(quote.Parts, [2]int{content, end}), min(next, len(m.text))
		}
		start = next
	}
	finish()
}

// inline finds one kind of mark in a line.
func (m *marker) inline(mark inlineMark, start, end int) {
	for i := start; i < end; {
		if m.text[i] != mark.mark || m.taken[i] || !mark.opens(m.text[start:i]) {
			i++
			continue
		}
		closing, found := m.closingMark(mark, i+1, end)
		if !found {
			return // nor for any mark behind it
		}
		if closing > 0 && m.take(convert.Marked{Start: i, End: closing + 1, Element: mark.element, Parts: [][2]int{{i + 1, closing}}}) {
			i = closing + 1
			continue
		}
		i++
	}
}

// closingMark finds the mark that ends what begins at start; closing is 0 if that would be around nothing or begin with a
// space, found false if there is none at all.
func (m *marker) closingMark(mark inlineMark, start, end int) (closing int, found bool) {
	code := mark.mark == '`'
	if next, _ := utf8.DecodeRuneInString(m.text[start:end]); !code && unicode.IsSpace(next) {
		return 0, strings.IndexByte(m.text[start:end], mark.mark) >= 0
	}
	for i := start; i < end; i++ {
		if m.text[i] != mark.mark || !mark.closes(m.text[i+1:end]) {
			continue
		}
		found = true
		before, _ := utf8.DecodeLastRuneInString(m.text[start:i])
		if i > start && (code || !unicode.IsSpace(before)) {
			return i, true
		}
	}
	return 0, found
}

func (k *inlineMark) opens(before string) bool {
	char, _ := utf8.DecodeLastRuneInString(before)
	return before == "" || unicode.IsSpace(char) || strings.ContainsRune(k.before, char)
}

func (k *inlineMark) closes(after string) bool {
	char, _ := utf8.DecodeRuneInString(after)
	return after == "" || unicode.IsSpace(char) || strings.ContainsRune(closers+k.after, char) ||
		k.words && (char == '_' || char < utf8.RuneSelf && (unicode.IsLetter(char) || unicode.IsDigit(char)))
}
