// Package setup is the part of the program that an admin meets: the command line, `init` (writes
// config and registrations), `doctor` (checks them against the homeserver) and the checks that
// `run` makes before the bridge starts.
//
// It owns the files of a data folder until the bridge runs, and nothing of the bridge itself: mxmain
// loads the config again and starts everything. All of it is called from the main goroutine, once a
// process; its own goroutines are the listener that doctor opens for the homeserver, and the one that waits for signals.
package setup

import (
	"fmt"
	"io"
	"os"
	"strings"

	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"
)

// Exit codes of the subcommands. mxmain's own codes start at 10 (1 for bad flags).
const (
	exitOK    = 0
	exitWrong = 1
	exitUsage = 2
)

// Program is what the subcommands have to know of the program that they are part of.
type Program struct {
	// Bridge has its name, version and connector set; the rest of it is filled by mxmain in Run.
	Bridge *mxmain.BridgeMain
	// Commit and BuildTime are what the build knows, or "unknown".
	Commit, BuildTime string
	// Monitor, if set, is called when the bridge is set up and before it starts. An error is for the admin, and ends the
	// process.
	Monitor func() error
	// Reticent, if set, is called then, too, on a homeserver that is known not to hand bridges what its users delete, have
	// read and type.
	Reticent func()
	// Stdin, Stdout and Stderr stand for the process' own where they are nil.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Interactive says that a person is at Stdin and may be asked. With Stdin nil it is found out.
	Interactive bool
}

func (p *Program) stdout() io.Writer {
	if p.Stdout != nil {
		return p.Stdout
	}
	return os.Stdout
}

func (p *Program) stderr() io.Writer {
	if p.Stderr != nil {
		return p.Stderr
	}
	return os.Stderr
}

// asks returns where answers come from, or nil if nobody can be asked. A character device may still
// be /dev/null: then the first question ends with io.EOF.
func (p *Program) asks() io.Reader {
	if p.Stdin != nil {
		if p.Interactive {
			return p.Stdin
		}
		return nil
	}
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return os.Stdin
}

// wrong prints one error with what to do about it, and returns the exit code for it.
func (p *Program) wrong(problem, remedy string) int {
	fmt.Fprintf(p.stderr(), "%s: %s\n", p.Bridge.Name, problem)
	if remedy != "" {
		fmt.Fprintf(p.stderr(), "  %s\n", strings.ReplaceAll(remedy, "\n", "\n  "))
	}
	return exitWrong
}

// usage prints a mistake in the command line and where help is.
func (p *Program) usage(problem, command string) int {
	hint := p.Bridge.Name + " help"
	if command != "" {
		hint += " " + command
	}
	fmt.Fprintf(p.stderr(), "%s: %s\n  see: %s\n", p.Bridge.Name, problem, hint)
	return exitUsage
}
