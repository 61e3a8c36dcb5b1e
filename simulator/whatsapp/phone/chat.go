package phone

import (
	"context"
	"fmt"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// SetTyping shows or stops the typing notice in a chat; audio shows it as recording.
func (p *Phone) SetTyping(ctx context.Context, chat types.JID, typing, audio bool) error {
	state := node("paused", nil)
	if typing {
		state = node("composing", nil)
		if audio {
			state.Attrs = waBinary.Attrs{"media": "audio"}
		}
	}
	if err := p.link.Send(ctx, node("chatstate", waBinary.Attrs{"to": chat}, state)); err != nil {
		return fmt.Errorf("send %s to %s: %w", state.Tag, chat, err)
	}
	return nil
}

// SetAvailable opens or closes the app: who subscribed sees it.
func (p *Phone) SetAvailable(ctx context.Context, available bool) error {
	kind := "unavailable"
	if available {
		kind = "available"
	}
	attrs := waBinary.Attrs{"type": kind, "name": p.Account().PushName}
	if err := p.link.Send(ctx, node("presence", attrs)); err != nil {
		return fmt.Errorf("send presence %s: %w", kind, err)
	}
	return nil
}

// Subscribe asks to be told of somebody's presence.
func (p *Phone) Subscribe(ctx context.Context, user types.JID) error {
	err := p.link.Send(ctx, node("presence", waBinary.Attrs{"type": "subscribe", "to": user}))
	if err != nil {
		return fmt.Errorf("subscribe to presence of %s: %w", user, err)
	}
	return nil
}

// SetPrivacy changes one privacy setting, such as readreceipts or last, to all, contacts or none.
func (p *Phone) SetPrivacy(ctx context.Context, name, value string) error {
	_, err := p.request(ctx, node("iq", waBinary.Attrs{"to": types.ServerJID, "type": "set", "xmlns": "privacy"},
		node("privacy", nil, node("category", waBinary.Attrs{"name": name, "value": value}))))
	if err != nil {
		return fmt.Errorf("set privacy of %s to %s: %w", name, value, err)
	}
	return nil
}

// SetBlocked blocks or unblocks somebody, named by LID.
func (p *Phone) SetBlocked(ctx context.Context, user types.JID, blocked bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	action := "unblock"
	if blocked {
		action = "block"
	}
	attrs := waBinary.Attrs{"jid": user, "action": action}
	if pn, ok := p.toPN(user); ok && blocked {
		attrs["pn_jid"] = pn
	}
	_, err := p.request(ctx, node("iq", waBinary.Attrs{"to": types.ServerJID, "type": "set", "xmlns": "blocklist"},
		node("item", attrs)))
	if err != nil {
		return fmt.Errorf("%s %s: %w", action, user, err)
	}
	return nil
}

// IssueToken gives somebody this account's trusted-contact token (section 14, item 4).
func (p *Phone) IssueToken(ctx context.Context, user types.JID) error {
	_, err := p.request(ctx, node("iq", waBinary.Attrs{"to": types.ServerJID, "type": "set", "xmlns": "privacy"},
		node("tokens", nil, node("token", waBinary.Attrs{
			"jid": user, "t": strconv.FormatInt(time.Now().Unix(), 10), "type": "trusted_contact",
		}))))
	if err != nil {
		return fmt.Errorf("issue token to %s: %w", user, err)
	}
	return nil
}

// PictureID asks the server for the id of the account's picture; empty if it has none.
func (p *Phone) PictureID(ctx context.Context) (string, error) {
	resp, err := p.ask(ctx, node("iq", waBinary.Attrs{
		"id": newID(), "to": types.ServerJID, "type": "get", "xmlns": "w:profile:picture", "target": p.lid,
	}, node("picture", waBinary.Attrs{"query": "url", "type": "image"})))
	if err != nil {
		return "", fmt.Errorf("ask for own picture: %w", err)
	}
	picture, _ := child(*resp, "picture")
	return attr(picture, "id"), nil
}
