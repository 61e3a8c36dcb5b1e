package setup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	flag "maunium.net/go/mauflag"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
)

// Run runs the bridge until it is told to stop, or returns the exit code when the bridge may not start, after it has
// said why.
//
// mxmain would find most of these faults itself, but one after another, between log lines, and some
// only once it has changed the database or the homeserver.
func (p *Program) Run(args []string) int {
	flags, args, err := parseBridgeFlags(args)
	if err != nil {
		return p.usage(strings.ToLower(err.Error()), "run")
	}
	switch {
	case flags.help:
		return p.Help([]string{"run"})
	case flags.writeExample:
		return p.writeExample(flags.config)
	}
	flag.DefaultSet().InputArgs = args
	switch {
	case flags.version || flags.versionJSON:
		p.Bridge.PreInit()
	case flags.generate:
		if _, problems := p.checkFile(flags.config); len(problems) > 0 {
			return p.wrongConfig(flags.config, problems)
		}
		p.Bridge.PreInit()
	default:
		p.Bridge.PostStart = p.stopOnSignal()
		ctx := context.Background() // a signal ends the process
		if code := p.checkBeforeStart(ctx, flags); code != exitOK {
			return code
		}
		p.Bridge.PostInit = func() {
			p.monitor()
			p.awaitHomeserver(ctx, flags.ignoreOutdate)
		}
		return p.serve()
	}
	return exitOK
}

// monitor starts what shows how the bridge is, or ends the process.
func (p *Program) monitor() {
	if p.Monitor == nil {
		return
	}
	if err := p.Monitor(); err != nil {
		os.Exit(p.wrong("monitoring can't start: "+err.Error(), "Change network.monitoring.listen in the config to an address of this machine that is free."))
	}
}

// serve is mxmain's Run with our log writers.
func (p *Program) serve() int {
	p.Bridge.PreInit()
	quietWriters(&p.Bridge.Config.Logging)
	p.Bridge.Init()
	p.Bridge.Start()
	code := p.Bridge.WaitForInterrupt()
	p.Bridge.Stop()
	return code
}

// stopOnSignal ends the process well when it is told to stop at any time. mxmain listens to signals
// only some moments after the bridge is ready, and would die of them before. Until the function that
// it returns is called there is nothing to clean up.
func (p *Program) stopOnSignal() (started func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var runs atomic.Bool
	go func() {
		<-signals
		if !runs.Load() {
			os.Exit(exitOK)
		}
		p.Bridge.TriggerStop(exitOK)
	}()
	return func() { runs.Store(true) }
}

// checkBeforeStart makes the checks without which a start makes no sense. A homeserver that doesn't
// answer is none of them: see awaitHomeserver.
func (p *Program) checkBeforeStart(ctx context.Context, flags bridgeFlags) int {
	cfg, problems := p.loadConfig(flags.config)
	if len(problems) > 0 {
		return p.wrongConfig(flags.config, problems)
	}
	allow := databaseFlags{newer: flags.ignoreDatabase, foreign: flags.ignoreForeignTables}
	if _, err := p.checkDatabase(ctx, cfg.Database, allow); err != nil {
		var problem *databaseProblem
		errors.As(err, &problem)
		return p.wrong("the database: "+problem.what, problem.remedy)
	}
	if what, remedy := checkRegistrationFile(flags.registration, cfg); what != "" && !missingFile(flags.registration) {
		return p.wrong(what, remedy)
	}
	if err := checkPort(cfg); err != nil {
		return p.wrong(err.Error(), "Is the bridge running already? If another program has the port, change appservice.port\n"+
			"and appservice.address, write a new registration (-g) and give it to the homeserver.")
	}
	hs, err := probeHomeserver(ctx, cfg.Homeserver.Address)
	if err == nil {
		if what, remedy := checkFit(ctx, hs, cfg, flags.ignoreOutdate); what != "" {
			return p.wrong(what, remedy)
		}
	}
	if what, remedy := p.refuseKeys(ctx, cfg, hs); what != "" {
		return p.wrong(what, remedy)
	}
	return exitOK
}

// wrongConfig prints what is wrong with a config, all of it at once.
func (p *Program) wrongConfig(path string, problems []Problem) int {
	var lines []string
	for _, problem := range problems {
		lines = append(lines, problem.String())
	}
	return p.wrong("the config can't be used: "+path, strings.Join(lines, "\n"))
}

