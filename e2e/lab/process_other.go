//go:build !linux

package lab

import (
	"errors"
	"syscall"
)

// dieWithParent does nothing: only Linux can be asked to.
func dieWithParent(*syscall.SysProcAttr) {}

func ownMounts(*syscall.SysProcAttr) error {
	return errors.New("mount namespaces exist on Linux only")
}
