package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"crosschat/simulator/control"
)

// Simulator is the program that plays the networks.
type Simulator struct {
	control.Client
	Ready control.Ready

	proc  *Process
	stdin *os.File // it ends when this is closed
}

// StartSimulator starts the simulator; its files and its log are in dir.
func StartSimulator(ctx context.Context, binary, dir string) (*Simulator, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the simulator: %w", err)
	}
	stdin, ourIn, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer stdin.Close()
	ourOut, stdout, err := os.Pipe()
	if err != nil {
		_ = ourIn.Close()
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer stdout.Close()
	cmd := exec.Command(binary, "-dir", dir, "-stdin")
	cmd.Stdin, cmd.Stdout = stdin, stdout
	s := &Simulator{stdin: ourIn}
	if s.proc, err = StartProcess("simulator", filepath.Join(dir, "simulator.log"), cmd); err != nil {
		_ = ourIn.Close()
		_ = ourOut.Close()
		return nil, err
	}
	first := make(chan string, 1)
	go readFirstLine(ourOut, first)
	select {
	case line := <-first:
		err = json.Unmarshal([]byte(line), &s.Ready)
		if err != nil {
			err = fmt.Errorf("parse the simulator's first line %q: %w", line, err)
		}
	case <-s.proc.Done():
		err = s.proc.Ended()
	case <-time.After(30 * time.Second):
		err = fmt.Errorf("the simulator printed nothing within 30 s; its log is %s", s.proc.LogPath)
	case <-ctx.Done():
		err = fmt.Errorf("wait for the simulator: %w", ctx.Err())
	}
	if err != nil {
		_ = s.Stop()
		return nil, err
	}
	s.BaseURL = s.Ready.Control
	return s, nil
}

// readFirstLine sends the first line on and reads on to the end, so that the writer never blocks.
func readFirstLine(from *os.File, first chan<- string) {
	defer from.Close()
	read := bufio.NewReader(from)
	if line, err := read.ReadString('\n'); err == nil {
		first <- line
	}
	_, _ = io.Copy(io.Discard, read)
}

// LogPath is where the simulator logs to.
func (s *Simulator) LogPath() string { return s.proc.LogPath }

// Running says whether the simulator has not ended yet.
func (s *Simulator) Running() bool { return s.proc.Running() }

// Stop ends the simulator.
func (s *Simulator) Stop() error {
	if s == nil {
		return nil
	}
	_ = s.stdin.Close()
	return s.proc.Stop(10 * time.Second)
}
