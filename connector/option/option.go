// Package option is how sections of the config say that a value can't work. It owns no option: each section has its own
// limits, and bridgev2 asks for them once, before anything starts.
package option

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Between refuses a value that is below low or above high; the error names key, value and remedy. To check several, join
// them with cmp.Or, which answers the first error.
func Between[T cmp.Ordered](key string, value, low, high T) error {
	if value < low || value > high {
		return fmt.Errorf("%s is %v: set it between %v and %v", key, value, low, high)
	}
	return nil
}

// OneOf refuses a value that is none of those that there are; the error names key, value and remedy.
func OneOf(key, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %q: set it to one of %s", key, value, strings.Join(allowed, ", "))
}
