package page

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

const (
	maxDepth        = 500
	maxConfigIDs    = 100_000
	lightspeedQuery = "LSPlatformGraphQLLightspeedRequestQuery"
	preloaderPrefix = "adp_LSPlatformGraphQLLightspeedRequest"
)

// walk looks at everything in a document for the three shapes that matter: configurations, the preloader that names the
// schema version, and prefetched answers.
func (r *reader) walk(node any, depth int) {
	if depth > maxDepth {
		return
	}
	switch node := node.(type) {
	case []any:
		if r.readDefine(node) || r.readPrefetched(node) {
			return
		}
		for _, child := range node {
			r.walk(child, depth+1)
		}
	case map[string]any:
		r.readPreloader(node)
		// In a fixed order, so that of two values for one field always the same one counts.
		for _, key := range slices.Sorted(maps.Keys(node)) {
			r.walk(node[key], depth+1)
		}
	}
}

// readDefine takes [name, dependencies, configuration, id > 0].
func (r *reader) readDefine(list []any) bool {
	if len(list) != 4 {
		return false
	}
	name, isName := list[0].(string)
	_, isList := list[1].([]any)
	config, isObject := list[2].(map[string]any)
	number, isNumber := list[3].(json.Number)
	if !isName || !isList || !isObject || !isNumber {
		return false
	}
	id, err := number.Int64()
	if err != nil || id <= 0 {
		return false
	}
	if len(r.configIDs) < maxConfigIDs {
		r.configIDs = append(r.configIDs, id)
	}
	name, _, _ = strings.Cut(name, "@")
	for _, f := range configs[name] {
		f.read(config, r.info)
	}
	return true
}

// readPrefetched takes [preloader id, {"__bbox": {"result": answer}}].
func (r *reader) readPrefetched(list []any) bool {
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
	if raw, err := json.Marshal(box["result"]); err == nil && r.preloads[query] == nil {
		r.preloads[query] = raw
	}
	return true
}

// readPreloader takes the expected preloader of the first Lightspeed query.
func (r *reader) readPreloader(object map[string]any) {
	if id, ok := object["preloaderID"].(string); !ok || !strings.HasPrefix(id, preloaderPrefix) {
		return
	}
	var payload struct {
		Version json.Number `json:"version"`
	}
	text := scalar(object, "variables.requestPayload")
	if json.Unmarshal([]byte(text), &payload) != nil || !isVersion(payload.Version.String()) {
		return
	}
	keep(&r.info.Version, payload.Version.String())
	keep(&r.info.QueryID, scalar(object, "queryID"))
}

func isVersion(text string) bool {
	return text != "" && len(text) <= 19 && strings.Trim(text, "0123456789") == ""
}

// field is a scalar of a configuration, by its dotted path, and where it goes.
type field struct {
	path string
	to   func(*Info) *string
}

// configs are the fields that matter of the configurations that matter.
var configs = map[string][]field{
	"CurrentUserInitialData": {
		{"ACCOUNT_ID", func(i *Info) *string { return &i.AccountID }},
		{"USER_ID", func(i *Info) *string { return &i.UserID }},
		{"NAME", func(i *Info) *string { return &i.Name }},
		{"APP_ID", func(i *Info) *string { return &i.AppID }},
	},
	"DTSGInitData":    {{"token", func(i *Info) *string { return &i.DTSG }}},
	"DTSGInitialData": {{"token", func(i *Info) *string { return &i.DTSG }}},
	"LSD":             {{"token", func(i *Info) *string { return &i.LSD }}},
	"SiteData": {
		{"__spin_r", func(i *Info) *string { return &i.SpinR }},
		{"__spin_b", func(i *Info) *string { return &i.SpinB }},
		{"__spin_t", func(i *Info) *string { return &i.SpinT }},
		{"haste_session", func(i *Info) *string { return &i.HasteSession }},
		{"hsi", func(i *Info) *string { return &i.HSI }},
		{"pr", func(i *Info) *string { return &i.DPR }},
	},
	"MqttWebDeviceID": {{"clientID", func(i *Info) *string { return &i.DeviceID }}},
	"DGWWebConfig":    {{"appId", func(i *Info) *string { return &i.DGWAppID }}},
	"MessengerWebInitData": {
		{"appId", func(i *Info) *string { return &i.MessengerAppID }},
		{"cryptoAuthToken.encrypted_serialized_cat", func(i *Info) *string { return &i.CAT }},
		{"cryptoAuthToken.expiration_time_in_seconds", func(i *Info) *string { return &i.catExpires }},
	},
	"LSPlatformMessengerSyncParams": {
		{"mailbox", func(i *Info) *string { return &i.SyncParams.Mailbox }},
		{"contact", func(i *Info) *string { return &i.SyncParams.Contact }},
		{"e2ee", func(i *Info) *string { return &i.SyncParams.E2EE }},
	},
	"WebConnectionClassServerGuess": {{"connectionClass", func(i *Info) *string { return &i.ConnectionClass }}},
	"IntlCurrentLocale":             {{"code", func(i *Info) *string { return &i.Locale }}},
}

// read takes the fields of a configuration that the page did not say before.
func (f field) read(config map[string]any, info *Info) {
	keep(f.to(info), scalar(config, f.path))
}

// scalar answers the text or number at a dotted path of an object, as text; numbers keep their digits.
func scalar(object map[string]any, path string) string {
	name, rest, nested := strings.Cut(path, ".")
	switch value := object[name].(type) {
	case map[string]any:
		if nested {
			return scalar(value, rest)
		}
	case string:
		if !nested {
			return value
		}
	case json.Number:
		if !nested {
			return value.String()
		}
	}
	return ""
}
