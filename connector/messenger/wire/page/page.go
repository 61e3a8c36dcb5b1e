package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"crosschat/connector/metaweb/page"
)

// Info is what a page says. Empty fields were not there.
type Info struct {
	page.Tokens

	UserID    string
	AccountID string
	Name      string
	AppID     string // goes into every request over the gateway
	Locale    string

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

// MissingError says what a page lacks: see page.MissingError.
type MissingError = page.MissingError

// Parse reads a page. It fails only with ErrLoggedOut and ErrCheckpoint; what is not there is empty in the answer, see
// Info.Check.
func Parse(body []byte) (*Info, error) {
	if bytes.Contains(body, []byte(`"USER_ID":"0"`)) {
		return nil, ErrLoggedOut
	}
	if bytes.Contains(body, []byte(`"is_checkpointed":true`)) {
		return nil, ErrCheckpoint
	}
	info := new(Info)
	preloads := make(map[string]json.RawMessage) // prefetched answers by query name
	dtsg := ""
	info.Tokens, info.Scripts = page.Read(body, page.Visitor{
		Config: func(name string, config map[string]any) { page.Take(configs[name], config, info) },
		List:   func(list []any) bool { return readPrefetched(list, preloads) },
		Object: info.readPreloader,
		Script: func(id string, document any) {
			if object, ok := document.(map[string]any); ok && id == page.AddressScript {
				dtsg, _ = object["f"].(string) // this site has the form token there too
			}
		},
	})
	if info.DTSG == "" && dtsg != "" {
		info.DTSG = dtsg
		if info.Jazoest == "" {
			info.Jazoest = page.Jazoest(dtsg)
		}
	}
	info.Initial = preloads[lightspeedQuery]
	if expires, err := strconv.ParseInt(info.catExpires, 10, 64); err == nil {
		info.CATExpires = expires
	}
	if info.AccountID == "0" {
		return nil, ErrLoggedOut
	}
	return info, nil
}

// Check answers a *MissingError if the page lacks what no session can do without. The schema version is left out, since
// it may be found elsewhere.
func (i *Info) Check() error {
	return page.Check(
		page.Need{Name: "CurrentUserInitialData.ACCOUNT_ID", Value: i.AccountID},
		page.Need{Name: "CurrentUserInitialData.USER_ID", Value: i.UserID},
		page.Need{Name: "CurrentUserInitialData.APP_ID", Value: i.AppID},
		page.Need{Name: "DTSGInitData.token", Value: i.DTSG}, page.Need{Name: "LSD.token", Value: i.LSD},
		page.Need{Name: "MqttWebDeviceID.clientID", Value: i.DeviceID},
		page.Need{Name: "DGWWebConfig.appId", Value: i.DGWAppID},
	)
}

const (
	lightspeedQuery = "LSPlatformGraphQLLightspeedRequestQuery"
	preloaderPrefix = "adp_LSPlatformGraphQLLightspeedRequest"
)

// readPrefetched takes [preloader id, {"__bbox": {"result": answer}}].
func readPrefetched(list []any, preloads map[string]json.RawMessage) bool {
	if len(list) < 2 {
		return false
	}
	id, isText := list[0].(string)
	object, isObject := list[1].(map[string]any)
	if !isText || !isObject || !strings.HasPrefix(id, "adp_") {
		return false
	}
	box, isObject := object["__bbox"].(map[string]any)
	if !isObject || box["result"] == nil {
		return false
	}
	query, _, _ := strings.Cut(strings.TrimPrefix(id, "adp_"), "RelayPreloader_")
	if raw, err := json.Marshal(box["result"]); err == nil && preloads[query] == nil {
		preloads[query] = raw
	}
	return true
}

// readPreloader takes the expected preloader of the first Lightspeed query.
func (i *Info) readPreloader(object map[string]any) {
	if id, ok := object["preloaderID"].(string); !ok || !strings.HasPrefix(id, preloaderPrefix) || i.Version != "" {
		return
	}
	var payload struct {
		Version json.Number `json:"version"`
	}
	text := page.Scalar(object, "variables.requestPayload")
	if json.Unmarshal([]byte(text), &payload) != nil || !isVersion(payload.Version.String()) {
		return
	}
	i.Version, i.QueryID = payload.Version.String(), page.Scalar(object, "queryID")
}

func isVersion(text string) bool {
	return text != "" && len(text) <= 19 && strings.Trim(text, "0123456789") == ""
}
