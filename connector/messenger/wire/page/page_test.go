package page

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"crosschat/connector/metaweb/page"
)

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustParse(t *testing.T, body string) *Info {
	t.Helper()
	info, err := Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestParseVector(t *testing.T) {
	var want struct {
		AppID, CAT, Name, HSI, Jazoest, LSD string
		CometReq                            string      `json:"comet_req"`
		ConnectionClass                     string      `json:"connection_class"`
		DeviceID                            string      `json:"device_id"`
		DGWAppID                            string      `json:"dgw_app_id"`
		DTSG                                string      `json:"fb_dtsg"`
		Haste                               string      `json:"haste_session"`
		Version                             string      `json:"ls_version"`
		MessengerAppID                      string      `json:"messenger_app_id"`
		SpinB                               string      `json:"spin_b"`
		SpinR                               json.Number `json:"spin_r"`
		SpinT                               json.Number `json:"spin_t"`
		UserID                              string      `json:"user_id"`
		App                                 string      `json:"app_id"`
		Expires                             int64       `json:"cat_expires"`
		SyncParams                          SyncParams  `json:"sync_params"`
	}
	if err := json.Unmarshal(mustRead(t, "page-minimal.expected.json"), &want); err != nil {
		t.Fatal(err)
	}
	got := mustParse(t, string(mustRead(t, "page-minimal.html")))
	if err := got.Check(); err != nil {
		t.Error(err)
	}
	var initial struct {
		Data struct {
			Viewer struct {
				Request struct{ Payload string } `json:"lightspeed_web_request"`
			}
		}
	}
	if err := json.Unmarshal(got.Initial, &initial); err != nil || !strings.HasPrefix(initial.Data.Viewer.Request.Payload, `{"name"`) {
		t.Errorf("prefetched answer %.80q and %v, want one with a payload", got.Initial, err)
	}
	got.Initial, got.catExpires = nil, ""
	expected := &Info{
		Tokens: page.Tokens{
			DTSG: want.DTSG, LSD: want.LSD, Jazoest: want.Jazoest, CometReq: want.CometReq, Dyn: "0phw",
			SpinR: want.SpinR.String(), SpinB: want.SpinB, SpinT: want.SpinT.String(), HasteSession: want.Haste,
			HSI: want.HSI, DPR: "1", ConnectionClass: want.ConnectionClass,
		},
		UserID: want.UserID, AccountID: want.UserID, Name: want.Name, AppID: want.App,
		Locale: "en_US", DeviceID: want.DeviceID, DGWAppID: want.DGWAppID, Version: want.Version, QueryID: "9697184873702141",
		SyncParams: want.SyncParams, MessengerAppID: want.MessengerAppID, CAT: want.CAT, CATExpires: want.Expires,
	}
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("got\n%+v, want\n%+v", got, expected)
	}
}

func TestParseWrappers(t *testing.T) {
	define := `["CurrentUserInitialData",[],{"ACCOUNT_ID":"7","USER_ID":7,"APP_ID":9007199254740993},1]`
	for name, body := range map[string]string{
		"in a box":       `<script type="application/json">{"require":[["ScheduledServerJS","handle",null,[{"__bbox":{"define":[` + define + `]}}]]]}</script>`,
		"bare list":      `<script>{"require":[["ScheduledServerJSWithCSS","handle",null,[[` + define + `]]]]}</script>`,
		"outermost":      `<script>{"define":[` + define + `]}</script>`,
		"boxes in boxes": `<script>{"a":{"__bbox":{"b":[{"__bbox":{"require":[["x",[` + define + `]]]}}]}}}</script>`,
		"with suffix":    `<script>{"define":[` + strings.Replace(define, `Data"`, `Data@a1"`, 1) + `]}</script>`,
		"broken HTML":    `<p <<a><!-- <script>{"define":[` + define + `]}</script> --> <script>{"define":[` + define + `]}</script`,
	} {
		t.Run(name, func(t *testing.T) {
			got := mustParse(t, body)
			if got.AccountID != "7" || got.UserID != "7" || got.AppID != "9007199254740993" {
				t.Errorf("got %+v, want the user's ids", got)
			}
		})
	}
}

