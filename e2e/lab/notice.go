package lab

import (
	"fmt"
	"os"
)

// Notice tells loudly that something could not be shown on this machine, and why. It goes to standard error and, since
// go test swallows the output of tests that pass, is also appended to the file that CROSSCHAT_NOTICES names.
func Notice(format string, args ...any) {
	text := fmt.Sprintf("*** NOT SHOWN: "+format+"\n", args...)
	fmt.Fprint(os.Stderr, text)
	path := os.Getenv("CROSSCHAT_NOTICES")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, "note what was not shown:", err)
		return
	}
	defer file.Close()
	if _, err = file.WriteString(text); err != nil {
		fmt.Fprintln(os.Stderr, "note what was not shown:", err)
	}
}
