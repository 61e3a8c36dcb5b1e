package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// AptInstall installs Debian packages. It needs root and apt; otherwise its error says what to install by hand.
func AptInstall(ctx context.Context, say Progress, packages ...string) error {
	what := strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s is missing, and there is no apt-get here to install it: please install it yourself", what)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s is missing: run \"apt-get install %s\" as root", what, what)
	}
	say.say("Installing %s with apt-get", what)
	args := append([]string{"install", "-y", "--no-install-recommends"}, packages...)
	quiet := func(string) {}
	install := func() error {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		return runLogged(cmd, quiet)
	}
	if install() == nil {
		return nil
	}
	// A fresh machine has no package lists yet, an old one stale ones.
	if err := runLogged(exec.CommandContext(ctx, "apt-get", "update"), quiet); err != nil {
		return fmt.Errorf("install %s: %w", what, err)
	}
	if err := install(); err != nil {
		return fmt.Errorf("install %s: %w", what, err)
	}
	return nil
}

// EnsureFFmpeg makes sure that ffmpeg is there, which the bridge wants for voice messages and stickers.
func EnsureFFmpeg(ctx context.Context, say Progress) error {
	if _, err := exec.LookPath("ffmpeg"); err == nil {
		return nil
	}
	if err := AptInstall(ctx, say, "ffmpeg"); err != nil {
		return err
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		return errors.New("ffmpeg was installed, but is not in PATH")
	}
	return nil
}
