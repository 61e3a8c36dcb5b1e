package wire

import (
	"time"

	"crosschat/connector/messenger/wire/e2ee"
	"crosschat/connector/metaweb/web"
)

// Config is everything that may change on the network's side or that a simulated network needs otherwise. Default has
// the values of today's web client.
type Config struct {
	// Site is where pages, GraphQL and uploads are; Hosts are the network's own hosts, which alone see cookies.
	Site  string   `yaml:"site"`
	Hosts []string `yaml:"hosts"`
	// Gateway is the address of the main socket.
	Gateway string `yaml:"gateway"`
	// ScriptHosts serve the page's scripts, MediaHosts its media; of those, ChunkHosts want large files in parts.
	ScriptHosts []string `yaml:"script_hosts"`
	MediaHosts  []string `yaml:"media_hosts"`
	ChunkHosts  []string `yaml:"chunk_hosts"`
	// AllowInsecureMedia lets media come from plain http, any port and address literals. For simulated networks only.
	AllowInsecureMedia bool `yaml:"allow_insecure_media"`

	// Identity is for logins that brought none of their own.
	Identity web.Identity `yaml:"identity"`

	// E2EE is where encrypted chats are.
	E2EE e2ee.Config `yaml:"e2ee"`

	AsbdID           string `yaml:"asbd_id"`
	GatewayVersion   string `yaml:"gateway_version"`
	GatewayAuthType  string `yaml:"gateway_auth_type"`
	LightspeedDocID  string `yaml:"lightspeed_doc_id"` // used if the page doesn't say
	CATDocID         string `yaml:"cat_doc_id"`
	CometReq         string `yaml:"comet_req"`          // used if the page doesn't say
	DefaultSyncParam string `yaml:"default_sync_param"` // likewise

	// RequestInterval, SendInterval and ThreadPageInterval are the least times between two requests, two actions of the
	// user, and two pages of the list of threads.
	RequestInterval    time.Duration `yaml:"request_interval"`
	SendInterval       time.Duration `yaml:"send_interval"`
	ThreadPageInterval time.Duration `yaml:"thread_page_interval"`
	// RetryWait is the wait after the first failed request, RetryCount how often one is repeated.
	RetryWait  time.Duration `yaml:"retry_wait"`
	RetryCount int           `yaml:"retry_count"`

	// PageAge is when a page is loaded anew, ReloadInterval the least time between reloads for a reason.
	PageAge        time.Duration `yaml:"page_age"`
	ReloadInterval time.Duration `yaml:"reload_interval"`
	// ResyncInterval is how often the mailbox is asked for what pushes may have missed, ResyncPause the least time between
	// two times because of doubts.
	ResyncInterval time.Duration `yaml:"resync_interval"`
	ResyncPause    time.Duration `yaml:"resync_pause"`
	// CursorAge is how old a stored cursor may be.
	CursorAge time.Duration `yaml:"cursor_age"`

	PingInterval     time.Duration `yaml:"ping_interval"`
	DeadAfter        time.Duration `yaml:"dead_after"`
	SyncTimeout      time.Duration `yaml:"sync_timeout"`
	ResponseTimeout  time.Duration `yaml:"response_timeout"`
	EstablishTimeout time.Duration `yaml:"establish_timeout"`
	AckTimeout       time.Duration `yaml:"ack_timeout"`
	// ConnectWait is how long an action waits for a connection, SendAttempts how often a message is tried.
	ConnectWait  time.Duration `yaml:"connect_wait"`
	SendAttempts int           `yaml:"send_attempts"`
	// EditWait is how long an edit that the server seems to revert may still be confirmed.
	EditWait time.Duration `yaml:"edit_wait"`
	// HistoryRetry is when a page of history is asked for again, HistoryTimeout when it is given up.
	HistoryRetry   time.Duration `yaml:"history_retry"`
	HistoryTimeout time.Duration `yaml:"history_timeout"`
}

// Default is the web client of August 2026.
func Default() Config {
	return Config{
		Site:             "https://www.facebook.com",
		Hosts:            []string{"facebook.com"},
		Gateway:          "wss://gateway.facebook.com/ws/lightspeed",
		ScriptHosts:      []string{"fbcdn.net", "facebook.com"},
		MediaHosts:       []string{"fbcdn.net", "fbsbx.com"},
		ChunkHosts:       []string{"video.xx.fbcdn.net"},
		Identity:         web.DefaultIdentity(),
		E2EE:             e2ee.Default(),
		AsbdID:           "359341",
		GatewayVersion:   "5",
		GatewayAuthType:  "1:0",
		LightspeedDocID:  "9697184873702141",
		CATDocID:         "29559957360285299",
		CometReq:         "15",
		DefaultSyncParam: `{"locale":"en_US"}`,

		RequestInterval:    200 * time.Millisecond,
		SendInterval:       time.Second,
		ThreadPageInterval: 2 * time.Second,
		RetryWait:          3 * time.Second,
		RetryCount:         5,
		PageAge:            20 * time.Hour,
		ReloadInterval:     time.Hour,
		ResyncInterval:     5 * time.Minute,
		ResyncPause:        time.Minute,
		CursorAge:          24 * time.Hour,
		PingInterval:       10 * time.Second,
		DeadAfter:          30 * time.Second,
		SyncTimeout:        30 * time.Second,
		ResponseTimeout:    20 * time.Second,
		EstablishTimeout:   5 * time.Second,
		AckTimeout:         5 * time.Second,
		ConnectWait:        15 * time.Second,
		SendAttempts:       6,
		EditWait:           5 * time.Second,
		HistoryRetry:       5 * time.Second,
		HistoryTimeout:     30 * time.Second,
	}
}

// Validate refuses what can't work, with the key and what is wrong.
func (c *Config) Validate() error {
	places := web.Places{Site: c.Site, Gateway: c.Gateway, Hosts: c.Hosts, MediaHosts: c.MediaHosts}
	if err := places.Check(); err != nil {
		return err
	}
	return web.CheckTimes(map[string]time.Duration{
		"page_age": c.PageAge, "resync_interval": c.ResyncInterval, "cursor_age": c.CursorAge,
		"sync_timeout": c.SyncTimeout, "connect_wait": c.ConnectWait, "edit_wait": c.EditWait,
		"history_retry": c.HistoryRetry, "history_timeout": c.HistoryTimeout,
	})
}

// needed are the cookies without which there is no session.
var needed = []string{"c_user", "xs", "datr"}

// sessionCookie is the one whose deletion ends the session.
const sessionCookie = "xs"

// ParseCredentials reads what a user pasted to log in: see web.ParseCredentials for the forms and errors.
func (c *Config) ParseCredentials(input string) (*web.Credentials, error) {
	return web.ParseCredentials(input, c.Hosts, needed)
}

// redirects says what the site means by sending the browser somewhere, in the order of precedence.
var redirects = []web.Rule{
	{Path: "/challenge/*", Kind: web.Challenge},
	{Path: "/accounts/suspended/", Kind: web.Suspended},
	{Path: "/consent/", Kind: web.Consent},
	{Path: "/privacy/consent/*", Kind: web.Consent},
	{Path: "/checkpoint/*", Kind: web.Checkpoint},
	{Path: "/login*", Kind: web.LoggedOut},
	{Path: "/auth_platform/*", Kind: web.Challenge},
}
