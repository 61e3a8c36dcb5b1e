package setup

import (
	"fmt"
	"regexp"

	"go.mau.fi/util/random"
	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/id"
)

// doublePuppetID is the name of the second registration, which lets the bridge act as the people of
// the homeserver themselves: what they write on their phone then appears as theirs.
const doublePuppetID = "crosschat-doublepuppet"

// doublePuppetRegistration has the fields of a registration without an address: the homeserver sends
// it nothing. appservice.Registration can't say `url: null`, and Synapse takes "" as an address.
type doublePuppetRegistration struct {
	ID              string  `yaml:"id"`
	URL             *string `yaml:"url"`
	ASToken         string  `yaml:"as_token"`
	HSToken         string  `yaml:"hs_token"`
	SenderLocalpart string  `yaml:"sender_localpart"`
	RateLimited     bool    `yaml:"rate_limited"`
	Namespaces      struct {
		Users []appservice.Namespace `yaml:"users"`
	} `yaml:"namespaces"`
}

// newDoublePuppet makes the second registration for a server's users. They are not claimed for the
// bridge alone (exclusive), since they are people's own accounts.
func newDoublePuppet(domain string) doublePuppetRegistration {
	registration := doublePuppetRegistration{
		ID:              doublePuppetID,
		ASToken:         random.String(64),
		HSToken:         random.String(64),
		SenderLocalpart: random.String(32),
	}
	registration.Namespaces.Users = []appservice.Namespace{
		{Regex: "^@.*:" + regexp.QuoteMeta(domain) + "$", Exclusive: false},
	}
	return registration
}

// sampleGhost is an id of the kind that the networks give their ghosts.
const sampleGhost = "whatsapp-lid-123456789"

// compareRegistration says what is different between the registration that the homeserver was given
// and the config. An empty list means that they fit. Tokens are compared, never shown.
func compareRegistration(registration *appservice.Registration, cfg *bridgeconfig.Config) []Problem {
	var problems []Problem
	differ := func(field, has, want string) {
		problems = append(problems, Problem{Key: field, Value: has, What: "the config wants " + want})
	}
	if registration.ID != cfg.AppService.ID {
		differ("id", registration.ID, fmt.Sprintf("%q (appservice.id)", cfg.AppService.ID))
	}
	if registration.URL != cfg.AppService.Address && !cfg.Homeserver.Websocket {
		differ("url", registration.URL, fmt.Sprintf("%q (appservice.address)", cfg.AppService.Address))
	}
	if registration.AppToken != cfg.AppService.ASToken {
		differ("as_token", hidden, "another one (appservice.as_token)")
	}
	if registration.ServerToken != cfg.AppService.HSToken {
		differ("hs_token", hidden, "another one (appservice.hs_token)")
	}
	flags := []struct {
		field     string
		has, want bool
		key       string
	}{
		{"receive_ephemeral", registration.EphemeralEvents, cfg.AppService.EphemeralEvents, "appservice.ephemeral_events"},
		{"de.sorunome.msc2409.push_ephemeral", registration.SoruEphemeralEvents, cfg.AppService.EphemeralEvents, "appservice.ephemeral_events"},
		{"org.matrix.msc3202", registration.MSC3202, cfg.Encryption.Appservice, "encryption.appservice"},
		{"io.element.msc4190", registration.MSC4190, cfg.Encryption.MSC4190, "encryption.msc4190"},
	}
	for _, flag := range flags {
		if flag.has != flag.want {
			differ(flag.field, fmt.Sprint(flag.has), fmt.Sprintf("%t (%s)", flag.want, flag.key))
		}
	}
	bot := id.NewUserID(cfg.AppService.Bot.Username, cfg.Homeserver.Domain)
	ghost := id.NewUserID(cfg.AppService.FormatUsername(sampleGhost), cfg.Homeserver.Domain)
	for _, user := range []id.UserID{bot, ghost} {
		if problem := claims(registration, user); problem != "" {
			problems = append(problems, Problem{Key: "namespaces.users", What: problem})
		}
	}
	return problems
}

// claims says why a registration doesn't give us a user id, or "" if it does.
func claims(registration *appservice.Registration, user id.UserID) string {
	problem := fmt.Sprintf("no entry covers %s", user)
	for _, namespace := range registration.Namespaces.UserIDs {
		pattern, err := regexp.Compile(namespace.Regex)
		if err != nil {
			return fmt.Sprintf("%q is no regular expression", namespace.Regex)
		}
		// Homeservers match from the start, without an end unless the pattern has one.
		if at := pattern.FindStringIndex(string(user)); at != nil && at[0] == 0 {
			if namespace.Exclusive {
				return ""
			}
			problem = fmt.Sprintf("the entry for %s is not exclusive: others could take the id", user)
		}
	}
	return problem
}

// loadRegistration reads a registration file. Unlike appservice.LoadRegistration it refuses what is
// no registration at all.
func loadRegistration(data []byte) (*appservice.Registration, error) {
	var registration appservice.Registration
	if err := yaml.Unmarshal(data, &registration); err != nil {
		return nil, fmt.Errorf("read it as a registration: %w", err)
	} else if registration.ID == "" {
		return nil, fmt.Errorf("read it as a registration: it has no id")
	}
	return &registration, nil
}
