package convert

import (
	"html"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Markup is how a network marks text up inside the text itself. An empty field is something that the network does not
// have.
type Markup struct {
	Bold, Italic, Strike string // around a part of a line, one byte each
	Code                 string // around code in a line, one byte
	Block                string // around code of any number of lines
	Quote                string // before each quoted line
	Bullet               string // before each item of a list
	// OtherBullets are further marks of list items that are understood but not written.
	OtherBullets []string
	// Find, if set, finds the marks in a text of the network's by rules of its own. The fields above then only say how
	// texts from Matrix are written.
	Find func(body string) []Marked
	// Flat says that marks don't stand in each other: of those from Matrix that do, the outermost is written.
	Flat bool
	// Numbered says that lines like "1. first" are an ordered list.
	Numbered bool
}

// Mention is a person named in a text.
type Mention struct {
	Start, End int // bytes of the text
	User       id.UserID
	Name       string // what Matrix shows
}

// maxMentions bounds the people whom one message makes ring. Nobody reads more, and their ids must fit into one event.
const maxMentions = 100

// Format makes a Matrix text of a remote one in which networks' own marks may stand. Mentions name parts of body, which
// must be Clean already; those that overlap or lie outside are left out. Where there is nothing to mark, and where the
// HTML would not fit into an event beside the text, the content is plain.
func Format(body string, style Markup, mentions []Mention) *event.MessageEventContent {
	f := formatter{style: style, body: body, at: make(map[int]Mention)}
	content := Text(f.takeMentions(mentions))
	for _, mention := range f.at {
		if !slices.Contains(content.Mentions.UserIDs, mention.User) {
			content.Mentions.UserIDs = append(content.Mentions.UserIDs, mention.User)
		}
	}
	slices.Sort(content.Mentions.UserIDs)
	if style.Find != nil {
		f.found(style.Find(body))
	} else {
		f.blocks()
	}
	if formatted := f.out.String(); f.marked && jsonSize(content.Body)+jsonSize(formatted) <= maxTextSize {
		content.Format, content.FormattedBody = event.FormatHTML, formatted
	}
	return content
}

func jsonSize(text string) (size int) {
	for i := 0; i < len(text); {
		char, width := utf8.DecodeRuneInString(text[i:])
		size += sizeInJSON(char, width)
		i += width
	}
	return size
}

// formatter turns body into HTML. Positions are bytes of body.
type formatter struct {
	style  Markup
	body   string
	at     map[int]Mention // by Start
	out    strings.Builder
	marked bool // whether the HTML says more than the text
}

// takeMentions keeps the mentions that make sense and returns the text with names in their place.
func (f *formatter) takeMentions(mentions []Mention) string {
	mentions = slices.Clone(mentions)
	slices.SortStableFunc(mentions, func(a, b Mention) int { return a.Start - b.Start })
	var plain strings.Builder
	end := 0
	for _, m := range mentions {
		if len(f.at) == maxMentions {
			break
		}
		if m.Start < end || m.End <= m.Start || m.End > len(f.body) || m.User == "" {
			continue
		}
		m.Name = "@" + strings.TrimPrefix(Clean(m.Name), "@")
		plain.WriteString(f.body[end:m.Start])
		plain.WriteString(m.Name)
		end, f.marked = m.End, true
		f.at[m.Start] = m
	}
	plain.WriteString(f.body[end:])
	return plain.String()
}

// blocks cuts the body at blocks of code.
func (f *formatter) blocks() {
	fence, start := f.style.Block, 0
	for fence != "" {
		open := strings.Index(f.body[start:], fence)
		if open < 0 {
			break
		}
		open += start
		inside := open + len(fence)
		length := strings.Index(f.body[inside:], fence)
		if length < 0 {
			break
		}
		code := strings.Trim(f.body[inside:inside+length], "\n")
		if strings.TrimSpace(code) == "" {
			break
		}
		f.lines(start, open)
		f.marked = true
		f.out.WriteString("<pre><code>" + html.EscapeString(code) + "</code></pre>")
		start = inside + length + len(fence)
		if strings.HasPrefix(f.body[start:], "\n") {
			start++
		}
	}
	f.lines(start, len(f.body))
}

// line kinds; each but the first is an HTML element around its lines.
const (
	plainLine = ""
	quoteLine = "blockquote"
	itemLine  = "ul"
	countLine = "ol"
)

// lines writes body[start:end], with quotes and lists as blocks.
func (f *formatter) lines(start, end int) {
	if start < end && f.body[end-1] == '\n' && end < len(f.body) {
		end-- // a block of code begins a line by itself
	}
	if start >= end {
		return
	}
	kind := plainLine
	for first := true; start <= end; first = false {
		stop := strings.IndexByte(f.body[start:end], '\n')
		if stop < 0 {
			stop = end
		} else {
			stop += start
		}
		now, skip := f.lineKind(f.body[start:stop])
		f.between(kind, now, first, f.body[start:start+skip])
		kind = now
		f.inline(start+skip, stop, "")
		if kind == itemLine || kind == countLine {
			f.out.WriteString("</li>")
		}
		start = stop + 1
	}
	if kind != plainLine {
		f.out.WriteString("</" + kind + ">")
	}
}

// between writes what stands between two lines: the end of a block, the start of one, or a line break.
func (f *formatter) between(before, now string, first bool, mark string) {
	switch {
	case before == now && now == countLine, before == now && now == itemLine:
	case before == now:
		if !first {
			f.out.WriteString("<br>")
		}
	default:
		if before != plainLine {
			f.out.WriteString("</" + before + ">")
		}
		if now != plainLine {
			f.marked = true
			f.out.WriteString("<" + now)
			if number, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(mark), ".")); err == nil && number != 1 {
				f.out.WriteString(` start="` + strconv.Itoa(number) + `"`)
			}
			f.out.WriteString(">")
		}
	}
	if now == itemLine || now == countLine {
		f.out.WriteString("<li>")
	}
}

