// Package page writes the HTML that Instagram's web site answers navigations with, and the script bundles that carry the
// ids of persisted operations (instagram.md sections 4.2 and 6.1). It owns forms, not values; its functions are pure.
//
// Clients read these pages with parsers of their own, so they have what the real ones have besides the values: scripts of
// other kinds, definitions that mean nothing, and a body that isn't quite JSON.
package page

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
)

// Viewer is who is logged in.
type Viewer struct {
	IGID, FBID, Viewer         string
	Username, Name             string
	Picture, LargePicture      string
	WithoutFBID, WithoutViewer bool // the ids are left out of the page
}

// Values is what clients look for in a session page.
type Values struct {
	Viewer      *Viewer // nil in the anonymous shell
	DTSG        string  // empty in the anonymous shell
	DTSGName    string  // DTSGInitData by default
	LSD         string
	Jazoest     string
	CSRF        string
	Namespace   string
	Device      string
	AppID       string
	Revision    int64
	Haste, HSI  string
	ViewerID    string // in XIGSharedData, also of the anonymous shell
	Spin        int64
	Bundles     []string   // URLs of scripts, named in links and elements
	Resources   []Resource // of the bootloader
	CSRUpgrade  string
	HideNumbers bool // no __eqmc and no envjson, as on a page of another kind
}

// Resource is an entry of the bootloader's resource map.
type Resource struct {
	Key, Type, Source, Bits string
	C                       int
}

type define struct {
	name   string
	config map[string]any
	id     int
}

// Session is the session page.
func Session(v Values) ([]byte, error) {
	defines := []define{
		{orElse(v.DTSGName, "DTSGInitData"), map[string]any{"token": v.DTSG, "async_get_token": ""}, 258},
		{"LSD", map[string]any{"token": v.LSD}, 323},
		{"SiteData", map[string]any{
			"haste_session": v.Haste, "pr": 1, "__spin_r": v.Revision, "__spin_b": "trunk", "__spin_t": v.Spin,
			"hsi": v.HSI, "server_revision": v.Revision,
		}, 317},
		{"WebConnectionClassServerGuess", map[string]any{"connectionClass": "EXCELLENT"}, 4705},
		{"IGDMqttWebDeviceID", map[string]any{"clientId": v.Device}, 7301},
		{"DGWWebConfig", map[string]any{
			"appId": v.AppID, "appVersion": "0", "dgwVersion": "2", "authType": "", "endpoint": "", "fbId": "",
		}, 5508},
		{"XIGSharedData", map[string]any{
			"native": map[string]any{"config": map[string]any{"csrf_token": v.CSRF, "viewerId": v.ViewerID}},
		}, 6186},
		{"IgnoredNegative", map[string]any{}, -1},
		{"NoiseModule", map[string]any{"a": 1}, 9001},
	}
	defines = append(defines, viewerDefines(v)...)
	list := make([]any, len(defines))
	for i, d := range defines {
		list[i] = []any{d.name, []any{}, d.config, d.id}
	}
	main, err := json.Marshal(map[string]any{"require": []any{[]any{"ScheduledServerJS", "handle", nil, []any{
		map[string]any{"__bbox": map[string]any{"define": list, "require": []any{}}},
	}}}})
	if err != nil {
		return nil, fmt.Errorf("encode definitions: %w", err)
	}
	head, err := headScripts(v)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html lang=\"en\"><head><title>Inbox</title>\n")
	for _, url := range v.Bundles {
		fmt.Fprintf(&b, "<link rel=\"preload\" as=\"script\" href=\"%s\" crossorigin=\"anonymous\" />\n", html.EscapeString(url))
	}
	b.WriteString(head)
	b.WriteString("<script nonce=\"abc\">requireLazy([\"A\"],function(){return {\"x\":1}});</script>\n")
	fmt.Fprintf(&b, "<script type=\"application/json\"  data-sjs>%s</script>\n", main)
	b.WriteString(`<script type="application/json"  data-sjs>{"require":[["ScheduledServerJSWithCSS","handle",null,[` +
		`{"__bbox":{"define":[],"require":[["NoiseThing","init",[],[1]]]}},[]]]]}</script>` + "\n")
	fmt.Fprintf(&b, "<script type=\"application/json\" data-sjs>%s</script>\n", bootloader(v))
	for _, url := range v.Bundles {
		fmt.Fprintf(&b, "<script src=\"%s\" async crossorigin=\"anonymous\"></script>\n", html.EscapeString(url))
	}
	b.WriteString("</head><body><div id=\"mount\">x</div></body></html>")
	return []byte(b.String()), nil
}

