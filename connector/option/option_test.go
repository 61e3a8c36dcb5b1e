package option

import (
	"cmp"
	"fmt"
	"testing"
	"time"
)

func TestBetween(t *testing.T) {
	for _, value := range []int{1, 2, 3} {
		if err := Between("n", value, 1, 3); err != nil {
			t.Errorf("%d between 1 and 3 is refused: %v", value, err)
		}
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{Between("example.count", 4, 1, 3), "example.count is 4: set it between 1 and 3"},
		{Between("example.wait", 0, time.Second, time.Hour), "example.wait is 0s: set it between 1s and 1h0m0s"},
		{cmp.Or(Between("a", 1, 1, 3), Between("b", 0, 1, 3), Between("c", 0, 1, 3)), "b is 0: set it between 1 and 3"},
	} {
		if test.err == nil || test.err.Error() != test.want {
			t.Errorf("got %v, want %q", test.err, test.want)
		}
	}
	if err := cmp.Or(Between("a", 1, 1, 3), Between("b", 2, 1, 3)); err != nil {
		t.Errorf("good values are refused: %v", err)
	}
}

func TestOneOf(t *testing.T) {
	if err := OneOf("mode", "b", "a", "b"); err != nil {
		t.Errorf("a good value is refused: %v", err)
	}
	for _, value := range []string{"", "c", "A"} {
		err, want := OneOf("mode", value, "a", "b"), fmt.Sprintf("mode is %q: set it to one of a, b", value)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
