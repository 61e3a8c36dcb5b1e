// Package page writes the page that a Messenger client loads first and scrapes for its tokens and settings (messenger.md
// section 1.4), and the short pages that stand behind redirects. It keeps no state; its functions may be called from
// anywhere.
//
// Where it differs from the real page: it holds only what a client needs, a few kilobytes instead of megabytes. A client
// that picks a wrong one of several similar scripts is caught only as far as Decoys goes.
package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"strconv"

	"crosschat/simulator/messenger/lightspeed"
)

// Values is what the page tells.
type Values struct {
	UserID    int64
	Name      string
	ShortName string
	AppID     string
	DTSG      string
	LSD       string
	CometReq  string
	JazoEst   string
	DeviceID  string
	Version   string // of the Lightspeed schema, digits
	DocID     string // of the Lightspeed query
	Revision  int64
	SpinTime  int64
	Haste     string
	HSI       string

	DGWAppID       string
	MessengerAppID int64
	CAT            string
	CATExpires     int64  // unix
	MailboxParams  string // sync params are JSON in text
	ContactParams  string
	E2EEParams     string

	// Prefetched is the initial table, nil for none.
	Prefetched *lightspeed.WebResponse
	// Variations of the page; the zero value is the plainest.
	Variations
}

// Variations are shapes that the page takes on now and then, and parts that it lacks when something is wrong.
type Variations struct {
	Initialize   bool // the preloader stands in method initialize of a module with a suffix
	Checkpointed bool // the page says that the account is under checkpoint
	Decoys       bool // scripts that a client must ignore stand between the others
	Bitmap       bool // data for the csr bitmap is there
	Unprefetched bool // the initial table is missing
	EmptyTable   bool // the initial table has an empty payload
	// Without names config modules that are missing; "preloader" is the source of the schema version.
	Without map[string]bool
	// VersionScript, if set, is the URL of a script that holds the schema version.
	VersionScript string
}

// preloader is the id of the query that the page ran ahead.
const preloader = "adp_LSPlatformGraphQLLightspeedRequestQueryRelayPreloader_x"

type object = map[string]any

// JazoEst is the checksum of a token that third parties found.
func JazoEst(dtsg string) string {
	sum := 0
	for _, b := range []byte(dtsg) {
		sum += int(b)
	}
	return "2" + strconv.Itoa(sum)
}

// Write makes the page.
func (v Values) Write() []byte {
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html><html><head>")
	if v.VersionScript != "" {
		fmt.Fprintf(&b, `<link rel="preload" as="script" href="%s">`, html.EscapeString(v.VersionScript))
	}
	v.script(&b, `type="application/json" id="__eqmc"`, object{
		"u": fmt.Sprintf("/ajax/qm/?__a=1&__user=%d&__comet_req=%s&jazoest=%s", v.UserID, v.CometReq, v.JazoEst),
		"e": "", "s": "", "w": 0, "f": v.DTSG, "l": nil,
	})
	if v.Decoys {
		v.script(&b, `type="application/json" id="envjson"`, object{"routing_namespace": "comet"})
		b.WriteString(`<script nonce="x">requireLazy(["Env"],function(a){a.start=1});</script>`)
		v.script(&b, `type="application/json"`, object{"require": []any{}, "note": `not "__bbox" of "USER_ID":`})
	}
	b.WriteString("</head><body>")
	v.script(&b, `type="application/json" data-sjs`, object{"require": []any{[]any{
		"ScheduledServerJS", "handle", nil, []any{object{"__bbox": object{"define": v.define(), "require": v.require()}}},
	}}})
	if v.Bitmap {
		v.script(&b, `type="application/json" data-sjs`, object{"require": []any{[]any{
			"Bootloader", "handlePayload", nil, []any{object{
				"csrUpgrade": "0,5", "rsrcMap": object{"a1": object{"p": ":1,17", "c": 1}, "b2": object{"p": ":64", "c": 0}},
			}},
		}}})
	}
	b.WriteString("</body></html>")
	return b.Bytes()
}

// script writes one JSON script; the encoder escapes what would end the element.
func (v Values) script(b *bytes.Buffer, attributes string, content any) {
	data, err := json.Marshal(content)
	if err != nil {
		panic(fmt.Sprintf("encode page: %v", err)) // only values of this program go in
	}
	fmt.Fprintf(b, "<script %s>%s</script>", attributes, data)
}

