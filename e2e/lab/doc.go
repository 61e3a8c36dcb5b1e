// Package lab starts and stops the things that Crosschat lives between: homeservers, databases, the bridge and the
// simulator, each as a process on loopback, and Matrix users that act and watch like a person's client. Tests, the demo
// and measurements share it.
//
// It owns the processes that it starts: each ends with Stop or Kill, and all of them with the program that started them.
// It judges nothing: what a scenario must show stands in package e2e. It does not depend on package testing; whatever
// goes wrong is an error that says what was tried and what was there instead.
//
// Unless a type says otherwise, its methods may be called from any goroutine. Functions that build or install take
// minutes the first time; they report through a Progress.
package lab

import (
	"fmt"
	"os"
	"path/filepath"
)

// Progress is told in one line what takes time just now. A nil Progress is silent.
type Progress func(line string)

func (p Progress) say(format string, args ...any) {
	if p != nil {
		p(fmt.Sprintf(format, args...))
	}
}

// CacheDir is where built homeservers are kept between runs.
func CacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder (set XDG_CACHE_HOME): %w", err)
	}
	dir := filepath.Join(base, "crosschat-lab")
	if err = os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	return dir, nil
}
