package server

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/coder/websocket"

	"crosschat/simulator/control"
	"crosschat/simulator/faults"
	"crosschat/simulator/messenger/dgw"
	"crosschat/simulator/messenger/lightspeed"
)

// gateway is one gateway connection of a session. Its fields are behind the server's lock; its dgw.Handler methods are
// called by the connection's reading goroutine, without it.
type gateway struct {
	server    *Server
	session   *session
	conn      *dgw.Conn
	databases map[int64]*syncStream
	byStream  map[uint16]int64 // database of a persistent stream
	// waiting are pushes that come behind the answer to the request that caused them; nil while there is no such request.
	waiting []func()
	holding bool
}

// syncStream is a database's persistent stream.
type syncStream struct {
	stream uint16
	// synced says that the client was told everything: pushes go out. Otherwise the next query brings what it missed.
	synced bool
}

var _ dgw.Handler = (*gateway)(nil)

// serveGateway takes a gateway connection (section 2.1).
func (s *Server) serveGateway(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	ses := s.sessionOf(r)
	s.mu.Unlock()
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the origin is checked below
	if err != nil {
		return // Accept has answered
	}
	if !s.running.Begin() {
		ws.CloseNow() //nolint:errcheck // the server is closing
		return
	}
	defer s.running.Done()
	g := &gateway{server: s, session: ses, databases: map[int64]*syncStream{}, byStream: map[uint16]int64{}}
	g.conn = dgw.NewConn(ws, s.cfg.Patience, g)
	if !g.open(r) {
		g.conn.Serve(s.ctx) //nolint:errcheck // it is closing, why does not matter
		return
	}
	err = g.conn.Serve(s.ctx)
	s.mu.Lock()
	delete(ses.gateways, g)
	s.mu.Unlock()
	g.log("in", fmt.Sprintf("gateway ended: %v", err))
}

// open checks who connects, and registers the connection if they may. Otherwise it queues the close.
func (g *gateway) open(r *http.Request) bool {
	s := g.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if args, hit := s.faults.Strike("close_before", g.session.subject("connect", "")); hit {
		g.end(args)
		return false
	}
	query := r.URL.Query()
	if !g.session.valid() || query.Get("x-dgw-uuid") != person(g.session.account.ID) {
		g.conn.Close(dgw.CloseUnauthorized, "unauthorized")
		return false
	}
	for key, want := range map[string]string{
		"x-dgw-appid": dgwAppID, "x-dgw-appversion": "0", "x-dgw-authtype": "1:0", "x-dgw-deviceid": g.session.deviceID,
		"x-dgw-tier": "prod", "x-dgw-version": "5",
	} {
		if got := query.Get(key); got != want {
			s.note(g.session.account, fmt.Sprintf("gateway parameter %s=%q, want %q", key, got, want))
			g.conn.Close(dgw.CloseBadRequest, "bad "+key)
			return false
		}
	}
	if got := r.Header.Get("Origin"); got != "https://"+HostWeb || query.Get("x-dgw-loggingid") == "" {
		s.note(g.session.account, fmt.Sprintf("gateway with origin %q, logging id %q", got, query.Get("x-dgw-loggingid")))
		g.conn.Close(dgw.CloseBadRequest, "bad origin")
		return false
	}
	s.checkBrowser(g.session, r)
	g.session.gateways[g] = true
	g.log("in", "gateway connected")
	if args, hit := s.faults.Strike("close_after", g.session.subject("connect", "")); hit {
		g.end(args)
	}
	return true
}

func (g *gateway) log(direction, data string) {
	e := control.LogEntry{Direction: direction, Data: data}
	if g.session != nil {
		e.Person, e.Device = person(g.session.account.ID), g.session.number
	}
	g.server.log.Add(e)
}

// end closes the connection as a fault says.
func (g *gateway) end(args faults.Args) {
	if code := args.Int("code", 0); code != 0 {
		g.conn.Close(code, args.Text("reason", "simulated"))
		return
	}
	g.conn.Abort()
}

// strike asks for a fault of this session and ends the connection if there is one.
func (g *gateway) strike(kind, what string) bool {
	args, hit := g.server.faults.Strike(kind, g.session.subject(what, ""))
	if hit {
		g.end(args)
	}
	return hit
}

