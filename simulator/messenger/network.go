package messenger

import (
	"context"
	"encoding/json"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/app"
	"crosschat/simulator/messenger/lightspeed"
)

// Network is one of the two faces of a simulation. It implements control.Special.
type Network struct {
	*Simulation
	encrypted bool
}

var _ control.Special = (*Network)(nil)

// Name is "messenger" or "messenger-e2ee".
func (n *Network) Name() string {
	if n.encrypted {
		return EncryptedName
	}
	return Name
}

// AddPerson makes somebody with an account; on the encrypted face their app has an encrypted device from the start, on the
// plain one from the first time that they need it. NewPerson.Phone, if given, is the fbid.
func (n *Network) AddPerson(ctx context.Context, p control.NewPerson) (control.Person, error) {
	made, err := n.Plain.AddPerson(ctx, p)
	if err != nil || !n.encrypted {
		return made, err
	}
	_, err = n.app(made.ID)
	return made, err
}

// People lists everybody.
func (n *Network) People(ctx context.Context) ([]control.Person, error) {
	people, err := n.Plain.People(ctx)
	for i := range people {
		n.companions(&people[i])
	}
	return people, err
}

// Person describes somebody. Their companions are browser sessions, on the encrypted face registered devices.
func (n *Network) Person(ctx context.Context, id string) (control.Person, error) {
	p, err := n.Plain.Person(ctx, id)
	n.companions(&p)
	return p, err
}

func (n *Network) companions(p *control.Person) {
	if !n.encrypted {
		return
	}
	p.Companions = []control.Companion{}
	for _, d := range n.Encrypted.Devices(number(p.ID)) {
		if d.Client {
			p.Companions = append(p.Companions, control.Companion{Device: d.Number, Name: "encrypted", Connected: d.Connected, Active: d.Active})
		}
	}
}

// SetProfile changes a profile.
func (n *Network) SetProfile(ctx context.Context, id string, change control.Profile) (control.Person, error) {
	return n.Plain.SetProfile(ctx, id, change)
}

// SetBehaviour changes what somebody's app does by itself. An app that is opened gets what waited for it.
func (n *Network) SetBehaviour(ctx context.Context, id string, b control.Behaviour) error {
	if err := n.Plain.SetBehaviour(ctx, id, b); err != nil {
		return err
	}
	if b.FailDecrypt != nil {
		a, err := n.app(id)
		if err != nil {
			return err
		}
		a.FailDecrypt(*b.FailDecrypt)
	}
	if b.Online != nil && *b.Online {
		n.mu.Lock()
		waiting := n.backlog[id]
		delete(n.backlog, id)
		n.mu.Unlock()
		for _, handle := range waiting {
			handle()
		}
	}
	return nil
}

// SetContact makes somebody a friend or, with an empty name, a stranger whose first message is a request.
func (n *Network) SetContact(ctx context.Context, id string, c control.Contact) error {
	return n.Plain.SetContact(ctx, id, c)
}

// Presence does not exist here as far as clients are simulated.
func (n *Network) Presence(context.Context, string, control.PresenceRequest) error {
	return control.Unsupported("presence")
}

// Block blocks somebody, or no longer.
func (n *Network) Block(ctx context.Context, id, other string, blocked bool) error {
	return n.Plain.Block(ctx, id, other, blocked)
}

// Reinstall gives somebody's app new keys on the encrypted plane.
func (n *Network) Reinstall(_ context.Context, id string) error {
	a, err := n.app(id)
	if err != nil {
		return err
	}
	return a.Reinstall()
}

// ScanQR does not exist: clients log in by the cookies that the special call login hands out.
func (n *Network) ScanQR(context.Context, string, string) (control.Companion, error) {
	return control.Companion{}, control.Unsupported("a QR code")
}

// EnterCode does not exist either.
func (n *Network) EnterCode(context.Context, string, string) (control.Companion, error) {
	return control.Companion{}, control.Unsupported("a pairing code")
}

