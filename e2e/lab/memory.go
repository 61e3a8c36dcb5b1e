package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Memory is what a process has in main memory, in bytes.
type Memory struct {
	Now  int64 // resident set
	Peak int64 // the most since ResetPeak, or since the start
}

// ReadMemory asks the kernel about a process. It works on Linux only.
func ReadMemory(pid int) (Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, fmt.Errorf("read memory of process %d: %w", pid, err)
	}
	var m Memory
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		target := map[string]*int64{"VmRSS": &m.Now, "VmHWM": &m.Peak}[key]
		if target == nil {
			continue
		}
		kibi, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("parse memory of process %d: %q: %w", pid, line, err)
		}
		*target = kibi << 10
	}
	if m.Now == 0 || m.Peak == 0 {
		return Memory{}, fmt.Errorf("read memory of process %d: the kernel does not tell", pid)
	}
	return m, nil
}

// ResetPeak lets the peak of a process begin anew (proc(5), clear_refs). It works on Linux only.
func ResetPeak(pid int) error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		return fmt.Errorf("reset peak memory of process %d: %w", pid, err)
	}
	return nil
}
