//go:build !linux

package main

import (
	"context"
	"errors"
	"time"
)

// smallDisk exists on Linux only.
type smallDisk struct{}

func mountSmallDisk(string) (*smallDisk, error) {
	return nil, errors.New("a small file system in memory is mounted on Linux only")
}

func (*smallDisk) full(context.Context, time.Duration) error {
	return errors.New("there is no small disk")
}
func (*smallDisk) copyTo(string) {}
func (*smallDisk) unmount()      {}
