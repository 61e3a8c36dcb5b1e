package server

import (
	"errors"
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// request is one iq of a device that is logged in. Its handler fills content and after, or returns an error.
type request struct {
	s       *Server
	dev     *device
	node    stanza.Node
	child   stanza.Node // the first child, empty if there is none
	content []stanza.Node
	after   func() // runs once the answer was sent
}

// iqError is an error as clients see it; they match code and text together (section 6).
type iqError struct {
	code int
	text string
}

// Error implements error.
func (e *iqError) Error() string { return strconv.Itoa(e.code) + " " + e.text }

var (
	errBadRequest     = &iqError{400, "bad-request"}
	errNotAuthorized  = &iqError{401, "not-authorized"}
	errForbidden      = &iqError{403, "forbidden"}
	errItemNotFound   = &iqError{404, "item-not-found"}
	errNotAcceptable  = &iqError{406, "not-acceptable"}
	errGone           = &iqError{410, "gone"}
	errInternal       = &iqError{500, "internal-server-error"}
	errNotImplemented = &iqError{501, "feature-not-implemented"}
	errOutOfScope     = &iqError{501, "feature-not-implemented"} // known, and refused on purpose
)

var iqTexts = map[int]string{
	400: "bad-request", 401: "not-authorized", 403: "forbidden", 404: "item-not-found", 405: "not-allowed",
	406: "not-acceptable", 410: "gone", 419: "resource-limit", 423: "locked", 429: "rate-overlimit",
	500: "internal-server-error", 501: "feature-not-implemented", 503: "service-unavailable", 530: "partial-server-error",
}

// iqHandlers is the catalogue of section 6, by namespace.
var iqHandlers = map[string]func(*request) error{
	"w:p":                       func(*request) error { return nil },
	"passive":                   (*request).passive,
	"encrypt":                   (*request).encrypt,
	"usync":                     (*request).usync,
	"w:m":                       (*request).mediaConn,
	"w:sync:app:state":          (*request).appState,
	"privacy":                   (*request).privacy,
	"blocklist":                 (*request).blocklist,
	"w:profile:picture":         (*request).picture,
	"w:mex":                     (*request).mex,
	"abt":                       (*request).properties,
	"status":                    (*request).status,
	"disappearing_mode":         func(*request) error { return nil },
	"md":                        (*request).companions,
	"w:g2":                      (*request).group,
	"w:biz":                     func(*request) error { return errItemNotFound },
	"w:qr":                      func(*request) error { return errItemNotFound },
	"urn:xmpp:whatsapp:push":    func(*request) error { return nil },
	"urn:xmpp:whatsapp:dirty":   func(*request) error { return nil },
	"w:stats":                   func(*request) error { return nil },
	"bot":                       (*request).bots,
	"newsletter":                func(*request) error { return errOutOfScope },
	"fbid:thread":               func(*request) error { return errOutOfScope },
	"fbid:devices":              func(*request) error { return errOutOfScope },
	"urn:xmpp:whatsapp:account": func(*request) error { return errOutOfScope },
}

// onIQ answers requests; results of the server's own requests need nothing.
func (s *Server) onIQ(d *device, n stanza.Node, reply replyFunc) {
	if kind := stanza.Str(n, "type"); kind == "result" || kind == "error" {
		return
	}
	if args, hit := s.faults.strike("iq_error", subjectOf(d, n)); hit {
		reply(failed(n, faultError(args)))
		return
	}
	r := &request{s: s, dev: d, node: n}
	if children := stanza.Children(n); len(children) > 0 {
		r.child = children[0]
	}
	handler := iqHandlers[stanza.Class(n)]
	err := error(errNotImplemented)
	if handler != nil {
		err = handler(r)
	}
	if err != nil {
		if errors.Is(err, errNotImplemented) {
			s.noteStanza(d, n)
		}
		reply(failed(n, err))
		return
	}
	reply(result(n, r.content...))
	if r.after != nil {
		r.after()
	}
}

func faultError(args map[string]string) *iqError {
	code := argInt(args, "code", 500)
	return &iqError{code, argText(args, "text", iqTexts[code])}
}

// result answers an iq; from is whom it was addressed to.
func result(n stanza.Node, content ...stanza.Node) stanza.Node {
	return stanza.New("iq", stanza.Attrs{
		"from": addressee(n), "type": "result", "id": stanza.Str(n, "id"),
	}, orNil(content))
}

// failed answers an iq with an error, which comes from the server itself.
func failed(n stanza.Node, err error) stanza.Node {
	problem := errInternal
	errors.As(err, &problem)
	return stanza.New("iq", stanza.Attrs{
		"from": addressee(n), "type": "error", "id": stanza.Str(n, "id"),
	}, stanza.New("error", stanza.Attrs{"code": problem.code, "text": problem.text}))
}

func addressee(n stanza.Node) types.JID {
	if to, ok := n.Attrs["to"].(types.JID); ok {
		return to
	}
	return types.ServerJID
}

func orNil(content []stanza.Node) any {
	if len(content) == 0 {
		return nil
	}
	return content
}

// is says whether the request has this type and first child.
func (r *request) is(kind, child string) bool {
	return stanza.Str(r.node, "type") == kind && r.child.Tag == child
}

func (r *request) passive() error {
	switch r.child.Tag {
	case "active":
		if r.s.closeAt("close_before", "active", r.dev) {
			return nil
		}
		r.after = func() { r.s.activate(r.dev) }
		return nil
	case "passive":
		if !r.dev.isPhone() {
			r.after = func() { r.dev.active = false }
		}
		return nil
	}
	return errNotImplemented
}

// companions is the client's own logout.
func (r *request) companions() error {
	if !r.is("set", "remove-companion-device") {
		return errNotImplemented
	}
	jid, _ := stanza.JID(r.child, "jid")
	target := r.s.deviceOf(jid)
	switch {
	case target == nil || target.isPhone():
		return errItemNotFound
	case target.user != r.dev.user || target != r.dev && !r.dev.isPhone():
		return errForbidden
	}
	r.after = func() {
		endpoint := target.endpoint
		r.s.remove(target)
		if target == r.dev {
			r.s.detach(target, endpoint) // the client closes by itself
		}
	}
	return nil
}

func (r *request) properties() error {
	if !r.is("get", "props") {
		return errNotImplemented
	}
	r.content = []stanza.Node{stanza.New("props", stanza.Attrs{"hash": "simulated", "refresh": "86400"})}
	return nil
}

func (r *request) status() error {
	if !r.is("get", "privacy") {
		return errNotImplemented
	}
	return errItemNotFound // clients take it as "contacts"
}

func (r *request) bots() error {
	r.content = []stanza.Node{stanza.New("bot", stanza.Attrs{"v": "2"})}
	return nil
}
