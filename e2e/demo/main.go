// Demo shows Crosschat at work on this machine, with nothing to set up: a homeserver, simulated people on WhatsApp,
// Messenger and Instagram, and the bridge between them, all on loopback and in one folder that is deleted at the end.
//
//	go run -tags goolm ./e2e/demo
//
// It logs a user in, lets simulated people talk with them, and shows what each side sees. Then it stays up: connect a
// Matrix client of your own, or type as the simulated people. Ctrl-C ends it and everything that it started.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"crosschat/e2e/lab"
)

type options struct {
	kind       string
	homeserver string
	domain     string
	user       string
	password   string
	dir        string
	encryption string
	port       int
	bridgePort int
	exit       bool
}

func parseFlags() (options, error) {
	var o options
	flag.StringVar(&o.kind, "kind", "dendrite", "homeserver to start: dendrite, or synapse (needs root)")
	flag.StringVar(&o.homeserver, "homeserver", "", "`URL` of a homeserver that runs already, to use instead of starting one")
	flag.StringVar(&o.domain, "domain", "", "server `name` of that homeserver")
	flag.StringVar(&o.user, "user", "you", "the user's `name`; with -homeserver one that exists")
	flag.StringVar(&o.password, "password", "", "the user's `password`; needed with -homeserver, otherwise chosen")
	flag.StringVar(&o.dir, "dir", "", "`folder` for all files, which is kept (default: a temporary one, deleted at the end)")
	flag.StringVar(&o.encryption, "encryption", "off", "how the bridge encrypts rooms: off, sync, or appservice (synapse only)")
	flag.IntVar(&o.port, "port", 0, "`port` of the homeserver that is started (default: a free one)")
	flag.IntVar(&o.bridgePort, "bridge-port", 0, "`port` of the bridge (default: a free one)")
	flag.BoolVar(&o.exit, "exit", false, "end after the conversation instead of staying up")
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q: see -help", flag.Arg(0))
	case o.homeserver != "" && (o.domain == "" || o.password == ""):
		return o, errors.New("with -homeserver the demo needs to know its server name (-domain) and a user of it (-user, -password)")
	case o.homeserver == "" && o.domain != "":
		return o, errors.New("-domain belongs to -homeserver: the homeserver that the demo starts has a name already")
	}
	o.homeserver = strings.TrimSuffix(o.homeserver, "/")
	return o, nil
}

func main() {
	o, err := parseFlags()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, o)
		interrupted := ctx.Err() != nil
		stop()
		if interrupted {
			err = nil // whatever failed after Ctrl-C failed because of it
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	screen := newScreen(os.Stdout)
	temporary := o.dir == ""
	if temporary {
		o.dir, err = os.MkdirTemp("", "crosschat-demo-")
	} else {
		err = os.MkdirAll(o.dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("make the demo's folder: %w", err)
	}
	screen.say("All files of this demo are in %s", o.dir)
	if temporary {
		defer os.RemoveAll(o.dir)
	}
	programs, err := lab.BuildPrograms(ctx, screen.progress, filepath.Join(o.dir, "bin"), false)
	if err != nil {
		return err
	}
	stack, err := lab.StartStack(ctx, stackOptions(o, programs, screen))
	if err != nil {
		return err
	}
	defer func() {
		screen.say("Stopping everything.")
		if stopErr := stack.Stop(); err == nil {
			err = stopErr
		}
	}()
	d := &demo{options: o, stack: stack, screen: screen}
	if err = d.logIn(ctx); err != nil {
		return err
	}
	defer d.user.Close()
	watching := d.watch(ctx)
	defer watching.stop()
	if err = d.converse(ctx); err != nil || o.exit {
		return err
	}
	return d.stayUp(ctx, os.Stdin)
}

func stackOptions(o options, programs lab.Programs, screen *screen) lab.StackOptions {
	opts := lab.StackOptions{
		Setting:  lab.Setting{Homeserver: lab.Kind(o.kind), Encryption: lab.Encryption(o.encryption), Database: "sqlite"},
		Programs: programs, Dir: o.dir, Progress: screen.progress, HomeserverPort: o.port, BridgePort: o.bridgePort,
	}
	if o.homeserver != "" {
		opts.Existing = &lab.Existing{URL: o.homeserver, Domain: o.domain, Install: func(ctx context.Context, b *lab.Bridge) error {
			screen.say("Add these two registration files to your homeserver's configuration and restart it:")
			screen.say("  %s\n  %s", b.Registration, b.DoublePuppet)
			screen.say("They say:\n")
			for _, path := range []string{b.Registration, b.DoublePuppet} {
				text, err := os.ReadFile(path)
				if err != nil {
					return fmt.Errorf("show registration: %w", err)
				}
				screen.say("# %s\n%s", path, text)
			}
			screen.say("Waiting until the homeserver knows them (Ctrl-C gives up) …")
			return b.AwaitKnown(ctx)
		}}
	}
	return opts
}
