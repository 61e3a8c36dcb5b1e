package lab

import "syscall"

// dieWithParent has the kernel kill the child when the thread that started it ends.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// ownMounts gives the child a mount namespace: what it mounts disappears with it.
func ownMounts(attr *syscall.SysProcAttr) error {
	attr.Unshareflags |= syscall.CLONE_NEWNS
	return nil
}
