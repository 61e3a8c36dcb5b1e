package wire

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crosschat/connector/metaweb/web"
)

// Config is everything that may change on the network's side or that a simulated network needs otherwise. Default has the
// values of the web client of August 2026; where a value comes from is said in section 20 of the protocol's description.
type Config struct {
	// Site is where pages, calls and uploads are; Hosts are the network's own hosts, which alone see cookies.
	Site  string   `yaml:"site"`
	Hosts []string `yaml:"hosts"`
	// Gateway is where the sockets are, without their last part.
	Gateway string `yaml:"gateway"`
	// ScriptHosts serve the page's scripts, MediaHosts its media; of those, ChunkHosts want large files in parts.
	ScriptHosts []string `yaml:"script_hosts"`
	MediaHosts  []string `yaml:"media_hosts"`
	ChunkHosts  []string `yaml:"chunk_hosts"`
	// Identity is for logins that brought none of their own.
	Identity web.Identity `yaml:"identity"`

	// Documents are ids of persisted operations that overrule those built in and those found in the site's scripts. The names
	// are those of DocumentNames.
	Documents map[string]string `yaml:"documents"`
	// Variables are more variables for operations, or other values, by the operation's name: what a newer document may want.
	Variables map[string]map[string]any `yaml:"variables"`
	// FindDocuments looks for ids in the site's scripts when the server does not know one any more.
	FindDocuments bool `yaml:"find_documents"`

	AppID           string `yaml:"app_id"` // used if the page doesn't say
	AsbdID          string `yaml:"asbd_id"`
	CometReq        string `yaml:"comet_req"` // used if the page doesn't say
	NavigationPath  string `yaml:"navigation_path"`
	GatewayVersion  string `yaml:"gateway_version"`
	GatewayAuthType string `yaml:"gateway_auth_type"`
	SyncDatabase    int64  `yaml:"sync_database"`
	SyncVersion     int64  `yaml:"sync_version"`
	// FirstTextByFBID addresses the first text to somebody by messaging id instead of account number (sources disagree).
	FirstTextByFBID bool `yaml:"first_text_by_fbid"`
	// MediaByLongID sends media with a thread's long id instead of the short one (sources disagree).
	MediaByLongID bool `yaml:"media_by_long_id"`

	// Typing opens the two extra sockets for typing notices.
	Typing bool `yaml:"typing"`

	// RequestInterval, SendInterval and PageInterval are the least times between two requests, two actions of the user, and
	// two pages of a list or of history.
	RequestInterval time.Duration `yaml:"request_interval"`
	SendInterval    time.Duration `yaml:"send_interval"`
	PageInterval    time.Duration `yaml:"page_interval"`
	// NewChatsPerDay is how many chats may be begun in 24 hours; 0 is as many as one likes. The network minds more than what
	// people do.
	NewChatsPerDay int `yaml:"new_chats_per_day"`
	// RetryWait is the wait after the first failed request, RetryCount how often one that changes nothing is repeated.
	RetryWait  time.Duration `yaml:"retry_wait"`
	RetryCount int           `yaml:"retry_count"`
	// RateLimitPause and BlockPause are how long to leave the site alone after it said so.
	RateLimitPause time.Duration `yaml:"rate_limit_pause"`
	BlockPause     time.Duration `yaml:"block_pause"`

	// PageAge is when a page is loaded anew, ReloadInterval the least time between reloads because of stale tokens.
	PageAge        time.Duration `yaml:"page_age"`
	ReloadInterval time.Duration `yaml:"reload_interval"`
	// RequestsInterval is how often message requests are looked for, which nothing else tells. 0 is never.
	RequestsInterval time.Duration `yaml:"requests_interval"`
	// WatchInterval is how often the server is asked for its newest event's number, to notice a socket that tells nothing.
	// 0 is never.
	WatchInterval time.Duration `yaml:"watch_interval"`
	// ResnapshotPause is the least time between two resnapshots without a growing pause.
	ResnapshotPause time.Duration `yaml:"resnapshot_pause"`

	PingInterval     time.Duration `yaml:"ping_interval"`
	DeadAfter        time.Duration `yaml:"dead_after"`
	EstablishTimeout time.Duration `yaml:"establish_timeout"`
	AckTimeout       time.Duration `yaml:"ack_timeout"`
	SyncTimeout      time.Duration `yaml:"sync_timeout"`
	// TypingRetry is the pause after a socket for typing has failed, at first; it doubles up to an hour.
	TypingRetry time.Duration `yaml:"typing_retry"`
	// EchoWait is how long a message whose answer was lost may still come back by itself.
	EchoWait time.Duration `yaml:"echo_wait"`
}

