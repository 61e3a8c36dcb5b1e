package convert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

var testMarkup = Markup{
	Bold: "*", Italic: "_", Strike: "~", Code: "`", Block: "```",
	Quote: "> ", Bullet: "- ", OtherBullets: []string{"* "}, Numbered: true,
}

func TestFormat(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{ // want is the HTML, empty if there is none
		{"plain", "hello\nthere", ""},
		{"bold", "a *b* c", "a <strong>b</strong> c"},
		{"italic", "_b_", "<em>b</em>"},
		{"strike", "~b~.", "<del>b</del>."},
		{"nested", "*a _b ~c~_*", "<strong>a <em>b <del>c</del></em></strong>"},
		{"same mark inside", "*a *b* c*", "<strong>a *b</strong> c*"},
		{"two", "*a* and *b*", "<strong>a</strong> and <strong>b</strong>"},
		{"line break", "*a*\nb", "<strong>a</strong><br>b"},
		{"over a line end", "*a\nb*", ""},
		{"in a word", "snake_case_name 2*3*4", ""},
		{"spaces inside", "* a * _ b_", "<ul><li>a * _ b_</li></ul>"},
		{"spaces inside a line", "x * a * y", ""},
		{"doubled", "**a**", ""},
		{"only marks", "*** ___ ``", ""},
		{"code", "see `*a* <b>`", "see <code>*a* &lt;b&gt;</code>"},
		{"block", "x\n```*a*\n <b>```\ny", "x<pre><code>*a*\n &lt;b&gt;</code></pre>y"},
		{"block unclosed", "```a", ""},
		{"empty block", "``````", ""},
		{"quote", "> a *b*\n> c\nd", "<blockquote>a <strong>b</strong><br>c</blockquote>d"},
		{"list", "x\n- a\n* b\ny", "x<ul><li>a</li><li>b</li></ul>y"},
		{"numbers", "2. a\n3. b", `<ol start="2"><li>a</li><li>b</li></ol>`},
		{"a year", "2024. was good", ""},
		{"escape", "*<script>* & \"", "<strong>&lt;script&gt;</strong> &amp; &#34;"},
		{"emoji", "🦄*a*🦄", "🦄<strong>a</strong>🦄"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Format(test.in, testMarkup, nil)
			if got.Body != test.in {
				t.Errorf("body is %q, want %q", got.Body, test.in)
			}
			if got.FormattedBody != test.want {
				t.Errorf("HTML is %q, want %q", got.FormattedBody, test.want)
			}
		})
	}
}

func TestFormatMentions(t *testing.T) {
	const text = "*hi @123* 👋\n@456 @123"
	at := func(start int, number string, user id.UserID, name string) Mention {
		return Mention{Start: start, End: start + len(number), User: user, Name: name}
	}
	got := Format(text, testMarkup, []Mention{
		at(strings.LastIndex(text, "@123"), "@123", "@anna:test", "Anna"),
		at(strings.Index(text, "@123"), "@123", "@anna:test", "@Anna"),
		at(strings.Index(text, "@456"), "@456", "@ben:test", "Ben <b>"),
		{Start: 5, End: 9, User: "@overlapping:test", Name: "no"}, {Start: 400, End: 404, User: "@x:test"}, {Start: 3, End: -1, User: "@x:test"},
	})
	const anna = `<a href="https://matrix.to/#/@anna:test">@Anna</a>`
	want := "<strong>hi " + anna + `</strong> 👋<br><a href="https://matrix.to/#/@ben:test">@Ben &lt;b&gt;</a> ` + anna
	if got.FormattedBody != want {
		t.Errorf("HTML is %q, want %q", got.FormattedBody, want)
	}
	if want := "*hi @Anna* 👋\n@Ben <b> @Anna"; got.Body != want {
		t.Errorf("body is %q, want %q", got.Body, want)
	}
	if want := []id.UserID{"@anna:test", "@ben:test"}; !slices.Equal(got.Mentions.UserIDs, want) {
		t.Errorf("mentioned are %q, want %q", got.Mentions.UserIDs, want)
	}
}

