package instagram

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// What the guide says is what the program does: cookies, commands, numbers and names of settings.
func TestGuide(t *testing.T) {
	data, err := os.ReadFile("../../docs/instagram.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := strings.Join(strings.Fields(string(data)), " ")
	example := regexp.MustCompile("```json (.*?) ```").FindStringSubmatch(guide)
	if example == nil {
		t.Fatal("the guide has no example of cookies")
	}
	cookies := map[string]string{}
	if err = json.Unmarshal([]byte(example[1]), &cookies); err != nil {
		t.Fatalf("the example of cookies is %s: %v", example[1], err)
	}
	for name := range cookies {
		cookies[name] = "12345"
	}
	given := func(without string) error {
		fewer := map[string]string{}
		for name, value := range cookies {
			if name != without {
				fewer[name] = value
			}
		}
		text, err := json.Marshal(fewer)
		if err != nil {
			t.Fatal(err)
		}
		_, err = New().Config.Wire.ParseCredentials(string(text))
		return err
	}
	if err = given(""); err != nil {
		t.Errorf("the cookies of the guide are refused: %v", err)
	}
	for name := range cookies {
		if given(name) == nil {
			t.Errorf("the guide says that %s is needed, and it is not", name)
		}
	}
	for _, command := range chatCommands() {
		if name := "`" + commandName(t, command); !strings.Contains(guide, name) {
			t.Errorf("the guide does not name the command %s`", name)
		}
	}
	var settings struct {
		History int `yaml:"history_messages"`
	}
	if err = yaml.Unmarshal([]byte(exampleConfig), &settings); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("pictures (%d MB)", maxImageSize/1_000_000),
		fmt.Sprintf("voice messages (%d MB)", maxFileSize/1_000_000),
		fmt.Sprintf("edits (for %d minutes, five times)", int(editWindow.Minutes())),
		fmt.Sprintf("(`history_messages`, %d)", settings.History),
		fmt.Sprintf("%d,000 come at a time", mostPast/1000),
		"`network.chats_at_login`",
		"`login instagram-" + New().GetLoginFlows()[0].ID + "`",
	} {
		if !strings.Contains(guide, want) {
			t.Errorf("the guide does not say %q", want)
		}
	}
	if maxEdits != 5 {
		t.Errorf("a message can be edited %d times, and the guide says five", maxEdits)
	}
}

func commandName(t *testing.T, command any) string {
	t.Helper()
	named, ok := command.(interface{ GetName() string })
	if !ok {
		t.Fatalf("command %T has no name", command)
	}
	return named.GetName()
}
