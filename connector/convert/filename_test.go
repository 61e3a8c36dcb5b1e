package convert

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFileName(t *testing.T) {
	long := strings.Repeat("ä", 300)
	for _, test := range []struct{ name, in, want string }{
		{"plain", "report.pdf", "report.pdf"},
		{"nothing", "", "file.png"},
		{"spaces", "   ", "file.png"},
		{"folders", "../../etc/passwd", "passwd"},
		{"the other slash", `C:\tmp\a.txt`, "a.txt"},
		{"only folders", "///", "file.png"},
		{"dots", "..", "file.png"},
		{"control characters", "a\x00\n\x7fb.txt", "ab.txt"},
		{"turned around", "gpj\u202eexe.png", "gpjexe.png"},
		{"broken", "a\xff.txt", "a\uFFFD.txt"},
		{"long", long + ".jpeg", strings.Repeat("ä", 125) + ".jpeg"},
		{"long ending", "a." + long, "a." + strings.Repeat("ä", 126)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := FileName(test.in, "file", "image/png")
			if got != test.want {
				t.Errorf("FileName(%q) = %q, want %q", test.in, got, test.want)
			}
			if len(got) > longestFileName || !utf8.ValidString(got) {
				t.Errorf("%q of %d bytes is no file name", got, len(got))
			}
		})
	}
}

func TestMIMEType(t *testing.T) {
	for in, want := range map[string]string{
		"image/png":                      "image/png",
		"AUDIO/ogg; codecs=opus":         "audio/ogg",
		"":                               "a/b",
		"text":                           "a/b",
		"text/":                          "a/b",
		"/plain":                         "a/b",
		"text/plain\r\nX: y":             "a/b",
		"x/" + strings.Repeat("y", 1000): "a/b",
	} {
		if got := MIMEType(in, "a/b"); got != want {
			t.Errorf("MIMEType(%q) = %q, want %q", in, got, want)
		}
	}
}
