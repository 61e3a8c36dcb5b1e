package wire

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/util/keys"
	waLog "go.mau.fi/whatsmeow/util/log"
)

func TestRegisterAndNewEncrypted(t *testing.T) {
	n := newNetwork(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /fetch", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"device_identities":[],"icdc_seq":0,"status":200}`)
	})
	mux.HandleFunc("POST /register", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("fb_cat") != "c2ltLWNhdA" || r.FormValue("app_id") != "772021112871879" || r.FormValue("fbid") != fmt.Sprint(ownID) {
			t.Errorf("registered with %v", r.PostForm)
		}
		_, _ = fmt.Fprint(w, `{"status":200,"wa_device_id":21}`)
	})
	n.other = mux
	c := n.client(newRecorder(), State{}, func(c *Config) {
		c.E2EE.FetchURL, c.E2EE.RegisterURL = n.server.URL+"/fetch", n.server.URL+"/register"
	})
	identity := keys.NewKeyPair()
	device := &store.Device{IdentityKey: identity, SignedPreKey: identity.CreateSignedPreKey(1), NoiseKey: keys.NewKeyPair()}
	if err := c.Register(t.Context(), device); !errors.Is(err, ErrNoCAT) {
		t.Errorf("before the page was loaded got %v, want %v", err, ErrNoCAT)
	}
	if _, err := c.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Register(t.Context(), device); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d:21@msgr", ownID); device.ID.String() != want {
		t.Errorf("device is %q, want %q", device.ID, want)
	}
	payload := c.NewEncrypted(device, waLog.Noop).GetClientPayload()
	if string(payload.GetFbCat()) != "c2ltLWNhdA" || payload.GetDevice() != 21 || string(payload.GetFbUserAgent()) != c.Identity().UserAgent {
		t.Errorf("introduces itself as %v", payload)
	}
}
