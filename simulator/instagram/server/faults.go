package server

import (
	"maps"
	"slices"
	"strings"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/world"
)

// faultKinds is the table of all faults: what each does and which Args it takes. Person and Device (a session's number)
// narrow all of them down. Stanza names what is struck, by whole levels:
//
//	page, bundle, userpage, navigation, upload, badge, mediainfo, reels, profileinfo, rupload/video, rupload/image, mobile,
//	media/GET, media/HEAD, graphql/<key of the operation>, socket/lightspeed, socket/streamcontroller, socket/mqttbypass,
//	push/<__typename of the delta>
//
// MatchID is a part of a request's path, or of the message id in a delta.
var faultKinds = map[string]string{
	// Any request, socket upgrades included.
	"redirect":    "302 to Args to (default a challenge); with Args delete the cookie sessionid is deleted",
	"http_status": "answers Args status (default 503), with Args retry_after",
	"http_html":   "answers 200 with HTML, Args title",
	"http_delay":  "waits Args ms (default 1000) before anything else",
	"http_drop":   "breaks the connection off before it is handled, or with Args point=after when it was handled",
	"body":        "answers Args body, status, content_type as they stand",
	"error":       "answers that the whole request failed, Args code (default 1357001), summary",

	"stale_tokens":     "tokens of pages loaded before are forgotten, so that the request is answered 1357004",
	"page_without":     "the page lacks Args what: dtsg, lsd, fbid, viewer, numbers; or usual_name: the token's define has the other name",
	"rotate_csrf":      "a GraphQL answer sets another csrftoken",
	"errors":           "a GraphQL answer has errors[], Args code, message, transient, reauth; with Args partial data as well",
	"null_root":        "a GraphQL answer's root is null without an error",
	"prefix":           "a GraphQL answer stands behind the guard",
	"multi_doc":        "a GraphQL answer is followed by a second document",
	"nested_reactions": "the answer to a reaction has them under slide_message",
	"null_props":       "navigation answers with no ids instead of 404",
	"echo_first":       "a request's answer waits until the session's client has acknowledged what it caused; Args ms gives up",
	"echo_late":        "what a request causes is told Args ms (default 100) after its answer",
	"upload_refused":   "an upload is refused with Args code, or with the redirect Args to",
	"upload_no_id":     "an upload is answered without an id, so that only the mobile way is left",
	"media_truncate":   "a file breaks off after half of it",
	"media_unsized":    "a file comes as a whole without a word about its length",
	"media_corrupt":    "one bit of a file is flipped",

	// Sync sockets as a whole: at once if there is one (the newest first), else when the next one has subscribed.
	"close":        "closes it with Args code, reason; without a code it breaks off",
	"deaf":         "nothing is told on it any more, though pings are answered",
	"no_pong":      "pings are not answered any more",
	"resnapshot":   "tells it to forget its cursor, Args type (default 1)",
	"sync_failure": "tells it that the sync failed",
	"noop":         "tells it nothing",
	"unknown_op":   "tells it an operation that nobody knows",
	"drain":        "says that it will close soon, Args reason; it does not",
	"deauth":       "says that the session was revoked; it was not",
	"end_of_data":  "ends its stream and closes it with Args code (default 4000); with Args stay it is left open",
	"raw_frame":    "sends Args hex as a message",

	"stream_refused":    "opening a stream is answered with Args code (default 403)",
	"terminate":         "a stream for typing notices ends after it has started, Args reason (default 80, try again)",
	"no_ack":            "data of the client are not acknowledged",
	"close_subscribing": "breaks off instead of saying that it has subscribed",

	// Deltas on their way to one client. The log keeps them, so that another subscription may bring them again.
	"lose":         "is not sent",
	"delay":        "is sent Args ms (default 1000) later; what comes behind it passes",
	"swap":         "is sent after the next one",
	"duplicate":    "is sent twice",
	"malformed":    "its JSON is Args json (default: cut off)",
	"split_frame":  "its frame is split over two messages",
	"close_before": "the socket breaks off before it is sent",
	"close_after":  "the socket breaks off after it was sent",

	// At once; Person is needed where it says so.
	"forget_log": "the replay window of Person has passed: cursors from before now lead to a resnapshot",
	"rotate_doc": "Args op (key or friendly name) gets another id; Args keep: the old one still works; lazy: no bundle has the " +
		"new one; needs: variables that it wants, cut by commas",
}

// Kinds of faults that act on a sync socket as a whole.
var socketFaults = map[string]bool{
	"close": true, "deaf": true, "no_pong": true, "resnapshot": true, "sync_failure": true, "noop": true,
	"unknown_op": true, "drain": true, "deauth": true, "end_of_data": true, "raw_frame": true,
}

// AddFault puts a fault in force and returns it with its id. Direct's lock must be held.
func (s *Server) AddFault(f control.Fault) (control.Fault, error) {
	switch f.Kind {
	case "forget_log":
		p := s.personOf(f)
		if p == nil {
			return f, control.Invalid("forget_log needs a person")
		}
		s.Direct.ForgetLog(p)
	case "rotate_doc":
		var needs []string
		if list := f.Args["needs"]; list != "" {
			needs = strings.Split(list, ",")
		}
		if _, err := s.docs.rotate(f.Args["op"], f.Args["keep"] != "", f.Args["lazy"] != "", needs); err != nil {
			return f, control.Invalid("rotate_doc: %v", err)
		}
	}
	added, err := s.faults.Add(f)
	if err != nil {
		return f, err
	}
	if added.Kind == "forget_log" || added.Kind == "rotate_doc" {
		return s.faults.Struck(added.ID), nil
	}
	if socketFaults[added.Kind] {
		newestFirst := slices.SortedFunc(maps.Keys(s.conns), func(a, b *conn) int { return b.age - a.age })
		for _, c := range newestFirst {
			if c.kind == socketSync {
				c.strikeNow()
			}
		}
	}
	return added, nil
}

func (s *Server) personOf(f control.Fault) *world.Person {
	return s.Direct.World.Person(number(f.Person))
}

// RemoveFault ends a fault; false if there is none with this id.
func (s *Server) RemoveFault(id string) bool { return s.faults.Remove(id) }

// Faults lists all faults, spent ones too.
func (s *Server) Faults() []control.Fault { return s.faults.List() }
