package messenger

import (
	"encoding/json"
	"html"
	"os"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/convert"
)

func TestFormattingVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/formatting.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Text, HTML string }
	if err = json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		content := convert.Format(v.Text, markup, nil)
		got := content.FormattedBody
		if got == "" { // there is nothing to mark
			got = strings.ReplaceAll(html.EscapeString(content.Body), "\n", "<br>")
		}
		if want := strings.ReplaceAll(v.HTML, "<br/>", "<br>"); got != want {
			t.Errorf("%q becomes %q, want %q", v.Text, got, want)
		}
	}
}

func TestFormat(t *testing.T) {
	anna := convert.Mention{User: id.UserID("@anna:test"), Name: "Anna"}
	for text, want := range map[string]string{
		"> a\nb":              "<blockquote>a</blockquote>b",
		">a\n\n> b":           "<blockquote>a</blockquote><br><blockquote>b</blockquote>",
		"````\n```\n````\nx":  "<pre><code>```\n</code></pre>x",
		"```x``` y":           "<code>`</code>x``` y", // what the rules say
		"*a `b* c` d*":        "*a <code>b* c</code> d*",
		"`a`b *x*":            "<code>a</code>b <strong>x</strong>",
		"> *a*":               "<blockquote>*a*</blockquote>",
		"*@Anna* hi":          `<strong><a href="https://matrix.to/#/@anna:test">@Anna</a></strong> hi`,
		"*a\u2028b*":          "",
		">>> a\nno end":       "<blockquote>&gt;&gt; a</blockquote>no end",
		"*a* *b*":             "<strong>a</strong> <strong>b</strong>",
		"_<b>_":               "<em>&lt;b&gt;</em>",
		"**a**":               "<strong>*a*</strong>",
		"``":                  "",
		"*":                   "",
		"* *":                 "",
		"https://x.test/a_b_": "",
	} {
		var mentions []convert.Mention
		if at := strings.Index(text, "@Anna"); at >= 0 {
			anna.Start, anna.End = at, at+len("@Anna")
			mentions = append(mentions, anna)
		}
		if got := convert.Format(text, markup, mentions).FormattedBody; got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// What is written to Messenger is read there as it was meant.
func TestFormatThereAndBack(t *testing.T) {
	for in, want := range map[string]string{
		"<b>a <i>b</i> <code>c</code></b> <del>d</del>":           "<strong>a b c</strong> <del>d</del>",
		"<blockquote>a<br>b</blockquote>c":                        "<blockquote>a<br>b</blockquote>c",
		"<pre><code class=\"language-go\">x := 1\n</code></pre>y": "<pre><code>x := 1</code></pre>y",
		"<h1>a</h1><p>b</p>":                                      "<strong>a</strong><br><br>b",
	} {
		text, _ := markup.FromHTML(&event.MessageEventContent{Body: "x", Format: event.FormatHTML, FormattedBody: in}, func(id.UserID) (string, bool) { return "", false })
		if got := convert.Format(text, markup, nil).FormattedBody; got != want {
			t.Errorf("%q is sent as %q, which is %q, want %q", in, text, got, want)
		}
	}
}

func FuzzFindMarks(f *testing.F) {
	for _, seed := range []string{"*a* _b_ ~c~ `d`", "> a\n>>> b\n<<<\n```go\nx\n```", "\xff*\u2028*", strings.Repeat("*a ", 50), strings.Repeat(">>>\n", 50)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		taken := make([]bool, len(text))
		for _, s := range findMarks(text) {
			if s.Start < 0 || s.End > len(text) || s.End <= s.Start {
				t.Fatalf("%q has span %+v", text, s)
			}
			for i := s.Start; i < s.End; i++ {
				if taken[i] {
					t.Fatalf("%q has overlapping spans", text)
				}
				taken[i] = true
			}
			for _, part := range s.Parts {
				if part[0] < s.Start || part[1] > s.End || part[0] > part[1] {
					t.Fatalf("%q has span %+v with a part outside", text, s)
				}
			}
		}
		convert.Format(convert.Clean(text), markup, nil)
	})
}
