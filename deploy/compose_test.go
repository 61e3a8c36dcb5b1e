package deploy

import (
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// port is the program's default port; containers keep it.
const port = "29380"

type composeFile struct {
	Services map[string]composeService
	Volumes  map[string]any
}

type composeService struct {
	Image       string
	Build       string
	Command     any
	Restart     string
	Entrypoint  []string
	Environment map[string]string
	Volumes     []string
	Healthcheck map[string]any
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	var file composeFile
	if err := yaml.Unmarshal([]byte(read(t, "../docker-compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestComposeIsWired follows every reference of docker-compose.yaml to what it names.
func TestComposeIsWired(t *testing.T) {
	file := readCompose(t)
	for name, service := range file.Services {
		if service.Image == "" && service.Build == "" {
			t.Errorf("service %s has neither image nor build", name)
		}
		if service.Image != "" && !regexp.MustCompile(`:v?\d`).MatchString(service.Image) {
			t.Errorf("service %s: image %q is not pinned to a version", name, service.Image)
		}
		for _, mount := range service.Volumes {
			if volume, _, _ := strings.Cut(mount, ":"); !hasKey(file.Volumes, volume) {
				t.Errorf("service %s mounts %q, which is not declared", name, volume)
			}
		}
		for other, dependency := range service.DependsOn {
			target, ok := file.Services[other]
			switch {
			case !ok:
				t.Errorf("service %s depends on %q, which is not there", name, other)
			case dependency.Condition == "service_healthy" && target.Healthcheck["test"] == nil:
				t.Errorf("service %s waits for the health of %s, which has no check of it", name, other)
			case dependency.Condition == "service_completed_successfully" && target.Restart != "":
				t.Errorf("service %s waits for the end of %s, which is restarted", name, other)
			}
		}
	}
	for _, name := range []string{"prepare", "crosschat"} {
		address := mustURL(t, file.Services[name].Environment["CROSSCHAT_ADDRESS"])
		if _, ok := file.Services[address.Hostname()]; !ok || address.Port() != port {
			t.Errorf("service %s: CROSSCHAT_ADDRESS is %q, want a service at port %s", name, address, port)
		}
		homeserver := mustURL(t, file.Services[name].Environment["CROSSCHAT_HOMESERVER"])
		if _, ok := file.Services[homeserver.Hostname()]; !ok {
			t.Errorf("service %s: CROSSCHAT_HOMESERVER is %q, want a service", name, homeserver)
		}
	}
}

// TestComposeSettingsAreKnown compares the settings of docker-compose.yaml with those that entrypoint.sh reads.
func TestComposeSettingsAreKnown(t *testing.T) {
	entrypoint := read(t, "entrypoint.sh")
	for name, service := range readCompose(t).Services {
		for variable := range service.Environment {
			if strings.HasPrefix(variable, "CROSSCHAT_") && !strings.Contains(entrypoint, "$"+variable) &&
				!strings.Contains(entrypoint, "${"+variable) {
				t.Errorf("service %s sets %s, which entrypoint.sh does not read", name, variable)
			}
		}
	}
}

// TestPrepare runs prepare.sh twice, on the folders that docker-compose.yaml gives it, and checks what the other services
// will find.
func TestPrepare(t *testing.T) {
	s := newSandbox(t)
	chowns := filepath.Join(filepath.Dir(s.bin), "chowns")
	s.addProgram(t, "chown", "#!/bin/sh\necho \"$@\" >>"+chowns+"\n")
	s.addProgram(t, "crosschat-entrypoint", "#!/bin/sh\necho \"$CROSSCHAT_DATABASE\" >\"$CROSSCHAT_DATA/database\"\n"+
		"exec sh "+mustAbs(t, "entrypoint.sh")+" \"$@\"\n")
	synapse, database := t.TempDir(), t.TempDir()
	env := append(slices.Clone(settings), "PREPARE_SYNAPSE="+synapse, "PREPARE_DATABASE="+database)

	var before map[string]string
	for range 2 {
		if out, status := s.run(t, "prepare.sh", env); status != 0 {
			t.Fatalf("exit status %d; it printed %q", status, out)
		}
		after := map[string]string{}
		for _, dir := range []string{s.data, synapse, database} {
			maps.Copy(after, readTree(t, dir))
		}
		if before != nil && !maps.Equal(before, after) {
			t.Errorf("a second run changed something:\n%q, want\n%q", after, before)
		}
		before = after
	}

	checkDatabases(t, s.data, synapse, database)
	checkRegistrations(t, s.data, synapse)
	for _, want := range []string{"crosschat:crosschat " + s.data, "991:991 " + synapse + "/appservices"} {
		if got := read(t, chowns); !strings.Contains(got, want) {
			t.Errorf("owners set: %q, want %q among them", got, want)
		}
	}
}

// synapseConfig is what prepare.sh adds to Synapse's configuration.
type synapseConfig struct {
	Database struct {
		Args struct{ Host, User, Password, Dbname string }
	}
	Registrations []string        `yaml:"app_service_config_files"`
	Features      map[string]bool `yaml:"experimental_features"`
}

func readSynapseConfig(t *testing.T, synapse string) synapseConfig {
	t.Helper()
	var config synapseConfig
	if err := yaml.Unmarshal([]byte(read(t, synapse+"/crosschat.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	return config
}

// checkDatabases compares the passwords and names that Synapse and the bridge use with those that PostgreSQL is given.
func checkDatabases(t *testing.T, data, synapse, database string) {
	t.Helper()
	sql, services := read(t, database+"/databases.sql"), readCompose(t).Services
	check := func(user, password, host, name string) {
		t.Helper()
		if len(password) != 48 {
			t.Errorf("the password of %s has %d characters, want 48", user, len(password))
		}
		for _, want := range []string{"CREATE ROLE " + user + " LOGIN PASSWORD '" + password + "';", "CREATE DATABASE " + name + " OWNER " + user + " "} {
			if !strings.Contains(sql, want) {
				t.Errorf("databases.sql lacks %q", want)
			}
		}
		if _, ok := services[host]; !ok {
			t.Errorf("the database of %s is at %q, which is no service", user, host)
		}
	}
	args := readSynapseConfig(t, synapse).Database.Args
	check(args.User, args.Password, args.Host, args.Dbname)
	bridge := mustURL(t, strings.TrimSpace(read(t, data+"/database")))
	password, _ := bridge.User.Password()
	check(bridge.User.Username(), password, bridge.Hostname(), strings.TrimPrefix(bridge.Path, "/"))
}

// checkRegistrations follows Synapse's list of registrations, through the place where its container has the folder.
func checkRegistrations(t *testing.T, data, synapse string) {
	t.Helper()
	config := readSynapseConfig(t, synapse)
	for _, path := range config.Registrations {
		copied := filepath.Join(synapse, strings.TrimPrefix(path, "/data/"))
		if got, want := read(t, copied), read(t, filepath.Join(data, filepath.Base(path))); got != want {
			t.Errorf("%s holds %q, want %q", copied, got, want)
		}
	}
	if len(config.Registrations) != 2 || !config.Features["msc2409_to_device_messages_enabled"] || !config.Features["msc3202_transaction_extensions"] {
		t.Errorf("Synapse gets registrations %q and features %v, want two and both", config.Registrations, config.Features)
	}
}

// TestImage compares Dockerfile and .dockerignore with what the program is built from.
func TestImage(t *testing.T) {
	dockerfile := read(t, "../Dockerfile")
	for _, want := range []string{"EXPOSE " + port, "http://127.0.0.1:" + port + "/_matrix/mau/live", "goolm", "\nUSER crosschat\n", "\nVOLUME /data\n"} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("Dockerfile lacks %q", want)
		}
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if want := "FROM golang:" + version[1] + "-"; !strings.Contains(dockerfile, want) {
		t.Errorf("Dockerfile lacks %q, the version of go.mod", want)
	}
	for _, source := range regexp.MustCompile(`(?m)^COPY (?:--chmod=\d+ )?(deploy/\S+)`).FindAllStringSubmatch(dockerfile, -1) {
		read(t, filepath.Join("..", source[1]))
	}

	sent := strings.Split(read(t, "../.dockerignore"), "\n")
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "goolm", "-f", "{{with .Module}}{{if .Main}}{{$.ImportPath}}{{end}}{{end}}", "./bridge")
	cmd.Dir = ".."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list what the program is built from: %v\n%s", err, &stderr)
	}
	for _, path := range strings.Fields(string(out)) {
		folder := strings.Split(path, "/")[1]
		if !slices.Contains(sent, "!"+folder) {
			t.Errorf("the program needs %s, which .dockerignore keeps out", path)
		}
	}
}

// readTree returns every file below dir: name to mode and content.
func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		files[path] = info.Mode().String() + read(t, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func hasKey[V any](m map[string]V, key string) bool {
	_, ok := m[key]
	return ok
}
