package convert

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// FromHTML writes a Matrix text in the network's markup. mention gives the network's text for a person who is named by a
// pill, false for one whom the network does not know: then the pill's own text stands there. The mentions returned are
// those, with their place in the text. Tags that the network has nothing for leave their text. Content without HTML comes
// back as it is.
func (style Markup) FromHTML(content *event.MessageEventContent, mention func(user id.UserID) (string, bool)) (string, []Mention) {
	if content.Format != event.FormatHTML || content.FormattedBody == "" {
		return content.Body, nil
	}
	// Control characters stand for mentions below; nobody misses them.
	formatted := strings.NewReplacer(mentionStart, "", mentionEnd, "").Replace(content.FormattedBody)
	root, err := html.Parse(strings.NewReader(formatted))
	if err != nil {
		return content.Body, nil
	}
	w := htmlWriter{style: style, mention: mention}
	text := w.children(root, place{})
	return w.placeMentions(strings.Trim(text, "\n "))
}

// emote begins a text that says what its sender does.
const emote = "/me "

// FromMatrix is FromHTML for networks on which an emote is a text with a word of its own before it.
func (style Markup) FromMatrix(content *event.MessageEventContent, mention func(user id.UserID) (string, bool)) (string, []Mention) {
	text, named := style.FromHTML(content, mention)
	if content.MsgType != event.MsgEmote {
		return text, named
	}
	for i := range named {
		named[i].Start, named[i].End = named[i].Start+len(emote), named[i].End+len(emote)
	}
	return emote + text, named
}

// A mention is written as these around its number in htmlWriter.mentions until all text stands where it will be.
const (
	mentionStart = "\x01"
	mentionEnd   = "\x02"
)

type htmlWriter struct {
	style    Markup
	mention  func(id.UserID) (string, bool)
	mentions []Mention // Name is the network's text
}

// place is what a node stands in.
type place struct {
	verbatim bool   // in a block of code: spaces count
	code     bool   // in code: no marks
	inside   string // marks that are open already
}

// piece is a node's text; gap is how many line breaks a block wants around it, 0 for what runs on in the line.
type piece struct {
	text string
	gap  int
}

// children writes what a node contains.
func (w *htmlWriter) children(node *html.Node, in place) string {
	var out strings.Builder
	gap, wrote, newLine := 0, false, false
	for child := node.FirstChild; child != nil; child = child.NextSibling {
		p := w.node(child, in)
		if p.gap > 0 {
			p.text = strings.Trim(p.text, "\n")
		}
		if !in.verbatim && (p.gap > 0 || gap > 0) && strings.Trim(p.text, " \n") == "" && p.text != "\n" {
			continue // spaces between blocks
		}
		if wrote && (p.gap > 0 || gap > 0) {
			out.WriteString(strings.Repeat("\n", max(1, min(p.gap, gap))))
		}
		if !in.verbatim && p.gap == 0 && newLine {
			p.text = strings.TrimLeft(p.text, " ") // HTML does not show it
		}
		out.WriteString(p.text)
		newLine = strings.HasSuffix(p.text, "\n")
		gap, wrote = p.gap, true
	}
	if in.verbatim {
		return out.String()
	}
	return tidy(out.String())
}

// tidy takes away the spaces at ends of lines, which HTML does not show.
func tidy(text string) string {
	for strings.Contains(text, " \n") {
		text = strings.ReplaceAll(text, " \n", "\n")
	}
	return text
}

// hiddenTags have content that is not for reading. A fallback of a reply repeats another message.
var hiddenTags = map[string]bool{
	"mx-reply": true, "script": true, "style": true, "head": true, "title": true, "template": true, "iframe": true,
	"noscript": true, "object": true,
}

func (w *htmlWriter) node(node *html.Node, in place) piece {
	switch {
	case node.Type == html.TextNode:
		return piece{text: w.text(node.Data, in)}
	case node.Type == html.DocumentNode:
		return piece{text: w.children(node, in)}
	case node.Type != html.ElementNode || hiddenTags[node.Data]:
		return piece{}
	}
	switch node.Data {
	case "b", "strong":
		return piece{text: w.marked(node, w.style.Bold, in)}
	case "i", "em":
		return piece{text: w.marked(node, w.style.Italic, in)}
	case "s", "del", "strike":
		return piece{text: w.marked(node, w.style.Strike, in)}
	case "code", "tt":
		return piece{text: w.code(node, in)}
	case "a":
		return piece{text: w.link(node, in)}
	case "br":
		return piece{text: "\n"}
	case "img":
		return piece{text: w.text(attribute(node, "alt"), in)}
	default:
		return w.block(node, in)
	}
}

func (w *htmlWriter) block(node *html.Node, in place) piece {
	switch node.Data {
	case "h1", "h2", "h3", "h4", "h5", "h6":
		return piece{w.marked(node, w.style.Bold, in), 2}
	case "p":
		return piece{w.children(node, in), 2}
	case "blockquote":
		return piece{prefixed(strings.Trim(w.children(node, in), "\n"), w.style.Quote, w.style.Quote), 1}
	case "pre":
		return piece{w.pre(node, in), 1}
	case "ul", "ol":
		return piece{w.list(node, in), 1}
	case "hr":
		return piece{"---", 1}
	case "div", "tr", "table", "details", "summary", "li", "dl", "dt", "dd", "section", "article":
		return piece{w.children(node, in), 1}
	case "td", "th":
		return piece{text: w.children(node, in) + " "}
	default:
		return piece{text: w.children(node, in)}
	}
}

