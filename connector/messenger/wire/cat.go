package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"crosschat/connector/messenger/wire/page"
)

// catState is the token for the encrypted socket, and how often it was renewed for no reason.
type catState struct {
	token    string
	expires  time.Time
	needless int
}

// fromPage takes the token that a page brought.
func (s *catState) fromPage(info *page.Info) {
	if info.CAT != "" {
		*s = catState{token: info.CAT, expires: time.Unix(info.CATExpires, 0)}
	}
}

// catFresh is how much life a token has left when renewing it can't help.
const catFresh = 23 * time.Hour

// ErrCATRefused means that the server takes none of the fresh tokens that it gives.
var ErrCATRefused = errors.New("encrypted socket refuses fresh tokens")

// ErrNoCAT means that the page brought no token: the account can't chat encrypted.
var ErrNoCAT = errors.New("page has no token for the encrypted socket")

// CAT answers the token for the encrypted socket that the last page load or renewal brought. It needs a page: see Load.
func (c *Client) CAT() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cat.token == "" {
		return "", ErrNoCAT
	}
	return c.cat.token, nil
}

// RefreshCAT gets a new token, for when the socket does not take the old one. While that is fresh the first and third call
// do nothing, the second renews, and from the fourth on it is ErrCATRefused: a server that refuses what it gives must not
// be asked for ever.
func (c *Client) RefreshCAT(ctx context.Context) error {
	c.mu.Lock()
	s, skip := c.site, false
	if time.Until(c.cat.expires) > catFresh {
		c.cat.needless++
		skip = c.cat.needless == 1 || c.cat.needless == 3
	}
	refused := c.cat.needless > 3
	c.mu.Unlock()
	switch {
	case refused:
		return ErrCATRefused
	case skip:
		return nil
	case s == nil:
		return ErrNoCAT
	}
	token, expires, err := s.fetchCAT(ctx)
	if err != nil {
		return c.judge(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cat.token, c.cat.expires = token, expires
	return nil
}

// CATAccepted forgets how often the token was renewed for no reason, once the socket has taken it.
func (c *Client) CATAccepted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cat.needless = 0
}

func (s *site) fetchCAT(ctx context.Context) (token string, expires time.Time, err error) {
	data, err := s.graphQL(ctx, "MAWCatQuery", s.cfg.CATDocID, struct{}{}, map[string]string{"__jssesw": "1"})
	if err != nil {
		return "", time.Time{}, err
	}
	var answer struct {
		Query struct {
			Token   string `json:"encrypted_serialized_cat"`
			Expires int64  `json:"expiration_time_in_seconds"`
		} `json:"secure_message_over_wa_cat_query"`
	}
	if err = json.Unmarshal(data, &answer); err != nil {
		return "", time.Time{}, fmt.Errorf("read token for the encrypted socket: %w", err)
	}
	if answer.Query.Token == "" {
		return "", time.Time{}, fmt.Errorf("read token for the encrypted socket: %w", ErrNoAnswer)
	}
	return answer.Query.Token, time.Unix(answer.Query.Expires, 0), nil
}
