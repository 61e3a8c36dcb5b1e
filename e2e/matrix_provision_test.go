package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"crosschat/simulator/control"
)

// openAPI is the library's own description of the provisioning API, which its module ships.
type openAPI map[string]any

func readOpenAPI(t *testing.T) openAPI {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "maunium.net/go/mautrix").Output()
	if err != nil {
		t.Fatalf("find the library's folder: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "bridgev2", "matrix", "provisioning.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var description openAPI
	if err = yaml.Unmarshal(text, &description); err != nil {
		t.Fatalf("parse the description: %v", err)
	}
	return description
}

// at follows keys through maps; nil if one is missing.
func at(v any, keys ...any) any {
	for _, key := range keys {
		switch m := v.(type) {
		case openAPI:
			v = m[key.(string)]
		case map[string]any:
			v = m[fmt.Sprint(key)]
		case map[any]any: // with numbers among its keys
			v = m[key]
		default:
			return nil
		}
	}
	return v
}

// answerTo is the schema of what is answered to a call of a path as the description writes it.
func (o openAPI) answerTo(path, method string) any {
	answer := at(o, "paths", path, method, "responses", 200)
	if ref, ok := at(answer, "$ref").(string); ok {
		answer = o.follow(ref)
	}
	return at(answer, "content", "application/json", "schema")
}

func (o openAPI) follow(ref string) any {
	var v any = o
	for _, key := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		v = at(v, key)
	}
	return v
}

// faults lists where a value is not what a schema says, of the words that the description uses.
func (o openAPI) faults(schema, value any, path string) (found []string) {
	if ref, ok := at(schema, "$ref").(string); ok {
		return o.faults(o.follow(ref), value, path)
	}
	if kind, ok := at(schema, "type").(string); ok && !isOf(kind, value) {
		return []string{fmt.Sprintf("%s is %v, want %s", path, value, kind)}
	}
	if want := at(schema, "const"); want != nil && want != value {
		found = append(found, fmt.Sprintf("%s is %v, want %v", path, value, want))
	}
	if allowed, ok := at(schema, "enum").([]any); ok && !slices.Contains(allowed, value) {
		found = append(found, fmt.Sprintf("%s is %v, want one of %v", path, value, allowed))
	}
	object, _ := value.(map[string]any)
	required, _ := at(schema, "required").([]any)
	for _, key := range required {
		if _, there := object[key.(string)]; !there {
			found = append(found, fmt.Sprintf("%s lacks %v", path, key))
		}
	}
	properties, _ := at(schema, "properties").(map[string]any)
	for key, inner := range properties {
		if v, there := object[key]; there {
			found = append(found, o.faults(inner, v, path+"."+key)...)
		}
	}
	list, _ := value.([]any)
	for i, item := range list {
		found = append(found, o.faults(at(schema, "items"), item, fmt.Sprintf("%s[%d]", path, i))...)
	}
	if choices, ok := at(schema, "oneOf").([]any); ok {
		var all []string
		for _, choice := range choices {
			wrong := o.faults(choice, value, path)
			if len(wrong) == 0 {
				return found
			}
			all = append(all, wrong...)
		}
		found = append(found, all...)
	}
	return found
}

// isOf says whether a JSON value has a type of JSON schemas.
func isOf(kind string, value any) bool {
	switch value.(type) {
	case map[string]any:
		return kind == "object"
	case []any:
		return kind == "array"
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case float64:
		return kind == "number" || kind == "integer"
	default:
		return false
	}
}

// calls makes a call of the provisioning API and holds the answer against the description. described is the path as that
// writes it.
func (s *stage) calls(o openAPI, method, described, path string, in any) map[string]any {
	s.Helper()
	var answer map[string]any
	s.must(s.stack.Bridge.Provision(s.ctx, s.user.ID, method, path, in, &answer))
	schema := o.answerTo("/v3"+described, strings.ToLower(method))
	if schema == nil {
		s.Fatalf("the description has no answer to %s %s", method, described)
	}
	for _, fault := range o.faults(schema, answer, described) {
		s.Errorf("the answer to %s %s is not as described: %s", method, path, fault)
	}
	return answer
}

// submits makes the next step of a login.
func (s *stage) submits(o openAPI, step map[string]any, in any) map[string]any {
	s.Helper()
	kind := fmt.Sprint(step["type"])
	path := fmt.Sprintf("/login/step/%s/%s/%s", url.PathEscape(fmt.Sprint(step["login_id"])), url.PathEscape(fmt.Sprint(step["step_id"])), kind)
	return s.calls(o, http.MethodPost, "/login/step/{loginProcessID}/{stepID}/"+kind, path, in)
}

// starts begins a login and returns its first step.
func (s *stage) starts(o openAPI, flow string) map[string]any {
	s.Helper()
	return s.calls(o, http.MethodPost, "/login/start/{flowID}", "/login/start/"+flow, nil)
}

