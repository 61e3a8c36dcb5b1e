package phone

import (
	"cmp"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// history is what a phone remembers of its chats: messages as they are now, after edits and without what was deleted. It
// is guarded by the phone's lock.
type history struct {
	chats map[types.JID][]*remembered
	byID  map[string]*remembered
}

// remembered is a message with the reactions to it.
type remembered struct {
	Message
	reactions map[types.JID]reaction
}

type reaction struct {
	text string
	at   time.Time
}

func newHistory() *history {
	return &history{chats: make(map[types.JID][]*remembered), byID: make(map[string]*remembered)}
}

// note takes in one message, sent or received, in the order of arrival.
func (h *history) note(m Message) {
	content := Inner(m.Content)
	if content == nil {
		return
	}
	if r := content.GetReactionMessage(); r != nil {
		h.react(m, r)
		return
	}
	if protocol := content.GetProtocolMessage(); protocol != nil {
		h.change(m, protocol)
		return
	}
	if _, known := h.byID[m.ID]; known {
		return
	}
	h.byID[m.ID] = &remembered{Message: m, reactions: make(map[types.JID]reaction)}
	h.chats[m.Chat] = append(h.chats[m.Chat], h.byID[m.ID])
}

func (h *history) react(m Message, r *waE2E.ReactionMessage) {
	target, ok := h.find(r.GetKey().GetID())
	if !ok {
		return
	}
	if r.GetText() == "" {
		delete(target.reactions, m.Sender.ToNonAD())
		return
	}
	target.reactions[m.Sender.ToNonAD()] = reaction{r.GetText(), m.Time}
}

// change applies an edit or a revoke.
func (h *history) change(m Message, protocol *waE2E.ProtocolMessage) {
	id := protocol.GetKey().GetID()
	switch {
	case protocol.GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT:
		if target, ok := h.find(id); ok {
			target.Content = proto.CloneOf(protocol.GetEditedMessage())
		}
	case protocol.Type != nil && protocol.GetType() == waE2E.ProtocolMessage_REVOKE:
		delete(h.byID, id)
		h.chats[m.Chat] = slices.DeleteFunc(h.chats[m.Chat], func(r *remembered) bool { return r.ID == id })
	}
}

// find looks a message up by id, in any chat.
func (h *history) find(id string) (*remembered, bool) {
	m, ok := h.byID[id]
	return m, ok
}

// newest returns the messages of a chat, newest first.
func (h *history) newest(chat types.JID) []*remembered {
	messages := slices.Clone(h.chats[chat])
	slices.Reverse(messages)
	slices.SortStableFunc(messages, func(a, b *remembered) int { return cmp.Compare(b.Time.Unix(), a.Time.Unix()) })
	return messages
}

// recent returns all chats, the one with the newest message first.
func (h *history) recent() []types.JID {
	type entry struct {
		chat types.JID
		at   int64
	}
	var chats []entry
	for chat := range h.chats {
		if messages := h.newest(chat); len(messages) > 0 {
			chats = append(chats, entry{chat, messages[0].Time.Unix()})
		}
	}
	slices.SortFunc(chats, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.chat.String(), b.chat.String()))
	})
	out := make([]types.JID, 0, len(chats))
	for _, e := range chats {
		out = append(out, e.chat)
	}
	return out
}

// Remember gives the phone messages from before any companion was linked. They go nowhere but into history.
func (p *Phone) Remember(messages []Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range messages {
		p.history.note(m)
	}
}

// Known looks up a message that the phone remembers, as it is now.
func (p *Phone) Known(id string) (Message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.history.find(id)
	if !ok {
		return Message{}, false
	}
	return m.Message, true
}
