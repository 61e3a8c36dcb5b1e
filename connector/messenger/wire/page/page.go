package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Info is what a page says. Empty fields were not there.
type Info struct {
	UserID    string
	AccountID string
	Name      string
	AppID     string // goes into every request over the gateway

	DTSG     string // fb_dtsg, the form token
	LSD      string
	Jazoest  string
	CometReq string
	Dyn      string // bitmap of the modules that the page defines

	SpinR, SpinB, SpinT string
	HasteSession, HSI   string
	DPR                 string
	ConnectionClass     string
	Locale              string

	DeviceID   string
	DGWAppID   string
	Version    string // Lightspeed schema version, 16 or 17 digits
	QueryID    string // document id of the Lightspeed query
	SyncParams SyncParams

	MessengerAppID string
	CAT            string // token for the encrypted socket
	CATExpires     int64  // Unix seconds, 0 if not said
	catExpires     string

	// Initial is the GraphQL answer that the page brought along, empty if it brought none.
	Initial []byte
	// Scripts are the addresses of the page's scripts, in which FindVersion may find what Version lacks.
	Scripts []string
}

// SyncParams are JSON texts that start the sync of a database.
type SyncParams struct {
	Mailbox string `json:"mailbox"`
	Contact string `json:"contact"`
	E2EE    string `json:"e2ee"`
}

// Errors of Parse. Both mean that the page is not the messages page of a session that works.
var (
	ErrLoggedOut  = errors.New("page is that of somebody logged out")
	ErrCheckpoint = errors.New("page says the account is at a checkpoint")
)

// MissingError says what a page lacks that no session can do without. If the session is good, the page's layout has
// changed.
type MissingError struct {
	What []string
}

func (e *MissingError) Error() string { return "page lacks " + strings.Join(e.What, ", ") }

// Parse reads a page. It fails only with ErrLoggedOut and ErrCheckpoint; what is not there is empty in the answer, see
// Info.Check.
func Parse(body []byte) (*Info, error) {
	if bytes.Contains(body, []byte(`"USER_ID":"0"`)) {
		return nil, ErrLoggedOut
	}
	if bytes.Contains(body, []byte(`"is_checkpointed":true`)) {
		return nil, ErrCheckpoint
	}
	r := &reader{info: new(Info), preloads: make(map[string]json.RawMessage)}
	r.readHTML(body)
	r.finish()
	if id := r.info.AccountID; id == "0" {
		return nil, ErrLoggedOut
	}
	return r.info, nil
}

// Check answers a *MissingError if the page lacks what no session can do without. The schema version is left out, since
// it may be found elsewhere.
func (i *Info) Check() error {
	var missing []string
	for _, field := range []struct{ name, value string }{
		{"CurrentUserInitialData.ACCOUNT_ID", i.AccountID}, {"CurrentUserInitialData.USER_ID", i.UserID},
		{"CurrentUserInitialData.APP_ID", i.AppID}, {"DTSGInitData.token", i.DTSG}, {"LSD.token", i.LSD},
		{"MqttWebDeviceID.clientID", i.DeviceID}, {"DGWWebConfig.appId", i.DGWAppID},
	} {
		if field.value == "" {
			missing = append(missing, field.name)
		}
	}
	if missing != nil {
		return &MissingError{missing}
	}
	return nil
}

type reader struct {
	info      *Info
	configIDs []int64
	preloads  map[string]json.RawMessage // prefetched answers by query name
}

// readHTML goes through the page's scripts.
func (r *reader) readHTML(body []byte) {
	tokens := html.NewTokenizer(bytes.NewReader(body))
	tokens.SetMaxBuf(len(body) + 1)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			// The end, or what is not HTML: either way there is nothing more.
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			attributes := make(map[string]string, len(token.Attr))
			for _, a := range token.Attr {
				attributes[a.Key] = a.Val
			}
			if token.DataAtom == atom.Link && attributes["as"] == "script" {
				r.addScript(attributes["href"])
			}
			if token.DataAtom == atom.Script && token.Type == html.StartTagToken {
				r.addScript(attributes["src"])
				if tokens.Next() == html.TextToken {
					r.readScript(attributes["id"], bytes.TrimSpace(tokens.Text()))
				}
			}
		}
	}
}

const maxScripts = 300

func (r *reader) addScript(address string) {
	if strings.HasPrefix(address, "https://") && len(r.info.Scripts) < maxScripts {
		r.info.Scripts = append(r.info.Scripts, address)
	}
}

func (r *reader) readScript(id string, text []byte) {
	if len(text) == 0 || text[0] != '{' {
		return // a program
	}
	if id == "__eqmc" {
		r.readTokens(text)
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err == nil || errors.Is(err, io.EOF) {
		r.walk(document, 0)
	}
}

// readTokens reads the script that has a form token, and others in the query of an address.
func (r *reader) readTokens(text []byte) {
	var tokens struct {
		U string `json:"u"`
		F string `json:"f"`
	}
	if json.Unmarshal(text, &tokens) != nil {
		return
	}
	keep(&r.info.DTSG, tokens.F)
	if address, err := url.Parse(tokens.U); err == nil {
		keep(&r.info.CometReq, address.Query().Get("__comet_req"))
		keep(&r.info.Jazoest, address.Query().Get("jazoest"))
	}
}

// finish fills what follows from the rest.
func (r *reader) finish() {
	r.info.Dyn = Bitmap(r.configIDs)
	r.info.Initial = r.preloads[lightspeedQuery]
	if expires, err := strconv.ParseInt(r.info.catExpires, 10, 64); err == nil {
		r.info.CATExpires = expires
	}
	if r.info.Jazoest == "" && r.info.DTSG != "" {
		r.info.Jazoest = Jazoest(r.info.DTSG)
	}
}

// Jazoest computes the check value of a form token, for pages that don't say it.
func Jazoest(dtsg string) string {
	sum := 0
	for _, b := range []byte(dtsg) {
		sum += int(b)
	}
	return fmt.Sprintf("2%d", sum)
}

// keep sets a field that is not set yet.
func keep(field *string, value string) {
	if *field == "" {
		*field = value
	}
}
