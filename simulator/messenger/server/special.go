package server

import (
	"context"
	"encoding/json"
	"slices"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// Login is what the special call "login" answers: the cookies of a browser that the person has just logged in with. The
// call takes no argument.
type Login struct {
	Cookies map[string]string `json:"cookies"` // by name; values as they stand in the browser
	Device  int               `json:"device"`  // number of the session, for faults and Unlink
}

// Gate is the argument of the special call "gate": from then on every page load of the person is sent to Path and nothing
// else works for their sessions; an empty Path ends that, and the sessions are good again.
type Gate struct {
	Path string `json:"path"`
}

// ThreadChange is the argument of the special call "thread", which changes a chat in ways that people don't ask for. Fields
// left out stay as they are.
type ThreadChange struct {
	Chat string `json:"chat"`
	// Folder is inbox, pending, spam, archived, other and so on, as the person sees the chat.
	Folder string `json:"folder,omitempty"`
	// Kind overrides the thread type: 5 Marketplace, 201 AI and so on.
	Kind int64 `json:"kind,omitempty"`
	// Parent is the key of a folder thread, made here if there is none: Marketplace.
	Parent     int64  `json:"parent,omitempty"`
	ParentName string `json:"parent_name,omitempty"`
	Hybrid     bool   `json:"hybrid,omitempty"` // the plain plane knows the chat by another key
	// Encrypted moves the chat to the encrypted plane, or back.
	Encrypted *bool  `json:"encrypted,omitempty"`
	Picture   []byte `json:"picture,omitempty"` // of a group
	Delete    bool   `json:"delete,omitempty"`  // the person deletes the chat
	Announce  bool   `json:"announce,omitempty"`
}

// ThreadKey is what the special call "thread" answers: how the plain plane names the chat.
type ThreadKey struct {
	Key int64 `json:"key"`
}

// Expire is the argument of the special call "expire": links to the files of a message end now; with Gone new ones don't
// work either.
type Expire struct {
	Message string `json:"message"`
	Gone    bool   `json:"gone,omitempty"`
}

// Rows is the argument of the special call "rows": calls that are logged and pushed as they stand.
type Rows struct {
	Database int64 `json:"database"`
	// Calls are lists of a name and arguments; numbers are integers, null is undefined.
	Calls [][]any `json:"calls"`
	// Unlogged pushes them without a transaction.
	Unlogged bool `json:"unlogged,omitempty"`
}

// Page is the argument of the special call "page", which makes the person a page or an ordinary person.
type Page struct {
	Page     bool   `json:"page"`
	Username string `json:"username,omitempty"`
}

// Location is the argument of the special call "live_location": the person shares their place in a chat.
type Location struct {
	Chat      string  `json:"chat"`
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Begins    int64   `json:"begins,omitempty"` // ms; what is told of one sharing has the same begin. Now, if left out
	Ends      int64   `json:"ends"`             // ms
}

// Special makes the calls that only this network has: login, gate, thread, expire, rows, page, live_location.
func (s *Server) Special(_ context.Context, id, name string, argument json.RawMessage) (any, error) {
	switch name {
	case "login":
		return with(s, id, func(a *account) (Login, error) {
			ses := s.addSession(a)
			return Login{Cookies: ses.cookies(), Device: ses.number}, nil
		})
	case "gate":
		return special(s, id, argument, s.setGate)
	case "thread":
		return special(s, id, argument, s.changeThread)
	case "rows":
		return special(s, id, argument, s.sendRows)
	case "page":
		return special(s, id, argument, func(a *account, arg Page) (any, error) {
			a.Page, a.Username = arg.Page, arg.Username
			s.contactChanged(a.Person)
			return s.describe(a), nil
		})
	case "live_location":
		return special(s, id, argument, s.shareLocation)
	case "expire":
		var arg Expire
		if err := lightspeed.Strict(argument, &arg, "message"); err != nil {
			return nil, control.Invalid("argument: %v", err)
		}
		return struct{}{}, s.ExpireFiles(arg.Message, arg.Gone)
	default:
		return nil, control.NotFound("no special call %q", name)
	}
}

// special reads an argument and runs a call with the account and the lock.
func special[T any](s *Server, id string, argument json.RawMessage, f func(*account, T) (any, error)) (any, error) {
	var arg T
	if err := lightspeed.Strict(argument, &arg); err != nil {
		return nil, control.Invalid("argument: %v", err)
	}
	return with(s, id, func(a *account) (any, error) { return f(a, arg) })
}

func (s *Server) setGate(a *account, g Gate) (any, error) {
	a.gate = g.Path
	if a.gate != "" {
		for _, ses := range a.sessions {
			s.unauthorise(ses)
		}
	}
	return struct{}{}, nil
}

func (s *Server) changeThread(a *account, c ThreadChange) (any, error) {
	v, err := s.findView(a, c.Chat)
	if err != nil {
		return nil, err
	}
	t := v.Thread
	if c.Hybrid {
		s.world.GiveHybridKey(v)
	}
	if c.Folder != "" {
		v.Folder = c.Folder
	}
	if c.Kind != 0 {
		t.Kind = c.Kind
	}
	if c.Parent != 0 {
		t.Parent = c.Parent
		s.append(a, lightspeed.Mailbox, lightspeed.UpsertFolder(c.Parent, c.ParentName, s.world.Now(), 0))
	}
	if c.Picture != nil && t.Group {
		s.setImage(a, t, s.world.NewFile("group.jpg", "image/jpeg", c.Picture))
	}
	if c.Delete {
		s.deleteForOwner(a, v)
	}
	if c.Encrypted != nil && *c.Encrypted != t.Encrypted {
		s.cutOver(t, *c.Encrypted)
	}
	if c.Announce {
		v.Told = true
		s.append(a, database(v), s.threadCalls(a, v)...)
	}
	return ThreadKey{Key: v.PlainKey()}, nil
}

// cutOver moves a chat to the encrypted plane or back, and tells it.
func (s *Server) cutOver(t *world.Thread, encrypted bool) {
	t.Encrypted = encrypted
	for _, a := range s.members(t) {
		v := t.View(a.ID)
		switch {
		case encrypted && v.Folder == world.Inbox:
			v.Folder = world.Cutover
			s.append(a, database(v), lightspeed.MoveToE2EE(v.PlainKey()))
		case !encrypted && v.Folder == world.Cutover:
			v.Folder = world.Inbox
			s.append(a, database(v), append(s.threadCalls(a, v), lightspeed.MoveToInbox(v.PlainKey()))...)
		}
	}
}

func (s *Server) sendRows(a *account, r Rows) (any, error) {
	var calls []lightspeed.Call
	for _, list := range r.Calls {
		if len(list) == 0 {
			return nil, control.Invalid("a call without a name")
		}
		name, ok := list[0].(string)
		if !ok {
			return nil, control.Invalid("the name %v is no text", list[0])
		}
		args := slices.Clone(list[1:])
		for i, arg := range args {
			switch n := arg.(type) {
			case float64:
				args[i] = int64(n)
			case []any, map[string]any:
				return nil, control.Invalid("an argument of %s is a list or an object", name)
			}
		}
		calls = append(calls, lightspeed.Call{Name: name, Args: args})
	}
	if a.logs[r.Database] == nil {
		return nil, control.Invalid("database %d", r.Database)
	}
	if r.Unlogged {
		s.tell(a, r.Database, calls...)
	} else {
		s.append(a, r.Database, calls...)
	}
	return struct{}{}, nil
}

func (s *Server) shareLocation(a *account, l Location) (any, error) {
	v, err := s.findView(a, l.Chat)
	if err != nil {
		return nil, err
	}
	begins := l.Begins
	if begins == 0 {
		begins = s.world.Now()
	}
	for _, other := range s.members(v.Thread) {
		theirs := v.Thread.View(other.ID)
		s.append(other, database(theirs),
			lightspeed.LiveLocation(theirs.PlainKey(), a.ID, l.Latitude, l.Longitude, begins, l.Ends))
	}
	return struct{}{}, nil
}