// Establish implements dgw.Handler.
func (g *gateway) Establish(uint16, []byte) (int, error) {
	if g.strike("close_before", "establish") {
		return 0, nil
	}
	if args, hit := g.server.faults.Strike("establish", g.session.subject("establish", "")); hit {
		return args.Int("code", http.StatusInternalServerError), nil
	}
	return http.StatusOK, nil
}

// TakeAck implements dgw.Handler.
func (g *gateway) TakeAck(uint16) bool {
	_, hit := g.server.faults.Strike("drop_ack", g.session.subject("data", ""))
	return !hit
}

// AnswerPing implements dgw.Handler.
func (g *gateway) AnswerPing() bool {
	_, hit := g.server.faults.Rules("no_pong", g.session.subject("ping", ""))
	return !hit
}

// Acked implements dgw.Handler.
func (g *gateway) Acked(stream, ackID uint16) {
	g.log("in", fmt.Sprintf("ack %d of stream %d", ackID, stream))
}

// Ended implements dgw.Handler.
func (g *gateway) Ended(stream uint16) {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	if db, ok := g.byStream[stream]; ok {
		delete(g.databases, db)
		delete(g.byStream, stream)
	}
}

// refuse closes the connection for a mistake of the client's, and notes it.
func (g *gateway) refuse(what string) error {
	g.server.note(g.session.account, what)
	return &dgw.Closing{Code: dgw.CloseBadRequest, Reason: what}
}

// Data implements dgw.Handler.
func (g *gateway) Data(stream uint16, payload []byte) error {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	if !g.session.valid() {
		return &dgw.Closing{Code: dgw.CloseUnauthorized, Reason: "unauthorized"}
	}
	req, err := lightspeed.ParseRequest(payload)
	if err != nil {
		return g.refuse(err.Error())
	}
	if req.AppID != appID {
		return g.refuse(fmt.Sprintf("app id %q", req.AppID))
	}
	switch req.Type {
	case lightspeed.TypeTasks:
		return g.batch(stream, req)
	case lightspeed.TypeStateless:
		return g.stateless(stream, req)
	default:
		return g.query(stream, req)
	}
}

// query answers a query of a database and makes its stream the one that gets the pushes.
func (g *gateway) query(stream uint16, req lightspeed.Request) error {
	q, err := lightspeed.ParseQuery(req.Payload, false)
	if err != nil {
		return g.refuse(err.Error())
	}
	params := req.Type == lightspeed.TypeQueryParams
	if params != (q.SyncParams != nil) || params && q.Cursor != nil {
		return g.refuse(fmt.Sprintf("query of type %d with payload %s", req.Type, req.Payload))
	}
	if q.Version.String() != g.server.version {
		return g.refuse(fmt.Sprintf("schema version %s", q.Version))
	}
	if db, used := g.byStream[stream]; used && db != q.Database {
		return g.refuse(fmt.Sprintf("query of database %d on the stream of %d", q.Database, db))
	}
	what := "query/" + strconv.FormatInt(q.Database, 10)
	g.log("in", what+" "+req.Payload)
	if g.strike("close_before", what) {
		return nil
	}
	g.byStream[stream] = q.Database
	sync := g.databases[q.Database]
	if sync == nil || sync.stream != stream {
		sync = &syncStream{stream: stream}
		g.databases[q.Database] = sync
	}
	var calls []lightspeed.Call
	calls, sync.synced = g.server.query(g.session.account, q, params)
	g.reply(stream, req.ID, what, calls)
	return nil
}

// reply answers a request, as far as the faults let it.
func (g *gateway) reply(stream uint16, requestID int, what string, calls []lightspeed.Call) {
	if g.strike("close_after", what) {
		return
	}
	sub := g.session.subject(what, "")
	if _, hit := g.server.faults.Strike("drop_answer", sub); hit {
		return
	}
	answer := lightspeed.NewResponse(requestID, calls)
	frame, open := g.conn.Data(stream, answer.Marshal())
	if !open {
		return
	}
	g.log("out", fmt.Sprintf("answer %s %s", what, answer.Payload))
	if args, hit := g.server.faults.Strike("delay_answer", sub); hit {
		time.AfterFunc(args.Delay(), func() { g.conn.Send(frame) })
		return
	}
	if _, hit := g.server.faults.Strike("merge_frames", sub); hit {
		g.conn.Send(dgw.Frame{Type: dgw.TypePing}, frame)
		return
	}
	g.conn.Send(frame)
}

