package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LogLine is a line of the bridge's log.
type LogLine struct {
	Level   string
	Message string
	Raw     string
	Offset  int64 // where it begins, as Bridge.Log counts
}

// Log reads the bridge's log from byte offset from on and returns the offset of its end too. The bridge begins a new file
// at each start: offsets count through all of them. A missing log is empty. A last line without its end is left for the
// next time.
func (b *Bridge) Log(from int64) (lines []LogLine, end int64, err error) {
	earlier, err := filepath.Glob(strings.TrimSuffix(b.LogPath(), ".log") + "-*.log")
	if err != nil {
		return nil, from, fmt.Errorf("list the bridge's logs: %w", err)
	}
	slices.Sort(earlier) // their names hold the time
	var data []byte
	for _, path := range append(earlier, b.LogPath()) {
		part, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, from, fmt.Errorf("read the bridge's log: %w", err)
		}
		data = append(data, part...)
	}
	from = min(from, int64(len(data)))
	data = data[from:]
	end = from
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	scan := bufio.NewScanner(bytes.NewReader(data))
	scan.Buffer(nil, len(data)+1)
	for scan.Scan() {
		var line struct {
			Level   string `json:"level"`
			Message string `json:"message"`
		}
		if json.Unmarshal(scan.Bytes(), &line) != nil {
			line.Level, line.Message = "error", "the line is not JSON"
		}
		lines = append(lines, LogLine{Level: line.Level, Message: line.Message, Raw: scan.Text(), Offset: end})
		end += int64(len(scan.Bytes())) + 1
	}
	return lines, end, scan.Err()
}

// outdated is what bridgev2 says of Dendrite, which the bridge is told to use all the same.
const outdated = "The homeserver is outdated (supported spec versions are below minimum required by bridge)"

// Severe says whether a line stands for something that someone must act on.
func (l LogLine) Severe() bool {
	switch l.Level {
	case "error", "fatal", "panic":
		return l.Message != outdated
	}
	return strings.Contains(strings.ToLower(l.Message), "panic")
}

// Leaks returns the lines above trace level that hold one of the texts: what people write to each other, and secrets,
// have no business there.
func Leaks(lines []LogLine, texts []string) (found []LogLine) {
	for _, line := range lines {
		if line.Level == "trace" {
			continue
		}
		for _, text := range texts {
			if strings.Contains(line.Raw, text) {
				found = append(found, line)
				break
			}
		}
	}
	return found
}

// Crashes returns the start of each crash report (panic, data race) in what the bridge wrote outside its log, from byte
// offset from on, and the offset of the end.
func (b *Bridge) Crashes(from int64) (found []string, end int64, err error) {
	data, err := os.ReadFile(b.OutputPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	} else if err != nil {
		return nil, from, fmt.Errorf("read the bridge's output: %w", err)
	}
	lines := strings.Split(string(data[min(from, int64(len(data))):]), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.Contains(line, "WARNING: DATA RACE") {
			found = append(found, strings.Join(lines[i:min(i+30, len(lines))], "\n"))
		}
	}
	return found, int64(len(data)), nil
}
