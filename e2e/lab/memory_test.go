package lab

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestProcessTellsWhatItUses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	memory, err := ReadMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if memory.Now < 1<<20 || memory.Peak < memory.Now {
		t.Errorf("memory is %+v, want some, and the peak above", memory)
	}
	// The kernel's clock ticks while there is work.
	begin := time.Now()
	for {
		busy, err := ReadProcessorTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if busy > 0 {
			break
		}
		if time.Since(begin) > time.Minute {
			t.Fatal("a minute of work counts as no processor time")
		}
	}
	if _, err = ReadProcessorTime(-1); err == nil {
		t.Error("there is no process -1, but its processor time could be read")
	}
}
