package server

import (
	"encoding/hex"
	"strings"

	"crosschat/simulator/control"
	"crosschat/simulator/faults"
	"crosschat/simulator/messenger/dgw"
)

// faultKinds is the table of all faults: what each does and which Args it takes. Person and Device (the number of the
// session) narrow it down; Stanza narrows it down to a kind of request, as named in brackets; MatchID is part of the id or
// path. "rule" kinds last until they are removed, whatever Times says.
var faultKinds = map[string]string{
	// HTTP [page, graphql/<friendly name>, upload, icdc/fetch, icdc/register, gateway, chat, media/GET, static]
	"http_status": "answers with Args status (default 503), retry_after",
	"http_html":   "answers 200 with a page of HTML instead of JSON",
	"http_drop":   "breaks the connection without an answer; Args point=after lets the request be handled first",
	"http_delay":  "waits Args ms (default 1000) before it handles the request",

	// Page [page]
	"redirect":     "sends the page load to Args path, or url (to another host); delete_xs=1 deletes the session cookie",
	"page_without": "leaves out the config modules listed in Args what (comma separated), or preloader; rule",
	"page_shape":   "Args shape: initialize, decoys, checkpointed, logged_out, no_table, empty_table, script (version in a script only), plain; rule",

	// GraphQL and upload [graphql/<friendly name>, upload]
	"graphql_error": "answers with error Args code (default 1357004); Args how=errors puts it into errors[], with transient=1, reauth=1",
	"stale_tokens":  "makes fb_dtsg and lsd of all page loads so far invalid, now",
	"set_cookie":    "sets cookie Args name, value, max_age on a GraphQL answer; max_age=0 deletes it",
	"upload_error":  "answers with error Args code (default 1357004), or redirect=/consent/…, or how=empty (no ids)",
	"prefix":        "puts for (;;); before a GraphQL answer",
	"rotate":        "changes, now, what drifts: Args doc_id, cat_doc_id, version",
	"revoke":        "makes the session invalid, now: cookies don't work any more, gateways close with 4003",

	// Gateway: points [connect, establish, query/<db>, task/<label>, stateless/<label>, push/<db>]
	"close_before": "ends the connection before the point; Args code (default 0: broken off)",
	"close_after":  "the same after it: a task was done, its answer is not sent; a push was sent",
	"close":        "ends connections now; Args code",
	"drop_ack":     "the client's data gets no ack",
	"drop_answer":  "the request is done and never answered",
	"delay_answer": "the answer comes Args ms (default 1000) later",
	"establish":    "a stream is answered with Args code (default 500); 0 is no answer",
	"no_pong":      "pings get no pong; rule",
	"raw":          "sends Args hex as a message, now",
	"drain":        "sends a drain frame with Args reason (default 5), now",
	"deauth":       "sends a deauth frame, now",
	"end_stream":   "ends the stream of database Args db (default 1), now; with Args reason by a frame of type 16",

	// Gateway: pushes [push/<db>]
	"stall":          "the push is not sent, nor any later one until the client queries that database again",
	"delay_push":     "the push comes Args ms later, what is behind it passes",
	"duplicate_push": "the push is sent twice",
	"garbage_push":   "the push's payload is Args payload instead",
	"extended_push":  "the push comes in a frame of type 17",
	"early_push":     "what a task causes is pushed before its answer, not behind it [task/<label>]",
	"merge_frames":   "the frames of an answer come in one message",

	// Rows
	"v4_block":        "first blocks have the newer layout; rule",
	"no_block":        "first blocks are missing; rule",
	"duplicate_rows":  "an attachment's row comes twice [row/attachment]",
	"bare_thread":     "a new message's thread is only named, not told [push]",
	"catchup_upserts": "what a client missed comes as history with ranges; rule [query]",
	"stale_cursor":    "a query with a cursor is refused [query/<db>]",
	"sync_failure":    "a query fails with Args message [query/<db>]",
	"send_sync":       "the next query's first block asks for sync params [query/<db>]",

	// Tasks [task/<label>]
	"task_fail": "the task is not done; Args how: optimistic (default for sends), task (default), error, silent; message",
	"edit_lie":  "the answer to an edit holds the old text; Args then=push (default) pushes the new one soon, revert never does",

	// Files [media/GET, media/HEAD]
	"media_status":   "answers with Args status (default 503)",
	"media_truncate": "breaks off after half of the body",
	"media_corrupt":  "flips a bit of the body",
	"media_expired":  "answers 403; rule",
	"no_range":       "refuses ranges; rule",

	// Registration [icdc/fetch, icdc/register]
	"icdc_status": "answers with status Args status (default 500) in the body",
}

