package main

import (
	"os"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	path := t.TempDir() + "/benchmarks.md"
	made := func(title, value string) section {
		return newSection(benchmark{title: title, about: "About it."}, table{{"a", "b"}, {"x", value}})
	}
	if err := report(path, []section{made("One", "1"), made("Two", "2")}); err != nil {
		t.Fatal(err)
	}
	before := mustRead(t, path)
	if err := report(path, []section{made("Two", "3"), made("Three", "4")}); err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, path)
	want := strings.Replace(before, "| x | 2 |", "| x | 3 |", 1) + "\n" + made("Three", "4").text
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
