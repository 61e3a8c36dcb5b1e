package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"crosschat/e2e/lab"
)

// build makes the programs; the bridge is the one that can end at a named step.
func build(ctx context.Context, dir string) (lab.Programs, error) {
	programs, err := lab.BuildPrograms(ctx, nil, dir, false)
	if err != nil {
		return programs, err
	}
	root, err := lab.ModuleRoot()
	if err != nil {
		return programs, err
	}
	programs.Bridge = filepath.Join(dir, "crosschat-torture")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "goolm,crosschat_testhooks", "-o", programs.Bridge, "./bridge")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return programs, fmt.Errorf("build the bridge with hooks: %w\n%s", err, out)
	}
	return programs, nil
}
