package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/meow"
)

const (
	flowQR = "qr"

	// firstCodeTimeout bounds the wait for the server's first QR code.
	firstCodeTimeout = 30 * time.Second
	// WhatsApp's own clients show the first code for a minute and each later one for 20 seconds; the server takes them
	// all as long as the connection stands.
	firstCodeShown = 60 * time.Second
	laterCodeShown = 20 * time.Second
	// restartTimeout bounds the wait for the server's word, after pairing, that the device may log in.
	restartTimeout = 10 * time.Second
	// pairingEndTimeout bounds the wait for a pairing that is under way when its login is cancelled.
	pairingEndTimeout = 5 * time.Second

	stepQR       = "crosschat.whatsapp.qr"
	stepComplete = "crosschat.whatsapp.complete"

	scanInstructions = "Open WhatsApp on your phone, go to Settings, Linked devices, Link a device, and scan this code."
)

// GetLoginFlows implements bridgev2.NetworkConnector.
func (n *Network) GetLoginFlows() []bridgev2.LoginFlow {
	return []bridgev2.LoginFlow{{
		ID:          flowQR,
		Name:        "QR code",
		Description: "Scan a QR code with WhatsApp on your phone",
	}, {
		ID:          flowCode,
		Name:        "Pairing code",
		Description: "Give your phone number and type a code into WhatsApp on your phone",
	}}
}

// CreateLogin implements bridgev2.NetworkConnector.
func (n *Network) CreateLogin(_ context.Context, user *bridgev2.User, flowID string) (bridgev2.LoginProcess, error) {
	log := user.Log.With().Str("network", "whatsapp").Str("action", "login").Logger()
	login := &qrLogin{network: n, user: user, log: log}
	switch flowID {
	case flowQR:
		return login, nil
	case flowCode:
		return codeLogin{login}, nil
	default:
		return nil, bridgev2.ErrInvalidLoginFlowID
	}
}

// qrLogin is one login by QR code. bridgev2 calls its methods one after the other, Cancel perhaps meanwhile; whatsmeow
// calls onEvent and mayPair from goroutines of its own. Whatever way it ends but success, end deletes the device.
type qrLogin struct {
	network *Network
	user    *bridgev2.User
	log     zerolog.Logger

	ctx    context.Context // the whole login, bounded in time
	cancel context.CancelFunc
	wa     *whatsmeow.Client
	events chan any

	number  string // asks for a code to type in; empty for a QR code
	codes   []string
	expiry  <-chan time.Time                         // of the code that is shown
	said    atomic.Pointer[store.WAVersionContainer] // the version that the connection has named
	restart bool                                     // the server wants the paired device to connect anew

	lock    sync.Mutex
	open    bool // Start was called
	ended   bool
	pairing bool  // whatsmeow was allowed to pair
	refusal error // why it was not allowed

	paired       chan struct{} // closed when pairing has ended, well or not
	pairingEnded sync.Once
}

var _ bridgev2.LoginProcessDisplayAndWait = (*qrLogin)(nil)

// Start implements bridgev2.LoginProcess: it connects and waits for the first code.
func (l *qrLogin) Start(ctx context.Context) (*bridgev2.LoginStep, error) {
	l.lock.Lock()
	l.open = true
	l.lock.Unlock()
	l.ctx, l.cancel = context.WithTimeout(l.log.WithContext(l.network.bridge.BackgroundCtx), l.network.Config.LoginTimeout)
	// A step that waits for the user's input has nobody else to notice that the time is over.
	context.AfterFunc(l.ctx, l.end)
	l.events = make(chan any, 16)
	l.paired = make(chan struct{})
	l.wa = whatsmeow.NewClient(l.network.db.WhatsAppStore().NewDevice(), meow.NewLog(l.log))
	l.network.equip(l.wa, &l.said)
	l.wa.EnableAutoReconnect = false
	l.wa.DisableLoginAutoReconnect = true
	l.wa.BackgroundEventCtx = l.ctx
	l.wa.PrePairCallback = l.mayPair
	l.wa.AddEventHandler(l.onEvent)
	if err := l.wa.ConnectContext(l.ctx); err != nil {
		l.end()
		l.log.Warn().Err(err).Msg("Could not connect to WhatsApp for a login")
		return nil, errLoginUnreachable
	}
	l.expiry = time.After(firstCodeTimeout)
	return l.next(ctx)
}

// Wait implements bridgev2.LoginProcessDisplayAndWait: it returns the next code when the one shown is out of date, or
// the end of the login.
func (l *qrLogin) Wait(ctx context.Context) (*bridgev2.LoginStep, error) {
	return l.next(ctx)
}

// Cancel implements bridgev2.LoginProcess.
func (l *qrLogin) Cancel() {
	l.end()
}

// onEvent runs in whatsmeow's goroutines.
func (l *qrLogin) onEvent(evt any) {
	switch evt.(type) {
	case *events.PairSuccess, *events.PairError:
		l.pairingEnded.Do(func() { close(l.paired) })
	case *events.PairPasskeyRequest, *events.PairPasskeyConfirmation, *events.PairPasskeyError:
	case *events.QR, *events.QRScannedWithoutMultidevice, *events.ManualLoginReconnect, *events.Disconnected,
		*events.ClientOutdated, *events.ConnectFailure, *events.LoggedOut, *events.TemporaryBan, *events.StreamError:
	default:
		return
	}
	select {
	case l.events <- evt:
	default:
		l.log.Warn().Type("event_type", evt).Msg("Login has too many events waiting, dropped one")
	}
}

