package page

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func script(json string) string { return "<script>" + json + "</script>" }

func TestReadTokens(t *testing.T) {
	body := `<script id="__eqmc">{"u":"/ajax/?__comet_req=7&jazoest=26101"}</script>` +
		script(`{"a":[["DTSGInitData",[],{"token":"T"},1],["LSD",[],{"token":"L"},5],["SiteData",[],{"__spin_r":9007199254740993,`+
			`"__spin_b":"trunk","__spin_t":3,"haste_session":"h","hsi":"74","pr":1.5},12],`+
			`["WebConnectionClassServerGuess",[],{"connectionClass":"GOOD"},34]]}`)
	got, _ := Read([]byte(body), Visitor{})
	want := Tokens{
		DTSG: "T", LSD: "L", Jazoest: "26101", CometReq: "7", Dyn: "rCxm", SpinR: "9007199254740993", SpinB: "trunk", SpinT: "3",
		HasteSession: "h", HSI: "74", DPR: "1.5", ConnectionClass: "GOOD",
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	form := want.Form("0", "a:b:c", 37)
	if got := form.Encode(); !strings.Contains(got, "__req=11") || strings.Contains(got, "__csr") {
		t.Errorf("form is %s, want request 11 and no empty field", got)
	}
}

func TestReadMendsStrayWord(t *testing.T) {
	got, _ := Read([]byte(script(`{"require":[["x"],BootloaderConfig[["LSD",[],{"token":"L"},5]]]}`)), Visitor{})
	if got.LSD != "L" {
		t.Errorf("token is %q, want %q", got.LSD, "L")
	}
}

func TestReadShows(t *testing.T) {
	var seen []string
	_, scripts := Read([]byte(`<script id="env">{"a":[1]}</script>`+
		script(`{"map":{"k":{"type":"js","src":"https:\/\/s\/a.js"},"l":{"type":"css","src":"https://s/b.css"},"m":{"type":"js","src":"https://s/a.js"}}}`)),
		Visitor{
			List:   func(list []any) bool { seen = append(seen, "list"); return len(list) == 1 },
			Script: func(id string, _ any) { seen = append(seen, id) },
		})
	if want := []string{"env", "list"}; !reflect.DeepEqual(seen, want) {
		t.Errorf("was shown %q, want %q", seen, want)
	}
	if want := []string{"https://s/a.js"}; !reflect.DeepEqual(scripts, want) {
		t.Errorf("programs %q, want %q", scripts, want)
	}
}

func TestReadHostile(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":     "",
		"deep":        script(`{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`),
		"not JSON":    script(`{,BootloaderConfig[`),
		"wrong types": script(`{"a":[["LSD",[],{"token":{}},1],["LSD",[],{"token":[]},2],["LSD",{},{"token":"x"},2],[1,[],{"token":"x"},2]]}`),
		"bad address": `<script id="__eqmc">{"u":"::%"}</script><script id="__eqmc">[]</script><script id="__eqmc">{"u":7}</script>`,
	} {
		if got, _ := Read([]byte(body), Visitor{}); got.LSD != "" || got.Jazoest != "" {
			t.Errorf("%s: got %+v, want nothing", name, got)
		}
	}
}

func TestCheck(t *testing.T) {
	var missing *MissingError
	err := Check(Need{"a", ""}, Need{"b", "x"}, Need{"c", ""})
	if !errors.As(err, &missing) || !reflect.DeepEqual(missing.What, []string{"a", "c"}) {
		t.Errorf("got %v, want a and c missing", err)
	}
	if err = Check(Need{"b", "x"}); err != nil {
		t.Errorf("got %v, want nothing missing", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`<script id="__eqmc">{"u":"?jazoest=1"}</script><link as=script href="https://a">`))
	f.Add([]byte(script(`{"a":[["LSD",[],{"token":1},2],BootloaderConfig[{"type":"js","src":"https://"}]]}`)))
	f.Fuzz(func(_ *testing.T, body []byte) {
		tokens, _ := Read(body, Visitor{List: func([]any) bool { return false }, Object: func(map[string]any) {}})
		tokens.Form("0", NewSessionID(), 1)
	})
}
