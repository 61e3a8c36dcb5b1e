package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ModuleRoot is the folder of Crosschat's go.mod, found from the working directory.
func ModuleRoot() (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return "", errors.New("the Go toolchain is needed, and there is no command go in PATH")
	}
	cmd := exec.Command("go", "env", "GOMOD")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find the module's root: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("run this inside Crosschat's source tree: there is no go.mod above the working directory")
	}
	return filepath.Dir(mod), nil
}

// Programs are the binaries under test.
type Programs struct {
	Bridge    string
	Simulator string
}

// BuildPrograms builds the bridge and the simulator from the source tree into dir, the bridge with the race detector
// if race is set.
func BuildPrograms(ctx context.Context, say Progress, dir string, race bool) (Programs, error) {
	root, err := ModuleRoot()
	if err != nil {
		return Programs{}, err
	}
	if err = os.MkdirAll(dir, 0o755); err != nil {
		return Programs{}, fmt.Errorf("make folder for programs: %w", err)
	}
	p := Programs{Bridge: filepath.Join(dir, "crosschat"), Simulator: filepath.Join(dir, "simulator")}
	say.say("Building the simulator")
	if err = goBuild(ctx, nil, build{dir: root, pkg: "./simulator", out: p.Simulator, flags: []string{"-tags", "goolm"}}); err != nil {
		return Programs{}, err
	}
	say.say("Building the bridge")
	flags := []string{"-tags", "goolm"}
	if race {
		flags = append(flags, "-race")
	}
	return p, goBuild(ctx, nil, build{dir: root, pkg: "./bridge", out: p.Bridge, flags: flags})
}

// BuildHooked builds the bridge with the hooks that only tests have into the file out: it can end itself at named steps,
// and do without the ledger (connector/ledger).
func BuildHooked(ctx context.Context, say Progress, out string) error {
	root, err := ModuleRoot()
	if err != nil {
		return err
	}
	say.say("Building the bridge with hooks")
	return goBuild(ctx, nil, build{dir: root, pkg: "./bridge", out: out, flags: []string{"-tags", "goolm,crosschat_testhooks"}})
}

type build struct {
	dir, pkg, out string
	flags         []string
}

// goBuild runs go build. The binary appears under its name only when it is whole.
func goBuild(ctx context.Context, say Progress, b build) error {
	if _, err := exec.LookPath("gcc"); err != nil && os.Getenv("CC") == "" {
		return fmt.Errorf("build %s: a C compiler is needed (for SQLite), and there is no gcc in PATH: install gcc and libc6-dev", b.pkg)
	}
	part := fmt.Sprintf("%s.part%d", b.out, os.Getpid())
	args := append([]string{"build", "-o", part}, b.flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, b.pkg)...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOWORK=off")
	count := 0
	err := runLogged(cmd, func(line string) {
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			say.say("  downloading %s", strings.TrimPrefix(line, "go: downloading "))
		case say != nil && !strings.Contains(line, " "):
			if count++; count%50 == 0 {
				say.say("  %d packages compiled, last %s", count, line)
			}
		}
	})
	if err != nil {
		_ = os.Remove(part)
		if strings.Contains(err.Error(), "dial tcp") || strings.Contains(err.Error(), "no such host") {
			return fmt.Errorf("build %s: its modules can't be downloaded: is there a network? %w", b.pkg, err)
		}
		return fmt.Errorf("build %s: %w", b.pkg, err)
	}
	if err = os.Rename(part, b.out); err != nil {
		return fmt.Errorf("build %s: %w", b.pkg, err)
	}
	return nil
}