func TestFormatTooMuch(t *testing.T) {
	var mentions []Mention
	for i := range 5000 {
		mentions = append(mentions, Mention{Start: 3 * i, End: 3*i + 2, User: id.UserID(fmt.Sprintf("@u%d:test", i)), Name: "x"})
	}
	got := Format(strings.Repeat("@1 ", 5000), testMarkup, mentions)
	if len(got.Mentions.UserIDs) != maxMentions {
		t.Errorf("%d people are mentioned, want %d", len(got.Mentions.UserIDs), maxMentions)
	}
	if got = Format(strings.Repeat("*a* ", 9000), testMarkup, nil); got.FormattedBody != "" {
		t.Errorf("HTML of %d bytes beside a text of %d", len(got.FormattedBody), len(got.Body))
	}
	// Marks that are never closed must not be searched for over and over.
	start := time.Now()
	for _, text := range []string{"*a ", "_*a ", "`a ", "*a_b ~", "> ", "```", "- *", "*_~"} {
		Format(strings.Repeat(text, 65536/len(text)), testMarkup, nil)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("hostile texts took %s", took)
	}
}

func TestFromHTML(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"plain", "a", "a"},
		{"marks", "<b>a</b> <em>b</em> <del>c</del> <code>d</code> <u>e</u>", "*a* _b_ ~c~ `d` e"},
		{"nested", "<strong>a <i>b</i></strong>", "*a _b_*"},
		{"same nested", "<b>a <strong>b</strong></b>", "*a b*"},
		{"spaces outside", "x<b> a </b>y", "x *a* y"},
		{"empty", "x<b></b>y<i> </i>z", "xy z"},
		{"over lines", "<b>a<br>b</b>", "*a*\n*b*"},
		{"spaces", " a \n\t b ", "a b"},
		{"entities", "&lt;b&gt; &amp; &nbsp;x", "<b> & \u00a0x"},
		{"paragraphs", "<p>a</p>\n<p>b</p><div>c</div>", "a\n\nb\nc"},
		{"break", "a<br/> b<br>\nc", "a\nb\nc"},
		{"quote", "<blockquote><p>a</p>b</blockquote>c", "> a\n> b\nc"},
		{"list", "x<ul>\n<li>a</li>\n<li><p>b</p><ul><li>c</li></ul></li></ul>", "x\n- a\n- b\n  - c"},
		{"numbers", `<ol start="3"><li>a</li><li>b</li></ol>`, "3. a\n4. b"},
		{"block", "a<pre><code class=\"language-go\">x  *y*\n\tz\n</code></pre>b", "a\n```x  *y*\n\tz```\nb"},
		{"header", "<h1>a</h1>b", "*a*\nb"},
		{"link", `<a href="https://a.test/x">here</a> <a href="https://a.test">https://a.test</a> <a href="https://a.test/">a.test</a>`,
			"here (https://a.test/x) https://a.test a.test"},
		{"bad links", `<a href="javascript:x()">a</a><a href="relative">b</a><a>c</a>`, "abc"},
		{"unknown tags", `<blink onclick="leak">a</blink><font color="#fff">b</font><x-y>c</x-y>`, "abc"},
		{"hidden", "<mx-reply><blockquote>old</blockquote></mx-reply>a<script>leak()</script><style>leak{}</style><!-- leak -->", "a"},
		{"picture", `<img src="mxc://leak/x" alt="cat">`, "cat"},
		{"spoiler", `<span data-mx-spoiler="leak">a</span>`, "a"},
		{"table", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"},
		{"unclosed", "<b>a<i>b", "*a_b_*"},
		{"pill", `hi <a href="https://matrix.to/#/@anna:test">Anna</a>!`, "hi @123!"},
		{"pill of nobody", `<a href="https://matrix.to/#/@x:test">X</a>`, "X"},
		{"room", `<a href="https://matrix.to/#/%23r:test">room</a>`, "room (https://matrix.to/#/%23r:test)"},
		{"stand-ins", "\x010\x02a\x01", "0a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, _ := testMarkup.FromHTML(&event.MessageEventContent{Body: "body", Format: event.FormatHTML, FormattedBody: test.in}, nobodyButAnna)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if got, _ := testMarkup.FromHTML(&event.MessageEventContent{Body: "*body*", FormattedBody: "no"}, nobodyButAnna); got != "*body*" {
		t.Errorf("plain content gave %q", got)
	}
}

