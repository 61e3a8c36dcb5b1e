package lab

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func testProgress(t *testing.T) Progress {
	return func(line string) { t.Log(line) }
}

func startHomeserver(t *testing.T, opts HomeserverOptions) *Homeserver {
	t.Helper()
	opts.Dir, opts.Progress = t.TempDir(), testProgress(t)
	start := time.Now()
	h, err := StartHomeserver(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%s answers after %s", opts.Kind, time.Since(start).Round(time.Millisecond))
	return h
}

// eachHomeserver runs a test on every homeserver that this machine can have, and says loudly which one it can't.
func eachHomeserver(t *testing.T, f func(t *testing.T, h *Homeserver)) {
	t.Run("synapse", func(t *testing.T) {
		if err := SynapseUnavailable(); err != nil {
			Notice("%s: %v", t.Name(), err)
			t.Skip(err)
		}
		f(t, startHomeserver(t, HomeserverOptions{Kind: Synapse, Encrypted: true}))
	})
	t.Run("dendrite", func(t *testing.T) {
		f(t, startHomeserver(t, HomeserverOptions{Kind: Dendrite}))
	})
}

func TestHomeserverKnowsInstalledAppservice(t *testing.T) {
	eachHomeserver(t, func(t *testing.T, h *Homeserver) {
		registration := filepath.Join(t.TempDir(), "registration.yaml")
		text := "id: lab\nurl: null\nas_token: lab-as-token\nhs_token: lab-hs-token\nsender_localpart: labbot\n" +
			"rate_limited: false\nnamespaces: {users: [{regex: '@lab_.*', exclusive: true}]}\n"
		if err := os.WriteFile(registration, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		whoami := h.URL + "/_matrix/client/v3/account/whoami?access_token=lab-as-token"
		var answer struct {
			UserID string `json:"user_id"`
		}
		if err := callJSON(t.Context(), http.MethodGet, whoami, nil, &answer); err == nil {
			t.Error("the token is valid before the registration was installed")
		}
		if err := h.InstallAppservices(t.Context(), registration); err != nil {
			t.Fatal(err)
		}
		if err := callJSON(t.Context(), http.MethodGet, whoami, nil, &answer); err != nil {
			t.Fatal(err)
		}
		if want := "@labbot:" + h.Domain; answer.UserID != want {
			t.Errorf("whoami says %q, want %q", answer.UserID, want)
		}
	})
}

func TestHomeserverPortInUse(t *testing.T) {
	h := startHomeserver(t, HomeserverOptions{Kind: Dendrite})
	_, err := StartHomeserver(t.Context(), HomeserverOptions{Kind: Dendrite, Dir: t.TempDir(), Port: h.opts.Port})
	if err == nil {
		t.Fatal("a second homeserver started on the same port")
	}
	t.Log(err)
}

func TestSynapseOnPostgres(t *testing.T) {
	if err := SynapseUnavailable(); err != nil {
		Notice("%s: %v", t.Name(), err)
		t.Skip(err)
	}
	if _, err := EnsurePostgres(t.Context(), testProgress(t)); err != nil {
		Notice("%s: %v", t.Name(), err)
		t.Skip(err)
	}
	pg, err := StartPostgres(t.Context(), testProgress(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(pg.dir); err == nil {
			t.Errorf("%s is still there", pg.dir)
		}
	})
	h := startHomeserver(t, HomeserverOptions{Kind: Synapse, Postgres: pg})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err = h.Register(ctx, "anna", "anna's password"); err != nil {
		t.Fatal(err)
	}
	if _, err = h.Register(ctx, "anna", "anna's password"); err == nil {
		t.Error("the same name was registered twice")
	}
}
