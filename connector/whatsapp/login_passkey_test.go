package whatsapp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/simulator/control"
	simulated "crosschat/simulator/whatsapp"
)

// comparing brings a login to where the user is to compare a code with the phone's. WhatsApp wants that when the passkey
// was shown so late that the library can't prove any more that it is the device whose code was scanned: the library's
// word for it is changed here, since it is five minutes in the coming.
func (w *world) comparing() (login *qrLogin, step *bridgev2.LoginStep, code string, scanned <-chan error) {
	w.Helper()
	credential := "credential"
	if err := w.phones.SetBehaviour(w.Context(), simulated.Name, w.alice.ID, control.Behaviour{Passkey: &credential}); err != nil {
		w.Fatal(err)
	}
	process, qr := w.start(aliceMXID)
	done := make(chan error, 1)
	go func() {
		_, err := w.phones.ScanQR(w.Context(), simulated.Name, w.alice.ID, qr)
		done <- err
	}()
	asked, err := process.Wait(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	if asked.StepID != stepPasskey {
		w.Fatalf("after the scan comes %+v, want the question for the passkey", asked)
	}
	login = process.(*qrLogin)
	if err := login.wa.SendPasskeyResponse(w.Context(), w.shown(asked.WebAuthnParams.PublicKey, credential)); err != nil {
		w.Fatal(err)
	}
	select {
	case raw := <-login.events:
		evt, ok := raw.(*events.PairPasskeyConfirmation)
		if !ok {
			w.Fatalf("the passkey gives %T, want a confirmation", raw)
		}
		evt.SkipHandoffUX, code = false, evt.Code
		if step, err = login.handle(w.Context(), evt); err != nil {
			w.Fatal(err)
		}
	case <-time.After(awaitTimeout):
		w.Fatal("nothing comes of the passkey")
	}
	return login, step, code, done
}

// shown is what a browser answers for a passkey.
func (w *world) shown(question json.RawMessage, credential string) *types.WebAuthnResponse {
	w.Helper()
	var asked struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(question, &asked); err != nil {
		w.Fatal(err)
	}
	encoded := func(data string) string { return base64.RawURLEncoding.EncodeToString([]byte(data)) }
	raw, err := json.Marshal(map[string]any{
		"id": encoded(credential), "rawId": encoded(credential), "type": "public-key", "response": map[string]string{
			"clientDataJSON":    encoded(`{"type": "webauthn.get", "challenge": "` + asked.Challenge + `"}`),
			"authenticatorData": encoded(strings.Repeat("\x00", 37)), "signature": encoded("signature"),
		},
	})
	var answer types.WebAuthnResponse
	if err = errors.Join(err, json.Unmarshal(raw, &answer)); err != nil {
		w.Fatal(err)
	}
	return &answer
}

// TestPasskeyCodeCompared: the user sees the code, says that the phone shows the same, and is let in.
func TestPasskeyCodeCompared(t *testing.T) {
	w := newWorld(t)
	login, step, code, scanned := w.comparing()
	if step.StepID != stepPasskeyConfirm || step.Type != bridgev2.LoginStepTypeUserInput || len(code) != 9 || !strings.Contains(step.Instructions, code) {
		t.Fatalf("the step is %+v, want a question with code %q", step, code)
	}
	end, err := login.SubmitUserInput(t.Context(), map[string]string{fieldSame: answerYes})
	if err != nil {
		t.Fatal(err)
	}
	if end.Type != bridgev2.LoginStepTypeComplete {
		t.Fatalf("the login goes on with %+v, want its end", end)
	}
	t.Cleanup(end.CompleteParams.UserLogin.Client.(*Client).Disconnect)
	if err := <-scanned; err != nil {
		t.Errorf("the phone says %v", err)
	}
}

// TestPasskeyCodeDiffers: if the phone shows another code, nothing is linked and nothing stays.
func TestPasskeyCodeDiffers(t *testing.T) {
	for _, answer := range []map[string]string{{fieldSame: answerNo}, {}} {
		w := newWorld(t)
		login, _, _, scanned := w.comparing()
		if step, err := login.SubmitUserInput(t.Context(), answer); step != nil || !errors.Is(err, errLoginPasskeyCode) {
			t.Errorf("answer %v gives %+v, %v; want %v", answer, step, err, errLoginPasskeyCode)
		}
		if err := <-scanned; err == nil {
			t.Error("the phone has linked the device")
		}
		if linked := w.companions(); len(linked) > 0 {
			t.Errorf("the phone has linked devices %+v, want none", linked)
		}
		if kept := w.devices(); len(kept) > 0 {
			t.Errorf("keys of %q are kept, want none", kept)
		}
	}
}
