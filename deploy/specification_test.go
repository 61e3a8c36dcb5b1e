package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// project is docker-compose.yaml as Compose understands it.
type project struct {
	Name     string
	Services map[string]struct {
		Build       struct{ Context, Dockerfile string }
		Environment map[string]string
		Ports       []struct {
			HostIP    string `json:"host_ip"`
			Target    int
			Published string
		}
		Volumes []struct {
			Type, Source, Target string
		}
	}
	Volumes map[string]any
}

// buildCompose builds the program of package compose, which is a module of its own.
func buildCompose(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "compose")
	build := exec.CommandContext(t.Context(), "go", "build", "-mod=readonly", "-o", binary, ".")
	build.Dir = "compose"
	build.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the reader of compose files: %v\n%s", err, out)
	}
	return binary
}

// TestComposeSpecification reads docker-compose.yaml with the library of Compose, and compares what that makes of it, with
// a domain of one's own, with what image and scripts have.
func TestComposeSpecification(t *testing.T) {
	compose := buildCompose(t)
	load := func(file string, env ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), compose, file)
		cmd.Env = append(os.Environ(), env...)
		return cmd.Output()
	}
	out, err := load("../docker-compose.yaml", "CROSSCHAT_DOMAIN=example.org")
	if err != nil {
		t.Fatalf("docker-compose.yaml is refused: %v", err)
	}
	var p project
	if err = json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	bridge := p.Services["crosschat"]
	if domain, admin := bridge.Environment["CROSSCHAT_DOMAIN"], bridge.Environment["CROSSCHAT_ADMIN"]; domain != "example.org" || admin != "@admin:example.org" {
		t.Errorf("with a domain of one's own the bridge gets %q and admin %q", domain, admin)
	}
	if name := p.Services["synapse-config"].Environment["SYNAPSE_SERVER_NAME"]; name != "example.org" {
		t.Errorf("with a domain of one's own Synapse is called %q", name)
	}
	if _, err = os.Stat(filepath.Join(bridge.Build.Context, bridge.Build.Dockerfile)); err != nil {
		t.Errorf("what the bridge is built from: %v", err)
	}
	checkMounts(t, p)
	checkPorts(t, p)
	for _, wrong := range []string{
		"services: {a: {image: b, restrat: always}}", "services: {a: {image: b, depends_on: [c]}}",
		"services: {a: {image: b, ports: {x: y}}}",
	} {
		file := filepath.Join(t.TempDir(), "compose.yaml")
		if err := os.WriteFile(file, []byte("name: wrong\n"+wrong+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := load(file); err == nil {
			t.Errorf("%s is not refused, so that nothing is checked", wrong)
		}
	}
}

// checkMounts compares where volumes are mounted with where the scripts and images look.
func checkMounts(t *testing.T, p project) {
	t.Helper()
	prepare := read(t, "prepare.sh")
	inScript := func(variable string) string {
		found := regexp.MustCompile(`\$\{` + variable + `:-([^}]*)\}`).FindStringSubmatch(prepare)
		if found == nil {
			t.Fatalf("prepare.sh has no default of %s", variable)
		}
		return found[1]
	}
	want := map[string][]string{
		"prepare":        {"bridge:" + inScript("CROSSCHAT_DATA"), "synapse:" + inScript("PREPARE_SYNAPSE"), "database-setup:" + inScript("PREPARE_DATABASE")},
		"crosschat":      {"bridge:" + inScript("CROSSCHAT_DATA")},
		"synapse":        {"synapse:/data"}, // what the image's documentation says
		"synapse-config": {"synapse:/data"},
		"postgres":       {"database:/var/lib/postgresql/data", "database-setup:/docker-entrypoint-initdb.d"},
	}
	for name, service := range p.Services {
		var got []string
		for _, volume := range service.Volumes {
			if volume.Type != "volume" || p.Volumes[volume.Source] == nil {
				t.Errorf("service %s mounts %+v, want a declared volume", name, volume)
			}
			got = append(got, volume.Source+":"+volume.Target)
		}
		if !slices.Equal(got, want[name]) {
			t.Errorf("service %s mounts %q, want %q", name, got, want[name])
		}
	}
	if !strings.Contains(read(t, "../Dockerfile"), "VOLUME "+inScript("CROSSCHAT_DATA")) {
		t.Errorf("the image has no volume %s", inScript("CROSSCHAT_DATA"))
	}
}

// checkPorts wants nothing to be reachable from other machines, and Synapse where the instructions say.
func checkPorts(t *testing.T, p project) {
	t.Helper()
	for name, service := range p.Services {
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("service %s publishes port %s on %q, want this machine only", name, port.Published, port.HostIP)
			}
			if address := "http://localhost:" + port.Published; !strings.Contains(read(t, "../docs/install.md"), address) {
				t.Errorf("service %s is at %s, of which docs/install.md says nothing", name, address)
			}
		}
	}
}
