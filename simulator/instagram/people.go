package instagram

import (
	"context"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// AddPerson creates an account and its app.
func (n *Network) AddPerson(_ context.Context, req control.NewPerson) (control.Person, error) {
	defer n.direct.Lock()()
	if req.Phone != "" {
		return control.Person{}, control.Unsupported("a phone number")
	}
	var contacts []*world.Person
	for _, id := range req.Contacts {
		other, err := n.person(id)
		if err != nil {
			return control.Person{}, err
		}
		contacts = append(contacts, other)
	}
	p, err := n.direct.AddPerson("", req.Name)
	if err != nil {
		return control.Person{}, control.Refused("%v", err)
	}
	p.About = req.About
	for _, other := range contacts {
		p.Follow(other, true)
	}
	if len(req.Avatar) > 0 {
		n.setAvatar(p, req.Avatar)
	}
	return n.describe(p), nil
}

func (n *Network) setAvatar(p *world.Person, data []byte) {
	p.Avatar = n.direct.World.AddFile(world.File{Owner: p, Name: "avatar.jpg", MIMEType: "image/jpeg", Data: data})
}

func (n *Network) describe(p *world.Person) control.Person {
	out := control.Person{
		ID: shape.ID(p.IGID), Name: p.Name, Username: p.Username, About: p.About, Online: !p.Offline,
		Companions: n.server.Companions(p),
	}
	if p.Avatar != nil {
		out.AvatarID = shape.ID(p.Avatar.ID)
	}
	return out
}

// People lists everybody.
func (n *Network) People(context.Context) ([]control.Person, error) {
	defer n.direct.Lock()()
	people := []control.Person{}
	for _, p := range n.direct.World.People() {
		people = append(people, n.describe(p))
	}
	return people, nil
}

// Person describes somebody as they are now.
func (n *Network) Person(_ context.Context, id string) (control.Person, error) {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return control.Person{}, err
	}
	return n.describe(p), nil
}

// SetProfile changes somebody's names, description or picture. Clients are not told: they see it in what they ask for next.
func (n *Network) SetProfile(_ context.Context, id string, change control.Profile) (control.Person, error) {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return control.Person{}, err
	}
	if change.Name != nil {
		p.Name = *change.Name
	}
	if change.About != nil {
		p.About = *change.About
	}
	if change.Avatar != nil {
		p.Avatar = nil
		if len(*change.Avatar) > 0 {
			n.setAvatar(p, *change.Avatar)
		}
	}
	return n.describe(p), nil
}

// SetBehaviour changes what somebody's app does by itself.
func (n *Network) SetBehaviour(_ context.Context, id string, change control.Behaviour) error {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return err
	}
	if change.FailDecrypt != nil || change.HoldDelivery != nil || change.PresenceShown != nil {
		return control.Unsupported("decryption, delivery receipts or presence")
	}
	if change.AutoRead != nil {
		p.AutoRead = *change.AutoRead
	}
	if change.Echo != nil {
		p.Echo = *change.Echo
	}
	if change.ReadReceipts != nil {
		p.HideReads = !*change.ReadReceipts
	}
	if change.Online != nil {
		n.direct.SetOnline(p, *change.Online)
	}
	return nil
}

// SetContact makes the person follow somebody, or with an empty name makes that one a stranger to them.
func (n *Network) SetContact(_ context.Context, id string, contact control.Contact) error {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return err
	}
	other, err := n.person(contact.ID)
	if err != nil {
		return err
	}
	p.Follow(other, contact.Name != "")
	return nil
}

// Block blocks or unblocks somebody.
func (n *Network) Block(_ context.Context, id, other string, blocked bool) error {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return err
	}
	o, err := n.person(other)
	if err != nil {
		return err
	}
	p.Block(o, blocked)
	return nil
}

// Unlink revokes a browser's session.
func (n *Network) Unlink(_ context.Context, id string, device int) error {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return err
	}
	if !n.server.Revoke(p, device) {
		return control.NotFound("%s has no session %d", id, device)
	}
	return nil
}

// Presence does not exist in the web client's protocol as it is simulated.
func (n *Network) Presence(context.Context, string, control.PresenceRequest) error {
	return control.Unsupported("presence")
}

// Reinstall has no meaning without encryption.
func (n *Network) Reinstall(context.Context, string) error {
	return control.Unsupported("reinstalling")
}

// ScanQR does not exist.
func (n *Network) ScanQR(context.Context, string, string) (control.Companion, error) {
	return control.Companion{}, control.Unsupported("a QR code")
}

// EnterCode does not exist.
func (n *Network) EnterCode(context.Context, string, string) (control.Companion, error) {
	return control.Companion{}, control.Unsupported("a pairing code")
}

// IssueToken does not exist.
func (n *Network) IssueToken(context.Context, string, string) error {
	return control.Unsupported("a trusted-contact token")
}