type faultSub = faults.Subject

func faultSubject(id int64, what, match string) faultSub {
	sub := faultSub{What: what, ID: match}
	if id != 0 {
		sub.Person = person(id)
	}
	return sub
}

// subject is what a fault may strike that has to do with an account.
func (s *Server) subject(a *account, what, match string) faultSub {
	return faultSubject(a.ID, what, match)
}

// subject is what a fault may strike that has to do with a session.
func (s *session) subject(what, match string) faultSub {
	if s == nil {
		return faultSub{What: what, ID: match}
	}
	sub := faultSubject(s.account.ID, what, match)
	sub.Device = s.number
	return sub
}

// AddFault puts a fault in force and returns it with its id. Kinds that act now strike before it returns.
func (s *Server) AddFault(f control.Fault) (control.Fault, error) {
	f, err := s.faults.Add(f)
	if err != nil {
		return f, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if args, hit := s.faults.Strike("rotate", faultSub{}); hit {
		s.docID, s.catDocID = args.Text("doc_id", s.docID), args.Text("cat_doc_id", s.catDocID)
		s.version = args.Text("version", s.version)
	}
	for _, a := range s.accounts {
		for _, ses := range a.sessions {
			s.strikeNow(ses)
		}
	}
	return f, nil
}

// strikeNow applies the faults that act on a session as soon as they are there.
func (s *Server) strikeNow(ses *session) {
	sub := ses.subject("session", "")
	if _, hit := s.faults.Strike("stale_tokens", sub); hit {
		clear(ses.tokens)
	}
	if _, hit := s.faults.Strike("revoke", sub); hit {
		s.revoke(ses)
	}
	for g := range ses.gateways {
		if args, hit := s.faults.Strike("raw", sub); hit {
			if raw, err := hex.DecodeString(args["hex"]); err == nil {
				g.conn.SendRaw(raw)
			}
		}
		if args, hit := s.faults.Strike("drain", sub); hit {
			g.conn.Send(dgw.Frame{Type: dgw.TypeDrain, Reason: byte(args.Int("reason", 5))})
		}
		if _, hit := s.faults.Strike("deauth", sub); hit {
			g.conn.Send(dgw.Frame{Type: dgw.TypeDeauth})
		}
		if args, hit := s.faults.Strike("end_stream", sub); hit {
			g.endDatabase(int64(args.Int("db", 1)), args.Int("reason", -1))
		}
		if args, hit := s.faults.Strike("close", sub); hit {
			g.end(args)
		}
	}
}

// revoke ends a session for good.
func (s *Server) revoke(ses *session) {
	ses.revoked = true
	clear(ses.tokens)
	s.unauthorise(ses)
}

// unauthorise closes a session's connections.
func (s *Server) unauthorise(ses *session) {
	for g := range ses.gateways {
		g.conn.Close(dgw.CloseUnauthorized, "unauthorized")
	}
}

// Faults is the set, for those who list and remove.
func (s *Server) Faults() *faults.Set { return s.faults }

// shapes are the names of page_shape in force.
func (s *Server) shapes(ses *session) map[string]bool {
	found := map[string]bool{}
	if args, hit := s.faults.Rules("page_shape", ses.subject("page", "")); hit {
		for name := range strings.SplitSeq(args["shape"], ",") {
			found[strings.TrimSpace(name)] = true
		}
	}
	return found
}
