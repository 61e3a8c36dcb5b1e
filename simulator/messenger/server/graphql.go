package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"crosschat/simulator/faults"
	"crosschat/simulator/messenger/lightspeed"
)

// Errors that GraphQL and the upload answer with (section 9.1).
const (
	errReload   = 1357004
	errVariable = 1675012
)

const (
	queryLightspeed = "LSPlatformGraphQLLightspeedRequestQuery"
	queryCAT        = "MAWCatQuery"
)

// maxForm bounds the body of a query.
const maxForm = 4 << 20

type object = map[string]any

// serveGraphQL answers a query (section 1.5).
func (s *Server) serveGraphQL(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.Method != http.MethodPost || r.ParseForm() != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ses := s.sessionOf(r)
	name := r.PostForm.Get("fb_api_req_friendly_name")
	sub := ses.subject("graphql/"+name, "")
	if args, hit := s.faults.Strike("set_cookie", sub); hit {
		setCookie(w, args)
	}
	if args, hit := s.faults.Strike("graphql_error", sub); hit {
		s.reply(w, sub, graphQLError(args))
		return
	}
	header := r.Header.Get("X-Fb-Lsd")
	if !ses.valid() || !ses.tokens[r.PostForm.Get("fb_dtsg")] || !ses.tokens[r.PostForm.Get("lsd")] ||
		header != "" && header != r.PostForm.Get("lsd") {
		s.reply(w, sub, plainError(errReload))
		return
	}
	s.checkForm(ses, r, name)
	switch {
	case name == queryLightspeed && r.PostForm.Get("doc_id") == s.docID:
		s.reply(w, sub, s.webQuery(ses.account, r.PostForm.Get("variables")))
	case name == queryCAT && r.PostForm.Get("doc_id") == s.catDocID:
		crypto, ends := s.newCAT(ses.account)
		s.reply(w, sub, object{"extensions": object{"is_final": true}, "data": object{"secure_message_over_wa_cat_query": object{
			"encrypted_serialized_cat": crypto, "expiration_time_in_seconds": ends,
		}}})
	case name == queryLightspeed || name == queryCAT:
		s.reply(w, sub, object{"data": nil, "errors": []object{{
			"message": "A server error missing_required_variable_value occured", "severity": "CRITICAL", "code": errVariable,
			"api_error_code": nil, "summary": "Your request couldn't be processed", "is_transient": false, "requires_reauth": false,
		}}})
	default:
		s.note(ses.account, "GraphQL query "+name)
		s.reply(w, sub, plainError(errVariable))
	}
}

// checkForm notes what a browser would have sent otherwise. Fields that are not required may be missing (section 1.5).
func (s *Server) checkForm(ses *session, r *http.Request, name string) {
	form := r.PostForm
	for field, want := range map[string]string{
		"__user": person(ses.account.ID), "__a": "1", "__comet_req": "15", "fb_api_caller_class": "RelayModern",
		"server_timestamps": "true", "__rev": strconv.Itoa(revision), "__hs": hasteSession,
	} {
		if got := form.Get(field); got != want && got != "" {
			s.note(ses.account, fmt.Sprintf("form field %s=%q of %s, want %q", field, got, name, want))
		}
	}
	if got := r.Header.Get("X-Fb-Friendly-Name"); got != name {
		s.note(ses.account, fmt.Sprintf("friendly name %q in the header, %q in the form", got, name))
	}
	if got := r.Header.Get("Sec-Fetch-Site"); got != "same-origin" {
		s.note(ses.account, fmt.Sprintf("sec-fetch-site %q of %s", got, name))
	}
	s.checkBrowser(ses, r)
}

func setCookie(w http.ResponseWriter, args faults.Args) {
	age := args.Int("max_age", 86400)
	ends := "Fri, 01-Jan-2100 00:00:00 GMT"
	if age <= 0 {
		ends = "Thu, 01-Jan-1970 00:00:01 GMT"
	}
	w.Header().Add("Set-Cookie", fmt.Sprintf("%s=%s; expires=%s; Max-Age=%d; path=/; domain=.facebook.com; secure",
		args.Text("name", "fr"), args.Text("value", "renewed"), ends, age))
}

