package setup

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
)

// placeholder is what mxmain's example has in the place of the tokens.
const placeholder = "This value is generated when generating the registration"

// rule checks one value of a config. It returns what is wrong with it, or "", and what to do.
type rule struct {
	key   string
	value func(*bridgeconfig.Config) string
	check func(*bridgeconfig.Config) (what, remedy string)
}

// rules are the values that can be of the right type and wrong all the same. They are checked on the
// config as the bridge will see it, so that values from the environment count.
var rules = slices.Concat(homeserverRules, appserviceRules, databaseRules, bridgeRules, encryptionRules)

var homeserverRules = []rule{
	{"homeserver.address", func(c *bridgeconfig.Config) string { return c.Homeserver.Address }, func(c *bridgeconfig.Config) (string, string) {
		if c.Homeserver.Address == "http://example.localhost:8008" {
			return "still the example's", "write the homeserver's client API address, for example http://localhost:8008"
		}
		return checkURL(c.Homeserver.Address)
	}},
	{"homeserver.domain", func(c *bridgeconfig.Config) string { return c.Homeserver.Domain }, func(c *bridgeconfig.Config) (string, string) {
		if c.Homeserver.Domain == "example.com" {
			return "still the example's", "write the part after the colon in your users' Matrix ids"
		}
		return checkDomain(c.Homeserver.Domain)
	}},
	{"homeserver.software", func(c *bridgeconfig.Config) string { return string(c.Homeserver.Software) }, func(c *bridgeconfig.Config) (string, string) {
		return oneOf(string(c.Homeserver.Software), slices.Sorted(maps.Keys(bridgeconfig.AllowedHomeserverSoftware)),
			"write standard for Synapse, Dendrite and most others")
	}},
}

var localpart = regexp.MustCompile(`^[a-z0-9._=/+-]+$`)

var appserviceRules = []rule{
	{"appservice.address", func(c *bridgeconfig.Config) string { return c.AppService.Address }, func(c *bridgeconfig.Config) (string, string) {
		if c.Homeserver.Websocket {
			return "", ""
		}
		return checkURL(c.AppService.Address)
	}},
	{"appservice.hostname", func(c *bridgeconfig.Config) string { return c.AppService.Hostname }, func(c *bridgeconfig.Config) (string, string) {
		if c.AppService.Hostname == "" || strings.Contains(c.AppService.Hostname, "://") {
			return "want an address to listen on", "write 127.0.0.1, or 0.0.0.0 in a container"
		}
		return "", ""
	}},
	{"appservice.port", func(c *bridgeconfig.Config) string { return strconv.Itoa(int(c.AppService.Port)) }, func(c *bridgeconfig.Config) (string, string) {
		if c.AppService.Port == 0 && !strings.HasPrefix(c.AppService.Hostname, "/") && !c.Homeserver.Websocket {
			return "want a port from 1 to 65535", "write 29380"
		}
		return "", ""
	}},
	{"appservice.id", func(c *bridgeconfig.Config) string { return c.AppService.ID }, func(c *bridgeconfig.Config) (string, string) {
		if c.AppService.ID == "" || c.AppService.ID == doublePuppetID {
			return "want a name of its own for the appservice", "write crosschat"
		}
		return "", ""
	}},
	{"appservice.bot.username", func(c *bridgeconfig.Config) string { return c.AppService.Bot.Username }, func(c *bridgeconfig.Config) (string, string) {
		if !localpart.MatchString(c.AppService.Bot.Username) {
			return "want the part of a Matrix id between @ and the colon", "write crosschat"
		}
		return "", ""
	}},
	{"appservice.username_template", func(c *bridgeconfig.Config) string { return c.AppService.UsernameTemplate }, checkTemplate},
	{"appservice.as_token", func(c *bridgeconfig.Config) string { return c.AppService.ASToken }, func(c *bridgeconfig.Config) (string, string) {
		return checkToken(c.AppService.ASToken)
	}},
	{"appservice.hs_token", func(c *bridgeconfig.Config) string { return c.AppService.HSToken }, func(c *bridgeconfig.Config) (string, string) {
		if c.AppService.HSToken == c.AppService.ASToken && c.AppService.HSToken != placeholder {
			return "the same as as_token", "generate both anew: `crosschat -g`"
		}
		return checkToken(c.AppService.HSToken)
	}},
}