// Unlink ends a browser session, on the encrypted face it removes a registered device.
func (n *Network) Unlink(ctx context.Context, id string, device int) error {
	if !n.encrypted {
		return n.Plain.Unlink(ctx, id, device)
	}
	if err := n.Encrypted.Remove(number(id), device); err != nil {
		return control.NotFound("%v", err)
	}
	return nil
}

// Send makes somebody's app send a message, on the plane of this face. On the encrypted one a plain chat is cut over.
func (n *Network) Send(ctx context.Context, id string, req control.SendRequest) (control.Sent, error) {
	if n.encrypted {
		return n.sendEncrypted(ctx, id, req)
	}
	return n.Plain.Send(ctx, id, req)
}

// React makes somebody's app react, on the plane of the message.
func (n *Network) React(ctx context.Context, id string, req control.ReactRequest) (control.Sent, error) {
	if plain(req.ID) {
		return n.Plain.React(ctx, id, req)
	}
	return n.deed(ctx, id, req.Target, func(a *app.App, chat, author types.JID) app.Content {
		return a.Reaction(chat, req.ID, author, req.Emoji)
	})
}

// Edit makes somebody's app edit a message of theirs, on its plane.
func (n *Network) Edit(ctx context.Context, id string, req control.EditRequest) (control.Sent, error) {
	if plain(req.ID) {
		return n.Plain.Edit(ctx, id, req)
	}
	return n.deed(ctx, id, req.Target, func(a *app.App, chat, _ types.JID) app.Content {
		return a.EditOf(chat, req.ID, req.Text)
	})
}

// Revoke makes somebody's app unsend a message, on its plane.
func (n *Network) Revoke(ctx context.Context, id string, target control.Target) (control.Sent, error) {
	if plain(target.ID) {
		return n.Plain.Revoke(ctx, id, target)
	}
	return n.deed(ctx, id, target, func(a *app.App, chat, author types.JID) app.Content {
		return a.RevokeOf(chat, target.ID, author)
	})
}

