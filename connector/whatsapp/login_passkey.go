package whatsapp

import (
	"context"
	"encoding/json"
	"fmt"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
)

// Accounts with a passkey are asked for it after the code was scanned or typed in. The protocol notes leave this out;
// the reference is whatsmeow's pair-passkey.go.
const (
	stepPasskey        = "crosschat.whatsapp.passkey"
	stepPasskeyConfirm = "crosschat.whatsapp.passkey.confirm"

	fieldSame = "same"
	answerYes = "yes"
	answerNo  = "no"

	passkeyOrigin = "https://web.whatsapp.com"

	passkeyInstructions = "This WhatsApp account is protected by a passkey, and WhatsApp wants to see it before it links a device. " +
		"Whoever has the passkey in a browser on a computer can show it there, as explained below. " +
		"If you can't do that, send `cancel`, remove the passkey in WhatsApp on your phone (Settings, Account, Passkeys), " +
		"log in again, and create a new passkey afterwards."
)

var (
	_ bridgev2.LoginProcessWebAuthn  = (*qrLogin)(nil)
	_ bridgev2.LoginProcessUserInput = (*qrLogin)(nil)
)

var (
	errLoginPasskey      = loginError("PASSKEY", "WhatsApp did not accept the passkey. Start the login again; if you can't show the passkey, remove it first in WhatsApp on your phone (Settings, Account, Passkeys).")
	errLoginPasskeyInput = loginError("PASSKEY_INPUT", "that is not what the browser answers for a passkey. Start the login again and paste the whole JSON object, with id, rawId and response.")
	errLoginPasskeyCode  = loginError("PASSKEY_CODE", "the phone shows another code, so somebody may have stepped in between. Nothing was linked.")
)

// opened is whether the login has begun to connect.
func (l *qrLogin) opened() bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.open
}

func (l *qrLogin) askPasskey(evt *events.PairPasskeyRequest) (*bridgev2.LoginStep, error) {
	key, err := json.Marshal(evt.PublicKey)
	if err != nil {
		return nil, l.passkeyFailed(fmt.Errorf("encode the question for the passkey: %w", err))
	}
	l.expiry = nil
	return &bridgev2.LoginStep{
		Type:           bridgev2.LoginStepTypeWebAuthn,
		StepID:         stepPasskey,
		Instructions:   passkeyInstructions,
		WebAuthnParams: &bridgev2.LoginWebAuthnParams{URL: passkeyOrigin, PublicKey: key},
	}, nil
}

// SubmitWebAuthnResponse implements bridgev2.LoginProcessWebAuthn.
func (l *qrLogin) SubmitWebAuthnResponse(ctx context.Context, response json.RawMessage) (*bridgev2.LoginStep, error) {
	var answer types.WebAuthnResponse
	if err := json.Unmarshal(response, &answer); err != nil || len(answer.RawID) == 0 || len(answer.Response.Signature) == 0 {
		l.end()
		return nil, errLoginPasskeyInput
	}
	if err := l.wa.SendPasskeyResponse(l.ctx, &answer); err != nil {
		return nil, l.passkeyFailed(err)
	}
	return l.next(ctx)
}

// confirmPasskey goes on, if WhatsApp wants it so after the user has compared a code with the phone's.
func (l *qrLogin) confirmPasskey(evt *events.PairPasskeyConfirmation) (*bridgev2.LoginStep, error) {
	if evt.SkipHandoffUX {
		return nil, l.sendConfirmation()
	}
	return &bridgev2.LoginStep{
		Type:         bridgev2.LoginStepTypeUserInput,
		StepID:       stepPasskeyConfirm,
		Instructions: fmt.Sprintf("Compare this code with the one that WhatsApp shows on your phone: %s", evt.Code),
		UserInputParams: &bridgev2.LoginUserInputParams{Fields: []bridgev2.LoginInputDataField{{
			Type:    bridgev2.LoginInputFieldTypeSelect,
			ID:      fieldSame,
			Name:    "answer: is it the same code?",
			Options: []string{answerYes, answerNo},
		}}},
	}, nil
}

// SubmitUserInput implements bridgev2.LoginProcessUserInput: the answer to whether the codes are the same.
func (l *qrLogin) SubmitUserInput(ctx context.Context, input map[string]string) (*bridgev2.LoginStep, error) {
	if input[fieldSame] != answerYes {
		l.end()
		return nil, errLoginPasskeyCode
	}
	if err := l.sendConfirmation(); err != nil {
		l.end()
		return nil, err
	}
	return l.next(ctx)
}

func (l *qrLogin) sendConfirmation() error {
	if err := l.wa.SendPasskeyConfirmation(l.ctx); err != nil {
		return l.passkeyFailed(err)
	}
	return nil
}

// passkeyFailed ends the login; the error is for the user.
func (l *qrLogin) passkeyFailed(err error) error {
	l.log.Warn().Err(err).Msg("Passkey was not accepted")
	l.end()
	return errLoginPasskey
}
