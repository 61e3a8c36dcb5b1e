package messenger

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/remoteid"
)

// shortestNumber is how many digits an account's number has at least when it stands alone: any fewer may mean anything.
const shortestNumber = 5

// usernames are 5 letters, digits or periods at least (Facebook's help: "custom usernames"); pages have had shorter ones.
var usernameForm = regexp.MustCompile(`^[A-Za-z0-9.]{3,50}$`)

// personOf finds whom an identifier means: an id of ours, an account's number, a username, or a link to a profile. The
// error says what a user can do; it wraps ErrResolveIdentifierTryNext, since other networks' identifiers end here too.
func (c *Client) personOf(ctx context.Context, identifier string) (int64, error) {
	if person, err := parseID(networkid.UserID(identifier)); err == nil {
		return person, nil
	}
	name := profileName(strings.TrimSpace(identifier))
	person, isNumber := remoteid.Number(name)
	if isNumber && len(name) >= shortestNumber {
		return person, nil
	}
	if isNumber || !usernameForm.MatchString(name) {
		return 0, unknownPerson(identifier)
	}
	if person, ok := c.known.named(name); ok {
		return person, nil
	}
	return c.searchUsername(ctx, identifier, name)
}

// profileName takes username or number out of a link to a profile, and leaves everything else alone.
func profileName(identifier string) string {
	if !strings.Contains(identifier, "://") {
		return strings.TrimPrefix(identifier, "@")
	}
	u, err := url.Parse(identifier)
	if err != nil {
		return identifier
	}
	host := strings.ToLower(u.Hostname())
	if host != "m.me" && host != "facebook.com" && !strings.HasSuffix(host, ".facebook.com") {
		return identifier
	}
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch {
	case u.Path == "/profile.php":
		return u.Query().Get("id")
	case len(path) == 1:
		return path[0]
	case path[0] == "messages" || path[0] == "t":
		return path[len(path)-1]
	}
	return identifier
}

// searchUsername asks the server who has a username. Its results don't name usernames, so each person that it finds is
// looked at, and only an exact match counts.
func (c *Client) searchUsername(ctx context.Context, identifier, name string) (int64, error) {
	if err := c.online.Wait(ctx); err != nil {
		return 0, errors.New("can't reach Messenger; try again later")
	}
	results, err := c.wire.Search(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("search people: %w", err)
	}
	const looked = 5 // many such requests look like a robot's
	for _, result := range results[:min(len(results), looked)] {
		person, ok := remoteid.Number(result.ID)
		if !ok || result.ThreadType != 0 && !result.ThreadType.OneToOne() {
			continue
		}
		known, ok := c.known.contact(person)
		if !ok || known.Username == "" {
			if known, err = c.ask(ctx, person); err != nil {
				return 0, err
			}
		}
		if strings.EqualFold(known.Username, name) {
			return person, nil
		}
	}
	return 0, unknownPerson(identifier)
}

// errUnknownPerson is an identifier that is nobody's here.
var errUnknownPerson = fmt.Errorf("nobody on Messenger is called that; give a username, a link to a profile or an account's number, or look for a name with `search`: %w",
	bridgev2.ErrResolveIdentifierTryNext)

func unknownPerson(identifier string) error {
	return fmt.Errorf("%.100q: %w", identifier, errUnknownPerson)
}
