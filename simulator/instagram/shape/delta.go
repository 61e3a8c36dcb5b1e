package shape

import "crosschat/simulator/instagram/world"

// Names of delta types that more than one place needs.
const (
	NewMessage     = "SlideUQPPNewMessage"
	NewRaven       = "SlideUQPPNewRavenMessage"
	AdminText      = "SlideUQPPAdminTextMessage"
	CreateThread   = "SlideUQPPCreate1To1Thread"
	ReadReceipt    = "SlideUQPPReadReceipt"
	DeleteReaction = "SlideUQPPDeleteReaction"
)

// delta is an entry without its uq_seq_id. t is nil for types that name no thread.
func delta(kind string, t *world.Thread, fields Object) Object {
	fields["__typename"] = kind
	fields["thread_fbid"] = ""
	if t != nil {
		fields["thread_fbid"] = ID(t.Short)
	}
	return fields
}

// MessageDelta tells viewer of a message, in the type that the message has.
func (r *Renderer) MessageDelta(viewer *world.Person, m *world.Message) Object {
	fields := Object{"message": r.Message(viewer, m)}
	switch m.Delta {
	case AdminText:
		fields["skip_bump_thread"] = m.SkipBump
	case NewRaven:
		fields["thread_read_state_effect"] = nil
		return delta(m.Delta, nil, fields) // only the message names the thread
	default:
		fields["thread_read_state_effect"] = nil
		if m.IsText() && m.Sender != viewer {
			fields["thread_read_state_effect"] = "MARK_UNREAD"
		}
	}
	return delta(m.Delta, m.Thread, fields)
}

// ThreadCreated comes before the first message of a new 1:1 thread and says nothing of it.
func ThreadCreated() Object { return delta(CreateThread, nil, Object{}) }

// Edited tells of a message's new text, written at a time.
func Edited(m *world.Message, at int64) Object {
	return delta("SlideUQPPEditMessage", m.Thread, Object{
		"message_id": m.ID, "text_body": m.Text, "igd_snippet": m.Snippet,
		"slide_edit_history_entry": Object{"timestamp_ms": ID(at)},
	})
}

// Unsent tells that a message is gone.
func Unsent(m *world.Message) Object {
	return delta("SlideUQPPDeleteMessage", m.Thread, Object{"message_id": m.ID})
}

// Reacted tells of a new reaction.
func Reacted(m *world.Message, reaction *world.Reaction) Object {
	return delta("SlideUQPPCreateReaction", m.Thread, Object{
		"message_id": m.ID, "reaction": Reaction(reaction), "reacted_to_message_sender_fbid": ID(m.Sender.FBID),
	})
}

// Form says how a removed reaction is told.
type Form int

// The forms of a removal. In the last two message_id is that of the line in the log and only it leads to the reaction.
const (
	WithSender Form = iota
	WithoutSender
	NullSender
)

// Unreacted tells that a reaction is gone.
func Unreacted(m *world.Message, reaction *world.Reaction, form Form) Object {
	switch form {
	case WithoutSender:
		return delta(DeleteReaction, m.Thread, Object{
			"message_id": reaction.Log, "reaction": Object{"log_message_id": reaction.Log},
		})
	case NullSender:
		return delta(DeleteReaction, m.Thread, Object{
			"message_id": reaction.Log,
			"reaction": Object{
				"log_message_id": reaction.Log, "reaction": nil, "reaction_timestamp_ms": nil, "sender_fbid": nil,
			},
		})
	default:
		return delta(DeleteReaction, m.Thread, Object{"message_id": m.ID, "reaction": Reaction(reaction)})
	}
}

// PeerRead tells that somebody else has read up to a time.
func PeerRead(t *world.Thread, reader *world.Person, at int64) Object {
	return delta(ReadReceipt, t, Object{"read_receipt": receipt(reader, at)})
}

