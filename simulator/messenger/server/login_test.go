package server_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/server"
	"crosschat/simulator/messenger/webclient"
)

func TestPageTellsWhatAClientNeeds(t *testing.T) {
	r := newRig(t, server.Config{})
	r.say(r.alice, r.own, "before the login")
	page := r.load()
	for config, field := range map[string]string{
		"DTSGInitData": "token", "LSD": "token", "MqttWebDeviceID": "clientID", "DGWWebConfig": "appId",
		"MessengerWebInitData": "appId", "SiteData": "hsi", "LSPlatformMessengerSyncParams": "mailbox",
	} {
		if page.Value(config, field) == "" {
			t.Errorf("no %s.%s", config, field)
		}
	}
	if got := page.Value("CurrentUserInitialData", "USER_ID"); got != r.own.ID {
		t.Errorf("user %q, want %q", got, r.own.ID)
	}
	if page.Version != "26160000000000123" || page.DocID != "9697184873702141" || page.Comet != "15" || !page.Bitmap {
		t.Errorf("got version %q, doc id %q, comet %q, bitmap %t", page.Version, page.DocID, page.Comet, page.Bitmap)
	}
	if found := webclient.Find(page.Table, "upsertMessage"); len(found) != 1 || found[0].Text(0) != "before the login" {
		t.Errorf("table has %s", names(page.Table))
	}
}

func TestPageShapes(t *testing.T) {
	for shape, works := range map[string]bool{
		"initialize": true, "decoys": true, "no_table": true, "empty_table": true, "script": true, "checkpointed": false,
		"logged_out": false,
	} {
		t.Run(shape, func(t *testing.T) {
			r := newRig(t, server.Config{})
			r.fault(control.Fault{Kind: "page_shape", Args: map[string]string{"shape": shape}})
			page, err := r.client.Load(r.ctx)
			if works != (err == nil) {
				t.Fatalf("error %v", err)
			}
			if works && page.Version != "26160000000000123" {
				t.Errorf("version %q", page.Version)
			}
		})
	}
	r := newRig(t, server.Config{})
	r.fault(control.Fault{Kind: "page_without", Args: map[string]string{"what": "preloader, LSPlatformMessengerSyncParams"}})
	if _, err := r.client.Load(r.ctx); err == nil || err.Error() != "version not found" {
		t.Errorf("error %v", err)
	}
}

func TestBadCookies(t *testing.T) {
	r := newRig(t, server.Config{})
	other := r.login(r.alice)
	for name, change := range map[string]map[string]string{
		"no session": {"xs": ""}, "wrong session": {"xs": "1:x:2:3"}, "no user": {"c_user": ""}, "no browser": {"datr": ""},
		"other account's session": {"xs": other.Cookies["xs"]}, "other account's user": {"c_user": r.alice.ID},
	} {
		t.Run(name, func(t *testing.T) {
			cookies := map[string]string{}
			for k, v := range r.client.Cookies {
				cookies[k] = v
			}
			for k, v := range change {
				cookies[k] = v
			}
			_, err := webclient.New(r.server.Address(), r.server.CAPEM(), cookies).Load(r.ctx)
			wantRedirect(t, err, "/login.php?next=", true)
		})
	}
	escaped := webclient.New(r.server.Address(), r.server.CAPEM(), map[string]string{
		"c_user": r.own.ID, "datr": r.client.Cookies["datr"], "xs": strings.ReplaceAll(r.client.Cookies["xs"], ":", "%3A"),
	})
	if _, err := escaped.Load(r.ctx); err != nil {
		t.Errorf("escaped cookie: %v", err)
	}
}

func TestRedirectFaults(t *testing.T) {
	r := newRig(t, server.Config{})
	for _, path := range []string{
		"/challenge/1/", "/accounts/suspended/", "/consent/?x=1", "/privacy/consent/", "/checkpoint/123/", "/login.php", "/login/",
		"/auth_platform/",
	} {
		r.fault(control.Fault{Kind: "redirect", Args: map[string]string{"path": path}})
		_, err := r.client.Load(r.ctx)
		wantRedirect(t, err, path, false)
	}
	r.fault(control.Fault{Kind: "redirect", Args: map[string]string{"path": "/checkpoint/1/", "delete_xs": "1"}})
	_, err := r.client.Load(r.ctx)
	wantRedirect(t, err, "/checkpoint/1/", true)
	r.fault(control.Fault{Kind: "redirect", Args: map[string]string{"url": "https://evil.example/"}})
	_, err = r.client.Load(r.ctx)
	wantRedirect(t, err, "https://evil.example/", false)
	if _, err = r.client.Load(r.ctx); err != nil {
		t.Errorf("after the faults: %v", err)
	}
}

func TestGateStopsASessionUntilItIsOpened(t *testing.T) {
	r := newRig(t, server.Config{})
	r.connect()
	r.special(r.own, "gate", server.Gate{Path: "/checkpoint/1501092823525282/"})
	if code := r.gateway.CloseCode(); code != 4003 {
		t.Errorf("closed with %d, want 4003", code)
	}
	page := r.client.Page
	_, err := r.client.Load(r.ctx)
	wantRedirect(t, err, "/checkpoint/1501092823525282/", false)
	r.client.Page = page
	_, err = r.client.LightspeedQuery(r.ctx, 1, `{"locale":"en_US"}`)
	wantRefused(t, err, 1357004)
	if g := r.dial(); g.CloseCode() != 4003 {
		t.Errorf("closed with %d, want 4003", g.CloseCode())
	}
	r.special(r.own, "gate", server.Gate{})
	r.client.Page = nil
	r.connect()
}

