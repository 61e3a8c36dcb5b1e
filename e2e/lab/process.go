package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a child process with its output in a log file. It runs in a process group of its own, so that an interrupt
// in the terminal reaches only us, and it does not outlive us where the system allows to arrange that (Linux).
type Process struct {
	Name    string
	LogPath string

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has been waited for

	mu  sync.Mutex
	err error // how it ended
}

// StartProcess starts cmd; its standard output (unless the caller has taken it already) and its standard error are
// appended to logPath.
func StartProcess(name, logPath string, cmd *exec.Cmd) (*Process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	defer log.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.Stderr = log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr)
	p := &Process{Name: name, LogPath: logPath, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err = <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// run starts the process and waits for it. Both happen on one operating system thread that stays alive meanwhile: the
// kernel takes the end of the starting thread, not of the program, for the end of the parent.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	err = p.cmd.Wait()
	p.mu.Lock()
	p.err = err
	p.mu.Unlock()
	close(p.done)
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running says whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Ended is nil while the process runs, and afterwards says how it ended with the last lines of its log.
func (p *Process) Ended() error {
	if p.Running() {
		return nil
	}
	p.mu.Lock()
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	p.mu.Unlock()
	return fmt.Errorf("%s ended (%s); its last words in %s:\n%s", p.Name, how, p.LogPath, tail(p.LogPath, 12))
}

// Stop asks the process to end, waits for grace, then kills it. It returns when the process is gone; an error says that
// it had to be killed. Stopping an ended or nil process does nothing.
func (p *Process) Stop(grace time.Duration) error {
	if p == nil || !p.Running() {
		return nil
	}
	_ = syscall.Kill(-p.PID(), syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
		p.Kill()
		return fmt.Errorf("%s did not end within %s and was killed; its last words in %s:\n%s", p.Name, grace, p.LogPath, tail(p.LogPath, 12))
	}
}

// Kill ends the process and its group at once and waits until it is gone.
func (p *Process) Kill() {
	if p == nil || !p.Running() {
		return
	}
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.done
}

// awaitReady polls ready until it returns nil. It gives up when the process ends, the context ends or limit has passed.
func (p *Process) awaitReady(ctx context.Context, limit time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.Ended()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s: %w; its last words in %s:\n%s", p.Name, limit, err, p.LogPath, tail(p.LogPath, 12))
		case <-tick.C:
		}
	}
}

// runLogged runs a command to its end and passes each line of its output on to lines.
func runLogged(cmd *exec.Cmd, lines func(string)) error {
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	var last []string
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		scan := bufio.NewScanner(read)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			last = append(last, scan.Text())
			if len(last) > 15 {
				last = last[1:]
			}
			lines(scan.Text())
		}
		_, _ = io.Copy(io.Discard, read)
	}()
	err := cmd.Run()
	_ = write.Close()
	<-finished
	if err != nil {
		return fmt.Errorf("run %s: %w:\n%s", strings.Join(cmd.Args, " "), err, strings.Join(last, "\n"))
	}
	return nil
}

// tail returns the last n lines of a file, or says why it can't.
func tail(path string, n int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