// lineKind looks at the mark with which a line begins; skip is its length.
func (f *formatter) lineKind(line string) (kind string, skip int) {
	if mark := f.style.Quote; mark != "" && strings.HasPrefix(line, mark) && len(line) > len(mark) {
		return quoteLine, len(mark)
	}
	for _, mark := range append([]string{f.style.Bullet}, f.style.OtherBullets...) {
		if mark != "" && strings.HasPrefix(line, mark) && strings.TrimSpace(line[len(mark):]) != "" {
			return itemLine, len(mark)
		}
	}
	if digits := len(line) - len(strings.TrimLeft(line, "0123456789")); f.style.Numbered && digits > 0 && digits < 4 {
		if rest, ok := strings.CutPrefix(line[digits:], ". "); ok && strings.TrimSpace(rest) != "" {
			return countLine, digits + 2
		}
	}
	return plainLine, 0
}

// inline writes a part of a line. inside are the marks that it already stands in: they are not looked for again, which
// bounds the depth.
func (f *formatter) inline(start, end int, inside string) {
	unclosed := "" // marks of which this part has no closing one any more, so that it is not searched again and again
	plain := start
	flush := func(to int) {
		f.out.WriteString(html.EscapeString(f.body[plain:to]))
	}
	for i := start; i < end; {
		if m, ok := f.at[i]; ok && m.End <= end {
			flush(i)
			f.pill(m)
			i, plain = m.End, m.End
			continue
		}
		mark := f.body[i : i+1]
		element := f.element(mark)
		if element == "" || strings.Contains(inside+unclosed, mark) || !f.opens(i, start, end, mark) {
			i++
			continue
		}
		closing := f.closing(i+1, end, mark)
		if closing < 0 {
			unclosed += mark
			i++
			continue
		}
		flush(i)
		f.marked = true
		f.out.WriteString("<" + element + ">")
		if mark == f.style.Code {
			f.out.WriteString(html.EscapeString(f.body[i+1 : closing]))
		} else {
			f.inline(i+1, closing, inside+mark)
		}
		f.out.WriteString("</" + element + ">")
		i, plain = closing+1, closing+1
	}
	flush(end)
}

func (f *formatter) element(mark string) string {
	switch mark {
	case f.style.Bold:
		return "strong"
	case f.style.Italic:
		return "em"
	case f.style.Strike:
		return "del"
	case f.style.Code:
		return "code"
	default:
		return ""
	}
}

// opens says whether a mark at i may begin something: not in the middle of a word, and not before a space.
func (f *formatter) opens(i, start, end int, mark string) bool {
	if i+2 >= end {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(f.body[start:i])
	next, _ := utf8.DecodeRuneInString(f.body[i+1 : end])
	return (i == start || !isWord(before) && string(before) != mark) && !unicode.IsSpace(next) && string(next) != mark
}

// closing finds the mark that ends what begins at start, -1 if there is none.
func (f *formatter) closing(start, end int, mark string) int {
	for j := start; j < end; {
		found := strings.Index(f.body[j:end], mark)
		if found < 0 {
			return -1
		}
		at := j + found
		before, _ := utf8.DecodeLastRuneInString(f.body[start:at])
		after, _ := utf8.DecodeRuneInString(f.body[at+1 : end])
		if at > start && (mark == f.style.Code || !unicode.IsSpace(before) && (at+1 == end || !isWord(after) && string(after) != mark)) {
			return at
		}
		j = at + 1
	}
	return -1
}

func isWord(char rune) bool {
	return unicode.IsLetter(char) || unicode.IsDigit(char)
}

func (f *formatter) pill(m Mention) {
	f.out.WriteString(`<a href="` + html.EscapeString(m.User.URI().MatrixToURL()) + `">` + html.EscapeString(m.Name) + `</a>`)
}
