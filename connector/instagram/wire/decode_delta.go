package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// rawEvent has the fields of all kinds of entries.
type rawEvent struct {
	Type        string          `json:"__typename"`
	Seq         text            `json:"uq_seq_id"`
	Thread      ShortID         `json:"thread_fbid"`
	Message     json.RawMessage `json:"message"`
	MessageID   text            `json:"message_id"`
	Text        text            `json:"text_body"`
	EditHistory struct {
		Time millis `json:"timestamp_ms"`
	} `json:"slide_edit_history_entry"`
	Reaction    rawReaction  `json:"reaction"`
	Receipt     rawReceipt   `json:"read_receipt"`
	ReadAt      millis       `json:"read_timestamp_ms"`
	Unread      bool         `json:"marked_as_unread"`
	Folder      text         `json:"folder"`
	Category    text         `json:"ig_inbox_folder"`
	Muted       bool         `json:"is_muted_now"`
	Pinned      bool         `json:"is_pinned"`
	PinnedIDs   []rawPinning `json:"pinned_messages"`
	UnpinnedIDs []rawPinning `json:"unpinned_messages"`
	Name        text         `json:"thread_name"`
	Picture     struct {
		URI text `json:"uri"`
	} `json:"thread_image"`
	ThreadNode struct {
		Thread rawThread `json:"as_ig_direct_thread"`
	} `json:"thread"`
	Actor  FBID   `json:"actor_fbid"`
	Left   FBID   `json:"left_participant_fbid"`
	Admins []IGID `json:"admin_igids"`
}

// entry is one entry of a delta.
type entry struct {
	kind  string // the server's
	seq   int64
	event Event // nil if it says nothing
	err   error // why it can't be read
}

var errNoSeq = errors.New("it has no number")

