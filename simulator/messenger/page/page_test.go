package page

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"crosschat/simulator/messenger/lightspeed"
)

type expected struct {
	AppID     string `json:"app_id"`
	CAT       string `json:"cat"`
	Expires   int64  `json:"cat_expires"`
	CometReq  string `json:"comet_req"`
	DeviceID  string `json:"device_id"`
	DGWAppID  string `json:"dgw_app_id"`
	DTSG      string `json:"fb_dtsg"`
	Haste     string `json:"haste_session"`
	HSI       string `json:"hsi"`
	JazoEst   string `json:"jazoest"`
	Version   string `json:"ls_version"`
	LSD       string `json:"lsd"`
	Messenger int64  `json:"messenger_app_id,string"`
	Name      string `json:"name"`
	SpinR     int64  `json:"spin_r"`
	SpinT     int64  `json:"spin_t"`
	Params    struct {
		Contact, E2EE, Mailbox string
	} `json:"sync_params"`
	UserID int64 `json:"user_id,string"`
}

func load(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err = json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func vectorValues(t *testing.T) Values {
	t.Helper()
	var e expected
	load(t, "page-minimal.expected.json", &e)
	var answer struct {
		Response struct {
			Data struct {
				Viewer struct {
					Answer lightspeed.WebResponse `json:"lightspeed_web_request"`
				} `json:"viewer"`
			} `json:"data"`
		} `json:"response"`
	}
	load(t, "graphql-lightspeed.json", &answer)
	return Values{
		UserID: e.UserID, Name: e.Name, ShortName: "Own", AppID: e.AppID, DTSG: e.DTSG, LSD: e.LSD, CometReq: e.CometReq,
		JazoEst: e.JazoEst, DeviceID: e.DeviceID, Version: e.Version, DocID: "9697184873702141", Revision: e.SpinR,
		SpinTime: e.SpinT, Haste: e.Haste, HSI: e.HSI, DGWAppID: e.DGWAppID, MessengerAppID: e.Messenger, CAT: e.CAT,
		CATExpires: e.Expires, MailboxParams: e.Params.Mailbox, ContactParams: e.Params.Contact, E2EEParams: e.Params.E2EE,
		Prefetched: &answer.Response.Data.Viewer.Answer,
	}
}

func TestMinimalPageIsTheVector(t *testing.T) {
	want, err := os.ReadFile("testdata/page-minimal.html")
	if err != nil {
		t.Fatal(err)
	}
	got := vectorValues(t).Write()
	if !bytes.Equal(got, bytes.TrimSpace(want)) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Errorf("differs at %d: got …%s, want …%s", at, got[at:min(at+80, len(got))], want[at:min(at+80, len(want))])
	}
}

func TestVariations(t *testing.T) {
	v := vectorValues(t)
	v.Name = `</script><script>alert(1)</script>`
	for name, c := range map[string]struct {
		vary func(*Variations)
		has  []string
		not  []string
	}{
		"name can't end a script": {func(*Variations) {}, nil, []string{"<script>alert"}},
		"initialize":              {func(x *Variations) { x.Initialize = true }, []string{`"CometPlatformRootClient@abc123","initialize"`}, nil},
		"checkpoint":              {func(x *Variations) { x.Checkpointed = true }, []string{`"is_checkpointed":true`}, nil},
		"no preloader":            {func(x *Variations) { x.Without = map[string]bool{"preloader": true} }, nil, []string{"requestPayload"}},
		"no cat":                  {func(x *Variations) { x.Without = map[string]bool{"MessengerWebInitData": true} }, nil, []string{v.CAT}},
		"no table":                {func(x *Variations) { x.Unprefetched = true }, nil, []string{"RelayPrefetchedStreamCache"}},
		"empty table":             {func(x *Variations) { x.EmptyTable = true }, []string{"RelayPrefetchedStreamCache", `"payload":""`}, nil},
		"version script": {func(x *Variations) { x.VersionScript = "https://static.example/x.js?a&b" },
			[]string{`as="script" href="https://static.example/x.js?a&amp;b"`}, nil},
		"decoys": {func(x *Variations) { x.Decoys = true }, []string{"envjson", "requireLazy("}, nil},
		"bitmap": {func(x *Variations) { x.Bitmap = true }, []string{"csrUpgrade"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			varied := v
			c.vary(&varied.Variations)
			got := string(varied.Write())
			for _, want := range c.has {
				if !strings.Contains(got, want) {
					t.Errorf("lacks %q", want)
				}
			}
			for _, bad := range c.not {
				if strings.Contains(got, bad) {
					t.Errorf("holds %q", bad)
				}
			}
		})
	}
}

func TestJazoEst(t *testing.T) {
	if got, want := JazoEst("NAfsimdtsg:1:2"), "21223"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNoticesHoldNoMarkup(t *testing.T) {
	if got := string(Notice("<b>&")); !strings.Contains(got, "&lt;b&gt;&amp;") {
		t.Errorf("got %q", got)
	}
	if got := string(LoggedOut()); !strings.Contains(got, `"USER_ID":"0"`) {
		t.Errorf("got %q", got)
	}
	if got := string(VersionScript("123")); !strings.Contains(got, `exports="123"`) {
		t.Errorf("got %q", got)
	}
}
