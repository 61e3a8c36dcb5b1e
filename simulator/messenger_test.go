package main

import (
	"os"
	"strings"
	"testing"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger"
	"crosschat/simulator/messenger/server"
)

func TestMessengerIsThere(t *testing.T) {
	ready, stop := start(t, localOptions(t))
	pem, err := os.ReadFile(ready.Messenger.CAFile)
	if err != nil || !strings.Contains(string(pem), "BEGIN CERTIFICATE") {
		t.Errorf("certificate authority: %q, %v", pem, err)
	}
	if ready.Messenger.RootKey != ready.WhatsApp.RootKey {
		t.Errorf("root key %q, WhatsApp's is %q: clients know one", ready.Messenger.RootKey, ready.WhatsApp.RootKey)
	}
	api := &control.Client{BaseURL: ready.Control}
	anna, err := api.AddPerson(t.Context(), messenger.EncryptedName, control.NewPerson{Name: "Anna"})
	if err != nil {
		t.Fatal(err)
	}
	if same, err := api.Person(t.Context(), messenger.Name, anna.ID); err != nil || same.Name != "Anna" {
		t.Errorf("the same person on the plain plane: %+v, %v", same, err)
	}
	var login server.Login
	if err = api.Special(t.Context(), messenger.Name, anna.ID, "login", nil, &login); err != nil || login.Cookies["c_user"] != anna.ID {
		t.Errorf("login: %+v, %v", login, err)
	}
	if err = stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}
