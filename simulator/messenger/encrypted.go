package messenger

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waArmadilloXMA"
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/app"
	"crosschat/simulator/messenger/server"
)

// number is an id of the control API as a number; 0 if it is none.
func number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// encryptedChat finds a chat and puts it on the encrypted plane; everybody in it gets an encrypted device.
func (s *Simulation) encryptedChat(id, chat string) (*app.App, server.EncryptedChat, error) {
	a, err := s.app(id)
	if err != nil {
		return nil, server.EncryptedChat{}, err
	}
	c, err := s.Plain.Encrypt(id, chat)
	if err != nil {
		return nil, c, err
	}
	if !c.Group {
		_, err = s.app(strconv.FormatInt(c.ID, 10))
	}
	return a, c, err
}

// sendEncrypted makes somebody's app send a message on the encrypted plane.
func (s *Simulation) sendEncrypted(ctx context.Context, id string, req control.SendRequest) (control.Sent, error) {
	a, c, err := s.encryptedChat(id, req.To)
	if err != nil {
		return control.Sent{}, err
	}
	if err = s.Plain.Reach(id, req.To); err != nil {
		return control.Sent{}, err
	}
	quoted := types.JID{}
	if req.ReplyTo != "" {
		if quoted, err = s.authorOf(id, req.ReplyTo, ""); err != nil {
			return control.Sent{}, err
		}
	}
	content, meta, err := a.Compose(req, quoted, app.Timer{Seconds: uint32(c.Seconds), SetAt: c.SetAt})
	if err != nil {
		return control.Sent{}, err
	}
	out := app.Outgoing{ID: req.ID, Chat: app.ChatJID(c.ID, c.Group), Content: content, Metadata: meta}
	if req.Time != nil {
		out.At = *req.Time
	}
	return s.hand(ctx, id, a, out)
}

// hand sends a message and notes it on the sender's own timeline.
func (s *Simulation) hand(ctx context.Context, id string, a *app.App, out app.Outgoing) (control.Sent, error) {
	message, err := a.Send(ctx, out)
	if err != nil {
		return control.Sent{}, control.Refused("%v", err)
	}
	at := out.At
	if at.IsZero() {
		at = time.Now()
	}
	_, err = s.Plain.Record(id, a.Describe(app.Message{
		ID: message, Chat: out.Chat, Sender: a.JID(), FromMe: true, At: at, Content: out.Content, Metadata: out.Metadata,
	}))
	return control.Sent{ID: message, Time: at}, err
}

// authorOf finds who wrote a message that somebody's app knows.
func (s *Simulation) authorOf(id, message, given string) (types.JID, error) {
	if given == "" {
		e, err := s.Plain.FindEvent(id, message)
		if err != nil {
			return types.JID{}, err
		}
		given = e.Sender
	}
	return app.ChatJID(number(given), false), nil
}

// deed does something to a message of the encrypted plane.
func (n *Network) deed(
	ctx context.Context, id string, target control.Target, make func(a *app.App, chat, author types.JID) app.Content,
) (control.Sent, error) {
	a, c, err := n.encryptedChat(id, target.Chat)
	if err != nil {
		return control.Sent{}, err
	}
	author, err := n.authorOf(id, target.ID, target.Sender)
	if err != nil {
		return control.Sent{}, err
	}
	chat := app.ChatJID(c.ID, c.Group)
	return n.hand(ctx, id, a, app.Outgoing{
		Chat: chat, Content: make(a, chat, author), Metadata: app.MetadataFor(app.Timer{Seconds: uint32(c.Seconds), SetAt: c.SetAt}),
	})
}

