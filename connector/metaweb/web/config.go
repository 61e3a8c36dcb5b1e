package web

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"
)

// Places are where a network is, by the keys of its config.
type Places struct {
	Site, Gateway     string
	Hosts, MediaHosts []string
}

// Check refuses places that can't be, with the key and what is wrong.
func (p Places) Check() error {
	if err := checkAddress(p.Site, "http", "https"); err != nil {
		return fmt.Errorf("site is %q: %w", p.Site, err)
	}
	if err := checkAddress(p.Gateway, "ws", "wss"); err != nil {
		return fmt.Errorf("gateway is %q: %w", p.Gateway, err)
	}
	if len(p.Hosts) == 0 || len(p.MediaHosts) == 0 {
		return errors.New("hosts and media_hosts must not be empty")
	}
	return nil
}

func checkAddress(text string, schemes ...string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return errors.New("not an address")
	}
	if !slices.Contains(schemes, u.Scheme) {
		return fmt.Errorf("it must begin with one of %v", schemes)
	}
	return nil
}

// CheckTimes refuses times of a config that are not more than 0, by their keys.
func CheckTimes(times map[string]time.Duration) error {
	for _, key := range slices.Sorted(maps.Keys(times)) {
		if times[key] <= 0 {
			return fmt.Errorf("%s is %v: it must be more than 0", key, times[key])
		}
	}
	return nil
}
