package setup

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/id"
)

// initOptions are the answers that init needs, from flags or from the terminal.
type initOptions struct {
	data, homeserver, domain, admin string
	hostname, address, database     string
	encryption                      string
	port                            int
	sets                            []string
	overwrite                       bool
}

// Init makes a data folder: config, registrations and an empty place for logs. It writes all of them
// or none. It returns the exit code.
func (p *Program) Init(args []string) int {
	options, code := p.parseInit(args)
	if options == nil {
		return code
	}
	if problem := options.check(); problem != nil {
		return p.usage(problem.String(), "init")
	}
	// Signals end the process at once: it waits for a person, and nothing is written yet.
	hs, err := p.fillIn(context.Background(), options, p.asks())
	var missing missingFlags
	if errors.As(err, &missing) {
		return p.usage(missing.Error(), "init")
	} else if err != nil {
		return p.wrong(err.Error(), "")
	}
	plan, err := p.plan(options, hs)
	var bad Problem
	if errors.As(err, &bad) {
		return p.usage(bad.String(), "init")
	} else if err != nil {
		return p.wrong(err.Error(), "")
	}
	if err = writeAll(plan, options.overwrite); err != nil {
		var exists *fileExistsError
		if errors.As(err, &exists) {
			return p.wrong(fmt.Sprintf("%s is there already; nothing was written", exists.path),
				"Choose another folder with --data, or give --overwrite to write all files anew.")
		}
		return p.wrong(fmt.Sprintf("%v; nothing was written", err), "")
	}
	p.printInstructions(plan)
	return exitOK
}

// parseInit reads init's flags. The options are nil if there is nothing left to do but exit.
func (p *Program) parseInit(args []string) (*initOptions, int) {
	o := &initOptions{}
	flags := flag.NewFlagSet("init", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.data, "data", ".", "")
	flags.StringVar(&o.homeserver, "homeserver", "", "")
	flags.StringVar(&o.domain, "domain", "", "")
	flags.StringVar(&o.admin, "admin", "", "")
	flags.IntVar(&o.port, "port", int(p.Bridge.Connector.GetName().DefaultPort), "")
	flags.StringVar(&o.hostname, "hostname", "127.0.0.1", "")
	flags.StringVar(&o.address, "address", "", "")
	flags.StringVar(&o.database, "database", "", "")
	flags.StringVar(&o.encryption, "encryption", "auto", "")
	flags.Func("set", "", func(value string) error {
		o.sets = append(o.sets, value)
		return nil
	})
	flags.BoolVar(&o.overwrite, "overwrite", false, "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, p.Help([]string{"init"})
	} else if err != nil {
		return nil, p.usage(err.Error(), "init")
	} else if flags.NArg() > 0 {
		return nil, p.usage(fmt.Sprintf("unexpected argument %q", flags.Arg(0)), "init")
	}
	return o, exitOK
}

// check looks at the flags that were given, before anything is asked.
func (o *initOptions) check() *Problem {
	flags := []struct{ name, value, what, remedy string }{
		{name: "--homeserver", value: o.homeserver}, {name: "--address", value: o.address},
		{name: "--domain", value: o.domain}, {name: "--admin", value: o.admin},
	}
	for i := range flags {
		f := &flags[i]
		if f.value == "" {
			continue
		}
		switch f.name {
		case "--domain":
			f.what, f.remedy = checkDomain(f.value)
		case "--admin":
			f.what, f.remedy = checkUser(f.value)
		default:
			f.what, f.remedy = checkURL(f.value)
		}
		if f.what != "" {
			return &Problem{Key: f.name, Value: strconv.Quote(f.value), What: f.what, Remedy: f.remedy}
		}
	}
	if o.port < 1 || o.port > 65535 {
		return &Problem{Key: "--port", Value: strconv.Itoa(o.port), What: "want a port from 1 to 65535"}
	}
	if what, remedy := oneOf(o.encryption, []string{"auto", "appservice", "sync", "off"}, ""); what != "" {
		return &Problem{Key: "--encryption", Value: strconv.Quote(o.encryption), What: what, Remedy: remedy}
	}
	return nil
}

