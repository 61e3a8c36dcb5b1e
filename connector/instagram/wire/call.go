package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/graphql"
	"crosschat/connector/metaweb/web"
)

// Codes of the site's errors, beside those that both of Meta's sites have (section 18.1).
const (
	codeLoggedOut    = 1357001
	codeLoginChanged = 1357003
	codeUnauthorized = 1675002
	codeRateLimit    = 1675004
	codeVariables    = 1675012 // a variable is not of the type that the document wants
)

// call is one call of an operation.
type call struct {
	op        operation
	variables variables
	root      string // field of the answer that has the result
	referer   string // path; the inbox if empty
	// acts says that the call changes something: it is not repeated when its answer is lost.
	acts bool
}

// call calls an operation and answers what is at its root. Errors: ErrNotFound for an empty root, and those of SendText.
func (c *Client) call(ctx context.Context, q call) (json.RawMessage, error) {
	data, _, err := c.callAll(ctx, q)
	return data, err
}

// callAll answers the frame of the answer too.
func (c *Client) callAll(ctx context.Context, q call) (json.RawMessage, *graphql.Envelope, error) {
	if err := c.allowed(q.acts); err != nil {
		return nil, nil, err
	}
	data, envelope, err := c.tryCall(ctx, q)
	if err != nil {
		return nil, nil, fmt.Errorf("call %s: %w", q.op.friendly, c.judge(err))
	}
	return data, envelope, nil
}

// allowed refuses calls while the site wants none, or the session is stopped.
func (c *Client) allowed(acts bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped != nil {
		return c.stopped
	}
	if wait := time.Until(c.limitedUntil); wait > 0 {
		return &RateLimitError{wait}
	}
	if wait := time.Until(c.blockedUntil); acts && wait > 0 {
		return &BlockedError{c.blocked, wait}
	}
	return nil
}

// tryCall calls, and mends once what can be: stale tokens by another page, a retired document by a newer one.
func (c *Client) tryCall(ctx context.Context, q call) (json.RawMessage, *graphql.Envelope, error) {
	s, err := c.ready(ctx)
	if err != nil {
		return nil, nil, err
	}
	id := c.document(q.op)
	reloaded, renewed := false, false
	for {
		data, envelope, err := c.callOnce(ctx, s, q, id)
		var reload *ReloadError
		var stale *StaleDocumentError
		switch {
		case errors.As(err, &reload) && !reloaded:
			if s, err = c.loadAgain(ctx, s, reload.Reason); err != nil {
				return nil, nil, err
			}
			reloaded = true
		case errors.As(err, &reload):
			return nil, nil, c.afterReload(err, q, id)
		case errors.As(err, &stale) && !renewed:
			newer, ok := c.newerDocument(ctx, q.op, id)
			if !ok {
				return nil, nil, err
			}
			if s, err = c.ready(ctx); err != nil {
				return nil, nil, err
			}
			id, renewed = newer, true
		default:
			return data, envelope, err
		}
	}
}

// afterReload judges a call that is refused with fresh tokens as it was with stale ones.
func (c *Client) afterReload(err error, q call, id string) error {
	var said *graphql.Error
	if errors.As(err, &said) {
		switch {
		case said.Code == codeLoggedOut, said.Code == codeLoginChanged, said.Reauth:
			return &web.StopError{Kind: web.LoggedOut}
		case said.Code == codeUnauthorized:
			// The page says that somebody is logged in: then it is the document that is meant.
			return &StaleDocumentError{q.op.name, id}
		}
	}
	return err
}

// callOnce makes the request.
func (c *Client) callOnce(ctx context.Context, s *site, q call, id string) (json.RawMessage, *graphql.Envelope, error) {
	form := s.form()
	v := maps.Clone(q.variables)
	maps.Copy(v, c.cfg.Variables[q.op.name])
	if err := (graphql.Call{Name: q.op.friendly, DocumentID: id, Variables: v}).Fill(form); err != nil {
		return nil, nil, err
	}
	referer := q.referer
	if referer == "" {
		referer = inboxPath
	}
	request := web.Request{URL: c.cfg.Site + "/api/graphql", Header: c.header(s, referer), Once: q.acts}
	request.Header.Set("X-Fb-Friendly-Name", q.op.friendly)
	request.Form(form)
	response, err := c.web.Do(ctx, request)
	if err != nil {
		return nil, nil, c.explain(err, q.acts)
	}
	c.keepClaim(response)
	envelope, err := graphql.Read(response.Body)
	if err != nil {
		// The shell of somebody logged out, or tokens that the site does not know.
		return nil, nil, &ReloadError{Reason: "answer is not JSON", Err: err}
	}
	data := rootOf(envelope.Data, q.root)
	if data != nil {
		return data, envelope, nil
	}
	if stop := envelope.Target(c.web); stop != nil {
		return nil, nil, stop
	}
	if envelope.Failure == nil {
		return nil, nil, ErrNotFound
	}
	return nil, nil, c.classify(envelope.Failure, q.op, id)
}

