package whatsapp

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp/media"
	"crosschat/simulator/whatsapp/phone"
)

// actor finds the acting person and the chat they act in.
func (n *Network) actor(id, chat string) (*person, types.JID, error) {
	p, err := n.person(id)
	if err != nil {
		return nil, types.JID{}, err
	}
	jid, err := n.chatJID(chat)
	return p, jid, err
}

// Send sends a message and waits for the server's ack.
func (n *Network) Send(ctx context.Context, id string, req control.SendRequest) (control.Sent, error) {
	p, to, err := n.actor(id, req.To)
	if err != nil {
		return control.Sent{}, err
	}
	content, err := p.compose(req)
	if err != nil {
		return control.Sent{}, err
	}
	if req.ByNumber && to.Server == types.HiddenUserServer {
		to = types.NewJID(req.To, types.DefaultUserServer)
	}
	out := phone.Outgoing{To: to, ID: req.ID, Content: content}
	if req.Time != nil {
		out.Time = *req.Time
	}
	return p.send(ctx, out)
}

func (p *person) send(ctx context.Context, out phone.Outgoing) (control.Sent, error) {
	sent, err := p.phone.Send(ctx, out)
	if err != nil {
		return control.Sent{}, refusal(err)
	}
	return control.Sent{ID: sent.ID, Time: sent.Time}, nil
}

// key names a message in a chat, as its author's or the actor's.
func (n *Network) key(p *person, chat types.JID, target control.Target) (*waCommon.MessageKey, error) {
	if target.ID == "" {
		return nil, control.Invalid("no message is named")
	}
	own := target.Sender == "" || target.Sender == p.id
	key := &waCommon.MessageKey{
		RemoteJID: proto.String(chat.String()), FromMe: proto.Bool(own), ID: proto.String(target.ID),
	}
	if chat.Server == types.GroupServer && !own {
		author, err := n.person(target.Sender)
		if err != nil {
			return nil, err
		}
		key.Participant = proto.String(author.phone.LID().String())
	}
	return key, nil
}

// React adds, changes or removes a reaction.
func (n *Network) React(ctx context.Context, id string, req control.ReactRequest) (control.Sent, error) {
	p, chat, err := n.actor(id, req.Chat)
	if err != nil {
		return control.Sent{}, err
	}
	key, err := n.key(p, chat, req.Target)
	if err != nil {
		return control.Sent{}, err
	}
	return p.send(ctx, phone.Outgoing{To: chat, Content: &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{
		Key: key, Text: proto.String(req.Emoji), SenderTimestampMS: proto.Int64(time.Now().UnixMilli()),
	}}})
}

// Edit replaces the text or caption of an own message.
func (n *Network) Edit(ctx context.Context, id string, req control.EditRequest) (control.Sent, error) {
	p, chat, err := n.actor(id, req.Chat)
	if err != nil {
		return control.Sent{}, err
	}
	req.Sender = ""
	key, err := n.key(p, chat, req.Target)
	if err != nil {
		return control.Sent{}, err
	}
	edited := &waE2E.Message{Conversation: proto.String(req.Text)}
	if old, ok := p.phone.Known(req.ID); ok {
		edited = withText(old.Content, req.Text)
	}
	return p.send(ctx, phone.Outgoing{To: chat, Content: &waE2E.Message{
		EditedMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Key: key, Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), EditedMessage: edited,
			TimestampMS: proto.Int64(time.Now().UnixMilli()),
		}}},
	}})
}

// withText is a message with another text or caption.
func withText(old *waE2E.Message, text string) *waE2E.Message {
	edited := proto.CloneOf(old)
	edited.MessageContextInfo = nil
	m := phone.Inner(edited)
	switch {
	case m.ImageMessage != nil:
		m.ImageMessage.Caption = proto.String(text)
	case m.VideoMessage != nil:
		m.VideoMessage.Caption = proto.String(text)
	case m.DocumentMessage != nil:
		m.DocumentMessage.Caption = proto.String(text)
	case m.ExtendedTextMessage != nil:
		m.ExtendedTextMessage.Text = proto.String(text)
	default:
		return &waE2E.Message{Conversation: proto.String(text)}
	}
	return edited
}

// Revoke deletes a message for everyone.
func (n *Network) Revoke(ctx context.Context, id string, target control.Target) (control.Sent, error) {
	p, chat, err := n.actor(id, target.Chat)
	if err != nil {
		return control.Sent{}, err
	}
	key, err := n.key(p, chat, target)
	if err != nil {
		return control.Sent{}, err
	}
	return p.send(ctx, phone.Outgoing{To: chat, Content: &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Key: key, Type: waE2E.ProtocolMessage_REVOKE.Enum(),
	}}})
}

