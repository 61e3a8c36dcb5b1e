// Command crosschat is a Matrix bridge for WhatsApp, Messenger and Instagram in one process.
//
// This package names the program, builds the composite of the networks and hands the command line
// to package setup. It owns no goroutine: what runs is started by mxmain and by the networks.
package main

import (
	"os"

	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"

	"crosschat/bridge/metrics"
	"crosschat/bridge/setup"
	"crosschat/connector"
)

// Set by the build: -ldflags "-X main.Tag=… -X main.Commit=… -X main.BuildTime=…".
var (
	Tag       = "unknown"
	Commit    = "unknown"
	BuildTime = "unknown"
)

func main() {
	networks := connector.New()
	bridge := &mxmain.BridgeMain{
		Name:        "crosschat",
		Description: "A Matrix bridge for WhatsApp, Messenger and Instagram.",
		Version:     "0.1.0",
		Connector:   networks,
	}
	bridge.InitVersion(Tag, Commit, BuildTime)
	program := &setup.Program{Bridge: bridge, Commit: Commit, BuildTime: BuildTime}
	program.Monitor = func() error {
		handler := metrics.Attach(bridge.Bridge, bridge.Matrix, networks.Ledger(), networks.Started)
		networks.Guard(bridge.Matrix)
		return metrics.Serve(networks.Monitoring(), handler, *bridge.Log)
	}
	program.Reticent = func() { networks.Ledger().Listen() }

	command, args := setup.SplitCommand(os.Args[1:])
	switch command {
	case "run":
		os.Exit(program.Run(args))
	case "init":
		os.Exit(program.Init(args))
	case "doctor":
		os.Exit(program.Doctor(args))
	case "new-keys":
		os.Exit(program.NewKeys(args))
	case "debug":
		os.Exit(program.Debug(args, os.Stdin))
	case "version":
		os.Exit(program.Version())
	case "help":
		os.Exit(program.Help(args))
	default:
		os.Exit(program.UnknownCommand(command))
	}
}
