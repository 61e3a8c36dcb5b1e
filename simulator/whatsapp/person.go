package whatsapp

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp/phone"
	"crosschat/simulator/world"
)

// actTimeout bounds what a person does by themselves.
const actTimeout = 10 * time.Second

// person is a simulated person: a phone, a timeline and habits. It observes its own phone.
type person struct {
	network  *Network
	id       string
	phone    *phone.Phone
	timeline world.Timeline
	avatar   atomic.Pointer[string] // id of the picture

	autoRead, echo atomic.Bool
}

var _ phone.Observer = (*person)(nil)

// Message puts a message into the timeline; then habits follow.
func (p *person) Message(m phone.Message) {
	event := p.timeline.Append(p.event(m))
	if m.FromMe || event.Kind != control.KindMessage {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), actTimeout) // a habit has no caller
	defer cancel()
	if p.autoRead.Load() {
		err := p.phone.MarkRead(ctx, m.Chat, m.Sender.ToNonAD(), []string{m.ID}, "read")
		p.report(m, "mark read", err)
	}
	if p.echo.Load() && event.Text != "" {
		_, err := p.phone.Send(ctx, phone.Outgoing{To: m.Chat, Content: &waE2E.Message{Conversation: proto.String(event.Text)}})
		p.report(m, "echo", err)
	}
}

func (p *person) report(m phone.Message, what string, err error) {
	if err != nil {
		p.Problem(phone.Problem{Chat: m.Chat, Sender: m.Sender, ID: m.ID, What: what + ": " + err.Error()})
	}
}

// Receipt puts one event for each message into the timeline.
func (p *person) Receipt(r phone.Receipt) {
	for _, id := range r.IDs {
		p.timeline.Append(control.Event{
			Time: r.Time, Kind: control.KindReceipt, Chat: p.network.idOf(r.Chat), Sender: p.network.idOf(r.Sender),
			Device: int(r.Sender.Device), FromMe: r.FromMe, Ref: id, Text: r.Type,
		})
	}
}

// Typing puts a chat state into the timeline.
func (p *person) Typing(t phone.Typing) {
	p.timeline.Append(control.Event{
		Kind: control.KindTyping, Chat: p.network.idOf(t.Chat), Sender: p.network.idOf(t.Sender), Text: t.State,
	})
}

// Presence puts somebody's presence into the timeline.
func (p *person) Presence(s phone.Presence) {
	text := "unavailable"
	if s.Available {
		text = "available"
	}
	id := p.network.idOf(s.From)
	p.timeline.Append(control.Event{Kind: control.KindPresence, Chat: id, Sender: id, Text: text})
}

// Settings puts what a companion chose for a chat into the timeline.
func (p *person) Settings(s phone.ChatSettings) {
	p.timeline.Append(control.Event{
		Kind: control.KindSettings, Chat: p.network.idOf(s.Chat), Sender: p.id, FromMe: true,
	})
}

// Renamed puts a new name that a companion gave the account into the timeline.
func (p *person) Renamed(name string) {
	p.timeline.Append(control.Event{Kind: control.KindSettings, Sender: p.id, FromMe: true, Text: name})
}

// Problem puts what went wrong into the timeline.
func (p *person) Problem(problem phone.Problem) {
	p.timeline.Append(control.Event{
		Kind: control.KindProblem, Chat: p.network.idOf(problem.Chat), Sender: p.network.idOf(problem.Sender),
		Device: int(problem.Sender.Device), ID: problem.ID, Text: problem.What,
	})
}

// SetProfile changes name, about or picture, and everybody's devices are told.
func (n *Network) SetProfile(ctx context.Context, id string, change control.Profile) (control.Person, error) {
	p, err := n.person(id)
	if err != nil {
		return control.Person{}, err
	}
	if change.Name != nil {
		if err := p.phone.SetPushName(ctx, *change.Name); err != nil {
			return control.Person{}, err
		}
	}
	if change.About != nil {
		if err := p.phone.SetAbout(*change.About); err != nil {
			return control.Person{}, err
		}
	}
	if change.Avatar != nil {
		picture := *change.Avatar
		if len(picture) == 0 {
			picture = nil
		}
		id, err := p.phone.SetPicture(picture)
		if err != nil {
			return control.Person{}, control.Invalid("set picture: %v", err)
		}
		p.avatar.Store(&id)
	}
	return n.describe(p)
}

