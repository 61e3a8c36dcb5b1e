package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/metaweb/graphql"
	"crosschat/connector/metaweb/web"
)

// Codes that are said to mean that too much was asked; not certain.
const (
	codeTooFast  = 1357046
	codeTooFast2 = 1357051
)

// tooFastPause is how long to leave the site alone after those.
const tooFastPause = 10 * time.Minute

// GraphQLError is an error in an answer of the site.
type GraphQLError = graphql.Error

// ErrNotJSON is an answer that should have been JSON, and is a page or the like.
var ErrNotJSON = graphql.ErrNotJSON

// readGraphQL answers the data of a GraphQL answer. Data together with errors counts as success, unless the request as a
// whole failed.
func readGraphQL(body []byte) (*graphql.Envelope, error) {
	e, err := graphql.Read(body)
	if err != nil {
		return nil, err
	}
	switch {
	case len(e.Data) > 0:
		return e, nil
	case e.Failure != nil:
		return e, graphql.Judge(e.Failure)
	}
	return e, &GraphQLError{Summary: "answer has no data"}
}

// lightspeedPayload takes the payload out of the data of a Lightspeed query.
func lightspeedPayload(data json.RawMessage) (string, error) {
	var answer struct {
		Viewer struct {
			Request struct {
				Payload string `json:"payload"`
			} `json:"lightspeed_web_request"`
		} `json:"viewer"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return "", fmt.Errorf("read lightspeed answer: %w", err)
	}
	return answer.Viewer.Request.Payload, nil
}

// graphQL asks the site. Errors: *ReloadError, *web.StopError, *GraphQLError, ErrNotJSON, those of web.Client.
func (s *site) graphQL(ctx context.Context, name, docID string, variables any, extra map[string]string) (json.RawMessage, error) {
	form := s.form()
	for key, value := range extra {
		form.Set(key, value)
	}
	if err := (graphql.Call{Name: name, DocumentID: docID, Variables: variables}).Fill(form); err != nil {
		return nil, err
	}
	request := web.Request{URL: s.cfg.Site + "/api/graphql/", Header: s.header("/messages/")}
	request.Header.Set("X-Fb-Friendly-Name", name)
	request.Form(form)
	response, err := s.web.Do(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", name, err)
	}
	answer, err := readGraphQL(response.Body)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", name, s.redirected(answer, err))
	}
	return answer.Data, nil
}

// redirected prefers what an answer says about where to go to the error it is.
func (s *site) redirected(answer *graphql.Envelope, err error) error {
	if answer != nil {
		if stop := answer.Target(s.web); stop != nil {
			return stop
		}
	}
	return err
}

// queryDatabase asks for a database over GraphQL: from its beginning, one page.
func (s *site) queryDatabase(ctx context.Context, database int64, params string, report reporter) (*lightspeed.Table, error) {
	payload, err := graphql.Encode(struct {
		Database int64       `json:"database"`
		Epoch    int64       `json:"epoch_id"`
		Params   string      `json:"sync_params"`
		Cursor   *string     `json:"last_applied_cursor"`
		Version  json.Number `json:"version"`
	}{database, 0, params, nil, json.Number(s.info.Version)})
	if err != nil {
		return nil, err
	}
	data, err := s.graphQL(ctx, "LSPlatformGraphQLLightspeedRequestQuery", s.info.QueryID, struct {
		DeviceID   string `json:"deviceId"`
		Visibility bool   `json:"includeChatVisibility"`
		RequestID  int64  `json:"requestId"`
		Payload    string `json:"requestPayload"`
		Type       int    `json:"requestType"`
	}{s.info.DeviceID, false, s.queries.Add(1) - 1, payload, 1}, nil)
	if err != nil {
		return nil, fmt.Errorf("sync database %d: %w", database, err)
	}
	answer, err := lightspeedPayload(data)
	if err != nil {
		return nil, err
	}
	table, unknown, err := lightspeed.Decode([]byte(answer))
	if err != nil {
		return nil, fmt.Errorf("sync database %d: %w", database, err)
	}
	report("graphql", unknown)
	return table, nil
}