func missingFile(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// checkRegistrationFile compares the registration file with the config. The file need not be here
// for the bridge to run, but if it is, it is likely the one that the homeserver has.
func checkRegistrationFile(path string, cfg *bridgeconfig.Config) (what, remedy string) {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("the registration can't be read: %v", err), "Name the file with -r, or write it with -g."
	}
	registration, err := loadRegistration(data)
	if err != nil {
		return fmt.Sprintf("%s is no registration: %v", path, err), "Name the right file with -r, or write it anew with -g."
	}
	problems := compareRegistration(registration, cfg)
	if len(problems) == 0 {
		return "", ""
	}
	lines := []string{}
	for _, problem := range problems {
		lines = append(lines, problem.String())
	}
	lines = append(lines, "Correct the config, or write the registration anew (-g), give it to the homeserver and restart that.")
	return fmt.Sprintf("the registration does not fit the config: %s", path), strings.Join(lines, "\n")
}

// checkPort finds out whether the place to listen on is free.
func checkPort(cfg *bridgeconfig.Config) error {
	listener, err := listen(cfg)
	if err != nil || listener == nil {
		return err
	}
	return listener.Close()
}

// errPortInUse says that something listens already where the bridge is to listen.
var errPortInUse = errors.New("in use")

// listen listens where the bridge would. The listener is nil if the bridge listens nowhere.
func listen(cfg *bridgeconfig.Config) (net.Listener, error) {
	host := cfg.AppService.Hostname
	if cfg.Homeserver.Websocket {
		return nil, nil
	}
	if strings.HasPrefix(host, "/") {
		return listenUnix(host)
	}
	address := net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(int(cfg.AppService.Port)))
	listener, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d on %s is %w", cfg.AppService.Port, host, errPortInUse)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %d on %s may not be opened by this user", cfg.AppService.Port, host)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("address %s (appservice.hostname) does not belong to this machine", host)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	default:
		return listener, nil
	}
}

// listenUnix listens on a socket. A file that a bridge left behind when it was killed is removed, as
// the bridge does at its start.
func listenUnix(path string) (net.Listener, error) {
	if connection, err := net.Dial("unix", path); err == nil {
		connection.Close()
		return nil, fmt.Errorf("socket %s is %w", path, errPortInUse)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		os.Remove(path)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return listener, nil
}

// awaitHomeserver is called once the bridge has its log and before it talks to anyone. A homeserver
// that is down (it starts beside us, or is restarted) is waited for here: mxmain waits for it only
// until its first answer, and then gives up on the next request that fails.
func (p *Program) awaitHomeserver(ctx context.Context, ignoreOutdated bool) {
	log := p.Bridge.Log.With().Str("homeserver", p.Bridge.Config.Homeserver.Address).Logger()
	hs, err := awaitAnswer(ctx, p.Bridge.Config, &log)
	if err != nil {
		os.Exit(exitOK)
	}
	what, remedy := checkFit(ctx, hs, p.Bridge.Config, ignoreOutdated)
	if what == "" {
		what, remedy = p.refuseKeys(ctx, p.Bridge.Config, hs)
	}
	if what != "" {
		log.WithLevel(zerolog.FatalLevel).Str("problem", what).Msg("The homeserver and the config don't fit")
		os.Exit(p.wrong(what, remedy))
	}
	if hs.software == dendrite {
		p.Bridge.Matrix.IgnoreUnsupportedServer = true
		if p.Reticent != nil {
			p.Reticent()
		}
	}
	log.Debug().Stringer("software", hs).Msg("The homeserver answers")
}

// First and longest pause between two tries to reach the homeserver.
const (
	firstPause   = 1 * time.Second
	longestPause = 10 * time.Second
)

// awaitAnswer asks until the homeserver answers and can say whether it knows our token. The error is
// the context's.
func awaitAnswer(ctx context.Context, cfg *bridgeconfig.Config, log *zerolog.Logger) (*homeserver, error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		hs, err := probeHomeserver(ctx, cfg.Homeserver.Address)
		if err == nil {
			if _, err = whoami(ctx, hs, cfg.AppService.ASToken); err == nil || isRefusal(err) {
				return hs, nil
			}
			err = errors.New(matrixError(err))
		}
		if ctx.Err() == nil {
			log.Warn().Err(err).Stringer("next_try_in", pause).Msg("Waiting for the homeserver")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// checkFit says why the bridge can't run on this homeserver, or "" if it can as far as that shows.
func checkFit(ctx context.Context, hs *homeserver, cfg *bridgeconfig.Config, ignoreOutdated bool) (what, remedy string) {
	if hs.outdated() && !ignoreOutdated {
		return outdatedText(hs)
	}
	self, err := whoami(ctx, hs, cfg.AppService.ASToken)
	if err != nil && !isRefusal(err) {
		return "", ""
	}
	return judgeToken(self, err, cfg)
}
