package wire

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"crosschat/connector/metaweb/page"
	"crosschat/connector/metaweb/web"
)

// PageState is what a page load said. It is stored to spare the next run one, and holds secrets.
type PageState struct {
	page.Tokens
	LoadedAt  time.Time `json:"loaded_at"`
	UserID    string    `json:"user_id"` // "0" on accounts of Instagram alone
	AppID     string    `json:"app_id"`
	DGWAppID  string    `json:"dgw_app_id"`
	DeviceID  string    `json:"device_id"`
	Namespace string    `json:"namespace"`
	ViewerID  string    `json:"viewer_id"` // a third id of the account
	IGID      IGID      `json:"igid"`
	FBID      FBID      `json:"fbid"`
	Username  string    `json:"username"`
	FullName  string    `json:"full_name"`
	Picture   string    `json:"picture"`
	Revision  string    `json:"revision"` // of the site
}

// pageInfo is what a page says before it is checked.
type pageInfo struct {
	state                          PageState
	igid, fbid, otherID            string
	picture, largePicture          string
	onlyLater                      string // which of the loader's bits count
	loaded, loadedLater, loadedAny []int64
}

// pageFields are the fields that matter of the configurations that only this site has.
var pageFields = map[string][]page.Field[pageInfo]{
	"CurrentUserInitialData": {
		{Path: "USER_ID", To: func(i *pageInfo) *string { return &i.state.UserID }},
		{Path: "APP_ID", To: func(i *pageInfo) *string { return &i.state.AppID }},
		{Path: "NON_FACEBOOK_USER_ID", To: func(i *pageInfo) *string { return &i.otherID }},
		{Path: "IG_USER_EIMU", To: func(i *pageInfo) *string { return &i.fbid }},
	},
	"PolarisViewer": {
		{Path: "id", To: func(i *pageInfo) *string { return &i.igid }},
		{Path: "data.fbid", To: func(i *pageInfo) *string { return &i.state.ViewerID }},
		{Path: "data.username", To: func(i *pageInfo) *string { return &i.state.Username }},
		{Path: "data.full_name", To: func(i *pageInfo) *string { return &i.state.FullName }},
		{Path: "data.profile_pic_url", To: func(i *pageInfo) *string { return &i.picture }},
		{Path: "data.profile_pic_url_hd", To: func(i *pageInfo) *string { return &i.largePicture }},
	},
	"IGDMqttWebDeviceID": {{Path: "clientId", To: func(i *pageInfo) *string { return &i.state.DeviceID }}},
	"DGWWebConfig":       {{Path: "appId", To: func(i *pageInfo) *string { return &i.state.DGWAppID }}},
	"SiteData":           {{Path: "server_revision", To: func(i *pageInfo) *string { return &i.state.Revision }}},
}

// readPage reads the session page and answers the addresses of its programs too. Errors: a *web.StopError if nobody or
// somebody else is logged in, *page.MissingError if the page lacks what it must have.
func readPage(body []byte, account IGID, cfg *Config) (*PageState, []string, error) {
	info := &pageInfo{}
	var scripts []string
	info.state.Tokens, scripts = page.Read(body, page.Visitor{
		Config: func(name string, config map[string]any) {
			page.Take(pageFields[name], config, info)
			if on, _ := config["phdOn"].(bool); name == "BootloaderConfig" && on {
				info.onlyLater = name
			}
		},
		List: info.readLoader,
		Script: func(id string, document any) {
			if object, ok := document.(map[string]any); ok && id == "envjson" {
				info.state.Namespace = page.Scalar(object, "routing_namespace")
			}
		},
	})
	s := &info.state
	for _, field := range []struct {
		value    *string
		fallback string
	}{{&s.AppID, cfg.AppID}, {&s.DGWAppID, cfg.AppID}, {&s.CometReq, cfg.CometReq}, {&s.Picture, info.largePicture},
		{&s.Picture, info.picture}} {
		if *field.value == "" {
			*field.value = field.fallback
		}
	}
	s.CSR = page.Bitmap(info.bits())
	if err := info.check(account); err != nil {
		return nil, nil, fmt.Errorf("read session page: %w", err)
	}
	return s, scripts, nil
}

// check reads the ids, and refuses a page of nobody's, of somebody else's, or without what every request needs.
func (i *pageInfo) check(account IGID) error {
	s := &i.state
	igid, err := strconv.ParseInt(i.igid, 10, 64)
	if err != nil || igid <= 0 {
		return &web.StopError{Kind: web.LoggedOut}
	}
	if s.IGID = IGID(igid); s.IGID != account {
		return &web.StopError{Kind: web.WrongAccount}
	}
	// The messaging id counts only if both say the same of the third one (section 2.1).
	if i.otherID != s.ViewerID {
		i.fbid = ""
	}
	fbid, err := strconv.ParseInt(i.fbid, 10, 64)
	if err != nil || fbid <= 0 {
		i.fbid = ""
	}
	s.FBID = FBID(fbid)
	return page.Check(
		page.Need{Name: "DTSGInitData.token", Value: s.DTSG}, page.Need{Name: "LSD.token", Value: s.LSD},
		page.Need{Name: "CurrentUserInitialData.IG_USER_EIMU", Value: i.fbid},
		page.Need{Name: "IGDMqttWebDeviceID.clientId", Value: s.DeviceID},
	)
}

// readLoader takes ["Bootloader", "handlePayload", null, [{rsrcMap, csrUpgrade}, …]]. What is in it is looked at all the same.
func (i *pageInfo) readLoader(list []any) bool {
	if len(list) < 4 || list[0] != "Bootloader" || list[1] != "handlePayload" {
		return false
	}
	arguments, _ := list[3].([]any)
	for _, argument := range arguments {
		payload, ok := argument.(map[string]any)
		if !ok {
			continue
		}
		i.loaded = append(i.loaded, readBits(page.Scalar(payload, "csrUpgrade"))...)
		resources, _ := payload["rsrcMap"].(map[string]any)
		for _, value := range resources {
			resource, ok := value.(map[string]any)
			if !ok {
				continue
			}
			switch bits := readBits(page.Scalar(resource, "p")); page.Scalar(resource, "c") {
			case "", "0":
			case "2":
				i.loadedLater = append(i.loadedLater, bits...)
			default:
				i.loadedAny = append(i.loadedAny, bits...)
			}
		}
	}
	return false
}

// readBits reads ":1,5"; 0 stands for nothing.
func readBits(list string) []int64 {
	var bits []int64
	for number := range strings.SplitSeq(strings.TrimPrefix(list, ":"), ",") {
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n > 0 {
			bits = append(bits, n)
		}
	}
	return bits
}

func (i *pageInfo) bits() []int64 {
	bits := append(i.loaded, i.loadedLater...)
	if i.onlyLater == "" {
		bits = append(bits, i.loadedAny...)
	}
	return bits
}
