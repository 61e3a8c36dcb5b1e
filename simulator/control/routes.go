package control

// scanRequest, codeRequest and the like are bodies with one field each; the client builds them from plain arguments.
type (
	scanRequest struct {
		Text string `json:"text"`
	}
	codeRequest struct {
		Code string `json:"code"`
	}
	unlinkRequest struct {
		Device int `json:"device"`
	}
	tokenRequest struct {
		ID string `json:"id"`
	}
	blockRequest struct {
		ID      string `json:"id"`
		Blocked bool   `json:"blocked"`
	}
)

const (
	peoplePath = "/v1/{network}/people"
	personPath = peoplePath + "/{id}"
)

func (s *Server) routePeople() {
	route(s, "POST "+peoplePath, func(c call, req NewPerson) (any, error) { return c.network.AddPerson(c.ctx, req) })
	route(s, "GET "+peoplePath, func(c call, _ none) (any, error) { return c.network.People(c.ctx) })
	route(s, "GET "+personPath, func(c call, _ none) (any, error) { return c.network.Person(c.ctx, c.person) })
	route(s, "POST "+personPath+"/profile", func(c call, req Profile) (any, error) {
		return c.network.SetProfile(c.ctx, c.person, req)
	})
	route(s, "POST "+personPath+"/behaviour", func(c call, req Behaviour) (any, error) {
		return done(c.network.SetBehaviour(c.ctx, c.person, req))
	})
	route(s, "POST "+personPath+"/contacts", func(c call, req Contact) (any, error) {
		return done(c.network.SetContact(c.ctx, c.person, req))
	})
	route(s, "POST "+personPath+"/presence", func(c call, req PresenceRequest) (any, error) {
		return done(c.network.Presence(c.ctx, c.person, req))
	})
	route(s, "POST "+personPath+"/block", func(c call, req blockRequest) (any, error) {
		return done(c.network.Block(c.ctx, c.person, req.ID, req.Blocked))
	})
	route(s, "POST "+personPath+"/reinstall", func(c call, _ none) (any, error) {
		return done(c.network.Reinstall(c.ctx, c.person))
	})
	route(s, "POST "+personPath+"/scan", func(c call, req scanRequest) (any, error) {
		return c.network.ScanQR(c.ctx, c.person, req.Text)
	})
	route(s, "POST "+personPath+"/code", func(c call, req codeRequest) (any, error) {
		return c.network.EnterCode(c.ctx, c.person, req.Code)
	})
	route(s, "POST "+personPath+"/unlink", func(c call, req unlinkRequest) (any, error) {
		return done(c.network.Unlink(c.ctx, c.person, req.Device))
	})
}

func (s *Server) routeActions() {
	route(s, "POST "+personPath+"/send", func(c call, req SendRequest) (any, error) {
		return c.network.Send(c.ctx, c.person, req)
	})
	route(s, "POST "+personPath+"/react", func(c call, req ReactRequest) (any, error) {
		return c.network.React(c.ctx, c.person, req)
	})
	route(s, "POST "+personPath+"/edit", func(c call, req EditRequest) (any, error) {
		return c.network.Edit(c.ctx, c.person, req)
	})
	route(s, "POST "+personPath+"/revoke", func(c call, req Target) (any, error) {
		return c.network.Revoke(c.ctx, c.person, req)
	})
	route(s, "POST "+personPath+"/receipt", func(c call, req ReceiptRequest) (any, error) {
		return done(c.network.Receipt(c.ctx, c.person, req))
	})
	route(s, "POST "+personPath+"/typing", func(c call, req TypingRequest) (any, error) {
		return done(c.network.Typing(c.ctx, c.person, req))
	})
	route(s, "POST "+personPath+"/call", func(c call, req CallRequest) (any, error) {
		return c.network.Call(c.ctx, c.person, req)
	})
	route(s, "POST "+personPath+"/token", func(c call, req tokenRequest) (any, error) {
		return done(c.network.IssueToken(c.ctx, c.person, req.ID))
	})
	route(s, "POST "+personPath+"/groups", func(c call, req NewGroup) (any, error) {
		return c.network.CreateGroup(c.ctx, c.person, req)
	})
	route(s, "POST "+personPath+"/groups/{group}", func(c call, req GroupChange) (any, error) {
		return c.network.ChangeGroup(c.ctx, c.person, c.path("group"), req)
	})
	route(s, "GET "+personPath+"/groups/{group}", func(c call, _ none) (any, error) {
		return c.network.Group(c.ctx, c.person, c.path("group"))
	})
	route(s, "GET "+personPath+"/timeline", func(c call, _ none) (any, error) {
		from, err := number(c.request, "from")
		if err != nil {
			return nil, err
		}
		return c.network.Timeline(c.ctx, c.person, from)
	})
	route(s, "POST "+personPath+"/await", func(c call, req AwaitRequest) (any, error) {
		ctx, cancel := withDeadline(c.ctx, req.Timeout)
		defer cancel()
		return c.network.Await(ctx, c.person, req.Match)
	})
	route(s, "POST "+personPath+"/history", func(c call, req []HistoryMessage) (any, error) {
		return done(c.network.AddHistory(c.ctx, c.person, req))
	})
	route(s, "POST "+personPath+"/spoil", func(c call, req SpoilRequest) (any, error) {
		return done(c.network.SpoilMedia(c.ctx, c.person, req))
	})
	route(s, "POST "+personPath+"/chats", func(c call, req ChatSettings) (any, error) {
		return c.network.SetChat(c.ctx, c.person, req)
	})
	route(s, "GET "+personPath+"/chats/{chat}", func(c call, _ none) (any, error) {
		return c.network.Chat(c.ctx, c.person, c.path("chat"))
	})
}

func (s *Server) routeNetwork() {
	route(s, "POST /v1/{network}/faults", func(c call, req Fault) (any, error) { return c.network.AddFault(c.ctx, req) })
	route(s, "GET /v1/{network}/faults", func(c call, _ none) (any, error) { return c.network.Faults(c.ctx) })
	route(s, "DELETE /v1/{network}/faults/{fault}", func(c call, _ none) (any, error) {
		return done(c.network.RemoveFault(c.ctx, c.path("fault")))
	})
	route(s, "GET /v1/{network}/log", func(c call, _ none) (any, error) {
		from, err := number(c.request, "from")
		if err != nil {
			return nil, err
		}
		return c.network.Log(c.ctx, from)
	})
	route(s, "POST /v1/{network}/log/await", func(c call, req AwaitLogRequest) (any, error) {
		ctx, cancel := withDeadline(c.ctx, req.Timeout)
		defer cancel()
		return c.network.AwaitLog(ctx, req.Match)
	})
	route(s, "GET /v1/{network}/unexpected", func(c call, _ none) (any, error) { return c.network.Unexpected(c.ctx) })
}