func nobodyButAnna(user id.UserID) (string, bool) { return "@123", user == "@anna:test" }

func TestFromHTMLMentions(t *testing.T) {
	const pill = `<a href="https://matrix.to/#/@anna:test">Anna</a>`
	text, mentions := testMarkup.FromHTML(&event.MessageEventContent{
		Format: event.FormatHTML, FormattedBody: "👩🏿‍🚒<br><b>" + pill + "</b> and <blockquote>" + pill + "</blockquote>",
	}, nobodyButAnna)
	if want := "👩🏿‍🚒\n*@123* and\n> @123"; text != want {
		t.Errorf("text is %q, want %q", text, want)
	}
	if len(mentions) != 2 {
		t.Fatalf("got mentions %+v, want 2", mentions)
	}
	for _, m := range mentions {
		if text[m.Start:m.End] != "@123" || m.User != "@anna:test" {
			t.Errorf("a mention is of %q at %q", m.User, text[m.Start:m.End])
		}
	}
}

func TestFromMatrixEmote(t *testing.T) {
	content := &event.MessageEventContent{
		MsgType: event.MsgEmote, Format: event.FormatHTML, FormattedBody: `waves at <a href="https://matrix.to/#/@anna:test">Anna</a>`,
	}
	text, mentions := testMarkup.FromMatrix(content, nobodyButAnna)
	if text != "/me waves at @123" || len(mentions) != 1 || text[mentions[0].Start:mentions[0].End] != "@123" {
		t.Errorf("got %q with mentions %+v", text, mentions)
	}
	content.MsgType = event.MsgText
	if text, _ = testMarkup.FromMatrix(content, nobodyButAnna); text != "waves at @123" {
		t.Errorf("got %q of a text that is no emote", text)
	}
}

// There and back again nothing is lost.
func TestMarkupBothWays(t *testing.T) {
	for _, text := range []string{
		"a *b* _c_ ~d~ `e`", "> a\n> b\nc", "- a\n- b", "1. a\n2. b\nc", "```x\n  y```", "*a _b_*\n🦄 *c*",
	} {
		got, _ := testMarkup.FromHTML(Format(text, testMarkup, nil), nobodyButAnna)
		if got != text {
			t.Errorf("%q came back as %q", text, got)
		}
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("*a* _b_ ~c~ `d` ```e``` > f\n- g\n1. h @1", 0, 5)
	f.Add("\xff*\x00*@", -1, 3)
	f.Fuzz(func(t *testing.T, text string, start, end int) {
		text = Clean(text)
		content := Format(text, testMarkup, []Mention{{Start: start, End: end, User: "@anna:test", Name: "Anna"}})
		testMarkup.FromHTML(content, nobodyButAnna)
		if start < 0 && content.Body != text {
			t.Errorf("body of %q is %q", text, content.Body)
		}
	})
}

func FuzzFromHTML(f *testing.F) {
	f.Add(`<b>a<ul><li><pre>x</pre></ul><a href="https://matrix.to/#/@anna:test">A</a>`)
	f.Fuzz(func(t *testing.T, formatted string) {
		text, mentions := testMarkup.FromHTML(&event.MessageEventContent{Format: event.FormatHTML, FormattedBody: formatted}, nobodyButAnna)
		for _, m := range mentions {
			if m.Start < 0 || m.End > len(text) || text[m.Start:m.End] != "@123" {
				t.Errorf("mention %+v is not in %q", m, text)
			}
		}
	})
}