// Receipt marks messages read, each on its plane.
func (n *Network) Receipt(ctx context.Context, id string, req control.ReceiptRequest) error {
	own := req
	own.IDs = nil
	var ids []string
	for _, ref := range req.IDs {
		if plain(ref) {
			own.IDs = append(own.IDs, ref)
		} else {
			ids = append(ids, ref)
		}
	}
	if len(own.IDs) > 0 {
		if err := n.Plain.Receipt(ctx, id, own); err != nil {
			return err
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return n.readEncrypted(ctx, id, req, ids)
}

// Typing shows or stops the typing notice on the plane that the chat is on.
func (n *Network) Typing(ctx context.Context, id string, req control.TypingRequest) error {
	c, encrypted, _ := n.Plain.Plane(id, req.Chat)
	if !encrypted {
		return n.Plain.Typing(ctx, id, req)
	}
	a, err := n.app(id)
	if err != nil {
		return err
	}
	return a.Typing(ctx, app.ChatJID(c.ID, c.Group), req.Typing, req.Media)
}

// Call leaves the notice of a call, as a system message or on the encrypted plane as a share.
func (n *Network) Call(ctx context.Context, id string, req control.CallRequest) (control.Sent, error) {
	return n.call(ctx, id, req)
}

// IssueToken does not exist here.
func (n *Network) IssueToken(context.Context, string, string) error {
	return control.Unsupported("a contact token")
}

// CreateGroup makes a group on the plane of this face.
func (n *Network) CreateGroup(ctx context.Context, id string, group control.NewGroup) (control.Group, error) {
	if n.encrypted {
		for _, member := range append([]string{id}, group.Members...) {
			if _, err := n.app(member); err != nil {
				return control.Group{}, err
			}
		}
	}
	return n.Plain.CreateGroup(ctx, id, group, n.encrypted)
}

// ChangeGroup changes a group.
func (n *Network) ChangeGroup(ctx context.Context, id, group string, change control.GroupChange) (control.Group, error) {
	return n.Plain.ChangeGroup(ctx, id, group, change)
}

// Group describes a group.
func (n *Network) Group(ctx context.Context, id, group string) (control.Group, error) {
	return n.Plain.Group(ctx, id, group)
}

// Timeline returns what reached somebody's app.
func (n *Network) Timeline(ctx context.Context, id string, from int) ([]control.Event, error) {
	return n.Plain.Timeline(ctx, id, from)
}

// Await blocks until the match is fulfilled or ctx ends.
func (n *Network) Await(ctx context.Context, id string, match control.Match) ([]control.Event, error) {
	return n.Plain.Await(ctx, id, match)
}

// AddHistory puts messages into plain threads; the encrypted plane has no history that clients could read.
func (n *Network) AddHistory(ctx context.Context, id string, messages []control.HistoryMessage) error {
	if n.encrypted {
		return control.Unsupported("history of encrypted chats")
	}
	return n.Plain.AddHistory(ctx, id, messages)
}

// SpoilMedia breaks the files of a message. How is expired (on the plain plane a new link is good), deleted or corrupt.
func (n *Network) SpoilMedia(_ context.Context, id string, req control.SpoilRequest) error {
	return n.spoil(id, req)
}

// SetChat changes what somebody chose for a chat.
func (n *Network) SetChat(ctx context.Context, id string, change control.ChatSettings) (control.ChatSettings, error) {
	return n.Plain.SetChat(ctx, id, change)
}

// Chat describes what somebody chose for a chat.
func (n *Network) Chat(ctx context.Context, id, chat string) (control.ChatSettings, error) {
	return n.Plain.Chat(ctx, id, chat)
}

// AddFault puts a fault in force. Where both planes know the kind, the face decides.
func (n *Network) AddFault(_ context.Context, f control.Fault) (control.Fault, error) {
	if n.Encrypted.Faults().Knows(f.Kind) && (n.encrypted || !n.Plain.Faults().Knows(f.Kind)) {
		return n.Encrypted.AddFault(f)
	}
	return n.Plain.AddFault(f)
}

// Faults lists the faults of both planes.
func (n *Network) Faults(context.Context) ([]control.Fault, error) {
	return append(n.Plain.Faults().List(), n.Encrypted.Faults().List()...), nil
}

// RemoveFault takes a fault away.
func (n *Network) RemoveFault(_ context.Context, id string) error {
	if !n.Plain.Faults().Remove(id) && !n.Encrypted.RemoveFault(id) {
		return control.NotFound("no fault %q", id)
	}
	return nil
}

// Log returns what crossed the wires of both planes.
func (n *Network) Log(_ context.Context, from int) ([]control.LogEntry, error) {
	entries, _ := n.Plain.Log().From(from)
	return entries, nil
}

// AwaitLog blocks until log entries match or ctx ends.
func (n *Network) AwaitLog(ctx context.Context, match control.LogMatch) ([]control.LogEntry, error) {
	return n.Plain.Log().Await(ctx, match)
}

// Unexpected lists what clients should not have done, on either plane.
func (n *Network) Unexpected(context.Context) ([]control.Unexpected, error) {
	return n.Plain.Log().Unexpected(), nil
}

// TimerChange is the argument of the special call "timer": somebody sets a chat's disappearing timer; 0 seconds is off.
type TimerChange struct {
	Chat    string `json:"chat"`
	Seconds uint32 `json:"seconds"`
}

// Special makes the calls that only this network has: those of package server, and timer and expire_cat (all tokens of the
// person for the encrypted plane expire; no argument).
func (n *Network) Special(ctx context.Context, id, name string, argument json.RawMessage) (any, error) {
	switch name {
	case "timer":
		var change TimerChange
		if err := lightspeed.Strict(argument, &change, "chat", "seconds"); err != nil {
			return nil, control.Invalid("argument: %v", err)
		}
		return n.setTimer(ctx, id, change)
	case "expire_cat":
		n.Plain.ExpireCATs(number(id))
		return struct{}{}, nil
	default:
		return n.Plain.Special(ctx, id, name, argument)
	}
}