func viewerDefines(v Values) []define {
	if v.Viewer == nil {
		return []define{{"CurrentUserInitialData", map[string]any{"USER_ID": "0", "APP_ID": v.AppID}, 270}}
	}
	current := map[string]any{
		"ACCOUNT_ID": "0", "USER_ID": "0", "NAME": "", "APP_ID": v.AppID,
		"NON_FACEBOOK_USER_ID": v.Viewer.Viewer, "IG_USER_EIMU": v.Viewer.FBID,
	}
	if v.Viewer.WithoutFBID {
		delete(current, "IG_USER_EIMU")
	}
	viewer := map[string]any{"id": v.Viewer.IGID, "data": map[string]any{
		"fbid": v.Viewer.Viewer, "username": v.Viewer.Username, "full_name": v.Viewer.Name,
		"profile_pic_url": v.Viewer.Picture, "profile_pic_url_hd": v.Viewer.LargePicture,
	}}
	if v.Viewer.WithoutViewer {
		viewer = map[string]any{"id": nil, "data": nil}
	}
	return []define{{"PolarisViewer", viewer, 6410}, {"CurrentUserInitialData", current, 270}}
}

// headScripts are the two scripts that are found by the id of their element.
func headScripts(v Values) (string, error) {
	if v.HideNumbers {
		return "", nil
	}
	env, err := json.Marshal(struct {
		Namespace string `json:"routing_namespace"`
		Trusted   bool   `json:"useTrustedTypes"`
	}{v.Namespace, true})
	if err != nil {
		return "", fmt.Errorf("encode envjson: %w", err)
	}
	eqmc, err := json.Marshal(struct {
		E string `json:"e"`
		F string `json:"f"`
		L any    `json:"l"`
		S string `json:"s"`
		U string `json:"u"`
		W int    `json:"w"`
	}{"x", "z", nil, "y", "/ajax/qm/?__a=1&__user=0&__comet_req=7&jazoest=" + v.Jazoest, 0})
	if err != nil {
		return "", fmt.Errorf("encode __eqmc: %w", err)
	}
	return fmt.Sprintf("<script type=\"application/json\" id=\"envjson\" data-sjs>%s</script>\n"+
		"<script type=\"application/json\" id=\"__eqmc\" data-sjs>%s</script>\n", env, eqmc), nil
}

// bootloader is the body that isn't quite JSON: a stray word stands before its last array.
func bootloader(v Values) string {
	var entries []string
	for _, r := range v.Resources {
		entry := fmt.Sprintf(`%q:{"type":%q,"src":"%s"`, r.Key, r.Type, strings.ReplaceAll(r.Source, "/", `\/`))
		if r.C != 0 {
			entry += fmt.Sprintf(`,"c":%d`, r.C)
		}
		entries = append(entries, entry+fmt.Sprintf(`,"p":%q}`, r.Bits))
	}
	return fmt.Sprintf(`{"require":[["Bootloader","handlePayload",null,[{"consistency":{"rev":%d},"rsrcMap":{%s},`+
		`"csrUpgrade":%q}]],BootloaderConfig["HasteSupportData","handle",null,[{}]]]}`,
		v.Revision, strings.Join(entries, ","), v.CSRUpgrade)
}

func orElse(text, standard string) string {
	if text == "" {
		return standard
	}
	return text
}

// Jazoest is the field that goes with a token: 2 and the sum of its character codes.
func Jazoest(token string) string {
	sum := 0
	for _, r := range token {
		sum += int(r)
	}
	return fmt.Sprintf("2%d", sum)
}

// Bundle is a script that holds persisted operations, by their friendly names, among other modules.
func Bundle(operations map[string]string) []byte {
	var b strings.Builder
	b.WriteString(";/*FB_PKG_DELIM*/\n")
	b.WriteString(`__d("PolarisNoise",["react"],(function(a,b,c,d,e,f){"use strict";e.exports="12345678901234567"}),34);` + "\n")
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		fmt.Fprintf(&b, "__d(\"%s_instagramRelayOperation\",[],(function(a,b,c,d,e,f){e.exports=\"%s\"}),null);\n",
			name, operations[name])
		fmt.Fprintf(&b, "__d(\"%s.graphql\",[\"%s_instagramRelayOperation\"],(function(a,b,c,d,e,f){\"use strict\";"+
			"a={params:{id:b(\"%s_instagramRelayOperation\"),metadata:{},name:\"%s\",operationKind:\"query\"}};"+
			"e.exports=a}),null);\n", name, name, name, name)
	}
	return []byte(b.String())
}

// Profile is the page of somebody's profile, as far as it leads to their id.
func Profile(igid, username string) []byte {
	return fmt.Appendf(nil, `<!DOCTYPE html><html><head><title>%s</title></head><body><script type="application/json" data-sjs>`+
		`{"require":[["ScheduledServerJS","handle",null,[{"__bbox":{"require":[["PolarisProfile","init",[],`+
		`[{"profile_id":"%s","show_suggested_profiles":false}]]]}}]]]}</script></body></html>`, html.EscapeString(username), igid)
}

// Notice is a page with nothing in it but a title: log in, challenge, an error.
func Notice(title string) []byte {
	return fmt.Appendf(nil, `<!DOCTYPE html><html><head><title>%s</title></head><body></body></html>`, html.EscapeString(title))
}
