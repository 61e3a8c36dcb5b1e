package phone

import (
	"context"
	"fmt"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// receive sends the receipt of a message that was decrypted (section 8.1). p.mu is held.
func (p *Phone) receive(a arrival) {
	attrs := waBinary.Attrs{"id": a.id, "to": a.from}
	switch {
	case a.peer && a.fromMe:
		attrs["type"] = "peer_msg"
	case a.fromMe:
		attrs["type"] = "sender"
		if recipient := attrJID(a.node, "recipient"); !recipient.IsEmpty() {
			attrs["recipient"] = recipient
		}
	case p.behaviour.HoldDelivery:
		return
	}
	if participant := attrJID(a.node, "participant"); !participant.IsEmpty() {
		attrs["participant"] = participant
	}
	if err := p.link.Send(p.ctx, node("receipt", attrs)); err != nil {
		p.log.Warn().Err(err).Str("message_id", a.id).Msg("Receipt was not sent")
	}
}

// MarkRead sends a read or played receipt for messages of sender in chat. When the owner switched read receipts off, only
// own devices are told.
func (p *Phone) MarkRead(ctx context.Context, chat, sender types.JID, ids []string, kind string) error {
	if len(ids) == 0 {
		return fmt.Errorf("mark read: no message is named")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind == "read" && p.behaviour.HideReads {
		kind = "read-self"
	}
	attrs := waBinary.Attrs{
		"id": ids[0], "to": chat, "type": kind, "t": fmt.Sprint(time.Now().Unix()),
	}
	if chat.Server == types.GroupServer {
		attrs["participant"] = sender
	}
	receipt := node("receipt", attrs)
	if len(ids) > 1 {
		items := make([]waBinary.Node, 0, len(ids)-1)
		for _, id := range ids[1:] {
			items = append(items, node("item", waBinary.Attrs{"id": id}))
		}
		receipt.Content = []waBinary.Node{{Tag: "list", Content: items}}
	}
	if err := p.link.Send(ctx, receipt); err != nil {
		return fmt.Errorf("mark %s in %s as %s: %w", ids[0], chat, kind, err)
	}
	return nil
}

// onReceipt tells of a receipt, or does what it asks of a phone.
func (p *Phone) onReceipt(n waBinary.Node) {
	switch kind := attr(n, "type"); kind {
	case "", "inactive":
		p.tellReceipt(n, "delivered")
	case "read", "played":
		p.tellReceipt(n, kind)
	case "read-self":
		p.tellReceipt(n, "read")
	case "retry":
		p.answerRetry(n)
	case "server-error":
		p.onMediaRetry(n)
	}
}

func (p *Phone) tellReceipt(n waBinary.Node, kind string) {
	ids := []string{attr(n, "id")}
	list, _ := child(n, "list")
	for _, item := range list.GetChildren() {
		ids = append(ids, attr(item, "id"))
	}
	at := attrTime(n, "t")
	if aggregate, ok := child(n, "participants"); ok { // of a group, made by the server
		for _, user := range aggregate.GetChildren() {
			p.tell(n, attrJID(user, "jid"), []string{attr(aggregate, "key")}, kind, attrTime(user, "t"))
		}
		return
	}
	sender := attrJID(n, "from")
	if participant := attrJID(n, "participant"); !participant.IsEmpty() {
		sender = participant
	}
	p.tell(n, sender, ids, kind, at)
}

func (p *Phone) tell(n waBinary.Node, sender types.JID, ids []string, kind string, at time.Time) {
	chat := attrJID(n, "from")
	own := p.isOwn(sender)
	if recipient := attrJID(n, "recipient"); own && !recipient.IsEmpty() {
		chat = recipient
	}
	r := Receipt{FromMe: own, IDs: ids, Type: kind, Time: at}
	p.locked(func() { r.Chat, r.Sender = p.toLID(chat).ToNonAD(), p.toLID(sender) })
	p.observer.Receipt(r)
}