func TestRevokedSession(t *testing.T) {
	r := newRig(t, server.Config{})
	r.connect()
	second := r.login(r.own)
	if err := r.server.Unlink(r.ctx, r.own.ID, 1); err != nil {
		t.Fatal(err)
	}
	if code := r.gateway.CloseCode(); code != 4003 {
		t.Errorf("closed with %d, want 4003", code)
	}
	_, err := r.client.Load(r.ctx)
	wantRedirect(t, err, "/login.php", true)
	if _, err := second.Load(r.ctx); err != nil {
		t.Errorf("the other session: %v", err)
	}
	r.fault(control.Fault{Kind: "revoke", Device: 2})
	_, err = second.Load(r.ctx)
	wantRedirect(t, err, "/login.php", true)
}

func TestGraphQL(t *testing.T) {
	r := newRig(t, server.Config{})
	page := r.load()
	rows, err := r.client.LightspeedQuery(r.ctx, 2, page.Value("LSPlatformMessengerSyncParams", "contact"))
	if err != nil || len(webclient.Find(rows, "deleteThenInsertContact")) != 1 {
		t.Errorf("got %s, error %v", names(rows), err)
	}
	data, err := r.client.GraphQL(r.ctx, "MAWCatQuery", "29559957360285299", struct{}{})
	if err != nil || data["secure_message_over_wa_cat_query"] == nil {
		t.Errorf("got %v, error %v", data, err)
	}
	rows, err = r.client.LightspeedQuery(r.ctx, 1, "")
	if err != nil || len(webclient.Find(rows, "handleSyncFailure")) != 1 {
		t.Errorf("empty params: got %s, error %v", names(rows), err)
	}
	r.expectUnexpected("sync params")
}

func TestGraphQLRefuses(t *testing.T) {
	r := newRig(t, server.Config{})
	page := r.load()
	lsd := page.Configs["LSD"]["token"]
	page.Configs["LSD"]["token"] = "wrong"
	_, err := r.client.LightspeedQuery(r.ctx, 1, `{"locale":"en_US"}`)
	wantRefused(t, err, 1357004)
	page.Configs["LSD"]["token"] = lsd
	_, err = r.client.GraphQL(r.ctx, "MAWCatQuery", "1", struct{}{})
	wantRefused(t, err, 1675012)
	r.fault(control.Fault{Kind: "rotate", Args: map[string]string{"doc_id": "77"}})
	_, err = r.client.LightspeedQuery(r.ctx, 1, `{"locale":"en_US"}`)
	wantRefused(t, err, 1675012)
	if page = r.load(); page.DocID != "77" {
		t.Errorf("doc id %q on the new page", page.DocID)
	}
	r.fault(control.Fault{Kind: "stale_tokens"})
	_, err = r.client.LightspeedQuery(r.ctx, 1, `{"locale":"en_US"}`)
	wantRefused(t, err, 1357004)
	r.load()
	if _, err = r.client.LightspeedQuery(r.ctx, 1, `{"locale":"en_US"}`); err != nil {
		t.Errorf("after the reload: %v", err)
	}
}

func TestHTTPFaults(t *testing.T) {
	r := newRig(t, server.Config{})
	r.load()
	query := func() error {
		_, err := r.client.LightspeedQuery(r.ctx, 1, `{"locale":"en_US"}`)
		return err
	}
	r.fault(control.Fault{Kind: "http_status", Stanza: "graphql", Args: map[string]string{"status": "502"}})
	if err := query(); !errors.Is(err, webclient.Status(http.StatusBadGateway)) {
		t.Errorf("error %v", err)
	}
	r.fault(control.Fault{Kind: "http_html", Stanza: "graphql"})
	if err := query(); err == nil || !strings.Contains(err.Error(), "no JSON") {
		t.Errorf("error %v", err)
	}
	for _, point := range []string{"before", "after"} {
		r.fault(control.Fault{Kind: "http_drop", Stanza: "graphql", Args: map[string]string{"point": point}})
		if err := query(); err == nil {
			t.Errorf("dropped %s: no error", point)
		}
	}
	start := time.Now()
	r.fault(control.Fault{Kind: "http_delay", Stanza: "graphql", Args: map[string]string{"ms": "50"}})
	r.fault(control.Fault{Kind: "prefix", Stanza: "graphql"})
	if err := query(); err != nil || time.Since(start) < 50*time.Millisecond {
		t.Errorf("error %v after %s", err, time.Since(start))
	}
	r.fault(control.Fault{Kind: "graphql_error", Args: map[string]string{"code": "1357053"}})
	wantRefused(t, query(), 1357053)
	r.fault(control.Fault{Kind: "graphql_error", Args: map[string]string{"how": "errors", "code": "5"}})
	wantRefused(t, query(), 5)
	r.fault(control.Fault{Kind: "set_cookie", Args: map[string]string{"name": "fr", "value": "fresh"}})
	if err := query(); err != nil || r.client.Cookies["fr"] != "fresh" {
		t.Errorf("error %v, cookie %q", err, r.client.Cookies["fr"])
	}
}

func TestBrowserThatChangesIsNoted(t *testing.T) {
	r := newRig(t, server.Config{})
	r.load()
	r.client.Agent = "Mozilla/5.0 (Windows NT 10.0)"
	r.load()
	r.expectUnexpected("user agent changed")
}

func TestUnknownRequestsAreNoted(t *testing.T) {
	r := newRig(t, server.Config{})
	for _, target := range []string{
		"https://www.facebook.com/unknown", "https://gateway.facebook.com/messages", "https://www.facebook.com/v2/fb_icdc_fetch/x",
	} {
		resp, err := r.client.HTTP.Get(target)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", target, resp.StatusCode)
		}
	}
	r.expectUnexpected("GET www.facebook.com/unknown")
}
