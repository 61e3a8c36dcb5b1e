package instagram

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// Login is what the special call "login" answers: the cookies of a new browser that the person is logged in with. Values
// are as they stand in the browser. Device numbers it among the person's companions, for Unlink.
type Login struct {
	Cookies map[string]string `json:"cookies"`
	Device  int               `json:"device"`
}

// Account is the argument of the special call "account", which changes what Profile has no word for. Nil fields stay as
// they are. Its answer is all of it, with the person's other ids.
type Account struct {
	FBID         string  `json:"fbid,omitempty"`   // the messaging id; only in answers
	Viewer       string  `json:"viewer,omitempty"` // the 1784… id; only in answers
	Username     *string `json:"username,omitempty"`
	Professional *bool   `json:"professional,omitempty"` // a business's account, with a second inbox folder
	Verified     *bool   `json:"verified,omitempty"`
	Bot          *string `json:"bot,omitempty"` // ai_agent_type
}

// Folder is the argument of the special call "folder", which moves a chat in the person's app, and its answer, which tells
// where the chat is; an empty To only asks. Folders are inbox, general (the second one of professional accounts), pending
// and spam; an answer may say deleted.
type Folder struct {
	Chat string `json:"chat"`
	To   string `json:"to,omitempty"`
}

// GroupPicture is the argument of the special call "group_picture". Without a JPEG the picture is removed.
type GroupPicture struct {
	Group string `json:"group"`
	JPEG  []byte `json:"jpeg,omitempty"`
}

// PinMessage is the argument of the special call "pin_message".
type PinMessage struct {
	control.Target
	Pinned bool `json:"pinned"`
}

// Special makes the calls that only this network has: login, account, folder, group_picture, pin_message, and delta, whose
// argument is an entry of slide_delta_processor that the person's clients are told as it stands, but for its uq_seq_id.
func (n *Network) Special(_ context.Context, id, name string, argument json.RawMessage) (any, error) {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return nil, err
	}
	switch name {
	case "login":
		cookies, number := n.server.Login(p)
		return Login{Cookies: cookies, Device: number}, nil
	case "account":
		return special(p, argument, n.setAccount)
	case "folder":
		return special(p, argument, n.setFolder)
	case "group_picture":
		return special(p, argument, n.setGroupPicture)
	case "pin_message":
		return special(p, argument, n.pinMessage)
	case "delta":
		return special(p, argument, func(p *world.Person, entry shape.Object) (any, error) {
			if entry == nil {
				return nil, control.Invalid("no delta")
			}
			n.direct.Tell(p, "", entry)
			return struct{}{}, nil
		})
	default:
		return nil, control.NotFound("no special call %q", name)
	}
}

// special reads the argument of a call and makes it.
func special[T any](p *world.Person, argument json.RawMessage, f func(*world.Person, T) (any, error)) (any, error) {
	var arg T
	decoder := json.NewDecoder(bytes.NewReader(argument))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&arg); err != nil {
		return nil, control.Invalid("argument is not what this call takes: %v", err)
	}
	return f(p, arg)
}

func (n *Network) setAccount(p *world.Person, a Account) (any, error) {
	if u := a.Username; u != nil {
		if other := n.direct.World.ByUsername(*u); *u == "" || other != nil && other != p {
			return nil, control.Refused("user name %q is empty or taken", *u)
		}
		p.Username = *u
	}
	if a.Professional != nil {
		p.Professional = *a.Professional
	}
	if a.Verified != nil {
		p.Verified = *a.Verified
	}
	if a.Bot != nil {
		p.Bot = *a.Bot
	}
	username, professional, verified, bot := p.Username, p.Professional, p.Verified, p.Bot
	return Account{
		FBID: shape.ID(p.FBID), Viewer: shape.ID(p.Viewer), Username: &username, Professional: &professional,
		Verified: &verified, Bot: &bot,
	}, nil
}

// folders in the words of the call, with those of the network: system folder and inbox folder.
var folders = map[string][2]string{
	"inbox":   {world.FolderInbox, world.InboxPrimary},
	"general": {world.FolderInbox, world.InboxGeneral},
	"pending": {world.FolderPending, ""},
	"spam":    {world.FolderSpam, ""},
}

func (n *Network) setFolder(p *world.Person, f Folder) (any, error) {
	t, err := n.thread(p, f.Chat)
	if err != nil {
		return nil, err
	}
	if f.To != "" {
		to, ok := folders[f.To]
		if !ok {
			return nil, control.Invalid("folder %q is none of inbox, general, pending and spam", f.To)
		}
		n.direct.Move(p, t, to[0], to[1])
	}
	v := p.View(t)
	f.To = strings.ToLower(v.Folder)
	switch {
	case v.Hidden:
		f.To = "deleted"
	case v.Folder == world.FolderInbox && v.InboxFolder == world.InboxGeneral:
		f.To = "general"
	}
	return f, nil
}

func (n *Network) setGroupPicture(p *world.Person, g GroupPicture) (any, error) {
	t, err := n.thread(p, g.Group)
	if err != nil {
		return nil, err
	}
	var image *world.File
	if len(g.JPEG) > 0 {
		image = n.file(p, &control.Media{Data: g.JPEG, MIMEType: "image/jpeg", FileName: "group.jpg"})
	}
	if err := n.direct.SetImage(p, t, image); err != nil {
		return nil, refusal(err)
	}
	return struct{}{}, nil
}

func (n *Network) pinMessage(p *world.Person, pin PinMessage) (any, error) {
	t, err := n.thread(p, pin.Chat)
	if err != nil {
		return nil, err
	}
	m := t.Message(n.resolve(pin.ID))
	if m == nil {
		return nil, control.NotFound("no message %q in chat %q", pin.ID, pin.Chat)
	}
	if err := n.direct.PinMessage(p, m, pin.Pinned); err != nil {
		return nil, refusal(err)
	}
	return struct{}{}, nil
}