// define lists the config modules; their ids count from 101.
func (v Values) define() []any {
	account := strconv.FormatInt(v.UserID, 10)
	configs := []struct {
		name   string
		config object
	}{
		{"CurrentUserInitialData", object{
			"ACCOUNT_ID": account, "APP_ID": v.AppID, "IS_MESSENGER_ONLY_USER": false, "NAME": v.Name, "SHORT_NAME": v.ShortName,
			"USER_ID": account,
		}},
		{"DTSGInitData", object{"token": v.DTSG}},
		{"DTSGInitialData", object{"token": v.DTSG}},
		{"LSD", object{"token": v.LSD}},
		{"SiteData", object{
			"__spin_b": "trunk", "__spin_r": v.Revision, "__spin_t": v.SpinTime, "client_revision": v.Revision,
			"haste_session": v.Haste, "hsi": v.HSI, "pr": 1, "server_revision": v.Revision,
		}},
		{"MqttWebDeviceID", object{"clientID": v.DeviceID}},
		{"DGWWebConfig", object{
			"appId": v.DGWAppID, "appVersion": "0", "authType": "", "dgwVersion": "2", "endpoint": "", "fbId": account,
		}},
		{"MqttWebConfig", object{
			"appID": 219994525426954, "capabilities": 10, "chatVisibility": false, "clientCapabilities": 3,
			"endpoint": "wss://edge-chat.facebook.com/chat?region=sim", "fbid": account, "hostNameOverride": "",
			"pollingEndpoint": "", "subscribedTopics": []any{},
		}},
		{"MessengerWebInitData", object{
			"accountKey": "ak", "accountKeyV2": "ak2", "appId": v.MessengerAppID, "logoutToken": "lt", "sessionId": "sess",
			"userId": account, "cryptoAuthToken": object{
				"encrypted_serialized_cat": v.CAT, "expiration_time_in_seconds": v.CATExpires,
			},
		}},
		{"WebConnectionClassServerGuess", object{"connectionClass": "EXCELLENT"}},
		{"IntlCurrentLocale", object{"code": "en_US"}},
		{"LSPlatformMessengerSyncParams", object{
			"contact": v.ContactParams, "e2ee": v.E2EEParams, "mailbox": v.MailboxParams,
		}},
	}
	define := []any{}
	for i, c := range configs {
		if !v.Without[c.name] {
			define = append(define, []any{c.name, []any{}, c.config, 101 + i})
		}
	}
	return define
}

func (v Values) require() []any {
	require := []any{}
	if v.Checkpointed {
		require = append(require, []any{"CometAccountState", "init", []any{}, []any{object{"is_checkpointed": true}}})
	}
	if !v.Without["preloader"] {
		require = append(require, v.root())
	}
	if v.Prefetched != nil && !v.Unprefetched {
		table := *v.Prefetched
		if v.EmptyTable {
			table = lightspeed.WebResponse{Dependencies: []lightspeed.Dependency{}}
		}
		require = append(require, []any{"RelayPrefetchedStreamCache", "next", []any{}, []any{preloader, object{
			"__bbox": object{"complete": true, "result": object{"data": object{"viewer": object{
				"lightspeed_web_request": table,
			}}}},
		}}})
	}
	return require
}

// root is the module that lists the queries the page ran ahead.
func (v Values) root() []any {
	version := json.RawMessage(v.Version)
	payload, err := json.Marshal(object{"database": 1, "version": version})
	if err != nil {
		panic(fmt.Sprintf("schema version %q is no number: %v", v.Version, err)) // checked when it is configured
	}
	preloaders := []any{object{
		"actorID": strconv.FormatInt(v.UserID, 10), "preloaderID": preloader, "queryID": v.DocID,
		"variables": object{"deviceId": v.DeviceID, "requestPayload": string(payload), "requestType": 1},
	}}
	if v.Initialize {
		return []any{"CometPlatformRootClient@abc123", "initialize", []any{}, []any{object{"expectedPreloaders": preloaders}}}
	}
	return []any{"CometPlatformRootClient", "init", []any{}, []any{0, 0, 0, 0, preloaders}}
}

// Notice is the page behind a redirect: something for a person to read.
func Notice(title string) []byte {
	return fmt.Appendf(nil, "<!DOCTYPE html><html><head><title>%[1]s</title></head><body><h1>%[1]s</h1></body></html>",
		html.EscapeString(title))
}

// LoggedOut is the page that a session without login gets without a redirect.
func LoggedOut() []byte {
	return []byte(`<!DOCTYPE html><html><body><script type="application/json" data-sjs>{"require":[["ScheduledServerJS","handle",null,` +
		`[{"__bbox":{"define":[["CurrentUserInitialData",[],{"ACCOUNT_ID":"0","USER_ID":"0","NAME":""},101]],"require":[]}}]]]}` +
		`</script></body></html>`)
}

// VersionScript is a script that holds the schema version among other modules.
func VersionScript(version string) []byte {
	return []byte(`;__d("Other",[],(function(a,b,c,d,e,f){e.exports="1"}),null);` +
		`__d("LSVersion",[],(function(t,n,r,o,a,i){a.exports="` + version + `"}),null);`)
}
