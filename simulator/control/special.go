package control

import (
	"context"
	"encoding/json"
	"net/http"
)

// Special is a Network with calls of its own. Which there are, with their arguments and answers, is documented where the
// network implements them.
type Special interface {
	Network
	// Special does what name says for a person. The argument is the request's body, null if it has none.
	Special(ctx context.Context, id, name string, argument json.RawMessage) (any, error)
}

func (s *Server) routeSpecial() {
	route(s, "POST "+personPath+"/special/{name}", func(c call, argument json.RawMessage) (any, error) {
		special, ok := c.network.(Special)
		if !ok {
			return nil, NotFound("no such call: %s", c.path("name"))
		}
		if argument == nil {
			argument = json.RawMessage("null")
		}
		return special.Special(c.ctx, c.person, c.path("name"), argument)
	})
}

// Special makes one of a network's own calls. answer may be nil to drop it.
func (c *Client) Special(ctx context.Context, network, person, name string, argument, answer any) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/special/"+name), argument, answer)
}
