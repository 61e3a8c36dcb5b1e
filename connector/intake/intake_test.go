package intake

import "testing"

func TestParse(t *testing.T) {
	for _, test := range []struct {
		text string
		want int
		ok   bool
	}{
		{"20", 20, true},
		{" All ", everything, true},
		{"none", 0, true},
		{"0", 0, true},
		{"100000", mostChats, true},
		{"100001", 0, false},
		{"-1", 0, false},
		{"1e3", 0, false},
		{"", 0, false},
		{"some", 0, false},
		{"99999999999999999999", 0, false},
	} {
		got, err := Parse(test.text)
		if (err == nil) != test.ok || got != test.want {
			t.Errorf("Parse(%q) = %d, %v; want %d, error %t", test.text, got, err, test.want, !test.ok)
		}
	}
}
