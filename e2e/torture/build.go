package main

import (
	"context"
	"path/filepath"

	"crosschat/e2e/lab"
)

// build makes the programs; the bridge is the one that can end at a named step.
func build(ctx context.Context, dir string) (lab.Programs, error) {
	programs, err := lab.BuildPrograms(ctx, nil, dir, false)
	if err != nil {
		return programs, err
	}
	programs.Bridge = filepath.Join(dir, "crosschat-torture")
	return programs, lab.BuildHooked(ctx, nil, programs.Bridge)
}
