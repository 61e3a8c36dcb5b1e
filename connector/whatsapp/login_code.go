package whatsapp

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/meow"
)

const (
	flowCode = "code"

	stepNumber = "crosschat.whatsapp.number"
	stepCode   = "crosschat.whatsapp.code"

	fieldNumber = "number"

	codeInstructions = "Open WhatsApp on your phone, go to Settings, Linked devices, Link a device, " +
		"Link with phone number instead, and enter this code within two minutes."
)

// codeLogin is a login by an eight-letter code that the user types into their phone (WhatsApp's help page "How to link a
// device with a phone number"). It is a login by QR code whose picture is never shown.
type codeLogin struct {
	*qrLogin
}

var (
	_ bridgev2.LoginProcessUserInput      = codeLogin{}
	_ bridgev2.LoginProcessDisplayAndWait = codeLogin{}
)

// Start implements bridgev2.LoginProcess: it asks for the number. Nothing is connected before there is one.
func (l codeLogin) Start(context.Context) (*bridgev2.LoginStep, error) {
	return &bridgev2.LoginStep{
		Type:         bridgev2.LoginStepTypeUserInput,
		StepID:       stepNumber,
		Instructions: "Which phone number does the WhatsApp account have?",
		UserInputParams: &bridgev2.LoginUserInputParams{Fields: []bridgev2.LoginInputDataField{{
			Type:        bridgev2.LoginInputFieldTypePhoneNumber,
			ID:          fieldNumber,
			Name:        "phone number",
			Description: "In international form, such as +1 555 000 0001.",
			Validate:    validNumber,
		}}},
	}, nil
}

func validNumber(text string) (string, error) {
	number, ok := phoneNumber(text)
	if !ok {
		return "", errors.New("that is no phone number in international form, such as +1 555 000 0001")
	}
	return "+" + number, nil
}

// SubmitUserInput implements bridgev2.LoginProcessUserInput.
func (l codeLogin) SubmitUserInput(ctx context.Context, input map[string]string) (*bridgev2.LoginStep, error) {
	if l.opened() {
		return l.qrLogin.SubmitUserInput(ctx, input)
	}
	number, ok := phoneNumber(input[fieldNumber])
	if !ok {
		return nil, errLoginBadNumber
	}
	l.number = number
	return l.qrLogin.Start(ctx)
}

// showPairCode asks the server for a code. It is good as long as the connection stands.
func (l *qrLogin) showPairCode() (*bridgev2.LoginStep, error) {
	l.codes, l.expiry = nil, nil
	as := deviceTypes[l.network.Config.DeviceType]
	code, err := l.wa.PairPhone(l.ctx, l.number, true, as.pairing, as.display)
	if err != nil {
		l.log.Warn().Err(err).Msg("WhatsApp gave no pairing code")
		return nil, pairCodeError(err)
	}
	return &bridgev2.LoginStep{
		Type:         bridgev2.LoginStepTypeDisplayAndWait,
		StepID:       stepCode,
		Instructions: codeInstructions,
		DisplayAndWaitParams: &bridgev2.LoginDisplayAndWaitParams{
			Type: bridgev2.LoginDisplayTypeCode, Data: code,
		},
	}, nil
}

var (
	errLoginBadNumber = loginError("BAD_NUMBER", "that is no phone number in international form. Start the login again and give it as in +1 555 000 0001.")
	errLoginNoAccount = loginError("NO_ACCOUNT", "there is no WhatsApp account with that phone number. Check the number and start the login again.")
	errLoginTooOften  = loginError("TOO_OFTEN", "WhatsApp gives no more codes to this number for now. Wait an hour, or log in by QR code.")
)

// pairCodeError explains a refused code (section 4.3 of the protocol notes).
func pairCodeError(err error) error {
	switch {
	case errors.Is(err, whatsmeow.ErrPhoneNumberTooShort), errors.Is(err, whatsmeow.ErrPhoneNumberIsNotInternational):
		return errLoginBadNumber
	case errors.Is(err, whatsmeow.ErrIQNotFound):
		return errLoginNoAccount
	case errors.Is(err, whatsmeow.ErrIQRateOverLimit):
		return errLoginTooOften
	case errors.Is(err, context.Canceled):
		return errLoginCancelled
	case meow.ConnectionLost(err):
		return errLoginLost
	default:
		return errLoginRefused
	}
}
