package setup

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
)

// status is what came out of a check.
type status string

const (
	ok      status = "ok"
	limited status = "limited" // works, but something is missing
	wrong   status = "wrong"
)

// result of a check: what was found, and for limited and wrong what to do, if anything can be done.
type result struct {
	status status
	text   string
	remedy string
}

// check is one line of doctor's report. It is left out when one of those that it needs is wrong.
type check struct {
	name  string
	needs []string
	run   func(*examination, context.Context) result
}

// checks in the order in which they depend on each other.
var checks = []check{
	{"config", nil, (*examination).checkConfig},
	{"database", []string{"config"}, (*examination).checkDatabase},
	{"homeserver", []string{"config"}, (*examination).checkHomeserver},
	{"registration", []string{"config"}, (*examination).checkRegistration},
	{"token", []string{"homeserver"}, (*examination).checkToken},
	{"ping", []string{"token"}, (*examination).checkPing},
	{"bot", []string{"token"}, (*examination).checkBot},
	{"encryption", []string{"database", "ping", "bot"}, (*examination).checkEncryption},
	{"double puppet", []string{"homeserver"}, (*examination).checkDoublePuppet},
	{"ffmpeg", nil, (*examination).checkFFmpeg},
}

// examination is what doctor has found out so far. Checks fill it for those that need them.
type examination struct {
	program                  *Program
	configPath, registration string
	cfg                      *bridgeconfig.Config
	hs                       *homeserver
}

// Doctor checks a set-up and prints one line a check. It returns 0 if nothing is wrong.
func (p *Program) Doctor(args []string) int {
	x := &examination{program: p}
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, name := range []string{"c", "config"} {
		flags.StringVar(&x.configPath, name, "config.yaml", "")
	}
	for _, name := range []string{"r", "registration"} {
		flags.StringVar(&x.registration, name, "", "")
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return p.Help([]string{"doctor"})
	} else if err != nil {
		return p.usage(err.Error(), "doctor")
	} else if flags.NArg() > 0 {
		return p.usage(fmt.Sprintf("unexpected argument %q", flags.Arg(0)), "doctor")
	}
	if x.registration == "" {
		x.registration = filepath.Join(filepath.Dir(x.configPath), "registration.yaml")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return x.runAll(ctx, p.stdout())
}

// runAll makes the checks and prints their lines as they come.
func (x *examination) runAll(ctx context.Context, out io.Writer) int {
	failed := map[string]bool{} // wrong, or not made
	var left []string
	code := exitOK
	for _, c := range checks {
		if ctx.Err() != nil {
			fmt.Fprintln(out, "Stopped.")
			return exitWrong
		}
		skip := false
		for _, need := range c.needs {
			skip = skip || failed[need]
		}
		if skip {
			failed[c.name] = true
			left = append(left, c.name)
			continue
		}
		found := c.run(x, ctx)
		if found.status == wrong {
			failed[c.name] = true
			code = exitWrong
		}
		fmt.Fprintf(out, "%-8s %-14s %s\n", found.status, c.name, indentRest(found.text, 24))
		if found.remedy != "" {
			fmt.Fprintf(out, "%24s-> %s\n", "", indentRest(found.remedy, 27))
		}
	}
	if len(left) > 0 {
		fmt.Fprintf(out, "Not checked, since they need what is wrong above: %s.\n", strings.Join(left, ", "))
	}
	return code
}

// indentRest puts all lines of a text but the first below it.
func indentRest(text string, by int) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", by))
}
