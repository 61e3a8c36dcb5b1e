//go:build !linux

package database

import "os"

// syncData writes a file's content to the disk.
func syncData(file *os.File) error { return file.Sync() }
