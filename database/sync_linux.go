package database

import (
	"os"
	"syscall"
)

// syncData writes a file's content to the disk, as SQLite does itself; its times, which cost as much again, may wait.
func syncData(file *os.File) error {
	for {
		if err := syscall.Fdatasync(int(file.Fd())); err != syscall.EINTR {
			return err
		}
	}
}