var databaseRules = []rule{
	{"database.type", func(c *bridgeconfig.Config) string { return c.Database.Type }, func(c *bridgeconfig.Config) (string, string) {
		return oneOf(c.Database.Type, []string{"sqlite3-fk-wal", "postgres"}, "")
	}},
	{"database.uri", nil, func(c *bridgeconfig.Config) (string, string) {
		if c.Database.URI == "" || c.Database.URI == "postgres://user:password@host/database?sslmode=disable" {
			return "not set", "write file:/path/crosschat.db?_txlock=immediate (sqlite3-fk-wal) or postgres://user:password@host/database"
		}
		isPostgres := isPostgresURI(c.Database.URI)
		if _, err := url.Parse(c.Database.URI); isPostgres && err != nil {
			// The error would show parts of the password.
			return "not an address", "in the password write % as %25, @ as %40, : as %3a, / as %2f, # as %23"
		}
		if isPostgres && c.Database.Type != "postgres" {
			return "a PostgreSQL address, but database.type is " + c.Database.Type, "write type: postgres"
		}
		return "", ""
	}},
	{"database.max_open_conns", func(c *bridgeconfig.Config) string { return strconv.Itoa(c.Database.MaxOpenConns) }, func(c *bridgeconfig.Config) (string, string) {
		if c.Database.MaxOpenConns < 1 {
			return "want at least one connection", "write 5"
		}
		return "", ""
	}},
}

var bridgeRules = []rule{
	{"bridge.permissions", nil, func(c *bridgeconfig.Config) (string, string) {
		if !c.Bridge.Permissions.IsConfigured() {
			return "nobody may use the bridge", "add your server's name with user, or your Matrix id with admin"
		}
		return "", ""
	}},
	{"bridge.command_prefix", func(c *bridgeconfig.Config) string { return c.Bridge.CommandPrefix }, func(c *bridgeconfig.Config) (string, string) {
		if strings.TrimSpace(c.Bridge.CommandPrefix) == "" {
			return "want a word that commands start with", `write "!cc"`
		}
		return "", ""
	}},
	{"bridge.async_events", func(c *bridgeconfig.Config) string { return strconv.FormatBool(c.Bridge.AsyncEvents) }, func(c *bridgeconfig.Config) (string, string) {
		if c.Bridge.AsyncEvents {
			return "messages would come out of order and be acknowledged before they are stored", "write false"
		}
		return "", ""
	}},
	{"bridge.bridge_status_notices", func(c *bridgeconfig.Config) string { return c.Bridge.BridgeStatusNotices }, func(c *bridgeconfig.Config) (string, string) {
		return oneOf(c.Bridge.BridgeStatusNotices, []string{"none", "errors", "all", ""}, "")
	}},
	{"bridge.portal_create_filter.mode", func(c *bridgeconfig.Config) string { return string(c.Bridge.PortalCreateFilter.Mode) }, func(c *bridgeconfig.Config) (string, string) {
		return oneOf(string(c.Bridge.PortalCreateFilter.Mode), []string{"deny", "allow"}, "")
	}},
	{"bridge.cleanup_on_logout", nil, checkCleanup},
	{"direct_media.enabled", func(c *bridgeconfig.Config) string { return strconv.FormatBool(c.DirectMedia.Enabled) }, func(c *bridgeconfig.Config) (string, string) {
		if c.DirectMedia.Enabled {
			return "Crosschat has no direct media", "write false"
		}
		return "", ""
	}},
	{"provisioning.shared_secret", nil, func(c *bridgeconfig.Config) (string, string) {
		if secret := c.Provisioning.SharedSecret; secret != "disable" && len(secret) < 16 {
			return "shorter than 16 characters", "write generate, or disable for no provisioning API"
		}
		return "", ""
	}},
	{"public_media.enabled", func(c *bridgeconfig.Config) string { return strconv.FormatBool(c.PublicMedia.Enabled) }, func(c *bridgeconfig.Config) (string, string) {
		if address := c.AppService.PublicAddress; c.PublicMedia.Enabled && (address == "" || address == "https://bridge.example.com") {
			return "needs an address that the world can reach", "set appservice.public_address, or write false"
		}
		return "", ""
	}},
}

