package wire

import (
	"context"
	"fmt"
)

// Search finds people by name or user name. Errors are SendText's.
func (c *Client) Search(ctx context.Context, text string) ([]User, error) {
	data, err := c.call(ctx, call{op: opSearch, root: "xfb_combinedIGSearchQuery", variables: variables{"search_text": text}})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Users []rawUser `json:"search_messenger_contact_v2"`
	}
	if err = unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("read search: %w", err)
	}
	return users(answer.Users), nil
}

// User fetches an account by its messaging id. ErrNotFound if there is none; other errors are SendText's.
func (c *Client) User(ctx context.Context, id FBID) (User, error) {
	u, err := c.user(ctx, call{op: opUserByFBID, root: "xig_user_from_messaging_user_fbid",
		variables: variables{"messaging_user_fbid": id.String()}})
	if err == nil && u.FBID == 0 {
		u.FBID = id
	}
	return u, err
}

// Profile fetches an account by its number. ErrNotFound if there is none; other errors are SendText's.
func (c *Client) Profile(ctx context.Context, id IGID) (User, error) {
	return c.user(ctx, call{op: opProfile, root: "user", variables: variables{
		"id": id.String(), "enable_integrity_filters": true,
		provided("PolarisCannesGuardianExperienceEnabled"): true,
		provided("PolarisCASB976ProfileEnabled"):           false,
		provided("PolarisWebSchoolsEnabled"):               false,
		provided("PolarisRepostsConsumptionEnabled"):       true,
	}})
}

func (c *Client) user(ctx context.Context, q call) (User, error) {
	data, err := c.call(ctx, q)
	if err != nil {
		return User{}, err
	}
	var raw rawUser
	if err = unmarshal(data, &raw); err != nil {
		return User{}, fmt.Errorf("read account: %w", err)
	}
	u := raw.user()
	if u.IGID == 0 {
		return User{}, fmt.Errorf("read account: %w", ErrNotFound)
	}
	return u, nil
}
