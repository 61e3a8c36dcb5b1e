package web

import (
	"strings"
	"testing"
	"time"
)

func TestPlaces(t *testing.T) {
	good := Places{Site: "https://site", Gateway: "wss://gateway/", Hosts: []string{"site"}, MediaHosts: []string{"media"}}
	if err := good.Check(); err != nil {
		t.Errorf("good places are refused: %v", err)
	}
	for _, address := range []string{"ftp://a", "a", "https://", "::"} {
		site, gateway := good, good
		site.Site, gateway.Gateway = address, address
		if err := site.Check(); err == nil || !strings.HasPrefix(err.Error(), "site is ") {
			t.Errorf("site %q gives %v, want an error that names it", address, err)
		}
		if err := gateway.Check(); err == nil || !strings.HasPrefix(err.Error(), "gateway is ") {
			t.Errorf("gateway %q gives %v, want an error that names it", address, err)
		}
	}
	for _, without := range []Places{{good.Site, good.Gateway, nil, good.MediaHosts}, {good.Site, good.Gateway, good.Hosts, nil}} {
		if err := without.Check(); err == nil {
			t.Errorf("%+v is taken, want an error", without)
		}
	}
}

func TestCheckTimes(t *testing.T) {
	if err := CheckTimes(map[string]time.Duration{"a": 1}); err != nil {
		t.Errorf("a good time is refused: %v", err)
	}
	err := CheckTimes(map[string]time.Duration{"c": -time.Second, "a": 1, "b": 0})
	if want := "b is 0s: it must be more than 0"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}