// SelfRead tells that the account itself has read up to a time, on any device.
func SelfRead(t *world.Thread, at int64) Object {
	return delta("SlideUQPPMarkRead", t, Object{"read_timestamp_ms": ID(at)})
}

// MarkedUnread tells of the unread flag.
func MarkedUnread(t *world.Thread, unread bool) Object {
	return delta("SlideUQPPIGMarkThreadUnread", t, Object{"marked_as_unread": unread})
}

// Moved tells that a thread changed its folder. inboxFolder is empty when it isn't told.
func Moved(t *world.Thread, folder, inboxFolder string) Object {
	var inbox any
	if inboxFolder != "" {
		inbox = inboxFolder
	}
	return delta("SlideUQPPUpdateThreadFolder", t, Object{"folder": folder, "ig_inbox_folder": inbox})
}

// Muted tells of the mute switch.
func Muted(t *world.Thread, muted bool) Object {
	return delta("SlideUQPPChangeMuteSettings", t, Object{"is_muted_now": muted})
}

// PinnedThread tells whether the thread is pinned to the top.
func PinnedThread(t *world.Thread, pinned bool) Object {
	return delta("SlideUQPPPinnedThread", t, Object{"is_pinned": pinned})
}

// PinnedMessages tells which messages were pinned in the thread or are no longer.
func PinnedMessages(t *world.Thread, pinned, unpinned []string) Object {
	return delta("SlideUQPPPinUnpinMessage", t, Object{
		"pinned_messages": append([]string{}, pinned...), "unpinned_messages": append([]string{}, unpinned...),
	})
}

// ThreadDeleted tells that the thread was hidden for this account.
func ThreadDeleted(t *world.Thread) Object { return delta("SlideUQPPDeleteThread", t, Object{}) }

// Renamed tells of a group's new name. m is the system line that goes with it, as with the other changes of groups.
func (r *Renderer) Renamed(viewer *world.Person, m *world.Message) Object {
	return delta("SlideUQPPThreadName", m.Thread, Object{
		"message": r.Message(viewer, m), "thread_name": m.Thread.Title,
	})
}

// NewImage tells of a group's new picture; one that was removed has a null uri.
func (r *Renderer) NewImage(viewer *world.Person, m *world.Message) Object {
	var uri any
	if m.Thread.Image != nil {
		uri = r.Sign(m.Thread.Image)
	}
	return delta("SlideUQPPThreadImage", m.Thread, Object{
		"message": r.Message(viewer, m), "thread_image": Object{"uri": uri},
	})
}

// Joined tells of new members, with the full list of those but viewer.
func (r *Renderer) Joined(viewer *world.Person, m *world.Message) Object {
	users := []Object{}
	for _, p := range m.Thread.Members {
		if p != viewer {
			users = append(users, r.User(viewer, p))
		}
	}
	return delta("SlideUQPPParticipantsAddedToGroupThread", m.Thread, Object{
		"message": r.Message(viewer, m),
		"thread": Object{"as_ig_direct_thread": Object{
			"id": ID(m.Thread.Short), "thread_title": m.Thread.Title, "users": users,
		}},
	})
}

// Left tells that somebody left or was removed by actor.
func (r *Renderer) Left(viewer, actor, left *world.Person, m *world.Message) Object {
	return delta("SlideUQPPParticipantLeftGroupThread", m.Thread, Object{
		"message": r.Message(viewer, m), "actor_fbid": ID(actor.FBID), "left_participant_fbid": ID(left.FBID),
		"viewer_fbid": ID(viewer.FBID),
		"thread": Object{"as_ig_direct_thread": Object{
			"id": ID(m.Thread.Short), "thread_title": m.Thread.Title, "input_mode": 0,
		}},
	})
}

// AdminsChanged tells who administers a group.
func AdminsChanged(t *world.Thread) Object {
	return delta("SlideUQPPGenericMapAdminsKeyMutation", t, Object{"admin_igids": admins(t)})
}