// readDelta reads the entries of a delta. It fails as a whole only if no entries can be found.
func readDelta(data []byte) ([]entry, error) {
	var documents []struct {
		Data struct {
			Entries []json.RawMessage `json:"slide_delta_processor"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &documents); err != nil {
		return nil, fmt.Errorf("read delta: %w", err)
	}
	var entries []entry
	for _, d := range documents {
		for _, raw := range d.Data.Entries {
			entries = append(entries, readEntry(raw))
		}
	}
	return entries, nil
}

func readEntry(data json.RawMessage) entry {
	var raw rawEvent
	if err := unmarshal(data, &raw); err != nil {
		return entry{err: fmt.Errorf("read entry of delta: %w", err)}
	}
	e := entry{kind: raw.Type}
	seq, err := strconv.ParseInt(string(raw.Seq), 10, 64)
	if err != nil || seq <= 0 {
		e.err = fmt.Errorf("read %.60q: %w", raw.Type, errNoSeq)
		return e
	}
	e.seq = seq
	if e.event, err = raw.event(); err != nil {
		e.err = fmt.Errorf("read %.60q: %w", raw.Type, err)
	}
	return e
}

// events are the makers of Events by the server's type. Those that say nothing have none.
var events = map[string]func(*rawEvent, Place) (Event, error){
	"SlideUQPPNewMessage":       (*rawEvent).newMessage,
	"SlideUQPPNewRavenMessage":  (*rawEvent).newMessage,
	"SlideUQPPNewGenieMessage":  (*rawEvent).newMessage,
	"SlideUQPPAdminTextMessage": (*rawEvent).newMessage,
	"SlideUQPPEditMessage":      (*rawEvent).edited,
	"SlideUQPPDeleteMessage":    (*rawEvent).unsent,
	"SlideUQPPCreateReaction":   (*rawEvent).reacted,
	"SlideUQPPDeleteReaction":   (*rawEvent).unreacted,
	"SlideUQPPReadReceipt":      (*rawEvent).peerRead,
	"SlideUQPPMarkRead":         (*rawEvent).selfRead,
	"SlideUQPPPinUnpinMessage":  (*rawEvent).pinned,
	"SlideUQPPUpdateThreadFolder": func(r *rawEvent, p Place) (Event, error) {
		return FolderChanged{p, Folder(r.Folder), string(r.Category)}, nil
	},
	"SlideUQPPIGMarkThreadUnread": func(r *rawEvent, p Place) (Event, error) { return MarkedUnread{p, r.Unread}, nil },
	"SlideUQPPChangeMuteSettings": func(r *rawEvent, p Place) (Event, error) { return MuteChanged{p, r.Muted}, nil },
	"SlideUQPPPinnedThread":       func(r *rawEvent, p Place) (Event, error) { return ThreadPinned{p, r.Pinned}, nil },
	"SlideUQPPDeleteThread":       func(_ *rawEvent, p Place) (Event, error) { return ThreadHidden{p}, nil },
	"SlideUQPPThreadName": func(r *rawEvent, p Place) (Event, error) {
		notice := r.notice(&p)
		return ThreadRenamed{p, string(r.Name), notice}, nil
	},
	"SlideUQPPThreadImage": func(r *rawEvent, p Place) (Event, error) {
		notice := r.notice(&p)
		return ThreadPictured{p, string(r.Picture.URI), notice}, nil
	},
	"SlideUQPPParticipantsAddedToGroupThread": (*rawEvent).membersAdded,
	"SlideUQPPParticipantLeftGroupThread":     (*rawEvent).memberLeft,
	"SlideUQPPGenericMapAdminsKeyMutation": func(r *rawEvent, p Place) (Event, error) {
		return AdminsChanged{p, r.Admins}, nil
	},
	"SlideUQPPCreate1To1Thread":          nil,
	"SlideUQPPUserReachabilityStatus":    nil,
	"SlideUQPPNoOpMutation":              nil,
	"SlideUQPPNotYetImplementedMutation": nil,
}

// event makes an Event; nil for what says nothing, and for what nobody knows unless it brings a message.
func (r *rawEvent) event() (Event, error) {
	seq, _ := strconv.ParseInt(string(r.Seq), 10, 64) // the caller has looked
	place := Place{seq, r.Thread}
	make, known := events[r.Type]
	switch {
	case make != nil:
		return make(r, place)
	case !known && len(r.Message) > 0 && r.Message[0] == '{':
		return r.newMessage(place)
	}
	return nil, nil
}

func (r *rawEvent) newMessage(p Place) (Event, error) {
	if len(r.Message) == 0 {
		return nil, errNoID
	}
	m, err := readMessage(r.Message, p.Thread)
	if err != nil {
		return nil, err
	}
	if p.Thread == 0 {
		p.Thread = m.Thread
	}
	if p.Thread == 0 {
		return nil, fmt.Errorf("message %.60q is in no thread", m.ID)
	}
	return NewMessage{p, *m}, nil
}

func (r *rawEvent) target() (MessageID, error) {
	if r.MessageID == "" {
		return "", errNoID
	}
	return MessageID(r.MessageID), nil
}

func (r *rawEvent) edited(p Place) (Event, error) {
	id, err := r.target()
	return MessageEdited{p, id, string(r.Text), r.EditHistory.Time.Time}, err
}

func (r *rawEvent) unsent(p Place) (Event, error) {
	id, err := r.target()
	return MessageUnsent{p, id}, err
}

func (r *rawEvent) reacted(p Place) (Event, error) {
	id, err := r.target()
	if err == nil && (r.Reaction.Emoji == "" || r.Reaction.Sender == 0) {
		err = errors.New("reaction has no emoji or sender")
	}
	return ReactionAdded{p, id, r.Reaction.reaction()}, err
}

func (r *rawEvent) unreacted(p Place) (Event, error) {
	if r.MessageID == "" && r.Reaction.LogID == "" {
		return nil, errNoID
	}
	return ReactionRemoved{p, MessageID(r.MessageID), r.Reaction.reaction()}, nil
}

func (r *rawEvent) peerRead(p Place) (Event, error) {
	if r.Receipt.Reader == 0 || r.Receipt.UpTo.IsZero() {
		return nil, errors.New("receipt has no reader or time")
	}
	return PeerRead{p, ReadReceipt{r.Receipt.Reader, r.Receipt.UpTo.Time}}, nil
}

func (r *rawEvent) selfRead(p Place) (Event, error) {
	if r.ReadAt.IsZero() {
		return nil, errors.New("receipt has no time")
	}
	return SelfRead{p, r.ReadAt.Time}, nil
}

func (r *rawEvent) pinned(p Place) (Event, error) {
	return MessagesPinned{p, messageIDs(r.PinnedIDs), messageIDs(r.UnpinnedIDs)}, nil
}

// notice is the system's message about an event, nil if there is none that can be read.
func (r *rawEvent) notice(p *Place) *Message {
	if len(r.Message) == 0 || r.Message[0] != '{' {
		return nil
	}
	m, err := readMessage(r.Message, p.Thread)
	if err != nil {
		return nil
	}
	if p.Thread == 0 {
		p.Thread = m.Thread
	}
	return m
}

func (r *rawEvent) membersAdded(p Place) (Event, error) {
	notice := r.notice(&p)
	if p.Thread == 0 {
		p.Thread = r.ThreadNode.Thread.ID
	}
	return MembersAdded{p, users(r.ThreadNode.Thread.Users), notice}, nil
}

func (r *rawEvent) memberLeft(p Place) (Event, error) {
	notice := r.notice(&p)
	if r.Left == 0 {
		return nil, errors.New("nobody left")
	}
	return MemberLeft{p, r.Actor, r.Left, notice}, nil
}