func TestParseIgnores(t *testing.T) {
	for name, script := range map[string]string{
		"a program":          `requireLazy(["x"],function(){})`,
		"broken JSON":        `{"define":[["LSD",[],{"token":"x"},1]`,
		"id of zero":         `{"define":[["LSD",[],{"token":"x"},0]]}`,
		"no id":              `{"define":[["LSD",[],{"token":"x"}]]}`,
		"token of an object": `{"define":[["LSD",[],{"token":{"a":"x"}},1]]}`,
		"token in an object": `{"define":[["LSD",[],{"other":"x"},1]]}`,
		"token of null":      `{"define":[["LSD",[],{"token":null},1]]}`,
		"100,000 lists deep": `{"define":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
		"5,000 lists deep":   `{"define":` + strings.Repeat("[", 5000) + `["LSD",[],{"token":"x"},1]` + strings.Repeat("]", 5000) + `}`,
	} {
		if got := mustParse(t, "<script>"+script+"</script>"); got.LSD != "" {
			t.Errorf("%s: got token %q, want none", name, got.LSD)
		}
	}
	got := mustParse(t, `<script id="__eqmc">{"u":"::bad","f":7}</script><script id="__eqmc">[</script>`)
	if got.DTSG != "" || got.Jazoest != "" {
		t.Errorf("got %+v, want nothing", got)
	}
}

func TestParsePreloaders(t *testing.T) {
	preloader := func(payload string) string {
		quoted, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		return `{"preloaderID":"adp_LSPlatformGraphQLLightspeedRequestQueryRelayPreloader_x","queryID":"42","variables":{"requestPayload":` +
			string(quoted) + `}}`
	}
	for name, test := range map[string]struct{ require, want string }{
		"init":               {`["CometPlatformRootClient","init",[],[0,0,0,0,[` + preloader(`{"version":12345678901234567}`) + `]]]`, "12345678901234567"},
		"initialize":         {`["CometPlatformRootClient@a","initialize",[],[{"expectedPreloaders":[` + preloader(`{"version":5}`) + `]}]]`, "5"},
		"second is good":     {`[` + preloader(`{"version":"x"}`) + `,` + preloader(`{"version":6}`) + `]`, "6"},
		"version as text":    {`[` + preloader(`{"version":"7"}`) + `]`, "7"},
		"version of a float": {`[` + preloader(`{"version":1e5}`) + `]`, ""},
		"negative version":   {`[` + preloader(`{"version":-5}`) + `]`, ""},
		"payload is no JSON": {`[` + preloader(`<html>`) + `]`, ""},
		"no variables":       {`[{"preloaderID":"adp_LSPlatformGraphQLLightspeedRequestQuery"}]`, ""},
		"another preloader":  {`[` + strings.Replace(preloader(`{"version":8}`), "adp_LS", "adp_XX", 1) + `]`, ""},
	} {
		if got := mustParse(t, `<script>{"require":[`+test.require+`]}</script>`); got.Version != test.want {
			t.Errorf("%s: version %q, want %q", name, got.Version, test.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for body, want := range map[string]error{
		`<script>{"x":{"USER_ID":"0"}}</script>`:                                      ErrLoggedOut,
		`<script>{"x":[["CurrentUserInitialData",[],{"ACCOUNT_ID":"0"},1]]}</script>`: ErrLoggedOut,
		`<script>{"x":[{"is_checkpointed":true}]}</script>`:                           ErrCheckpoint,
		`<script>{"text":"they wrote \"USER_ID\":\"0\" to me"}</script>`:              nil,
		``: nil,
	} {
		if _, err := Parse([]byte(body)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", body, err, want)
		}
	}
	var missing *MissingError
	if err := mustParse(t, `{"error":1357004}`).Check(); !errors.As(err, &missing) || len(missing.What) != 7 {
		t.Errorf("got %v, want all seven missing", err)
	}
}

func TestScriptsAndVersion(t *testing.T) {
	got := mustParse(t, `<link rel="preload" as="script" href="https://static.xx.fbcdn.net/a.js"/><link as="style" href="https://x/y">
		<script src="https://static.xx.fbcdn.net/b.js"></script><script src="/relative.js"></script><script src="http://plain/c.js"></script>`)
	if want := []string{"https://static.xx.fbcdn.net/a.js", "https://static.xx.fbcdn.net/b.js"}; !reflect.DeepEqual(got.Scripts, want) {
		t.Errorf("scripts %q, want %q", got.Scripts, want)
	}
	for script, want := range map[string]string{
		`x();__d("LSVersion",[],(function(a,b,c,d,e,f){e.exports="26160000000000123"}),null);`: "26160000000000123",
		`__d("LSVersion",[],(function(a,b,c,d,e,f){"use strict";
			e.exports = "7"}),66);`: "7",
		`__d("LSVersions",[],function(e){e.exports="1"})`:                   "",
		`__d("LSVersion",[],function(e){e.exports="12345678901234567890"})`: "",
		``: "",
	} {
		if got := FindVersion([]byte(script)); got != want {
			t.Errorf("%s: got %q, want %q", script, got, want)
		}
	}
}

func TestBitmapAndJazoest(t *testing.T) {
	var vector struct {
		Bitmaps []struct {
			Compressed string
			Indexes    []int64
		}
		Jazoest struct {
			DTSG       string `json:"fb_dtsg"`
			Recomputed string
		}
	}
	if err := json.Unmarshal(mustRead(t, "ids-and-bitmaps.json"), &vector); err != nil {
		t.Fatal(err)
	}
	for _, test := range vector.Bitmaps {
		if got := page.Bitmap(test.Indexes); got != test.Compressed {
			t.Errorf("%v is %q, want %q", test.Indexes, got, test.Compressed)
		}
	}
	if got := page.Bitmap([]int64{5, 0, 1, 5, -1, 1 << 40}); got != "FM" {
		t.Errorf("unsorted and out of range is %q, want %q", got, "FM")
	}
	if got := page.Bitmap(nil); got != "" {
		t.Errorf("nothing is %q, want nothing", got)
	}
	if got := page.Jazoest(vector.Jazoest.DTSG); got != vector.Jazoest.Recomputed {
		t.Errorf("got %q, want %q", got, vector.Jazoest.Recomputed)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(mustRead(f, "page-minimal.html"))
	f.Add([]byte(`<script>{"require":[["LSD",[],{"token":1},2],["adp_xRelayPreloader_",{"__bbox":{"result":{}}}]]}</script>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if info, err := Parse(body); err == nil {
			_ = info.Check()
		}
		FindVersion(body)
	})
}