// readEncrypted marks messages of the encrypted plane read.
func (n *Network) readEncrypted(ctx context.Context, id string, req control.ReceiptRequest, ids []string) error {
	if req.Type != "read" {
		return control.Unsupported("a receipt of type " + req.Type)
	}
	a, c, err := n.encryptedChat(id, req.Chat)
	if err != nil {
		return err
	}
	author, err := n.authorOf(id, ids[0], req.Sender)
	if err != nil {
		return err
	}
	if err = a.Read(ctx, app.ChatJID(c.ID, c.Group), author, ids); err != nil {
		return control.Refused("%v", err)
	}
	return n.Plain.MarkEncryptedRead(id, req.Chat, time.Now())
}

// setTimer sets a chat's disappearing timer by a message without content.
func (n *Network) setTimer(ctx context.Context, id string, change TimerChange) (control.Sent, error) {
	a, c, err := n.encryptedChat(id, change.Chat)
	if err != nil {
		return control.Sent{}, err
	}
	now := time.Now()
	if err = n.Plain.SetTimer(id, change.Chat, int64(change.Seconds), now); err != nil {
		return control.Sent{}, err
	}
	return n.hand(ctx, id, a, app.Outgoing{
		Chat: app.ChatJID(c.ID, c.Group), Metadata: app.MetadataFor(app.Timer{Seconds: change.Seconds, SetAt: now}),
	})
}

// call leaves the notice of a call that nobody answered, or that rings on.
func (n *Network) call(ctx context.Context, id string, req control.CallRequest) (control.Sent, error) {
	p, err := n.Plain.Person(ctx, id)
	if err != nil {
		return control.Sent{}, err
	}
	kind, missed := "audio", req.Stop != ""
	if req.Video {
		kind = "video"
	}
	text := fmt.Sprintf("%s started a %s call.", p.Name, kind)
	if missed {
		text = fmt.Sprintf("You missed a %s call from %s.", kind, p.Name)
	}
	if !n.encrypted {
		raw := fmt.Sprintf(`{"text":%q,"admin":true}`, text)
		return n.Plain.Send(ctx, id, control.SendRequest{To: req.To, Raw: []byte(raw)})
	}
	target := waArmadilloXMA.ExtendedContentMessage_RTC_AUDIO_CALL
	switch {
	case req.Video && missed:
		target = waArmadilloXMA.ExtendedContentMessage_RTC_MISSED_VIDEO_CALL
	case req.Video:
		target = waArmadilloXMA.ExtendedContentMessage_RTC_VIDEO_CALL
	case missed:
		target = waArmadilloXMA.ExtendedContentMessage_RTC_MISSED_AUDIO_CALL
	}
	raw := fmt.Sprintf(`{"armadillo":{"payload":{"content":{"extendedContentMessage":{"targetType":%d,"messageText":%q}}}}}`, target, text)
	return n.sendEncrypted(ctx, id, control.SendRequest{To: req.To, Raw: []byte(raw)})
}

// spoil breaks the files of a message that somebody's app knows.
func (n *Network) spoil(id string, req control.SpoilRequest) error {
	if plain(req.ID) {
		switch req.How {
		case "expired":
			return n.Plain.ExpireFiles(req.ID, false)
		case "deleted":
			return n.Plain.ExpireFiles(req.ID, true)
		}
		return control.Invalid("files of the plain plane can't be spoilt by %q", req.How)
	}
	e, err := n.Plain.FindEvent(id, req.ID)
	if err != nil {
		return err
	}
	paths := app.Paths(e.Raw)
	if len(paths) == 0 {
		return control.Invalid("message %s has no file", req.ID)
	}
	for _, path := range paths {
		switch req.How {
		case "expired":
			err = n.Encrypted.Media().Expire(path)
		case "deleted":
			err = n.Encrypted.Media().Delete(path)
		case "corrupt":
			_, err = n.Encrypted.AddFault(control.Fault{Kind: "media_corrupt", Stanza: "GET", MatchID: pathOf(path), Times: -1})
		default:
			err = control.Invalid("files can't be spoilt by %q", req.How)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pathOf cuts the query off a path.
func pathOf(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}
