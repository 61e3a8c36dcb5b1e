package instagram_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
)

const userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"

// browser is a web client written from the specification. It checks little and follows nothing by itself.
type browser struct {
	*testing.T
	ctx     context.Context
	http    *http.Client
	owner   control.Person
	device  int // number of the session
	cookies map[string]string
	page    pageInfo
	docs    map[string]string // by friendly name, from the bundles
	// connected asks whether the server counts a sync socket of this browser.
	connected func() bool
	counter   int
}

// pageInfo is what is scraped from a session page, by textual anchors as section 4.2 allows.
type pageInfo struct {
	dtsg, lsd, namespace, device, igid, fbid, viewer, appID string
	bundles                                                 []string
	html                                                    string
}

// reach is a client that sends every host to the simulator.
func (r *rig) reach() *http.Client {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(r.server.CAPEM()) {
		r.Fatal("no authority")
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, r.server.Address())
		},
	}
	r.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// browser is one that somebody is logged in with, before any page was loaded.
func (r *rig) browser(p control.Person) *browser {
	r.Helper()
	login := special[instagram.Login](r, p, "login", nil)
	b := &browser{T: r.T, ctx: r.ctx, http: r.reach(), owner: p, device: login.Device, cookies: login.Cookies}
	b.connected = func() bool {
		now, err := r.net.Person(r.ctx, p.ID)
		r.must(err)
		for _, c := range now.Companions {
			if c.Device == b.device {
				return c.Connected
			}
		}
		return false
	}
	return b
}

// ready is a browser that has loaded the session page and the ids of operations.
func (r *rig) ready(p control.Person) *browser {
	r.Helper()
	b := r.browser(p)
	b.load()
	b.discover()
	return b
}

func (b *browser) cookieHeader() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(b.cookies)) {
		parts = append(parts, name+"="+b.cookies[name])
	}
	return strings.Join(parts, "; ")
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

func (b *browser) do(req *http.Request) answer {
	b.Helper()
	got, err := b.try(req)
	if err != nil {
		b.Fatal(err)
	}
	return got
}

// try sends a request and keeps the cookies that come back.
func (b *browser) try(req *http.Request) (answer, error) {
	resp, err := b.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
			if c.Quoted {
				b.cookies[c.Name] = `"` + c.Value + `"`
			}
		}
	}
	return answer{resp, body}, err
}

func (b *browser) request(method, url string, body io.Reader) *http.Request {
	b.Helper()
	req, err := http.NewRequestWithContext(b.ctx, method, url, body)
	if err != nil {
		b.Fatal(err)
	}
	for name, value := range map[string]string{
		"Accept": "*/*", "Accept-Language": "en-US,en;q=0.9", "User-Agent": userAgent, "Cookie": b.cookieHeader(),
		"Sec-Ch-Ua": `"Chromium";v="141"`, "Sec-Ch-Ua-Mobile": "?0", "Sec-Ch-Ua-Platform": `"Linux"`, "X-Asbd-Id": "359341",
	} {
		req.Header.Set(name, value)
	}
	return req
}

func (b *browser) navigate(path string) *http.Request {
	b.Helper()
	req := b.request(http.MethodGet, "https://www.instagram.com"+path, nil)
	for name, value := range map[string]string{
		"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Sec-Fetch-User": "?1",
		"Upgrade-Insecure-Requests": "1",
	} {
		req.Header.Set(name, value)
	}
	return req
}

