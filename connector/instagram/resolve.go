package instagram

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/ledger"
)

// errAway is told to a user who asks for somebody while Instagram can't be asked.
var errAway = errors.New("can't reach Instagram; try again later")

// ResolveIdentifier implements bridgev2.IdentifierResolvingNetworkAPI for our own user ids, for user names with an @ in
// front, and for addresses of profiles.
func (c *Client) ResolveIdentifier(ctx context.Context, identifier string, createChat bool) (*bridgev2.ResolveIdentifierResponse, error) {
	id, err := parseID(networkid.UserID(identifier))
	username, named := usernameOf(identifier)
	if err != nil && !named {
		return nil, fmt.Errorf("%q is no id and no @username of Instagram: %w", identifier, bridgev2.ErrResolveIdentifierTryNext)
	}
	if !c.IsLoggedIn() {
		return nil, bridgev2.ErrNotLoggedIn
	}
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	if named {
		if id, err = c.findUsername(ctx, username); err != nil {
			return nil, err
		}
	}
	known, ok := c.known.person(id)
	if !ok {
		if err = c.online.Wait(ctx); err != nil {
			return nil, errAway
		}
		if known, err = c.ask(ctx, id); err != nil {
			return nil, err
		} else if known.name() == "" {
			return nil, fmt.Errorf("nobody on Instagram has the id %d", id)
		}
	}
	if createChat {
		if err = c.findThread(ctx, id, known); err != nil {
			return nil, err
		}
	}
	return c.resolved(ctx, id, known)
}

// longestUsername is what Instagram allows.
const longestUsername = 30

// usernameOf reads "@name", "instagram:name" and "https://www.instagram.com/name/".
func usernameOf(identifier string) (string, bool) {
	identifier = strings.TrimSpace(identifier)
	name, found := strings.CutPrefix(identifier, "@")
	if !found {
		name, found = strings.CutPrefix(identifier, "instagram:")
	}
	if u, err := url.Parse(identifier); !found && err == nil && u.Scheme == "https" {
		if host := u.Hostname(); host == "instagram.com" || host == "www.instagram.com" {
			name, found = strings.Trim(u.Path, "/"), true
		}
	}
	if !found || name == "" || len(name) > longestUsername {
		return "", false
	}
	for _, char := range name {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._", char) {
			return "", false
		}
	}
	return name, true
}

// findUsername asks whose user name it is.
func (c *Client) findUsername(ctx context.Context, username string) (wire.IGID, error) {
	if err := c.online.Wait(ctx); err != nil {
		return 0, errAway
	}
	users, err := c.wire.Search(ctx, username)
	if err != nil {
		return 0, fmt.Errorf("search for @%s: %w", username, err)
	}
	for _, user := range users {
		if strings.EqualFold(user.Username, username) && user.IGID != 0 {
			_, _, err = c.known.learn(ctx, func(change *change) { change.learnUser(user) })
			return user.IGID, err
		}
	}
	return 0, fmt.Errorf("nobody on Instagram is called @%s", username)
}

// findThread makes the chat with somebody known, if there is one on Instagram. It begins with its first text.
func (c *Client) findThread(ctx context.Context, id wire.IGID, known person) error {
	if _, ok := c.known.threadWith(id); ok || known.FBID == 0 {
		return nil
	}
	if err := c.online.Wait(ctx); err != nil {
		return errAway
	}
	ids, err := c.wire.Resolve(ctx, known.FBID.ThreadKey())
	if errors.Is(err, wire.ErrNotFound) {
		return nil
	} else if err != nil {
		return fmt.Errorf("ask for the chat with account %d: %w", id, err)
	}
	t, err := c.wire.Thread(ctx, ids.Short)
	if errors.Is(err, wire.ErrNotFound) {
		return nil
	} else if err != nil {
		return fmt.Errorf("fetch the chat with account %d: %w", id, err)
	}
	_, _, err = c.known.learn(ctx, func(change *change) { change.learnThread(t) })
	return err
}

// reachable is somebody to whom the first text of a chat goes; the error is ready for bridgev2.
func (c *Client) reachable(ctx context.Context, id wire.IGID) (person, error) {
	known, ok := c.known.person(id)
	if !ok || known.FBID == 0 {
		var err error
		if known, err = c.ask(ctx, id); err != nil {
			return person{}, sendError(err)
		}
	}
	if known.name() == "" {
		return person{}, ledger.Refuse("this person is not on Instagram any more")
	}
	return known, nil
}

func (c *Client) resolved(ctx context.Context, id wire.IGID, known person) (*bridgev2.ResolveIdentifierResponse, error) {
	userID := makeID[networkid.UserID](id)
	ghost, err := c.network.bridge.GetGhostByID(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("get ghost %q: %w", userID, err)
	}
	return &bridgev2.ResolveIdentifierResponse{
		Ghost: ghost, UserID: userID, UserInfo: c.userInfo(id, known),
		Chat: &bridgev2.CreateChatResponse{PortalKey: c.peerKey(id), PortalInfo: c.chatInfo(id)},
	}, nil
}

// SearchUsers implements bridgev2.UserSearchingNetworkAPI.
func (c *Client) SearchUsers(ctx context.Context, query string) ([]*bridgev2.ResolveIdentifierResponse, error) {
	if !c.IsLoggedIn() {
		return nil, bridgev2.ErrNotLoggedIn
	}
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	if err := c.online.Wait(ctx); err != nil {
		return nil, errAway
	}
	users, err := c.wire.Search(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("search people: %w", err)
	}
	if _, _, err = c.known.learn(ctx, func(change *change) {
		for _, user := range users {
			change.learnUser(user)
		}
	}); err != nil {
		return nil, err
	}
	var found []*bridgev2.ResolveIdentifierResponse
	for _, user := range users {
		if user.IGID == 0 || user.IGID == c.self {
			continue
		}
		known, _ := c.known.person(user.IGID)
		answer, err := c.resolved(ctx, user.IGID, known)
		if err != nil {
			return nil, err
		}
		found = append(found, answer)
	}
	return found, nil
}
