// Package optiontest checks in tests that what a section's example says is what the program does. Its functions are called
// from the test's goroutine.
package optiontest

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"go.mau.fi/util/configupgrade"
)

// MustBeDefault fails if a field that the example has set differs from the default: the example must say what the program
// does without it. Both are structs of one type; example was empty before the example was read into it.
func MustBeDefault(t *testing.T, section string, example, defaults any) {
	t.Helper()
	got, want := reflect.ValueOf(example), reflect.ValueOf(defaults)
	for i := range got.NumField() {
		field := got.Field(i)
		if field.IsZero() || field.Kind() == reflect.Map && field.Len() == 0 {
			continue // not in the example: the default stays
		}
		if a, b := field.Interface(), want.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			t.Errorf("%s.%s is %v in the example, %v by default", section, got.Type().Field(i).Tag.Get("yaml"), a, b)
		}
	}
}

// MustBeCopied fails if the keys of the example's section wire are not those that the upgrader copies, by how they are
// written: what it does not copy would be lost from a user's config. identity are those of the section within.
func MustBeCopied(t *testing.T, example string, wire map[configupgrade.YAMLType][]string, identity []string) {
	t.Helper()
	var sections struct {
		Wire map[string]any `yaml:"wire"`
	}
	if err := yaml.Unmarshal([]byte(example), &sections); err != nil {
		t.Fatal(err)
	}
	inner, _ := sections.Wire["identity"].(map[string]any)
	mustEqual(t, "wire", sections.Wire, append(slices.Concat(slices.Collect(maps.Values(wire))...), "identity"))
	mustEqual(t, "wire.identity", inner, identity)
}

// MustBeChecked fails if the example's values are refused, or if the error of one that is spoilt does not name its key.
// check reads the example, spoils it and validates what came of that.
func MustBeChecked[C any](t *testing.T, spoils map[string]func(*C), check func(spoil func(*C)) error) {
	t.Helper()
	if err := check(func(*C) {}); err != nil {
		t.Errorf("the example is refused: %v", err)
	}
	for key, spoil := range spoils {
		if err := check(spoil); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("wrong %s gives %v, want an error that names it", key, err)
		}
	}
}

func mustEqual(t *testing.T, section string, example map[string]any, copied []string) {
	t.Helper()
	got, want := slices.Sorted(maps.Keys(example)), slices.Sorted(slices.Values(copied))
	if !slices.Equal(got, want) {
		t.Errorf("the example's section %s has the keys %q, but %q are copied", section, got, want)
	}
}
