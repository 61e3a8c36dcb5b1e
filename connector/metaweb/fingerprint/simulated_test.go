package fingerprint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFor(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		server Server
		want   string
	}{
		{"no port", Server{Address: "localhost"}, "address is"},
		{"no file", Server{Address: "localhost:1", CAFile: empty + "no"}, "ca_file:"},
		{"no certificate", Server{CAFile: empty}, "no certificate"},
	} {
		if _, err := For(test.server); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s gives %v, want an error with %q", test.name, err, test.want)
		}
	}
	transports, err := For(Server{})
	if err != nil {
		t.Fatal(err)
	}
	if made := transports("Firefox/143.0"); made.Pages == nil || made.Sockets == nil || made.Media == nil {
		t.Errorf("the transports are %+v", made)
	}
}
