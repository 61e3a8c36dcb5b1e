package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"crosschat/connector/metaweb/graphql"
	"crosschat/connector/metaweb/web"
)

// Resolve finds the ids of a thread by its key. ErrNotFound if there is none (a chat that nobody has begun); other errors
// are SendText's.
func (c *Client) Resolve(ctx context.Context, key ThreadKey) (ThreadIDs, error) {
	if err := c.allowed(false); err != nil {
		return ThreadIDs{}, err
	}
	s, err := c.ready(ctx)
	if err == nil {
		var envelope *graphql.Envelope
		envelope, err = c.navigate(ctx, s, key)
		var reload *ReloadError
		if errors.As(err, &reload) {
			if s, err = c.loadAgain(ctx, s, reload.Reason); err == nil {
				envelope, err = c.navigate(ctx, s, key)
			}
		}
		if err == nil {
			return readRoute(envelope.Payload, key)
		}
	}
	return ThreadIDs{}, fmt.Errorf("resolve thread: %w", c.judge(err))
}

func (c *Client) navigate(ctx context.Context, s *site, key ThreadKey) (*graphql.Envelope, error) {
	route := "/direct/t/" + key.String() + "/"
	form := s.form()
	for name, value := range map[string]string{
		"__jssesw": "1", "client_previous_actor_id": s.ViewerID, "route_url": route, "routing_namespace": s.Namespace,
		"__crn": "comet.igweb.PolarisDirectInboxRoute",
	} {
		form.Set(name, value)
	}
	request := web.Request{URL: c.cfg.Site + c.cfg.NavigationPath, Header: c.header(s, route)}
	request.Header.Set("Priority", "u=1, i")
	request.Form(form)
	response, err := c.web.Do(ctx, request)
	var status *web.StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, c.explain(err, false)
	}
	envelope, err := graphql.Read(response.Body)
	if err != nil {
		return nil, &ReloadError{Reason: "answer is not JSON", Err: err}
	}
	if envelope.Failure != nil {
		if stop := envelope.Target(c.web); stop != nil {
			return nil, stop
		}
		return nil, c.classify(envelope.Failure, operation{}, "")
	}
	return envelope, nil
}

// readRoute finds the ids in the definition of a route.
func readRoute(payload json.RawMessage, key ThreadKey) (ThreadIDs, error) {
	var answer struct {
		Payload struct {
			Result struct {
				Exports struct {
					Root struct {
						Props struct {
							Short ShortID `json:"thread_fbid"`
							Long  LongID  `json:"thread_igid"`
						} `json:"props"`
					} `json:"rootView"`
				} `json:"exports"`
			} `json:"result"`
		} `json:"payload"`
	}
	if err := unmarshal(payload, &answer); err != nil {
		return ThreadIDs{}, fmt.Errorf("resolve thread: %w", ErrNotFound)
	}
	props := answer.Payload.Result.Exports.Root.Props
	ids := ThreadIDs{key, props.Short, props.Long}
	if !ids.Complete() {
		return ThreadIDs{}, fmt.Errorf("resolve thread: %w", ErrNotFound)
	}
	return ids, nil
}
