package messenger

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"crosschat/connector/metaweb/web"
)

// The guide's examples are what the program takes.
func TestGuide(t *testing.T) {
	data, err := os.ReadFile("../../docs/messenger.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := string(data)
	for _, kind := range []string{"sh", "json"} {
		example := regexp.MustCompile("(?s)```" + kind + "\n(.*?)\n```").FindStringSubmatch(guide)
		if example == nil {
			t.Fatalf("the guide has no example in %s", kind)
		}
		credentials, err := New().Config.Wire.ParseCredentials(example[1])
		if err != nil {
			t.Fatalf("the example in %s is refused: %v", kind, err)
		}
		for name, want := range map[string]string{"c_user": "100000000000001", "xs": "12%3AxYz%3A2%3A1790000000%3A-1%3A-1", "datr": "AbCdEf"} {
			if got := credentials.Cookies.Get(name); got != want {
				t.Errorf("in %s cookie %s is %q, want %q", kind, name, got, want)
			}
		}
		if copied := credentials.Identity != (web.Identity{}); copied != (kind == "sh") {
			t.Errorf("the example in %s has the browser's identity %+v", kind, credentials.Identity)
		}
	}
	for _, command := range chatCommandsOf(t) {
		if !strings.Contains(guide, command) {
			t.Errorf("the guide does not name the command %s", command)
		}
	}
}

func chatCommandsOf(t *testing.T) (found []string) {
	t.Helper()
	for _, command := range chatCommands() {
		found = append(found, command.GetName())
	}
	return found
}
