package option

import (
	"cmp"
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
