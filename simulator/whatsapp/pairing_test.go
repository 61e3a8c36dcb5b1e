package whatsapp_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

func TestWrongQRRefused(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	c := s.newClient()
	good := c.qr()
	head, fields, _ := strings.Cut(good, "#")
	parts := strings.Split(fields, ",")
	other := base64.StdEncoding.EncodeToString(make([]byte, 32))
	with := func(i int, value string) string {
		changed := append([]string{}, parts...)
		changed[i] = value
		return head + "#" + strings.Join(changed, ",")
	}
	for _, test := range []struct {
		name, text string
		status     int
	}{
		{"not a code", "https://example.com/", http.StatusBadRequest},
		{"empty", "", http.StatusBadRequest},
		{"too few fields", head + "#" + strings.Join(parts[:3], ","), http.StatusBadRequest},
		{"key is not base64", with(2, "***"), http.StatusBadRequest},
		{"key is short", with(3, "AAAA"), http.StatusBadRequest},
		{"unknown ref", with(0, "2@nobody"), http.StatusConflict},
		{"another noise key", with(1, other), http.StatusConflict},
		{"another identity", with(2, other), http.StatusConflict},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.api.ScanQR(t.Context(), whatsapp.Name, anna.ID, test.text)
			var e *control.Error
			if !errors.As(err, &e) || e.Status != test.status {
				t.Errorf("got %v, want status %d", err, test.status)
			}
		})
	}
	// The refused scans have spoilt nothing.
	if _, err := s.api.ScanQR(t.Context(), whatsapp.Name, anna.ID, good); err != nil {
		t.Fatalf("scan the right code: %v", err)
	}
	expect[*events.Connected](c, "connection", nil)
	if _, err := s.api.ScanQR(t.Context(), whatsapp.Name, anna.ID, good); err == nil {
		t.Error("a used code was accepted again")
	}
}

func TestWrongSecretRefusedByClient(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	c := s.newClient()
	parts := strings.Split(c.qr(), ",")
	parts[3] = base64.StdEncoding.EncodeToString(make([]byte, 32))
	if _, err := s.api.ScanQR(t.Context(), whatsapp.Name, anna.ID, strings.Join(parts, ",")); err == nil {
		t.Error("a container under another secret was accepted")
	}
	expect[*events.PairError](c, "pairing error", nil)
	p, err := s.api.Person(t.Context(), whatsapp.Name, anna.ID)
	if err != nil || len(p.Companions) != 0 {
		t.Errorf("companions after a refused pairing: %+v, %v", p.Companions, err)
	}
}

func TestPairCode(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	c := s.newClient()
	c.qr()
	code, err := c.PairPhone(t.Context(), anna.Phone, true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	if err != nil {
		t.Fatalf("ask for a code: %v", err)
	}
	linked, err := s.api.EnterCode(t.Context(), whatsapp.Name, anna.ID, code)
	if err != nil {
		t.Fatalf("enter %s: %v", code, err)
	}
	if linked.Device != 1 {
		t.Errorf("device is %d, want 1", linked.Device)
	}
	expect[*events.Connected](c, "connection", nil)
	ben := s.addPerson("Ben")
	c.sendText(lid(ben), "paired by code")
	s.await(ben.ID, control.Match{Text: "paired by code", Sender: anna.ID})
}

func TestWrongPairCode(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	for _, text := range []string{"", "ABC", "ABCD-EFG!", "0000-0000"} {
		if _, err := s.api.EnterCode(t.Context(), whatsapp.Name, anna.ID, text); err == nil {
			t.Errorf("code %q was accepted", text)
		}
	}
	c := s.newClient()
	c.qr()
	code, err := c.PairPhone(t.Context(), anna.Phone, true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	if err != nil {
		t.Fatalf("ask for a code: %v", err)
	}
	wrong := "1111-1111"
	if wrong == code {
		wrong = "2222-2222"
	}
	_, err = s.api.EnterCode(t.Context(), whatsapp.Name, anna.ID, wrong)
	if err == nil || !strings.Contains(err.Error(), "wrong linking code") {
		t.Errorf("wrong code: %v", err)
	}
}

func TestUnlink(t *testing.T) {
	s := newSimulation(t)
	anna, c := s.linked("Anna")
	p, err := s.api.Person(t.Context(), whatsapp.Name, anna.ID)
	if err != nil || len(p.Companions) != 1 || !p.Companions[0].Active {
		t.Fatalf("companions %+v, %v; want one that is active", p.Companions, err)
	}
	if err := s.api.Unlink(t.Context(), whatsapp.Name, anna.ID, 1); err != nil {
		t.Fatal(err)
	}
	expect[*events.LoggedOut](c, "logout", nil)
	p, err = s.api.Person(t.Context(), whatsapp.Name, anna.ID)
	if err != nil || len(p.Companions) != 0 {
		t.Errorf("companions after unlinking: %+v, %v", p.Companions, err)
	}
}

func TestClientLogsOut(t *testing.T) {
	s := newSimulation(t)
	anna, c := s.linked("Anna")
	if err := c.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := s.api.Person(t.Context(), whatsapp.Name, anna.ID)
	if err != nil || len(p.Companions) != 0 {
		t.Errorf("companions after logout: %+v, %v", p.Companions, err)
	}
	ben := s.addPerson("Ben")
	s.send(ben.ID, control.SendRequest{To: anna.ID, Text: "to the phone alone"})
	s.await(anna.ID, control.Match{Text: "to the phone alone"})
}

func TestFifthCompanionRefused(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	for range 4 {
		s.link(s.newClient(), anna.ID)
	}
	if _, err := s.api.ScanQR(t.Context(), whatsapp.Name, anna.ID, s.newClient().qr()); err == nil {
		t.Error("a fifth companion was linked")
	}
}