// text is a node's text with spaces as HTML shows them.
func (w *htmlWriter) text(text string, in place) string {
	if in.verbatim {
		return text
	}
	fields := strings.FieldsFunc(text, isHTMLSpace)
	out := strings.Join(fields, " ")
	if out == "" {
		if text != "" {
			return " "
		}
		return ""
	}
	if isHTMLSpace(rune(text[0])) {
		out = " " + out
	}
	if isHTMLSpace(rune(text[len(text)-1])) {
		out += " "
	}
	return out
}

// isHTMLSpace is false for the space that does not break.
func isHTMLSpace(char rune) bool {
	return char == ' ' || char == '\n' || char == '\t' || char == '\r' || char == '\f'
}

// marked puts a mark around each line of a node: networks' marks don't reach over line ends. Spaces stay outside.
func (w *htmlWriter) marked(node *html.Node, mark string, in place) string {
	if mark == "" || in.code || strings.Contains(in.inside, mark) || w.style.Flat && in.inside != "" {
		return w.children(node, in)
	}
	in.inside += mark
	lines := strings.Split(w.children(node, in), "\n")
	for i, line := range lines {
		lines[i] = around(line, mark)
	}
	return strings.Join(lines, "\n")
}

func around(line, mark string) string {
	core := strings.TrimSpace(line)
	if core == "" {
		return line
	}
	start := strings.Index(line, core)
	return line[:start] + mark + core + mark + line[start+len(core):]
}

func (w *htmlWriter) code(node *html.Node, in place) string {
	if in.code || w.style.Code == "" || w.style.Flat && in.inside != "" {
		return w.children(node, in)
	}
	in.code = true
	text := w.children(node, in)
	if strings.Contains(text, w.style.Code) {
		return text // it would end the mark
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = around(line, w.style.Code)
	}
	return strings.Join(lines, "\n")
}

func (w *htmlWriter) pre(node *html.Node, in place) string {
	in.code, in.verbatim = true, true
	text := strings.Trim(w.children(node, in), "\n")
	if w.style.Block == "" || text == "" || strings.Contains(text, w.style.Block) {
		return text
	}
	return w.style.Block + text + w.style.Block
}

// prefixed puts first before the first line of text and others before the rest.
func prefixed(text, first, others string) string {
	return first + strings.ReplaceAll(text, "\n", "\n"+others)
}

func (w *htmlWriter) list(node *html.Node, in place) string {
	number, err := strconv.Atoi(attribute(node, "start"))
	if err != nil {
		number = 1
	}
	var items []string
	for child := node.FirstChild; child != nil; child = child.NextSibling {
		if child.Type != html.ElementNode {
			continue
		}
		text := strings.Trim(w.node(child, in).text, "\n ")
		switch {
		case child.Data != "li":
			items = append(items, text)
			continue
		case node.Data == "ol":
			items = append(items, prefixed(text, strconv.Itoa(number)+". ", "  "))
			number++
		default:
			mark := w.style.Bullet
			if mark == "" {
				mark = "• "
			}
			items = append(items, prefixed(text, mark, "  "))
		}
	}
	return strings.Join(items, "\n")
}

// link writes a link's address behind its text, unless that is the address. Pills become mentions.
func (w *htmlWriter) link(node *html.Node, in place) string {
	text, href := w.children(node, in), strings.TrimSpace(attribute(node, "href"))
	if uri, err := id.ParseMatrixURIOrMatrixToURL(href); err == nil && uri != nil && uri.UserID() != "" {
		if name, ok := w.mention(uri.UserID()); ok && !in.code {
			w.mentions = append(w.mentions, Mention{User: uri.UserID(), Name: name})
			return mentionStart + strconv.Itoa(len(w.mentions)-1) + mentionEnd
		}
		return text
	}
	scheme, rest, ok := strings.Cut(href, ":")
	bare := strings.TrimSuffix(strings.TrimPrefix(rest, "//"), "/")
	switch scheme = strings.ToLower(scheme); {
	case !ok || scheme != "http" && scheme != "https" && scheme != "mailto" && scheme != "tel" && scheme != "geo":
		return text // relative, or nothing to click on elsewhere
	case strings.TrimSpace(text) == "":
		return href
	case text == href, strings.TrimSuffix(text, "/") == bare, text == rest:
		return text
	default:
		return text + " (" + href + ")"
	}
}

func attribute(node *html.Node, name string) string {
	for _, attr := range node.Attr {
		if attr.Key == name {
			return attr.Val
		}
	}
	return ""
}

// placeMentions exchanges the stand-ins for the network's texts and notes where those are.
func (w *htmlWriter) placeMentions(text string) (string, []Mention) {
	var out strings.Builder
	var placed []Mention
	for {
		before, rest, found := strings.Cut(text, mentionStart)
		out.WriteString(before)
		if !found {
			return out.String(), placed
		}
		number, after, _ := strings.Cut(rest, mentionEnd)
		if i, err := strconv.Atoi(number); err == nil && i >= 0 && i < len(w.mentions) {
			m := w.mentions[i]
			m.Start = out.Len()
			out.WriteString(m.Name)
			m.End = out.Len()
			placed = append(placed, m)
		}
		text = after
	}
}
