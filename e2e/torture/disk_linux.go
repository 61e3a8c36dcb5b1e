package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// smallDisk is a file system in memory that holds the bridge's data and is easily full. Its methods may be called on nil.
type smallDisk struct{ dir string }

const diskSize = "size=400m"

// mountSmallDisk mounts one. The bridge's logs are not on it: the verdict reads from them what the homeserver handed over, and
// what happens while the disk is full is what one wants to know most.
func mountSmallDisk(dir string) (*smallDisk, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a small file system can be mounted by root only")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, diskSize); err != nil {
		return nil, fmt.Errorf("mount a small file system: %w", err)
	}
	disk, logs := &smallDisk{dir}, dir+"-logs"
	if err := errors.Join(os.MkdirAll(logs, 0o700), os.Symlink(filepath.Join("..", filepath.Base(logs)), filepath.Join(dir, "logs"))); err != nil {
		disk.unmount()
		return nil, fmt.Errorf("put the logs elsewhere: %w", err)
	}
	return disk, nil
}

// full fills the disk for a while.
func (d *smallDisk) full(ctx context.Context, away time.Duration) error {
	path := filepath.Join(d.dir, "ballast")
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	for block := make([]byte, 1<<16); err == nil; {
		_, err = file.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("fill the disk: %w", err)
	}
	return errors.Join(file.Close(), pause(ctx, away), os.Remove(path))
}

func (d *smallDisk) copyTo(dir string) {
	if d != nil {
		_ = exec.Command("cp", "-a", d.dir, dir).Run()
	}
}

func (d *smallDisk) unmount() {
	if d != nil {
		_ = syscall.Unmount(d.dir, 0)
	}
}