// push sends rows of a database to a client that has synced it.
func (g *gateway) push(db int64, calls []lightspeed.Call) {
	if g.holding {
		g.waiting = append(g.waiting, func() { g.push(db, calls) })
		return
	}
	sync := g.databases[db]
	if sync == nil || !sync.synced {
		return
	}
	what := "push/" + strconv.FormatInt(db, 10)
	sub := g.session.subject(what, "")
	if _, hit := g.server.faults.Strike("stall", sub); hit {
		sync.synced = false
		return
	}
	if g.strike("close_before", what) {
		return
	}
	answer := lightspeed.NewResponse(0, calls)
	if args, hit := g.server.faults.Strike("garbage_push", sub); hit {
		answer.Payload = args["payload"]
	}
	frame, open := g.conn.Data(sync.stream, answer.Marshal())
	if !open {
		return
	}
	if _, hit := g.server.faults.Strike("extended_push", sub); hit {
		frame.Type = dgw.TypeExtendedData
	}
	g.log("out", fmt.Sprintf("%s %s", what, answer.Payload))
	if args, hit := g.server.faults.Strike("delay_push", sub); hit {
		time.AfterFunc(args.Delay(), func() { g.conn.Send(frame) })
		return
	}
	g.conn.Send(frame)
	if _, hit := g.server.faults.Strike("duplicate_push", sub); hit {
		if again, open := g.conn.Data(sync.stream, answer.Marshal()); open {
			g.conn.Send(again)
		}
	}
	g.strike("close_after", what)
}

// endDatabase ends a database's stream from the server's side, by the older frame if reason is negative.
func (g *gateway) endDatabase(db int64, reason int) {
	sync := g.databases[db]
	if sync == nil {
		return
	}
	delete(g.databases, db)
	delete(g.byStream, sync.stream)
	if reason >= 0 {
		g.conn.EndWith(sync.stream, byte(reason))
		return
	}
	g.conn.End(sync.stream)
}

// stateless runs a task that gets no answer.
func (g *gateway) stateless(stream uint16, req lightspeed.Request) error {
	t, err := lightspeed.ParseStateless(req.Payload)
	if err != nil {
		return g.refuse(err.Error())
	}
	what := "stateless/" + t.Label
	g.log("in", what+" "+t.Payload)
	if t.Version != g.server.version {
		return g.refuse(fmt.Sprintf("schema version %s", t.Version))
	}
	g.conn.Forget(stream)
	if g.strike("close_before", what) {
		return nil
	}
	if t.Label != labelTyping {
		g.server.note(g.session.account, "stateless task "+t.Label)
		return nil
	}
	if err = g.server.typingTask(g.session.account, t.Payload); err != nil {
		g.server.note(g.session.account, "typing: "+err.Error())
	}
	return nil
}

// batch runs tasks in order and answers with all their rows.
func (g *gateway) batch(stream uint16, req lightspeed.Request) error {
	b, err := lightspeed.ParseBatch(req.Payload)
	if err != nil {
		return g.refuse(err.Error())
	}
	if b.Version != g.server.version {
		return g.refuse(fmt.Sprintf("schema version %s", b.Version))
	}
	var calls []lightspeed.Call
	what := "task/" + b.Tasks[0].Label
	_, early := g.server.faults.Strike("early_push", g.session.subject(what, ""))
	g.holding = !early
	defer g.release()
	for _, t := range b.Tasks {
		each := "task/" + t.Label
		g.log("in", each+" "+t.Queue+" "+t.Payload)
		if g.strike("close_before", each) {
			return nil
		}
		calls = append(calls, g.runTask(t)...)
		calls = append(calls, lightspeed.RemoveTask(t.ID))
	}
	g.reply(stream, req.ID, what, calls)
	return nil
}

// release sends what waited for an answer.
func (g *gateway) release() {
	waiting := g.waiting
	g.holding, g.waiting = false, nil
	for _, push := range waiting {
		push()
	}
}
