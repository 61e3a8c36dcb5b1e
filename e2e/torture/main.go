// Command torture looks for messages that are lost, doubled, out of order or changed, whatever goes wrong: it drives the
// real bridge between a real homeserver and the simulated networks with random traffic in both directions over many
// chats (texts, files, edits, reactions, deletions). Meanwhile it kills the bridge (at random moments, or at named steps of
// a message's way, which only builds with the tag crosschat_testhooks have), takes homeserver, a network or the database
// away, fills the disk, cuts the power, and has networks deliver things twice and in another order. Then it waits until all
// is quiet and compares what either side accepted with what the other one shows.
//
//	go run -tags goolm ./e2e/torture -short
//	go run -tags goolm ./e2e/torture -seed 7 -kills 200
//
// The same seed makes the same plan of blows, and each writer choose the same things to do; how many of them fit in a round,
// and what a blow strikes, depends on the machine, too. It ends with status 1 if a promise of docs/reliability.md was
// broken, and with 2 if it could not run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
)

type options struct {
	seed       uint64
	kills      int
	short      bool
	homeserver string
	database   string
	encryption string
	blows      string
	networks   string
	users      int
	keep       string
	fresh      bool
	everyStep  bool
	limit      time.Duration
}

func main() {
	var opts options
	flag.Uint64Var(&opts.seed, "seed", uint64(time.Now().UnixNano())%1_000_000, "chooses traffic and blows; printed, so that a run can be repeated")
	flag.IntVar(&opts.kills, "kills", 290, "how many rounds, each with a blow; some five of six kill the bridge")
	flag.BoolVar(&opts.short, "short", false, "one round for each kind of blow and for some of the steps, as far as they fit into -limit")
	flag.StringVar(&opts.homeserver, "homeserver", "", "synapse or dendrite; by default Synapse if this machine can have it")
	flag.StringVar(&opts.database, "database", "sqlite", "the bridge's: sqlite or postgres")
	flag.StringVar(&opts.encryption, "encryption", "", "appservice, sync or off; by default what the homeserver can do")
	flag.StringVar(&opts.blows, "blows", "", "only these kinds of blow, separated by commas; steps are step:<name>")
	flag.StringVar(&opts.networks, "networks", "", "only these networks, separated by commas")
	flag.IntVar(&opts.users, "users", 2, "how many Matrix users, each with an account on each network")
	flag.StringVar(&opts.keep, "keep", "", "keep all files in this folder")
	flag.BoolVar(&opts.fresh, "fresh", true, "begin a new chat in each round, so that rooms are made under blows, too")
	flag.BoolVar(&opts.everyStep, "steps", false, "instead, do each thing once for each step of its way, and kill the bridge there")
	flag.DurationVar(&opts.limit, "limit", 80*time.Second, "after how long a short run strikes no more blows; a busy machine needs more for all of them")
	flag.Parse()
	os.Exit(run(opts))
}

func run(opts options) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Printf("seed %d\n", opts.seed)
	t, err := newTorture(ctx, opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "can't run:", err)
		return 2
	}
	defer t.close()
	if opts.everyStep {
		err = t.everyStep(ctx)
	} else if err = t.rounds(ctx); err == nil {
		err = t.quiet(ctx)
	}
	v := t.judge(ctx, true)
	fmt.Println(v.table(t, time.Since(t.began)))
	switch {
	case err != nil:
		t.keepFiles = true
		fmt.Fprintln(os.Stderr, "broken off:", err)
		return 2
	case v.bad():
		t.keepFiles = true
		fmt.Printf("FAILED: repeat with -seed %d; everything is kept in %s\n", opts.seed, t.dir)
		return 1
	}
	fmt.Println("PASSED")
	return 0
}

// torture is one run.
type torture struct {
	opts      options
	setting   lab.Setting
	dir       string
	keepFiles bool
	random    *rand.Rand
	plan      []blow
	stack     *lab.Stack
	disk      *smallDisk
	networks  []network
	accounts  []*account
	struck    map[string]int
	began     time.Time
	killed    int // how often the bridge was ended by SIGKILL
	healed    int // how often the homeserver had to be restarted to serve clients again
}

