package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestEntrypointWithProgram makes the configuration with the real program, as a container's first start does before there
// is a homeserver to ask, and reads in it what the other parts of the container count on.
func TestEntrypointWithProgram(t *testing.T) {
	s := newSandbox(t)
	program := filepath.Join(s.bin, "crosschat")
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "goolm", "-o", program, "./bridge")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}

	env := []string{
		"CROSSCHAT_HOMESERVER=http://127.0.0.1:1", "CROSSCHAT_DOMAIN=example.org", "CROSSCHAT_ADMIN=@you:example.org",
		"CROSSCHAT_DATABASE=postgres://crosschat:secret@postgres/crosschat?sslmode=disable", "CROSSCHAT_ENCRYPTION=appservice",
	}
	if out, status := s.run(t, "entrypoint.sh", env, "init"); status != 0 {
		t.Fatalf("exit status %d; it printed %q", status, out)
	}

	var config struct {
		Appservice struct{ Address, Hostname, Port string }
		Database   struct{ Type, URI string }
		Encryption struct{ Appservice bool }
	}
	if err := yaml.Unmarshal([]byte(read(t, s.data+"/config.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	for _, value := range []struct{ key, got, want string }{
		{"appservice.address", config.Appservice.Address, "http://crosschat:" + port},
		{"appservice.hostname", config.Appservice.Hostname, "0.0.0.0"},
		{"appservice.port", config.Appservice.Port, port},
		{"database.type", config.Database.Type, "postgres"},
		{"database.uri", config.Database.URI, "postgres://crosschat:secret@postgres/crosschat?sslmode=disable"},
	} {
		if value.got != value.want {
			t.Errorf("%s is %q, want %q", value.key, value.got, value.want)
		}
	}
	if !config.Encryption.Appservice {
		t.Error("encryption.appservice is off, want on")
	}

	var registration struct{ URL string }
	if err := yaml.Unmarshal([]byte(read(t, s.data+"/registration.yaml")), &registration); err != nil {
		t.Fatal(err)
	}
	if want := "http://crosschat:" + port; registration.URL != want {
		t.Errorf("the homeserver would push to %q, want %q", registration.URL, want)
	}
	read(t, s.data+"/doublepuppet.yaml")
}
