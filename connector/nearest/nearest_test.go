package nearest

import "testing"

func TestEditDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"login", "login", 0},
		{"lgoin", "login", 1},
		{"lgoin", "doin", 2},
		{"logut", "logout", 1},
		{"kitten", "sitting", 3},
		{"ab", "ba", 1},
	} {
		if got := editDistance(test.a, test.b); got != test.want {
			t.Errorf("the distance of %q and %q is %d, want %d", test.a, test.b, got, test.want)
		}
		if got := editDistance(test.b, test.a); got != test.want {
			t.Errorf("the distance of %q and %q is %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

func TestTo(t *testing.T) {
	candidates := []string{"doin", "help", "login", "logout"}
	for word, want := range map[string]string{"lgoin": "login", "hlep": "help", "good": "", "": ""} {
		if got := To(word, candidates); got != want {
			t.Errorf("To(%q) = %q, want %q", word, got, want)
		}
	}
}
