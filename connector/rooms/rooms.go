// Package rooms is where portal rooms stand in a user's Matrix account, and what they say about themselves: one space for
// Crosschat with a child space for each network, a space for chats that the user has not accepted yet (requests), and a
// label that says which legs of a conversation are encrypted. It knows no network; what differs it asks of a login's client
// by the interfaces below. The rooms' people, names and pictures are bridgev2's business.
//
// bridgev2 keeps account of which room was put into its login's space, and does it again after a failure. That stays: the
// bridge's bot is wrapped, so that when bridgev2 makes a login's own space it is given that of the network, and what it puts
// there while it is a request goes to the requests. What bridgev2 does not follow (a request is accepted, a room becomes
// encrypted) is done by one goroutine, between Start and Stop, which is told by Review and tries again while the homeserver
// is away.
package rooms

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/database"
)

// NameOf answers the name of the network that an id of a login or portal belongs to.
type NameOf func(id string) (bridgev2.BridgeName, bool)

// retryPause is how long what failed waits for the next try.
const retryPause = 10 * time.Second

// Rooms is the keeper of the users' rooms. Attach makes one.
type Rooms struct {
	bridge   *bridgev2.Bridge
	bot      bridgev2.MatrixAPI // as bridgev2 made it
	library  *matrix.Connector  // nil over any other Matrix side, as tests have one
	settings *database.Settings
	nameOf   NameOf
	log      zerolog.Logger

	ctx     context.Context // ends with Stop
	cancel  context.CancelFunc
	running sync.WaitGroup

	making sync.Mutex // held while a space is looked up or made

	lock   sync.Mutex // guards what follows
	due    map[networkid.PortalKey]look
	wake   chan struct{}
	asked  map[placement]bool // whether a room stands among a user's requests, as far as that is known
	loaded map[id.UserID]bool // whose requests are known
	labels map[id.RoomID]string
}

// placement is a room in the account of a user.
type placement struct {
	room id.RoomID
	user id.UserID
}

// Attach wraps the bridge's bot and adds commands. It is called while bridgev2 initialises its network; library is its
// Matrix side, nil over any other.
func Attach(bridge *bridgev2.Bridge, library *matrix.Connector, settings *database.Settings, nameOf NameOf) *Rooms {
	r := &Rooms{
		bridge: bridge, bot: bridge.Bot, library: library, settings: settings, nameOf: nameOf,
		log:    bridge.Log.With().Str("component", "rooms").Logger(),
		due:    make(map[networkid.PortalKey]look),
		wake:   make(chan struct{}, 1),
		asked:  make(map[placement]bool),
		loaded: make(map[id.UserID]bool),
		labels: make(map[id.RoomID]string),
	}
	r.ctx, r.cancel = context.WithCancel(r.log.WithContext(context.Background()))
	bridge.Bot = bot{r.bot, r}
	if library != nil {
		library.EventProcessor.PrependHandler(event.EventReaction, r.onReaction)
		library.EventProcessor.On(event.StateEncryption, r.onEncryption)
	}
	if processor, ok := bridge.Commands.(*commands.Processor); ok {
		processor.AddHandlers(r.requestCommands()...)
		processor.AddHandlers(r.securityCommands()...)
		if library != nil {
			processor.AddHandler(commandSetPowerLevel(library))
		}
	}
	return r
}

// Start begins to work off what Review tells, and looks through all rooms whether an earlier run left something undone.
func (r *Rooms) Start(ctx context.Context) error {
	if err := r.loadLabels(ctx); err != nil {
		return err
	}
	portals, err := r.bridge.GetAllPortalsWithMXID(ctx)
	if err != nil {
		return fmt.Errorf("list portals: %w", err)
	}
	for _, portal := range portals {
		r.Review(portal)
	}
	r.running.Add(1)
	go func() {
		defer r.running.Done()
		r.work()
	}()
	return nil
}

// Stop ends the goroutine and waits for it. What is left undone is found again by Start.
func (r *Rooms) Stop() {
	r.cancel()
	r.running.Wait()
}

// look is a portal as it was when it was last looked at: bridgev2 lets nobody but the portal's own loop read its fields
// while they may change.
type look struct {
	key     networkid.PortalKey
	room    id.RoomID
	request bool
	inside  bool // stands in another portal's space
}

// Review has a portal's place and label brought up to date soon. It is called by the portal's loop, or by who sees to it
// that nothing is changed meanwhile, and blocks nobody.
func (r *Rooms) Review(portal *bridgev2.Portal) {
	if portal.MXID == "" {
		return // what has no room yet gets place and label with it
	}
	r.again(look{portal.PortalKey, portal.MXID, portal.MessageRequest, portal.Parent != nil})
}

func (r *Rooms) again(seen look) {
	r.lock.Lock()
	r.due[seen.key] = seen
	r.lock.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// next takes one of the portals that are due.
func (r *Rooms) next() (look, bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	for key, seen := range r.due {
		delete(r.due, key)
		return seen, true
	}
	return look{}, false
}

// retry gives back what failed, unless it was looked at again meanwhile.
func (r *Rooms) retry(failed []look) {
	for _, seen := range failed {
		r.lock.Lock()
		_, newer := r.due[seen.key]
		r.lock.Unlock()
		if !newer {
			r.again(seen)
		}
	}
}

func (r *Rooms) work() {
	retry := time.NewTimer(0)
	defer retry.Stop()
	var failed []look
	for {
		select {
		case <-r.wake:
		case <-retry.C:
			r.retry(failed)
			failed = nil
		case <-r.ctx.Done():
			return
		}
		for seen, ok := r.next(); ok && r.ctx.Err() == nil; seen, ok = r.next() {
			if err := r.update(seen); err != nil && r.ctx.Err() == nil {
				r.log.Warn().Err(err).Object("portal_key", seen.key).Msg("A room could not be brought up to date yet")
				if failed = append(failed, seen); len(failed) == 1 {
					retry.Reset(retryPause)
				}
			}
		}
	}
}

// updateTimeout bounds the work on one room.
const updateTimeout = time.Minute

// update brings a portal's place and label up to date.
func (r *Rooms) update(seen look) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			r.log.Error().Any(zerolog.ErrorFieldName, caught).Object("portal_key", seen.key).Msg("Panic while a room was brought up to date")
		}
	}()
	ctx, cancel := context.WithTimeout(r.ctx, updateTimeout)
	defer cancel()
	logins, err := r.bridge.GetUserLoginsInPortal(ctx, seen.key)
	if err != nil {
		return fmt.Errorf("list the logins in a portal: %w", err)
	}
	for _, login := range logins {
		if err = r.replace(ctx, seen, login); err != nil {
			return err
		}
	}
	return r.relabel(ctx, seen)
}
