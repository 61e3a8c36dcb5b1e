package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/metaweb/web"
)

// Codes of the site's errors.
const (
	codeReload  = 1357004 // "please reload the page": the tokens are stale
	codeRefused = 1357053 // the session is not taken
	// Said to mean that too much was asked; not certain.
	codeTooFast  = 1357046
	codeTooFast2 = 1357051
)

// tooFastPause is how long to leave the site alone after those.
const tooFastPause = 10 * time.Minute

// GraphQLError is an error in an answer of the site.
type GraphQLError struct {
	Code      int64
	Summary   string
	Transient bool
}

func (e *GraphQLError) Error() string {
	return fmt.Sprintf("site says error %d: %s", e.Code, e.Summary)
}

// ErrNotJSON is an answer that should have been JSON, and is a page or the like.
var ErrNotJSON = errors.New("answer is not JSON")

// envelope is the frame of the site's answers, to GraphQL and others.
type envelope struct {
	Data        json.RawMessage `json:"data"`
	Payload     json.RawMessage `json:"payload"`
	Error       looseInt        `json:"error"`
	Summary     string          `json:"errorSummary"`
	Description string          `json:"errorDescription"`
	RedirectTo  string          `json:"redirectTo"`
	Redirect    string          `json:"redirect"`
	Errors      []struct {
		Message   string   `json:"message"`
		Code      looseInt `json:"code"`
		Transient bool     `json:"is_transient"`
		Reauth    bool     `json:"requires_reauth"`
	} `json:"errors"`
}

// looseInt is a number that may be text on the wire; anything else is 0.
type looseInt int64

func (l *looseInt) UnmarshalJSON(data []byte) error {
	if i, err := strconv.ParseInt(string(bytes.Trim(data, `"`)), 10, 64); err == nil {
		*l = looseInt(i)
	}
	return nil
}

// readEnvelope parses an answer and finds the error in it. Some answers begin with a loop that keeps them from being
// run as scripts.
func readEnvelope(body []byte) (*envelope, error) {
	body = bytes.TrimSpace(body)
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("for (;;);")))
	if len(body) == 0 || body[0] != '{' {
		return nil, ErrNotJSON
	}
	e := new(envelope)
	if err := json.Unmarshal(body, e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	switch e.Error {
	case 0:
		return e, nil
	case codeReload:
		return e, &ReloadError{Reason: "site says so"}
	case codeRefused:
		return e, &web.StopError{Kind: web.LoggedOut}
	default:
		return e, &GraphQLError{Code: int64(e.Error), Summary: e.Summary}
	}
}

// readGraphQL answers the data of a GraphQL answer. Data together with errors counts as success.
func readGraphQL(body []byte) (json.RawMessage, error) {
	e, err := readEnvelope(body)
	if err != nil {
		return nil, err
	}
	if len(e.Data) > 0 && !bytes.Equal(e.Data, []byte("null")) {
		return e.Data, nil
	}
	if len(e.Errors) == 0 {
		return nil, &GraphQLError{Summary: "answer has no data"}
	}
	first := e.Errors[0]
	if first.Reauth {
		return nil, &ReloadError{Reason: "site wants the session confirmed"}
	}
	return nil, &GraphQLError{Code: int64(first.Code), Summary: first.Message, Transient: first.Transient}
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
	encoded, err := encodeJSON(variables)
	if err != nil {
		return nil, err
	}
	form := s.form()
	for key, value := range extra {
		form.Set(key, value)
	}
	form.Set("fb_api_caller_class", "RelayModern")
	form.Set("fb_api_req_friendly_name", name)
	form.Set("variables", encoded)
	form.Set("server_timestamps", "true")
	form.Set("doc_id", docID)
	request := web.Request{URL: s.cfg.Site + "/api/graphql/", Header: s.header("/messages/")}
	request.Header.Set("X-Fb-Friendly-Name", name)
	request.Form(form)
	response, err := s.web.Do(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", name, err)
	}
	data, err := readGraphQL(response.Body)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", name, s.redirected(response.Body, err))
	}
	return data, nil
}

// redirected prefers what an answer says about where to go to the error it is.
func (s *site) redirected(body []byte, err error) error {
	e, _ := readEnvelope(body)
	if e == nil {
		return err
	}
	for _, target := range []string{e.RedirectTo, e.Redirect} {
		if target == "" {
			continue
		}
		if stop := s.web.Judge(target); stop != nil {
			return stop
		}
	}
	return err
}

// queryDatabase asks for a database over GraphQL: from its beginning, one page.
func (s *site) queryDatabase(ctx context.Context, database int64, params string, report reporter) (*lightspeed.Table, error) {
	payload, err := encodeJSON(struct {
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

// encodeJSON writes JSON as a browser does, without escaping what only HTML minds.
func encodeJSON(v any) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}