// load loads the session page and scrapes it.
func (b *browser) load() {
	b.Helper()
	got := b.do(b.navigate("/direct/inbox/"))
	if got.StatusCode != http.StatusOK {
		b.Fatalf("page answered %s to %s", got.Status, got.Header.Get("Location"))
	}
	html := string(got.body)
	find := func(pattern string) string {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(html); m != nil {
			return m[1]
		}
		return ""
	}
	b.page = pageInfo{
		dtsg:      find(`"DTSGInitData",\[\],\{[^}]*"token":"([^"]*)"`),
		lsd:       find(`"LSD",\[\],\{"token":"([^"]*)"`),
		namespace: find(`"routing_namespace":"([^"]*)"`),
		device:    find(`"IGDMqttWebDeviceID",\[\],\{"clientId":"([^"]*)"`),
		igid:      find(`"PolarisViewer",\[\],\{.*?"id":"(\d+)"\},6410`),
		fbid:      find(`"IG_USER_EIMU":"(\d+)"`),
		viewer:    find(`"NON_FACEBOOK_USER_ID":"(\d+)"`),
		appID:     find(`"DGWWebConfig",\[\],\{"appId":"(\d+)"`),
		html:      html,
	}
	bundle := regexp.MustCompile(`https:(?:\\?/){2}static\.cdninstagram\.com[^"]+?\.js`)
	for _, link := range bundle.FindAllString(html, -1) {
		if link = strings.ReplaceAll(link, `\`, ""); !slices.Contains(b.page.bundles, link) {
			b.page.bundles = append(b.page.bundles, link)
		}
	}
}

// discover reads the ids of operations out of the bundles (section 6.1).
func (b *browser) discover() {
	b.Helper()
	b.docs = map[string]string{}
	module := regexp.MustCompile(`"(\w+)_instagramRelayOperation",\[\],.{0,120}?"(\d{15,20})"`)
	for _, link := range b.page.bundles {
		req := b.request(http.MethodGet, link, nil)
		req.Header.Del("Cookie")
		for _, m := range module.FindAllStringSubmatch(string(b.do(req).body), -1) {
			b.docs[m[1]] = m[2]
		}
	}
}

// form are the fields that every request has.
func (b *browser) form() url.Values {
	b.counter++
	return url.Values{
		"__user": {"0"}, "__a": {"1"}, "__req": {strconv.FormatInt(int64(b.counter+1), 36)}, "__hs": {"x"}, "dpr": {"1"},
		"__ccg": {"EXCELLENT"}, "__rev": {"1"}, "__s": {"a:b:c"}, "__hsi": {"1"}, "__comet_req": {"7"}, "__spin_r": {"1"},
		"__spin_b": {"trunk"}, "__spin_t": {"1"}, "__d": {"www"}, "jazoest": {"2"}, "fb_dtsg": {b.page.dtsg}, "lsd": {b.page.lsd},
	}
}

func (b *browser) xhr(path string, form url.Values) *http.Request {
	b.Helper()
	req := b.request(http.MethodPost, "https://www.instagram.com"+path, strings.NewReader(form.Encode()))
	b.xhrHeaders(req)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

func (b *browser) xhrHeaders(req *http.Request) {
	for name, value := range map[string]string{
		"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin",
		"Origin": "https://www.instagram.com", "Referer": "https://www.instagram.com/direct/inbox/",
		"X-Csrftoken": b.cookies["csrftoken"], "X-Fb-Lsd": b.page.lsd, "X-Ig-App-Id": "936619743392459", "X-Mid": b.cookies["mid"],
	} {
		req.Header.Set(name, value)
	}
}

// names of operations by key, with what section 6 lists of each.
var names = map[string]string{
	"inbox": "PolarisDirectInboxQuery", "inboxPage": "IGDThreadListOffMsysPaginationQuery",
	"requests": "PolarisDirectMessageRequestQuery", "thread": "IGDThreadDetailQuery",
	"messages": "IGDMessageListOffMsysQuery", "sendText": "IGDirectTextSendMutation", "sendMedia": "IGDirectMediaSendMutation",
	"edit": "IGDirectEditMessageMutation", "unsend": "IGDMessageUnsendDialogOffMsysMutation",
	"react": "IGDirectReactionSendMutation", "markRead": "useIGDMarkThreadAsReadMutation",
	"markReadValidate": "useIGDMarkThreadAsReadValidationMutation",
	"markUnread":       "IGDThreadListActionsMarkUnreadOptionOffMsysMutation",
	"accept":           "useIGDirectAcceptMessageRequestMutation",
	"deleteThread":     "IGDInboxInfoDeleteThreadDialogOffMsysMutation",
	"mute":             "IGDInboxInfoMuteToggleOffMsysMutation", "pinThread": "useIGDPinThreadMutation",
	"profile": "PolarisProfilePageContentQuery", "userByFbid": "useIGDCreateOptimisticThreadUserQuery",
	"search": "IGDOmniPickerSearchResultsListQuery", "createGroup": "useCreateOpenGroupThreadOffMsysMutation",
	"renameGroup": "IGDEditThreadNameDialogOffMsysMutation", "pinMessage": "useIGDPinMessageOffMsysMutation",
	"unpinMessage": "useIGDUnpinMessageOffMsysMutation", "delta": "IGDSlideDeltaProcessorQuery",
	"typing": "IGDTypingIndicatorClientSubscription",
}

// graphqlForm is the form of a call; vars are variables without the provided ones.
func (b *browser) graphqlForm(key string, vars map[string]any) url.Values {
	b.Helper()
	vars = maps.Clone(vars)
	for name, value := range provided(key) {
		if _, ok := vars[name]; !ok {
			vars[name] = value
		}
	}
	data, err := json.Marshal(vars)
	if err != nil {
		b.Fatal(err)
	}
	form := b.form()
	for name, value := range map[string]string{
		"fb_api_caller_class": "RelayModern", "fb_api_req_friendly_name": names[key], "variables": string(data),
		"server_timestamps": "true", "doc_id": b.docs[names[key]],
	} {
		form.Set(name, value)
	}
	return form
}

// provided are the variables with fixed values, by operation.
func provided(key string) map[string]any {
	pv := func(name string) string { return "__relay_internal__pv__" + name + "relayprovider" }
	lists := map[string]any{
		pv("IGDPinnedThreadsRenderEnabledGK"): true, pv("IGDMaxUnreadMessagesCount"): 5,
		pv("PolarisAIGMAccountLabelEnabled"): false, pv("IGDThreadListActionsEnabledGK"): true,
	}
	switch key {
	case "inbox":
		lists[pv("IGDIsProfessionalAccountGK")] = false
		return lists
	case "inboxPage":
		return lists
	case "requests":
		lists[pv("IGD30DayAgoTimestampMs")] = "1"
		return lists
	case "thread":
		return map[string]any{
			"min_uq_seq_id": nil, pv("IGDEnableOffMsysChatThemesQE"): false, pv("IGDInitialMessagePageCount"): 20,
			pv("PolarisAIGMAccountLabelEnabled"): false,
		}
	case "messages":
		return map[string]any{
			"after": nil, "before": nil, "first": 20, "last": nil, "newer_than_message_id": nil, "older_than_message_id": nil,
			pv("IGDInitialMessagePageCount"): 20,
		}
	case "sendText":
		return map[string]any{
			"ig_thread_igid": nil, "recipient_igids": nil, "reply_to_message_id": nil, "mentions": nil,
			"mentioned_user_ids": nil, "commands": nil, "send_attribution": "igd_web_chat_tab:in_thread",
			"replied_to_client_context": nil, "replied_to_item_id": nil, "sampled": nil, "forwarded_from_thread_id": nil,
			"is_forwarded_from_own_message": nil,
		}
	case "sendMedia":
		return map[string]any{
			"reply_to_message_id": nil, "forwarded_from_thread_id": nil, "is_forwarded_from_own_message": nil,
		}
	case "profile":
		return map[string]any{
			"enable_integrity_filters": true, pv("PolarisCannesGuardianExperienceEnabled"): true,
			pv("PolarisCASB976ProfileEnabled"): false, pv("PolarisWebSchoolsEnabled"): false,
			pv("PolarisRepostsConsumptionEnabled"): true,
		}
	default:
		return nil
	}
}

// graphql makes a call and returns its raw answer.
func (b *browser) graphql(key string, vars map[string]any) answer {
	b.Helper()
	req := b.xhr("/api/graphql", b.graphqlForm(key, vars))
	req.Header.Set("X-Fb-Friendly-Name", names[key])
	return b.do(req)
}

// graphqlAnswer is an answer of either form.
type graphqlAnswer struct {
	Data   map[string]json.RawMessage `json:"data"`
	Errors []struct {
		Code      int    `json:"code"`
		Message   string `json:"message"`
		Transient bool   `json:"is_transient"`
		Reauth    bool   `json:"requires_reauth"`
	} `json:"errors"`
	Error int `json:"error"`
}

// parse reads an answer; whatever isn't one fails the test.
func (b *browser) parse(got answer) graphqlAnswer {
	b.Helper()
	var out graphqlAnswer
	body := bytes.TrimPrefix(got.body, []byte("for (;;);"))
	if err := json.Unmarshal(body, &out); err != nil || got.StatusCode != http.StatusOK {
		b.Fatalf("answer %s %.300q: %v", got.Status, got.body, err)
	}
	return out
}

// code is the error that a call ends with; 0 for none.
func (b *browser) code(key string, vars map[string]any) int {
	b.Helper()
	out := b.parse(b.graphql(key, vars))
	if len(out.Errors) > 0 {
		return out.Errors[0].Code
	}
	return out.Error
}

// call makes a call that must succeed, and decodes its only root.
func call[T any](b *browser, key string, vars map[string]any) T {
	b.Helper()
	got := b.parse(b.graphql(key, vars))
	if got.Error != 0 || len(got.Errors) > 0 || len(got.Data) != 1 {
		b.Fatalf("%s: error %d, %+v, %d roots", key, got.Error, got.Errors, len(got.Data))
	}
	var out T
	for _, root := range got.Data {
		if err := json.Unmarshal(root, &out); err != nil {
			b.Fatalf("%s: %v in %s", key, err, root)
		}
	}
	return out
}

// sentAnswer is what calls that make or change a message answer.
type sentAnswer struct {
	ID string `json:"message_id"`
	At string `json:"timestamp_ms"`
}

// say sends a text into a thread.
func (b *browser) say(short, text, otid string) sentAnswer {
	b.Helper()
	return call[sentAnswer](b, "sendText", map[string]any{
		"ig_thread_igid": short, "offline_threading_id": otid, "text": map[string]any{"sensitive_string_value": text},
	})
}

// threadIDs are both ids of a thread.
type threadIDs struct {
	Long  string `json:"thread_igid"`
	Short string `json:"thread_fbid"`
}

// ids asks for the ids of a thread by its key; nil if there is none.
func (b *browser) ids(key string) *threadIDs {
	b.Helper()
	form := b.form()
	form.Set("client_previous_actor_id", b.page.viewer)
	form.Set("route_url", "/direct/t/"+key+"/")
	form.Set("routing_namespace", b.page.namespace)
	form.Set("__crn", "comet.igweb.PolarisDirectInboxRoute")
	got := b.do(b.xhr("/ajax/navigation/", form))
	if got.StatusCode == http.StatusNotFound {
		return nil
	}
	var out struct {
		Payload struct {
			Payload struct {
				Result struct {
					Exports struct {
						RootView struct{ Props *threadIDs }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(bytes.TrimPrefix(got.body, []byte("for (;;);")), &out); err != nil {
		b.Fatalf("navigation: %v in %.200q", err, got.body)
	}
	return out.Payload.Payload.Result.Exports.RootView.Props
}

// uploadForm is the body of an upload and its content type.
func uploadForm(name, kind string, data []byte, fields ...[2]string) (string, string) {
	var b strings.Builder
	const boundary = "----WebKitFormBoundaryabcdefghijklmnop"
	for _, f := range fields {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", boundary, f[0], f[1])
	}
	fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"farr\"; filename=%q\r\nContent-Type: %s\r\n\r\n%s\r\n--%s--\r\n",
		boundary, name, kind, data, boundary)
	return b.String(), "multipart/form-data; boundary=" + boundary
}

// upload uploads a file and returns the raw answer.
func (b *browser) upload(name, kind string, data []byte, fields ...[2]string) answer {
	b.Helper()
	body, contentType := uploadForm(name, kind, data, fields...)
	req := b.request(http.MethodPost, "https://www.instagram.com/ajax/mercury/upload.php?"+b.form().Encode(), strings.NewReader(body))
	b.xhrHeaders(req)
	req.Header.Set("Content-Type", contentType)
	return b.do(req)
}

// attachment is the id in the answer to an upload, "" if there is none.
func (b *browser) attachment(got answer) string {
	b.Helper()
	var out struct {
		Payload struct {
			Metadata json.RawMessage `json:"metadata"`
		} `json:"payload"`
	}
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(got.body, []byte("for (;;);"))))
	if err := decoder.Decode(&out); err != nil {
		b.Fatalf("upload: %v in %.200q", err, got.body)
	}
	var entry map[string]any
	var list []map[string]any
	var object map[string]map[string]any
	if json.Unmarshal(out.Payload.Metadata, &list) == nil && len(list) > 0 {
		entry = list[0]
	} else if json.Unmarshal(out.Payload.Metadata, &object) == nil {
		entry = object["0"]
	}
	for _, field := range []string{"video_id", "audio_id", "image_id", "gif_id", "file_id"} {
		switch id := entry[field].(type) {
		case string:
			return id
		case float64:
			return strconv.FormatFloat(id, 'f', 0, 64)
		}
	}
	return ""
}

// fetch asks the CDN for a file, as browsers do.
func (b *browser) fetch(link string) answer {
	b.Helper()
	req := b.request(http.MethodGet, link, nil)
	req.Header.Del("Cookie")
	return b.do(req)
}
