package page

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func mustRead(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// vector is what the pages in testdata were made of.
func vector() Values {
	return Values{
		DTSG: "NAdtsg01" + strings.Repeat("x", 70), LSD: "AbCdEfGhIjKlMnOpQrStUv", Jazoest: "26101",
		CSRF: "csrfCSRFcsrf", Namespace: "igx_www$a$0123456789abcdef", Device: "11111111-2222-3333-4444-555555555555",
		AppID: "936619743392459", Revision: 1026000000, Spin: 1785585600, Haste: "20679.HYP:instagram_web_pkg.2.1...0",
		HSI: "7489288824422400042", ViewerID: "34000000001", CSRUpgrade: ":1,5",
		Viewer: &Viewer{
			IGID: "34000000001", FBID: "111000111", Viewer: "17841400000000001", Username: "me", Name: "Me Myself",
			Picture:      "https://scontent.cdninstagram.com/v/me.jpg",
			LargePicture: "https://scontent.cdninstagram.com/v/me_hd.jpg",
		},
		Resources: []Resource{
			{Key: "abc", Type: "js", Source: "https://static.cdninstagram.com/rsrc.php/v4/a.js", C: 1, Bits: ":12,34"},
			{Key: "def", Type: "css", Source: "https://static.cdninstagram.com/rsrc.php/v4/b.css", Bits: ":99"},
		},
	}
}

func TestVectors(t *testing.T) {
	v := vector()
	got, err := Session(v)
	if err != nil {
		t.Fatal(err)
	}
	if want := mustRead(t, "testdata/page.html"); string(got) != want {
		t.Errorf("session page is\n%s\nwant\n%s", got, want)
	}
	v.Viewer, v.DTSG = nil, ""
	got, err = Session(v)
	if err != nil {
		t.Fatal(err)
	}
	if want := mustRead(t, "testdata/page-anonymous.html"); string(got) != want {
		t.Errorf("anonymous page is\n%s\nwant\n%s", got, want)
	}
}

// TestExpected checks that what the vectors say a client finds is what the page was made of.
func TestExpected(t *testing.T) {
	var want map[string]string
	if err := json.Unmarshal([]byte(mustRead(t, "testdata/page-expected.json")), &want); err != nil {
		t.Fatal(err)
	}
	v := vector()
	for key, got := range map[string]string{
		"fb_dtsg": v.DTSG, "lsd": v.LSD, "jazoest": v.Jazoest, "routing_namespace": v.Namespace, "device_id": v.Device,
		"own_fbid": v.Viewer.FBID, "viewer_igid": v.Viewer.IGID, "viewer_1784_id": v.Viewer.Viewer,
		"username": v.Viewer.Username, "dgw_app_id": v.AppID, "__hs": v.Haste, "__hsi": v.HSI,
	} {
		if got != want[key] {
			t.Errorf("%s is %q, want %q", key, got, want[key])
		}
	}
}

func TestBundles(t *testing.T) {
	v := vector()
	v.Bundles = []string{"https://static.cdninstagram.com/rsrc.php/v4/x.js?a=1&b=2"}
	got, err := Session(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<link rel="preload" as="script" href="https://static.cdninstagram.com/rsrc.php/v4/x.js?a=1&amp;b=2"`,
		`<script src="https://static.cdninstagram.com/rsrc.php/v4/x.js?a=1&amp;b=2"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is not in the page", want)
		}
	}
	bundle := string(Bundle(map[string]string{"PolarisDirectInboxQuery": "27262915580045003"}))
	if !strings.Contains(bundle, `__d("PolarisDirectInboxQuery_instagramRelayOperation",[],(function(a,b,c,d,e,f){e.exports="27262915580045003"})`) {
		t.Errorf("bundle is %s", bundle)
	}
}

func TestVariants(t *testing.T) {
	v := vector()
	v.DTSGName, v.HideNumbers, v.Viewer.WithoutFBID, v.Viewer.WithoutViewer = "DTSGInitialData", true, true, true
	got, err := Session(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"envjson", "__eqmc", "IG_USER_EIMU", `"DTSGInitData"`, `"id":"34000000001"`} {
		if strings.Contains(string(got), gone) {
			t.Errorf("%s is in the page", gone)
		}
	}
	if got := Jazoest("ab"); got != "2195" {
		t.Errorf("jazoest is %s", got)
	}
	if got := string(Profile("34", "<me>")); !strings.Contains(got, `"profile_id":"34"`) || strings.Contains(got, "<me>") {
		t.Errorf("profile is %s", got)
	}
	if got := string(Notice("Log in")); !strings.Contains(got, "<title>Log in</title>") {
		t.Errorf("notice is %s", got)
	}
}
