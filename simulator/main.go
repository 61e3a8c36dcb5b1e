// Program simulator is a set of simulated chat networks for tests and demonstrations: servers that speak the real wire
// protocols, people with simulated phones, and a control API over HTTP to speak as them (README.md). It listens on
// loopback unless told otherwise and keeps nothing on disk but the file that clients need to trust it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/rs/zerolog"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/server"
)

// options are the command line.
type options struct {
	dir       string
	control   string
	whatsapp  string
	instagram string
	messenger string
	stdin     bool
	verbose   bool
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", ".", "folder that ca.pem, the certificate authority of the simulated servers, is written to")
	flag.StringVar(&o.control, "control", "127.0.0.1:0", "address of the control API")
	flag.StringVar(&o.whatsapp, "whatsapp", "127.0.0.1:0", "address of the simulated WhatsApp server")
	flag.StringVar(&o.instagram, "instagram", "127.0.0.1:0", "address of the simulated Instagram server")
	flag.StringVar(&o.messenger, "messenger", "127.0.0.1:0", "address of the simulated Messenger server")
	flag.BoolVar(&o.stdin, "stdin", false, "stop when standard input closes")
	flag.BoolVar(&o.verbose, "v", false, "log every stanza to standard error")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.stdin {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go func() { // ends with the program at the latest
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "simulator: %v\n", err)
		os.Exit(1)
	}
}

// run starts everything, prints one line of JSON to out when it all listens, and blocks until ctx ends or a server fails.
func run(ctx context.Context, o options, out, logTo io.Writer) error {
	level := zerolog.InfoLevel
	if o.verbose {
		level = zerolog.TraceLevel
	}
	console := zerolog.SyncWriter(zerolog.ConsoleWriter{Out: logTo, NoColor: true})
	log := zerolog.New(console).Level(level).With().Timestamp().Logger()
	routeSignalLog(log)
	root, err := noise.NewRoot()
	if err != nil {
		return err
	}
	wa, err := startWhatsApp(o, root, log)
	if err != nil {
		return err
	}
	defer wa.close()
	fb, err := startMessenger(o, root, log)
	if err != nil {
		return err
	}
	defer func() { _ = fb.Close() }() // what fails while closing has nobody left to act on it
	ig, err := startInstagram(o, log)
	if err != nil {
		return err
	}
	defer ig.close()
	listener, err := net.Listen("tcp", o.control)
	if err != nil {
		return fmt.Errorf("listen for the control API: %w", err)
	}
	api := &http.Server{
		Handler: control.NewServer(append(fb.Networks(), wa.network, ig.network)...),
		// An await ends with the program.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	defer api.Close()
	failed := make(chan error, 4)
	go func() { failed <- wa.server.Serve() }()
	go func() { failed <- fb.Serve() }()
	go func() { failed <- ig.server.Serve() }()
	go func() { failed <- api.Serve(listener) }()
	ready := control.Ready{
		Control: "http://" + listener.Addr().String(), WhatsApp: wa.network.Ready(wa.caFile), Messenger: fb.ready,
		Instagram: ig.network.Ready(ig.caFile),
	}
	if err := json.NewEncoder(out).Encode(ready); err != nil {
		return fmt.Errorf("say that the simulator is ready: %w", err)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serve: %w", err)
	}
}

// whatsApp is the running simulated WhatsApp.
type whatsApp struct {
	server  *server.Server
	network *whatsapp.Network
	caFile  string
}

func startWhatsApp(o options, root *noise.Root, log zerolog.Logger) (*whatsApp, error) {
	cfg := server.Config{Listen: o.whatsapp, Root: root, Logger: log.With().Str("network", whatsapp.Name).Logger()}
	if o.verbose {
		cfg.OnEntry = func(e server.Entry) {
			log.Trace().Str("direction", e.Direction).Str("user", e.User).Int("device", e.Device).Msg(e.Data)
		}
	}
	s, err := server.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("start the WhatsApp server: %w", err)
	}
	caFile, err := filepath.Abs(filepath.Join(o.dir, "ca.pem"))
	if err == nil {
		err = os.WriteFile(caFile, s.CAPEM(), 0o644)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write the certificate authority: %w", err), s.Close())
	}
	return &whatsApp{server: s, network: whatsapp.New(s, cfg.Logger), caFile: caFile}, nil
}

// close stops the phones and then the server. What fails while closing has nobody left to act on it.
func (w *whatsApp) close() {
	w.network.Close()
	_ = w.server.Close()
}
