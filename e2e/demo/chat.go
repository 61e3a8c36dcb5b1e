package main

import (
	"bufio"
	"context"
	"io"
	"strings"
)

// stayUp lets the newcomer look around and type as the simulated people, until ctx ends.
func (d *demo) stayUp(ctx context.Context, in io.Reader) error {
	d.screen.say(`
That was the script; all of it is still running. Look at it with any Matrix client:

    homeserver  %s
    user        %s
    password    %s

and answer from there. Or type here as one of the simulated people (Anna, Ben, Clara), like this:

    Anna> and how is the weather?

Ctrl-C ends the demo and everything that it started.
`, d.url(), d.user.ID, d.password)
	lines := make(chan string)
	go func() {
		// A read from the terminal can't be interrupted: this goroutine ends with the program.
		scan := bufio.NewScanner(in)
		for scan.Scan() {
			lines <- scan.Text()
		}
	}()
	for {
		select {
		case line := <-lines:
			d.typed(ctx, line)
		case <-d.stack.Bridge.Done():
			return d.stack.Bridge.Ended()
		case <-ctx.Done():
			return nil
		}
	}
}

// typed handles a line of the form "Anna> text".
func (d *demo) typed(ctx context.Context, line string) {
	line = strings.TrimSpace(line)
	if line == "" {
		return
	}
	name, text, ok := strings.Cut(line, ">")
	text = strings.TrimSpace(text)
	if ok && text != "" {
		for _, p := range d.people {
			if strings.EqualFold(strings.TrimSpace(name), p.Name) {
				if err := d.write(ctx, p, text); err != nil && ctx.Err() == nil {
					d.screen.say("  (%s could not send that: %v)", p.Name, err)
				}
				return
			}
		}
	}
	d.screen.say("  (type \"Anna> some text\", or Ben or Clara instead of Anna)")
}
