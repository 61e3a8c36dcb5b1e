package main

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
)

func TestInstagram(t *testing.T) {
	ready, stop := start(t, localOptions(t))
	pem, err := os.ReadFile(ready.Instagram.CAFile)
	if err != nil || !strings.Contains(string(pem), "BEGIN CERTIFICATE") {
		t.Errorf("certificate authority: %q, %v", pem, err)
	}
	if conn, err := net.Dial("tcp", ready.Instagram.Address); err != nil {
		t.Errorf("dial: %v", err)
	} else {
		conn.Close()
	}
	api := &control.Client{BaseURL: ready.Control}
	anna, err := api.AddPerson(t.Context(), instagram.Name, control.NewPerson{Name: "Anna"})
	if err != nil {
		t.Fatal(err)
	}
	var login instagram.Login
	if err := api.Special(t.Context(), instagram.Name, anna.ID, "login", nil, &login); err != nil || login.Cookies["sessionid"] == "" {
		t.Errorf("login: %+v, %v", login, err)
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestInstagramPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o := localOptions(t)
	o.instagram = taken.Addr().String()
	if err := run(t.Context(), o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("on a taken port: %v", err)
	}
}