// SetBehaviour changes a person's habits and settings.
func (n *Network) SetBehaviour(ctx context.Context, id string, change control.Behaviour) error {
	p, err := n.person(id)
	if err != nil {
		return err
	}
	if change.Online != nil {
		p.phone.SetOnline(*change.Online)
	}
	if change.AutoRead != nil {
		p.autoRead.Store(*change.AutoRead)
	}
	if change.Echo != nil {
		p.echo.Store(*change.Echo)
	}
	p.phone.Behave(func(b *phone.Behaviour) {
		if change.FailDecrypt != nil {
			b.FailDecrypt = *change.FailDecrypt
		}
		if change.HoldDelivery != nil {
			b.HoldDelivery = *change.HoldDelivery
		}
		if change.ReadReceipts != nil {
			b.HideReads = !*change.ReadReceipts
		}
		if change.Passkey != nil {
			b.Passkey = *change.Passkey
		}
	})
	for name, shown := range map[string]*bool{"readreceipts": change.ReadReceipts, "last": change.PresenceShown} {
		if shown == nil {
			continue
		}
		value := "none"
		if *shown {
			value = "all"
		}
		if err := p.phone.SetPrivacy(ctx, name, value); err != nil {
			return err
		}
	}
	return nil
}

// SetContact names somebody in a person's address book.
func (n *Network) SetContact(ctx context.Context, id string, contact control.Contact) error {
	p, err := n.person(id)
	if err != nil {
		return err
	}
	other, err := n.person(contact.ID)
	if err != nil {
		return err
	}
	return p.phone.SetContact(ctx, other.phone.PN(), other.phone.LID(), contact.Name)
}

// Presence opens or closes the app, and subscribes.
func (n *Network) Presence(ctx context.Context, id string, req control.PresenceRequest) error {
	p, err := n.person(id)
	if err != nil {
		return err
	}
	if req.Available != nil {
		if err := p.phone.SetAvailable(ctx, *req.Available); err != nil {
			return err
		}
	}
	if req.Subscribe == "" {
		return nil
	}
	other, err := n.person(req.Subscribe)
	if err != nil {
		return err
	}
	return p.phone.Subscribe(ctx, other.phone.LID())
}

// Block blocks or unblocks somebody.
func (n *Network) Block(ctx context.Context, id, other string, blocked bool) error {
	p, err := n.person(id)
	if err != nil {
		return err
	}
	o, err := n.person(other)
	if err != nil {
		return err
	}
	return p.phone.SetBlocked(ctx, o.phone.LID(), blocked)
}

// Reinstall gives the phone new keys.
func (n *Network) Reinstall(_ context.Context, id string) error {
	p, err := n.person(id)
	if err != nil {
		return err
	}
	return p.phone.Reinstall()
}

// ScanQR links the companion that shows a QR code.
func (n *Network) ScanQR(ctx context.Context, id, text string) (control.Companion, error) {
	return n.linkDevice(id, func(p *phone.Phone) (int, error) { return p.Scan(ctx, text) })
}

// EnterCode links the companion that shows a pairing code; it waits for one that asks.
func (n *Network) EnterCode(ctx context.Context, id, code string) (control.Companion, error) {
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	return n.linkDevice(id, func(p *phone.Phone) (int, error) { return p.EnterCode(ctx, code) })
}

func (n *Network) linkDevice(id string, link func(*phone.Phone) (int, error)) (control.Companion, error) {
	p, err := n.person(id)
	if err != nil {
		return control.Companion{}, err
	}
	number, err := link(p.phone)
	switch {
	case errors.Is(err, phone.ErrNotLinkingQR), errors.Is(err, phone.ErrNotCode):
		return control.Companion{}, &control.Error{Status: http.StatusBadRequest, Message: err.Error()}
	case err != nil:
		return control.Companion{}, refusal(err)
	}
	devices, err := n.server.Devices(id)
	if err != nil {
		return control.Companion{}, err
	}
	for _, d := range devices {
		if d.Number == number {
			return companion(d), nil
		}
	}
	return control.Companion{Device: number}, nil
}

// Unlink removes a linked device.
func (n *Network) Unlink(_ context.Context, id string, device int) error {
	p, err := n.person(id)
	if err != nil {
		return err
	}
	return refusal(p.phone.Unlink(device))
}