func plainError(code int) object {
	return object{
		"error": code, "errorSummary": "Sorry, something went wrong",
		"errorDescription": "Please try closing and re-opening your browser window.",
	}
}

func graphQLError(args faults.Args) object {
	code := args.Int("code", errReload)
	if args["how"] != "errors" {
		return plainError(code)
	}
	return object{"data": nil, "errors": []object{{
		"message": args.Text("message", "Something failed"), "severity": "ERROR", "code": code, "summary": "Something failed",
		"is_transient": args["transient"] == "1", "requires_reauth": args["reauth"] == "1",
	}}}
}

// reply writes JSON, with the prefix against scripts when a fault wants it.
func (s *Server) reply(w http.ResponseWriter, sub faults.Subject, body object) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8") // as the real one says
	if _, hit := s.faults.Strike("prefix", sub); hit {
		fmt.Fprint(w, "for (;;);")
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(body) //nolint:errcheck // the client is gone, nobody cares
}

// webQuery answers a query of a sync database that came over HTTP.
func (s *Server) webQuery(a *account, variables string) object {
	var v struct {
		DeviceID   string `json:"deviceId"`
		Visibility bool   `json:"includeChatVisibility"`
		RequestID  int    `json:"requestId"`
		Payload    string `json:"requestPayload"`
		Type       int    `json:"requestType"`
	}
	if err := lightspeed.Strict([]byte(variables), &v, "deviceId", "requestId", "requestPayload", "requestType"); err != nil {
		s.note(a, "variables of a query: "+err.Error())
		return plainError(errVariable)
	}
	q, err := lightspeed.ParseQuery(v.Payload, true)
	if err != nil || q.Version.String() != s.version {
		s.note(a, fmt.Sprintf("query %s: version %q, error %v", v.Payload, q.Version, err))
		return plainError(errVariable)
	}
	calls, _ := s.query(a, q, q.SyncParams != nil)
	return object{"extensions": object{"is_final": true}, "data": object{"viewer": object{
		"lightspeed_web_request": lightspeed.NewWebResponse(calls),
	}}}
}

// query answers a query of a sync database. Complete says that the client then knows everything.
func (s *Server) query(a *account, q lightspeed.Query, params bool) (calls []lightspeed.Call, complete bool) {
	what := "query/" + strconv.FormatInt(q.Database, 10)
	if args, hit := s.faults.Strike("sync_failure", s.subject(a, what, "")); hit {
		return []lightspeed.Call{lightspeed.HandleSyncFailure(q.Database, args.Text("message", "Sync failed"))}, false
	}
	if params {
		if got := *q.SyncParams; got != bareParams && got != syncParams[lightspeed.Channel(q.Database)] {
			s.note(a, fmt.Sprintf("sync params %q for database %d", got, q.Database))
			return []lightspeed.Call{lightspeed.HandleSyncFailure(q.Database, "Invalid argument supplied for foreach()")}, false
		}
	}
	if q.Cursor != nil {
		if _, hit := s.faults.Strike("stale_cursor", s.subject(a, what, "")); hit {
			return []lightspeed.Call{lightspeed.HandleSyncFailure(q.Database, "Cursor is too old")}, false
		}
	}
	calls, complete, ok := s.answer(a, q.Database, q.Cursor)
	if !ok {
		s.note(a, fmt.Sprintf("cursor %q for database %d", *q.Cursor, q.Database))
		return []lightspeed.Call{lightspeed.HandleSyncFailure(q.Database, "Invalid cursor")}, false
	}
	if _, hit := s.faults.Strike("send_sync", s.subject(a, what, "")); hit {
		askForParams(calls)
	}
	return calls, complete
}

// askForParams sets sendSyncParams in the first block, whichever layout it has.
func askForParams(calls []lightspeed.Call) {
	switch calls[0].Name {
	case "executeFirstBlockForSyncTransaction":
		calls[0].Args[5] = true
	case "executeFirstBlockForSyncTransactionV4":
		calls[0].Args[6] = true
	}
}
