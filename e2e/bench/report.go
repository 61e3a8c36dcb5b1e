package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"crosschat/e2e/lab"
)

// section is the part of the report about one benchmark. Its text begins with the heading.
type section struct{ title, text string }

const head = `# Benchmarks

Made by ` + "`make bench`" + `, not edited by hand: the real binary with a homeserver and simulated networks as processes on one
machine, all of which share its processors. Compare numbers of one section only: each says on which machine it was made.
`

func newSection(b benchmark, result table) section {
	var text strings.Builder
	fmt.Fprintf(&text, "## %s\n\n%s\n\n%s\n\n", b.title, b.about, machine())
	for i, row := range result {
		fmt.Fprintf(&text, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&text, "|%s\n", strings.Repeat(" --- |", len(row)))
		}
	}
	return section{b.title, text.String()}
}

// machine says what the numbers were made on.
func machine() string {
	return fmt.Sprintf("Machine: %s, %d processors, %s of memory, %s/%s, %s; %s.", processor(), runtime.NumCPU(), memory(),
		runtime.GOOS, runtime.GOARCH, runtime.Version(), time.Now().UTC().Format(time.DateOnly))
}

func processor() string {
	return procValue("/proc/cpuinfo", "model name", "unknown processor")
}

func memory() string {
	var kibi int64
	if _, err := fmt.Sscanf(procValue("/proc/meminfo", "MemTotal", ""), "%d kB", &kibi); err != nil {
		return "unknown size"
	}
	return fmt.Sprintf("%.0f GiB", float64(kibi)/(1<<20))
}

func procValue(path, key, fallback string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return fallback
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return fallback
}

// report prints sections and puts them into the file, where they replace older ones of the same title.
func report(path string, sections []section) error {
	for _, s := range sections {
		fmt.Println(s.text)
	}
	if path == "-" {
		return nil
	}
	if path == "" {
		root, err := lab.ModuleRoot()
		if err != nil {
			return err
		}
		path = filepath.Join(root, "docs", "benchmarks.md")
	}
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read old benchmarks: %w", err)
	}
	var text strings.Builder
	text.WriteString(head)
	for _, s := range merged(string(old), sections) {
		text.WriteString("\n" + s.text)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("write benchmarks: %w", err)
	}
	return nil
}

// merged is what the report has had, with sections in the place of their elders, or at the end.
func merged(old string, sections []section) []section {
	var all []section
	for i, text := range strings.Split(old, "\n## ") {
		if i == 0 {
			continue // the head
		}
		title, _, _ := strings.Cut(text, "\n")
		all = append(all, section{title, "## " + strings.TrimRight(text, "\n") + "\n"})
	}
	for _, s := range sections {
		if at := slices.IndexFunc(all, func(o section) bool { return o.title == s.title }); at >= 0 {
			all[at] = s
		} else {
			all = append(all, s)
		}
	}
	return all
}
