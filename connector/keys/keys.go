// Package keys watches over the encryption between the bridge and its users: it recognises that the bot's device is
// another one than before, since the store of keys was lost, removes what is left of the old one and tells the users; and it
// decides who is given a room key when they ask for it. It holds no keys itself: they are the library's.
//
// The library's encryption is wrapped (guarded), so that all of this is in place before the first message is read.
// bridgev2 calls Init from the goroutine that starts the bridge, and asks about room keys from those that handle to-device
// messages. One goroutine of its own, between Start and Stop, tells the users, and tries again while that is not possible.
package keys

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/crypto"

	"crosschat/database"
)

// Keys is the guard of the bridge's encryption. Attach makes one.
type Keys struct {
	bridge   *bridgev2.Bridge
	library  *matrix.Connector // nil over any other Matrix side, as tests have one
	settings *database.Settings
	log      zerolog.Logger

	ctx     context.Context // ends with Stop
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// Attach wraps the encryption of library, the bridge's Matrix side (nil over any other). It is called while bridgev2
// initialises its network.
func Attach(bridge *bridgev2.Bridge, library *matrix.Connector, settings *database.Settings) *Keys {
	k := &Keys{
		bridge: bridge, library: library, settings: settings,
		log: bridge.Log.With().Str("component", "keys").Logger(),
	}
	k.ctx, k.cancel = context.WithCancel(k.log.WithContext(context.Background()))
	if library != nil && library.Crypto != nil {
		library.Crypto = guarded{library.Crypto, k}
	}
	return k
}

// Start begins to tell users what they have to know of a device that was replaced, in this run or an earlier one.
func (k *Keys) Start() {
	k.running.Add(1)
	go func() {
		defer k.running.Done()
		k.tell()
	}()
}

// Stop ends the goroutine and waits for it. Who was not told yet is told after the next start.
func (k *Keys) Stop() {
	k.cancel()
	k.running.Wait()
}

// notSigned is the code with which the library ends the program when it could not sign the bot's device. It has logged why.
const notSigned = 34

// signRemedy is what an admin can do then, other than try again.
const signRemedy = "Where the homeserver knows MSC4190, set encryption.msc4190 to true, write a new registration (-g), give it " +
	"to the homeserver and restart that. On Synapse an admin can instead allow it once: POST " +
	"/_synapse/admin/v1/users/{the bot}/_allow_cross_signing_replacement_without_uia. " +
	"Then: crosschat new-keys. Without either set encryption.self_sign to false; clients that exclude unverified devices don't talk to the bridge then."

// guarded is the library's encryption.
type guarded struct {
	matrix.Crypto
	keys *Keys
}

// Init implements matrix.Crypto. The library calls it before it reads anything from the homeserver.
func (g guarded) Init(ctx context.Context) error {
	if err := g.Crypto.Init(ctx); err != nil {
		var exit matrix.ExitError
		if errors.As(err, &exit) && exit.ExitCode == notSigned {
			g.keys.log.WithLevel(zerolog.FatalLevel).Str("remedy", signRemedy).Msg("The bot's device could not be signed")
		}
		return err
	}
	machine, err := machineOf(g.Crypto)
	if err != nil {
		return err
	}
	requests := judge{
		allowed: g.keys.library.Config.Encryption.AllowKeySharing, level: g.keys.library.Config.Encryption.VerificationLevels.Share,
		rooms: g.keys.library.StateStore, machine: machine,
	}
	machine.AllowKeyShare = requests.judge
	return g.keys.recognise(ctx, account{g.Client(), g.keys.library.AS})
}

// machineOf finds the library's keeper of keys, of which it shows no more than this: a part of the client's syncer.
func machineOf(library matrix.Crypto) (*crypto.OlmMachine, error) {
	client := library.Client()
	if client == nil {
		return nil, errors.New("the library's encryption has no client")
	}
	syncer := reflect.Indirect(reflect.ValueOf(client.Syncer))
	if syncer.Kind() == reflect.Struct {
		if field := syncer.FieldByName("OlmMachine"); field.IsValid() && field.CanInterface() {
			if machine, ok := field.Interface().(*crypto.OlmMachine); ok && machine != nil {
				return machine, nil
			}
		}
	}
	return nil, fmt.Errorf("the library's syncer, a %T, has no OlmMachine", client.Syncer)
}