// unknownRoot is for operations of which only the request is known: whatever they answer counts.
const unknownRoot = ""

// rootOf answers a field of an object, nil if it is null or not there.
func rootOf(data json.RawMessage, root string) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return nil
	}
	null := []byte("null")
	if root != unknownRoot {
		if bytes.Equal(object[root], null) {
			return nil
		}
		return object[root]
	}
	for _, value := range object {
		if !bytes.Equal(value, null) {
			return value
		}
	}
	return nil
}

// retired is what the site may say of a document that it does not know; its code is not known for sure.
var retired = regexp.MustCompile(`(?i)\b(document|doc_id|persisted query)\b.*\b(not found|not exist|unknown|invalid|no longer)\b`)

// classify says what an error in an answer means.
func (c *Client) classify(e *graphql.Error, op operation, id string) error {
	if e.Code != codeRateLimit && retired.MatchString(e.Summary) {
		return &StaleDocumentError{op.name, id}
	}
	switch e.Code {
	case codeLoggedOut, codeLoginChanged, codeUnauthorized:
		return &ReloadError{Reason: "site says that nobody is logged in", Err: e}
	case codeRateLimit:
		return c.limited(0)
	case codeVariables:
		return &StaleDocumentError{op.name, id}
	}
	if e.Transient {
		return &TemporaryError{e.Summary}
	}
	var own *graphql.Error
	if err := graphql.Judge(e); !errors.As(err, &own) || own != err {
		return err
	}
	return &RejectedError{Code: e.Code, Message: failure.Text(e.Summary, e.Description)}
}

// limited notes that the site wants to be left alone, and for how long.
func (c *Client) limited(after time.Duration) error {
	wait := max(after, c.cfg.RateLimitPause)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limitedUntil = time.Now().Add(wait)
	return &RateLimitError{wait}
}

// explain says what an error of a request means. Of one that acts it may not be known whether it was done.
func (c *Client) explain(err error, acts bool) error {
	var status *web.StatusError
	var stop *web.StopError
	switch {
	case errors.As(err, &stop):
		return err
	case errors.As(err, &status):
		return c.explainStatus(status, acts)
	case errors.Is(err, web.ErrRedirected), errors.Is(err, web.ErrTooLarge), acts && !unsent(err):
		if acts {
			return &UncertainError{Err: err}
		}
	}
	return err
}

// unsent says whether a request has not left this machine.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func (c *Client) explainStatus(status *web.StatusError, acts bool) error {
	switch {
	case status.Status == http.StatusTooManyRequests:
		return c.limited(status.RetryAfter)
	case status.Status >= 500 && acts:
		return &UncertainError{Err: status}
	case status.Status >= 500:
		return status
	}
	if err := c.restError(status.Body); err != nil {
		return err
	}
	return &RejectedError{Code: int64(status.Status)}
}

// restError finds the error in an answer of the site's older interface, nil if there is none (section 18.1).
func (c *Client) restError(body []byte) error {
	var answer struct {
		Message   text `json:"message"`
		ErrorType text `json:"error_type"`
		Spam      bool `json:"spam"`
		Title     text `json:"feedback_title"`
		Feedback  text `json:"feedback_message"`
		Challenge struct {
			URL text `json:"url"`
		} `json:"challenge"`
		CheckpointURL text `json:"checkpoint_url"`
	}
	if unmarshal(bytes.TrimSpace(body), &answer) != nil {
		return nil
	}
	switch answer.Message {
	case "login_required", "user_has_logged_out":
		return &web.StopError{Kind: web.LoggedOut}
	case "challenge_required":
		return c.userStop(web.Challenge, first(answer.Challenge.URL, answer.CheckpointURL))
	case "checkpoint_required":
		return c.userStop(web.Checkpoint, first(answer.CheckpointURL, answer.Challenge.URL))
	}
	switch {
	case answer.Message == "feedback_required" || answer.Spam:
		message := strings.TrimSpace(string(answer.Title) + " " + string(answer.Feedback))
		c.mu.Lock()
		defer c.mu.Unlock()
		c.blockedUntil, c.blocked = time.Now().Add(c.cfg.BlockPause), message
		return &BlockedError{message, c.cfg.BlockPause}
	case answer.ErrorType == "inactive user" || answer.ErrorType == "sentry_block":
		return &web.StopError{Kind: web.Suspended, URL: c.cfg.Site}
	}
	return nil
}

// userStop makes the error of a session that needs its user; an address that isn't the network's is not shown.
func (c *Client) userStop(kind web.Kind, address string) error {
	var judged *web.StopError
	if errors.As(c.web.Judge(address), &judged) {
		return &web.StopError{Kind: kind, URL: judged.URL}
	}
	return &web.StopError{Kind: kind, URL: c.cfg.Site}
}