// mayPair is whatsmeow's question before it stores the device and tells the server so.
func (l *qrLogin) mayPair(jid types.JID, _, _ string) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.ended || l.pairing {
		l.refusal = errLoginCancelled
		return false
	}
	if l.refusal = l.network.clearDevice(l.ctx, l.user, jid); l.refusal != nil {
		return false
	}
	l.pairing = true
	return true
}

// next waits for whatever comes first and makes it a step. With an error the login has ended.
func (l *qrLogin) next(ctx context.Context) (*bridgev2.LoginStep, error) {
	for {
		step, err := l.await(ctx)
		if err != nil {
			l.end()
			return nil, err
		} else if step != nil {
			return step, nil
		}
	}
}

func (l *qrLogin) await(ctx context.Context) (*bridgev2.LoginStep, error) {
	select {
	case <-ctx.Done():
		return nil, errLoginCancelled
	case <-l.ctx.Done():
		if errors.Is(l.ctx.Err(), context.Canceled) {
			return nil, errLoginCancelled
		}
		return nil, errLoginTimedOut
	case <-l.expiry:
		if l.codes == nil {
			return nil, errLoginUnreachable
		}
		return l.showNextCode(scanInstructions), nil
	case evt := <-l.events:
		return l.handle(ctx, evt)
	}
}

func (l *qrLogin) handle(ctx context.Context, raw any) (*bridgev2.LoginStep, error) {
	switch evt := raw.(type) {
	case *events.QR:
		if len(evt.Codes) == 0 {
			return nil, errLoginRefused
		}
		if l.number != "" {
			return l.showPairCode()
		}
		l.codes = evt.Codes
		return l.showNextCode(scanInstructions), nil
	case *events.QRScannedWithoutMultidevice:
		return nil, errLoginOldApp
	case *events.ManualLoginReconnect:
		// The word to connect anew may overtake that of the pairing: they come from two goroutines.
		l.restart = true
		return nil, nil
	case *events.PairPasskeyRequest:
		return l.askPasskey(evt)
	case *events.PairPasskeyConfirmation:
		return l.confirmPasskey(evt)
	case *events.PairPasskeyError:
		return nil, l.passkeyFailed(evt.Error)
	case *events.PairSuccess:
		return l.finish(ctx)
	case *events.PairError:
		return nil, l.pairError(evt.Error)
	case *events.ClientOutdated:
		if l.onOutdated() {
			return nil, nil
		}
		return nil, connectionError(raw, len(l.codes))
	default:
		return nil, connectionError(raw, len(l.codes))
	}
}

// showNextCode is nil when the last code is shown already: it stays until it is used or the login times out.
func (l *qrLogin) showNextCode(instructions string) *bridgev2.LoginStep {
	if len(l.codes) == 0 {
		l.expiry = nil
		return nil
	}
	shown := laterCodeShown
	if len(l.codes) == 6 {
		shown = firstCodeShown
	}
	code := l.codes[0]
	l.codes, l.expiry = l.codes[1:], time.After(shown)
	return &bridgev2.LoginStep{
		Type:                 bridgev2.LoginStepTypeDisplayAndWait,
		StepID:               stepQR,
		Instructions:         instructions,
		DisplayAndWaitParams: &bridgev2.LoginDisplayAndWaitParams{Type: bridgev2.LoginDisplayTypeQR, Data: code},
	}
}

// finish turns the paired device into a login, or undoes the pairing. Pairing ends with the server asking the device to
// connect anew.
func (l *qrLogin) finish(ctx context.Context) (*bridgev2.LoginStep, error) {
	if !l.claim() {
		return nil, errLoginCancelled
	}
	defer l.cancel()
	device := l.wa.Store
	if !l.restart {
		select {
		case <-l.events: // whatever it is, the pairing connection has served
		case <-time.After(restartTimeout):
		case <-ctx.Done():
			l.wa.Disconnect()
			l.network.unlinkDevice(l.log, device)
			return nil, errLoginCancelled
		}
	}
	l.wa.Disconnect()
	login, name, err := l.network.adopt(ctx, l.user, device)
	if err != nil {
		l.log.Err(err).Msg("Could not store a login that was paired")
		l.network.unlinkDevice(l.log, device)
		return nil, errLoginNotStored
	}
	return completeStep(login, name), nil
}

func completeStep(login *bridgev2.UserLogin, name string) *bridgev2.LoginStep {
	return &bridgev2.LoginStep{
		Type:         bridgev2.LoginStepTypeComplete,
		StepID:       stepComplete,
		Instructions: fmt.Sprintf("Logged in to WhatsApp as %s", name),
		CompleteParams: &bridgev2.LoginCompleteParams{
			UserLoginID: login.ID,
			UserLogin:   login,
		},
	}
}