// Receipt marks messages as read or played.
func (n *Network) Receipt(ctx context.Context, id string, req control.ReceiptRequest) error {
	p, chat, err := n.actor(id, req.Chat)
	if err != nil {
		return err
	}
	if req.Type != "read" && req.Type != "played" {
		return control.Invalid("receipt of type %q does not exist, only read and played", req.Type)
	}
	if len(req.IDs) == 0 {
		return control.Invalid("no message is named")
	}
	var sender types.JID
	if req.Sender != "" {
		author, err := n.person(req.Sender)
		if err != nil {
			return err
		}
		sender = author.phone.LID()
	}
	return p.phone.MarkRead(ctx, chat, sender, req.IDs, req.Type)
}

// Typing shows or stops the typing notice.
func (n *Network) Typing(ctx context.Context, id string, req control.TypingRequest) error {
	p, chat, err := n.actor(id, req.Chat)
	if err != nil {
		return err
	}
	return p.phone.SetTyping(ctx, chat, req.Typing, req.Media == "audio")
}

// Timeline returns what happened on a person's phone.
func (n *Network) Timeline(_ context.Context, id string, from int) ([]control.Event, error) {
	p, err := n.person(id)
	if err != nil {
		return nil, err
	}
	return p.timeline.Since(from), nil
}

// Await blocks until the timeline has what match selects.
func (n *Network) Await(ctx context.Context, id string, match control.Match) ([]control.Event, error) {
	p, err := n.person(id)
	if err != nil {
		return nil, err
	}
	return p.timeline.Await(ctx, match)
}

// AddHistory gives a phone messages from before a companion is linked.
func (n *Network) AddHistory(_ context.Context, id string, messages []control.HistoryMessage) error {
	p, err := n.person(id)
	if err != nil {
		return err
	}
	var known []phone.Message
	for _, m := range messages {
		_, chat, err := n.actor(id, m.Chat)
		if err != nil {
			return err
		}
		sender, err := n.person(m.Sender)
		if err != nil {
			return err
		}
		content := &waE2E.Message{Conversation: proto.String(m.Text)}
		if len(m.Raw) > 0 {
			content = &waE2E.Message{}
			if err := protojson.Unmarshal(m.Raw, content); err != nil {
				return control.Invalid("raw of %s is not a WhatsApp message: %v", m.ID, err)
			}
		}
		if m.ID == "" || m.Time.IsZero() {
			return control.Invalid("a message of history needs an id and a time")
		}
		known = append(known, phone.Message{
			ID: m.ID, Chat: chat, Sender: sender.phone.LID(), FromMe: sender == p, Time: m.Time, Content: content,
		})
	}
	p.phone.Remember(known)
	return nil
}

// SpoilMedia breaks the file of a message.
func (n *Network) SpoilMedia(_ context.Context, id string, req control.SpoilRequest) error {
	p, err := n.person(id)
	if err != nil {
		return err
	}
	m, ok := p.phone.Known(req.ID)
	if !ok {
		return control.NotFound("message %q is not on this phone", req.ID)
	}
	switch req.How {
	case "expired":
		return p.phone.Spoil(m.Content, (*media.Store).Expire)
	case "deleted":
		return p.phone.Spoil(m.Content, (*media.Store).Delete)
	case "corrupt":
		return p.phone.Spoil(m.Content, (*media.Store).Corrupt)
	case "forget":
		p.phone.ForgetFile(m.Content)
		return nil
	}
	return control.Invalid("how is %q, not expired, deleted, corrupt or forget", req.How)
}

// SetChat changes a chat's settings on the phone.
func (n *Network) SetChat(ctx context.Context, id string, change control.ChatSettings) (control.ChatSettings, error) {
	p, chat, err := n.actor(id, change.Chat)
	if err != nil {
		return control.ChatSettings{}, err
	}
	want := p.phone.Chat(chat)
	if change.MutedUntil != nil {
		want.MutedUntil = *change.MutedUntil
	}
	for _, f := range []struct {
		to   *bool
		from *bool
	}{{&want.Pinned, change.Pinned}, {&want.Archived, change.Archived}, {&want.Unread, change.Unread}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if err := p.phone.SetChat(ctx, want); err != nil {
		return control.ChatSettings{}, err
	}
	return n.Chat(ctx, id, change.Chat)
}

// Chat is what the phone knows of a chat's settings.
func (n *Network) Chat(_ context.Context, id, chat string) (control.ChatSettings, error) {
	p, jid, err := n.actor(id, chat)
	if err != nil {
		return control.ChatSettings{}, err
	}
	s := p.phone.Chat(jid)
	return control.ChatSettings{
		Chat: chat, MutedUntil: &s.MutedUntil, Pinned: &s.Pinned, Archived: &s.Archived, Unread: &s.Unread,
	}, nil
}