func checkUser(user string) (string, string) {
	if _, server, err := id.UserID(user).Parse(); err != nil || server == "" {
		return "not a Matrix id", "write it like @you:example.com"
	}
	return "", ""
}

// missingFlags names the flags without which init can't go on when there is nobody to ask.
type missingFlags []string

func (m missingFlags) Error() string {
	return "missing " + strings.Join(m, ", ") + " (there is no terminal to ask on)"
}

// fillIn asks for what the flags didn't give, and looks at the homeserver. The homeserver is nil if
// it can't be reached now: that is not an error, it may not run yet.
func (p *Program) fillIn(ctx context.Context, o *initOptions, terminal io.Reader) (*homeserver, error) {
	var missing missingFlags
	for _, needed := range []struct{ name, value string }{
		{"--homeserver", o.homeserver}, {"--domain", o.domain}, {"--admin", o.admin},
	} {
		if needed.value == "" {
			missing = append(missing, needed.name)
		}
	}
	if len(missing) > 0 && terminal == nil {
		return nil, missing
	}
	var err error
	ask := &asker{out: p.stdout()}
	if terminal != nil {
		ask.in = bufio.NewReader(terminal)
	}
	if o.homeserver == "" {
		o.homeserver, err = ask.until("Address of your homeserver, as this machine reaches it", "http://localhost:8008", checkURL)
		if err != nil {
			return nil, missing
		}
	}
	hs, reachError := probeHomeserver(ctx, o.homeserver)
	if reachError != nil {
		fmt.Fprintf(p.stdout(), "%s: %v\n", o.homeserver, reachError)
	}
	if o.domain == "" {
		guess := ""
		if hs != nil {
			guess = hs.name
		}
		if o.domain, err = ask.until("Its server name (what follows the colon in Matrix ids)", guess, checkDomain); err != nil {
			return nil, missing
		}
	}
	if o.admin == "" {
		if o.admin, err = ask.until("Your Matrix id, which becomes the bridge's admin", "@you:"+o.domain, checkUser); err != nil {
			return nil, missing
		}
	}
	return hs, nil
}

// asker asks questions on a terminal.
type asker struct {
	in  *bufio.Reader
	out io.Writer
}

// until asks until the answer is good; an empty answer takes the suggestion. The error is io.EOF when
// nobody answers any more.
func (a *asker) until(question, suggestion string, check func(string) (string, string)) (string, error) {
	for {
		if suggestion != "" {
			fmt.Fprintf(a.out, "%s [%s]: ", question, suggestion)
		} else {
			fmt.Fprintf(a.out, "%s: ", question)
		}
		answer, err := a.in.ReadString('\n')
		if err != nil {
			fmt.Fprintln(a.out)
			return "", err
		}
		if answer = strings.TrimSpace(answer); answer == "" {
			answer = suggestion
		}
		what, remedy := check(answer)
		if what == "" {
			return answer, nil
		}
		fmt.Fprintf(a.out, "  %s; %s\n", what, remedy)
	}
}

// listenAddress is where the homeserver reaches the bridge when that isn't told: on this machine.
func (o *initOptions) listenAddress() string {
	if o.address != "" {
		return strings.TrimRight(o.address, "/")
	}
	host := o.hostname
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(o.port))
}

// databaseURI returns the type and address for --database: a PostgreSQL address is taken as it is,
// anything else is a path, relative to where init runs. Without one it is a file in the data folder.
func (o *initOptions) databaseURI() (kind, uri string, err error) {
	if isPostgresURI(o.database) {
		return "postgres", o.database, nil
	}
	if strings.HasPrefix(o.database, "file:") {
		return "sqlite3-fk-wal", o.database, nil
	}
	path := o.database
	if path == "" {
		path = filepath.Join(o.data, "crosschat.db")
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", "", fmt.Errorf("find the folder for the database: %w", err)
	}
	// Without a store of prepared statements each connection parses each query anew, which is a quarter of the bridge's work.
	return "sqlite3-fk-wal", "file:" + escapePath(path) + "?_txlock=immediate&_stmt_cache_size=100", nil
}

func isPostgresURI(uri string) bool {
	return strings.HasPrefix(uri, "postgres://") || strings.HasPrefix(uri, "postgresql://")
}

// escapePath escapes what ends the path in an SQLite file: URI.
func escapePath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}