func newTorture(ctx context.Context, opts options) (_ *torture, err error) {
	t := &torture{opts: opts, random: rand.New(rand.NewPCG(opts.seed, 0)), struck: make(map[string]int)}
	t.setting, err = settingOf(opts)
	if err != nil {
		return nil, err
	}
	if t.networks, err = chosen(opts.networks); err != nil {
		return nil, err
	}
	if t.dir, err = os.MkdirTemp(opts.keep, "crosschat-torture-"); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	t.keepFiles = opts.keep != ""
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	programs, err := build(ctx, filepath.Join(t.dir, "bin"))
	if err != nil {
		return nil, err
	}
	if t.disk, err = mountSmallDisk(filepath.Join(t.dir, "bridge")); err != nil {
		fmt.Println("disk full: not tried:", err)
	}
	if t.plan, err = t.makePlan(); err != nil {
		return nil, err
	}
	if err = os.Setenv("CROSSCHAT_NOTE_SYNCED", "1"); err != nil { // for the bridge, see cutPower
		return nil, err
	}
	t.stack, err = lab.StartStack(ctx, lab.StackOptions{
		Setting: t.setting, Programs: programs, Dir: t.dir, Progress: func(line string) { fmt.Println(line) },
		Set: map[string]string{"network.whatsapp.reconnect_max_delay": "2s"},
	})
	if err != nil {
		return nil, err
	}
	t.accounts, err = newAccounts(ctx, t.stack, t.networks, opts.users, 2)
	t.began = time.Now()
	return t, err
}

func settingOf(opts options) (lab.Setting, error) {
	s := lab.Setting{Homeserver: lab.Kind(opts.homeserver), Encryption: lab.Encryption(opts.encryption), Database: opts.database}
	if s.Homeserver == "" {
		s.Homeserver = lab.Synapse
		if err := lab.SynapseUnavailable(); err != nil {
			fmt.Println("Dendrite takes the place of Synapse:", err)
			s.Homeserver = lab.Dendrite
		}
	}
	if s.Encryption == "" {
		s.Encryption = lab.EncryptionAppservice
		if s.Homeserver == lab.Dendrite {
			s.Encryption = lab.EncryptionOff
		}
	}
	if s.Database != "sqlite" && s.Database != "postgres" {
		return s, fmt.Errorf("database %q: choose sqlite or postgres", s.Database)
	}
	return s, nil
}

func (t *torture) close() {
	closed := make(map[*lab.User]bool)
	for _, a := range t.accounts {
		if !closed[a.user] {
			closed[a.user] = true
			a.user.Close()
		}
	}
	if err := t.stack.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if t.keepFiles {
		t.disk.copyTo(filepath.Join(t.dir, "bridge-files"))
	}
	t.disk.unmount()
	if !t.keepFiles {
		_ = os.RemoveAll(t.dir)
	}
}

// rounds strikes one blow after the other, each in the midst of traffic.
func (t *torture) rounds(ctx context.Context) error {
	for i, b := range t.plan {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if t.opts.short && time.Since(t.began) > t.opts.limit {
			for _, left := range t.plan[i:] {
				fmt.Println("left out for want of time:", left.name)
			}
			return nil
		}
		burst := t.begin(ctx, i+1)
		var err error
		if t.opts.fresh && i%2 == 0 {
			err = t.newChat(ctx)
		}
		err = errors.Join(err, b.strike(ctx, t))
		err = errors.Join(err, burst.end(), t.heal(ctx))
		if err != nil {
			return fmt.Errorf("round %d, %s: %w", i+1, b.name, err)
		}
		t.struck[strings.Split(b.name, " ")[0]]++
		in, out := t.counts()
		fmt.Printf("round %d/%d at %s: %s; %d in, %d out so far\n", i+1, len(t.plan), time.Since(t.began).Round(time.Second), b.name, in, out)
	}
	return nil
}

// heal restarts a homeserver that runs and serves no client any more: what can't be seen can't be judged.
func (t *torture) heal(ctx context.Context) error {
	for _, a := range t.accounts {
		if a.user.Refused() {
			fmt.Println("homeserver: fails all syncs of", a.user.ID, "and is restarted")
			t.healed++
			return t.stack.Homeserver.Restart(ctx)
		}
	}
	return nil
}

// forgetful is whether the homeserver may not tell clients of what is there.
func forgetful(stack *lab.Stack) bool { return stack.Setting.Homeserver == lab.Dendrite }

// refresh has clients of such a homeserver look at everything anew.
func (t *torture) refresh(ctx context.Context) error {
	if !forgetful(t.stack) {
		return nil
	}
	users := make(map[id.UserID]bool)
	for _, a := range t.accounts {
		if users[a.user.ID] {
			continue
		}
		users[a.user.ID] = true
		if err := a.user.Refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}

// newChat begins one with somebody's next contact.
func (t *torture) newChat(ctx context.Context) error {
	return t.accounts[t.random.IntN(len(t.accounts))].newChat(ctx)
}
