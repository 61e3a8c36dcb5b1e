package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
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

// ReadProcessorTime is how long a process has kept processors busy. The kernel counts in hundredths of a second. It works
// on Linux only.
func ReadProcessorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time of process %d: %w", pid, err)
	}
	// The name of the program, in brackets, may hold anything.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	fields := strings.Fields(rest)
	const user, system = 11, 12 // proc(5): fields 14 and 15, of which two are cut off, and counted from 0
	var total time.Duration
	for _, i := range []int{user, system} {
		if i >= len(fields) {
			return 0, fmt.Errorf("parse processor time of process %d: %q", pid, stat)
		}
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse processor time of process %d: %q: %w", pid, stat, err)
		}
		total += time.Duration(ticks) * 10 * time.Millisecond
	}
	return total, nil
}