var encryptionRules = []rule{
	{"encryption.default", func(c *bridgeconfig.Config) string { return strconv.FormatBool(c.Encryption.Default) }, func(c *bridgeconfig.Config) (string, string) {
		if c.Encryption.Default && !c.Encryption.Allow {
			return "but encryption.allow is false", "set both the same"
		}
		return "", ""
	}},
	{"encryption.require", func(c *bridgeconfig.Config) string { return strconv.FormatBool(c.Encryption.Require) }, func(c *bridgeconfig.Config) (string, string) {
		if c.Encryption.Require && !c.Encryption.Default {
			return "but rooms aren't encrypted by default, so nothing would be bridged in them", "set encryption.default to true, or require to false"
		}
		return "", ""
	}},
	{"appservice.ephemeral_events", func(c *bridgeconfig.Config) string { return strconv.FormatBool(c.AppService.EphemeralEvents) }, func(c *bridgeconfig.Config) (string, string) {
		if c.Encryption.Allow && c.Encryption.Appservice && !c.AppService.EphemeralEvents {
			return "but encryption.appservice is true, and keys come with the ephemeral events", "write true"
		}
		return "", ""
	}},
}

// checkValues applies all rules.
func checkValues(cfg *bridgeconfig.Config) (problems []Problem) {
	for _, r := range rules {
		what, remedy := r.check(cfg)
		if what == "" {
			continue
		}
		problem := Problem{Key: r.key, What: what, Remedy: remedy}
		if r.value == nil || secretKey.MatchString(r.key) {
			problem.Value = ""
		} else {
			problem.Value = strconv.Quote(r.value(cfg))
		}
		problems = append(problems, problem)
	}
	return problems
}

func checkURL(address string) (string, string) {
	const remedy = "write it like http://localhost:8008, without a path"
	parsed, err := url.Parse(address)
	switch {
	case err != nil:
		return "not an address", remedy
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return "want http:// or https:// in front", remedy
	case parsed.Hostname() == "":
		return "no host in it", remedy
	case parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil:
		return "too much in it", remedy
	default:
		return "", ""
	}
}

var serverName = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

func checkDomain(domain string) (string, string) {
	if !serverName.MatchString(domain) {
		return "not a server name", "write the part after the colon in your users' Matrix ids, for example example.com"
	}
	return "", ""
}

func checkToken(token string) (string, string) {
	if token == placeholder || token == "" {
		return "not set", "generate the tokens and the registration: `crosschat -g`, or `crosschat init` for all files"
	}
	return "", ""
}

func checkTemplate(cfg *bridgeconfig.Config) (string, string) {
	const remedy = "write crosschat_{{.}}"
	parsed, err := template.New("username").Parse(cfg.AppService.UsernameTemplate)
	if err != nil {
		return "not a template", remedy
	}
	var out strings.Builder
	if err = parsed.Execute(&out, sampleGhost); err != nil || !strings.Contains(out.String(), sampleGhost) {
		return "the id of the person must be in it as {{.}}", remedy
	} else if !localpart.MatchString(out.String()) {
		return "Matrix ids can't hold all of its characters", remedy
	} else if out.String() == sampleGhost {
		return "every user of the homeserver would be taken for a ghost", remedy
	}
	return "", ""
}

func checkCleanup(cfg *bridgeconfig.Config) (string, string) {
	allowed := []string{"nothing", "kick", "unbridge", "delete", ""}
	for _, set := range []bridgeconfig.CleanupOnLogout{cfg.Bridge.CleanupOnLogout.Manual, cfg.Bridge.CleanupOnLogout.BadCredentials} {
		for _, action := range []bridgeconfig.CleanupAction{set.Private, set.Relayed, set.SharedNoUsers, set.SharedHasUsers} {
			if !slices.Contains(allowed, string(action)) {
				return fmt.Sprintf("unknown action %q", action), "write nothing, kick, unbridge or delete"
			}
		}
	}
	return "", ""
}

// oneOf checks a value against the few that there are. "" among them is allowed but not offered.
func oneOf[T ~string](value string, allowed []T, remedy string) (string, string) {
	var offered []string
	for _, one := range allowed {
		if string(one) == value {
			return "", ""
		} else if one != "" {
			offered = append(offered, string(one))
		}
	}
	what := "want one of " + strings.Join(offered, ", ")
	if remedy == "" {
		remedy = "write " + offered[0]
	}
	return what, remedy
}

// lineOf returns the line of the longest part of a dotted path that the file has, or 0.
func lineOf(top *yaml.Node, path string) int {
	line, node := 0, top
	for key := range strings.SplitSeq(path, ".") {
		if node = lookup(node, key); node == nil {
			break
		}
		line = node.Line
	}
	return line
}