// Default is the web client of August 2026.
func Default() Config {
	return Config{
		Site:          "https://www.instagram.com",
		Hosts:         []string{"instagram.com"},
		Gateway:       "wss://gateway.instagram.com/ws/",
		ScriptHosts:   []string{"static.cdninstagram.com"},
		MediaHosts:    []string{"cdninstagram.com", "fbcdn.net"},
		ChunkHosts:    []string{"video.xx.fbcdn.net"},
		Identity:      web.DefaultIdentity(),
		FindDocuments: true,

		AppID:           "936619743392459",
		AsbdID:          "359341",
		CometReq:        "7",
		NavigationPath:  "/ajax/navigation/",
		GatewayVersion:  "5",
		GatewayAuthType: "6:0",
		SyncDatabase:    223,
		SyncVersion:     -3,
		Typing:          true,

		RequestInterval:  200 * time.Millisecond,
		SendInterval:     time.Second,
		PageInterval:     2 * time.Second,
		NewChatsPerDay:   20,
		RetryWait:        3 * time.Second,
		RetryCount:       5,
		RateLimitPause:   2 * time.Minute,
		BlockPause:       6 * time.Hour,
		PageAge:          24 * time.Hour,
		ReloadInterval:   15 * time.Minute,
		RequestsInterval: 20 * time.Minute,
		WatchInterval:    3 * time.Minute,
		ResnapshotPause:  10 * time.Minute,
		PingInterval:     10 * time.Second,
		DeadAfter:        30 * time.Second,
		EstablishTimeout: 5 * time.Second,
		AckTimeout:       5 * time.Second,
		SyncTimeout:      30 * time.Second,
		TypingRetry:      30 * time.Second,
		EchoWait:         3 * time.Second,
	}
}

// Validate refuses what can't work, with the key and what is wrong.
func (c *Config) Validate() error {
	places := web.Places{Site: c.Site, Gateway: c.Gateway, Hosts: c.Hosts, MediaHosts: c.MediaHosts}
	if err := places.Check(); err != nil {
		return err
	}
	if err := web.CheckTimes(map[string]time.Duration{
		"page_age": c.PageAge, "sync_timeout": c.SyncTimeout, "rate_limit_pause": c.RateLimitPause,
		"block_pause": c.BlockPause, "typing_retry": c.TypingRetry,
	}); err != nil {
		return err
	}
	for name := range c.Variables {
		if !slices.Contains(DocumentNames(), name) {
			return fmt.Errorf("variables has %q: it must be one of %s", name, strings.Join(DocumentNames(), ", "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Documents)) {
		if !slices.Contains(DocumentNames(), name) {
			return fmt.Errorf("documents has %q: it must be one of %s", name, strings.Join(DocumentNames(), ", "))
		}
		if id := c.Documents[name]; !digits(id) {
			return fmt.Errorf("documents.%s is %q: it must be a number", name, id)
		}
	}
	return nil
}

// Names of cookies.
const (
	cookieSession = "sessionid" // whose deletion ends the session
	cookieAccount = "ds_user_id"
	cookieCSRF    = "csrftoken"
	cookieMachine = "mid"
	cookieDevice  = "ig_did"
)

// needed are the cookies without which there is no session.
var needed = []string{cookieSession, cookieCSRF, cookieAccount, cookieMachine, cookieDevice}

// ParseCredentials reads what a user pasted to log in: see web.ParseCredentials for the forms and errors.
func (c *Config) ParseCredentials(input string) (*web.Credentials, error) {
	return web.ParseCredentials(input, c.Hosts, needed)
}

// redirects says what the site means by sending the browser somewhere, in the order of precedence.
var redirects = []web.Rule{
	{Path: "/challenge/*", Kind: web.Challenge},
	{Path: "/checkpoint/*", Kind: web.Checkpoint},
	{Path: "/consent/", Kind: web.Consent},
	{Path: "/privacy/consent/*", Kind: web.Consent},
	{Path: "/accounts/suspended/", Kind: web.Suspended},
	{Path: "/accounts/login*", Kind: web.LoggedOut},
	{Path: "/login.php", Kind: web.LoggedOut},
}
