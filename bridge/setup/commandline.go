package setup

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	flag "maunium.net/go/mauflag"

	"crosschat/connector/nearest"
)

// commands are the subcommands, in the order in which help lists them.
var commands = []string{"run", "init", "doctor", "new-keys", "debug", "version", "help"}

// SplitCommand returns the subcommand of a command line and what follows it. Without a subcommand it
// is "run": `crosschat -c config.yaml` is what admins of other bridges type.
func SplitCommand(args []string) (string, []string) {
	switch {
	case len(args) == 1 && (args[0] == "-h" || args[0] == "--help"):
		return "help", nil
	case len(args) == 0 || strings.HasPrefix(args[0], "-"):
		return "run", args
	}
	return args[0], args[1:]
}

// UnknownCommand says that there is no such subcommand and returns the exit code for it.
func (p *Program) UnknownCommand(command string) int {
	problem := fmt.Sprintf("unknown command %q", command)
	if near := nearest.To(command, commands); near != "" {
		problem += fmt.Sprintf("; did you mean %q?", near)
	} else {
		problem += "; there are " + strings.Join(commands, ", ")
	}
	return p.usage(problem, "")
}

// bridgeFlags are mxmain's flags, read here as well since the checks before the start need them.
type bridgeFlags struct {
	config, registration                               string
	writeExample, generate, noUpdate                   bool
	version, versionJSON, help                         bool
	ignoreDatabase, ignoreForeignTables, ignoreOutdate bool
}

// parseBridgeFlags reads mxmain's flags with mxmain's parser. It also returns the arguments in the
// form in which mxmain has to be given them.
func parseBridgeFlags(args []string) (bridgeFlags, []string, error) {
	args = spaced(args)
	if slices.Contains(args, "") {
		return bridgeFlags{}, nil, fmt.Errorf("an argument is empty")
	}
	set := flag.New(args)
	config := set.MakeFull("c", "config", "", "config.yaml").String()
	registration := set.MakeFull("r", "registration", "", "registration.yaml").String()
	writeExample := set.MakeFull("e", "generate-example-config", "", "false").Bool()
	generate := set.MakeFull("g", "generate-registration", "", "false").Bool()
	noUpdate := set.MakeFull("n", "no-update", "", "false").Bool()
	version := set.MakeFull("v", "version", "", "false").Bool()
	versionJSON := set.Make().LongKey("version-json").Default("false").Bool()
	ignoreDatabase := set.Make().LongKey("ignore-unsupported-database").Default("false").Bool()
	ignoreForeign := set.Make().LongKey("ignore-foreign-tables").Default("false").Bool()
	ignoreServer := set.Make().LongKey("ignore-unsupported-server").Default("false").Bool()
	help, _ := set.MakeHelpFlag()
	if err := set.Parse(); err != nil {
		return bridgeFlags{}, nil, err
	}
	if set.NArg() > 0 {
		return bridgeFlags{}, nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	return bridgeFlags{
		config: *config, registration: *registration,
		writeExample: *writeExample, generate: *generate, noUpdate: *noUpdate,
		version: *version, versionJSON: *versionJSON, help: *help,
		ignoreDatabase: *ignoreDatabase, ignoreForeignTables: *ignoreForeign, ignoreOutdate: *ignoreServer,
	}, args, nil
}

// spaced cuts the path off flags that carry one, as mxmain's parser makes everything lower case that
// stands in one word with a flag.
func spaced(args []string) []string {
	var out []string
	for _, arg := range args {
		name, value, found := strings.Cut(arg, "=")
		switch {
		case found && (name == "-c" || name == "--config" || name == "-r" || name == "--registration"):
			out = append(out, name, value)
		case len(arg) > 2 && (strings.HasPrefix(arg, "-c") || strings.HasPrefix(arg, "-r")):
			out = append(out, arg[:2], arg[2:])
		default:
			out = append(out, arg)
		}
	}
	return out
}

// Version prints what this binary is made of.
func (p *Program) Version() int {
	commit := p.Commit
	modules := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && commit == "unknown" {
				commit = setting.Value
			}
		}
		for _, module := range info.Deps {
			modules[module.Path] = module.Version
		}
	}
	out := p.stdout()
	fmt.Fprintf(out, "%s %s\n", p.Bridge.Name, p.Bridge.Version)
	fmt.Fprintf(out, "commit     %s\n", commit)
	fmt.Fprintf(out, "built      %s\n", p.BuildTime)
	fmt.Fprintf(out, "go         %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(out, "mautrix    %s\n", modules["maunium.net/go/mautrix"])
	fmt.Fprintf(out, "whatsmeow  %s\n", modules["go.mau.fi/whatsmeow"])
	return exitOK
}

// writeExample answers -e: the example config to the config path, or to standard output for "-".
func (p *Program) writeExample(path string) int {
	example, err := Example(p.Bridge.Connector)
	if err != nil {
		return p.wrong(err.Error(), "")
	}
	if path == "-" || path == "/dev/stdout" {
		fmt.Fprint(p.stdout(), example)
		return exitOK
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return p.wrong(path+" already exists", "Name another file with -c, or move it away.")
	} else if err != nil {
		return p.wrong(fmt.Sprintf("write the example config: %v", err), "")
	}
	if _, err = file.WriteString(example); err == nil {
		err = file.Close()
	}
	if err != nil {
		return p.wrong(fmt.Sprintf("write the example config: %v", err), "")
	}
	fmt.Fprintln(p.stdout(), "Wrote the example config to", path)
	return exitOK
}