// TestProvisioning logs in on each network through the provisioning API, by each of its flows, uses the accounts and logs
// out, and holds all answers against the library's description.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	o := readOpenAPI(t)
	shared := &lazyStack{t: t, setting: settingFromEnv(t)}
	s := newStage(t, shared.get(t), whatsapp{}, "provision")
	if wrong := o.faults(o.answerTo("/v3/whoami", "get"), map[string]any{"login_flows": "none"}, "whoami"); len(wrong) == 0 {
		t.Fatal("what is no answer to whoami passes for one: the description is not understood")
	}
	s.calls(o, http.MethodGet, "/whoami", "/whoami", nil)
	flows, _ := json.Marshal(s.calls(o, http.MethodGet, "/login/flows", "/login/flows", nil))
	for _, flow := range []string{"whatsapp-qr", "whatsapp-code", "messenger-cookies", "instagram-cookies"} {
		if !strings.Contains(string(flows), `"`+flow+`"`) {
			t.Errorf("the flows are %s, want %q among them", flows, flow)
		}
	}

	step := s.starts(o, "whatsapp-qr")
	code, _ := at(step, "display_and_wait", "data").(string)
	_, parts, _ := strings.Cut(code, "#")
	if keys := strings.Split(parts, ","); len(keys) == 5 {
		s.secrets = append(s.secrets, keys[0], keys[3])
	} else {
		t.Fatalf("the step %v shows no QR code", step)
	}
	scanned := make(chan error, 1)
	go func() {
		_, err := s.stack.Simulator.ScanQR(s.ctx, s.side.control(), s.me.ID, code)
		scanned <- err
	}()
	step = s.submits(o, step, nil)
	s.must(<-scanned)
	s.completed(step, "whatsapp-lid-"+s.me.LID)

	second := s.alsoOn(whatsapp{})
	step = s.starts(o, "whatsapp-code")
	field, _ := at(step, "user_input", "fields").([]any)
	step = s.submits(o, step, map[string]string{fmt.Sprint(at(field[0], "id")): "+" + second.me.Phone})
	code, _ = at(step, "display_and_wait", "data").(string)
	go func() {
		_, err := s.stack.Simulator.EnterCode(s.ctx, s.side.control(), second.me.ID, code)
		scanned <- err
	}()
	step = s.submits(o, step, nil)
	s.must(<-scanned)
	s.completed(step, "whatsapp-lid-"+second.me.LID)

	var byCookies []string
	for _, side := range []cookieSide{messenger{}, instagram{}} {
		other := s.alsoOn(side)
		step = s.starts(o, side.network()+"-cookies")
		step = s.submits(o, step, side.browser(other))
		s.secrets = other.secrets
		byCookies = append(byCookies, side.network()+"-"+other.me.ID)
		s.completed(step, byCookies[len(byCookies)-1])
	}

	logins := s.calls(o, http.MethodGet, "/logins", "/logins", nil)
	if ids, _ := logins["login_ids"].([]any); len(ids) != 4 {
		t.Errorf("the logins are %v, want four", logins)
	}
	s.calls(o, http.MethodGet, "/whoami", "/whoami", nil)
	// The API asks the user's first login if none is named, and that would be one of these.
	for _, login := range byCookies {
		s.must(s.stack.Bridge.Provision(s.ctx, s.user.ID, http.MethodPost, "/logout/"+login, nil, nil))
	}
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	identifier := url.PathEscape("+" + anna.Phone)
	s.calls(o, http.MethodGet, "/resolve_identifier/{identifier}", "/resolve_identifier/"+identifier, nil)
	made := s.calls(o, http.MethodPost, "/create_dm/{identifier}", "/create_dm/"+identifier, nil)
	if fmt.Sprint(made["dm_room_mxid"]) == "" || made["dm_room_mxid"] == nil {
		t.Errorf("a chat was started without a room: %v", made)
	}
	s.calls(o, http.MethodGet, "/contacts", "/contacts", nil)
	for _, login := range []string{"whatsapp-lid-" + s.me.LID, "whatsapp-lid-" + second.me.LID} {
		s.must(s.stack.Bridge.Provision(s.ctx, s.user.ID, http.MethodPost, "/logout/"+login, nil, nil))
	}
	logins = s.calls(o, http.MethodGet, "/logins", "/logins", nil)
	if ids, _ := logins["login_ids"].([]any); len(ids) != 0 {
		t.Errorf("after logging out the logins are %v", logins)
	}

	// What goes wrong is told as an error.
	s.announced = append(s.announced, "Failed to create login process") // the library's word for a flow that there is not
	for _, path := range []string{"/login/start/no-such-flow", "/logout/whatsapp-lid-1", "/login/step/none/none/cookies"} {
		if err := s.stack.Bridge.Provision(s.ctx, s.user.ID, http.MethodPost, path, map[string]string{}, nil); err == nil {
			t.Errorf("POST %s succeeds", path)
		}
	}
}

// completed fails unless a step is the end of a login.
func (s *stage) completed(step map[string]any, login string) {
	s.Helper()
	if step["type"] != "complete" || at(step, "complete", "user_login_id") != login {
		s.Fatalf("the login of %q ends with %v", login, step)
	}
}
