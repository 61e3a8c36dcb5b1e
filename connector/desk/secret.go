package desk

import (
	"context"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// conceal takes a session's cookies out of a room into which they were pasted before the bot had asked for them, and
// answers what to say; empty if the message is nothing of the kind. The library would take them for an unknown command, and
// log them.
func (d *Desk) conceal(ctx context.Context, room id.RoomID, evt id.EventID, user *bridgev2.User, message string) string {
	if state := commands.LoadCommandState(user); state != nil && state.Next != nil || !looksSecret(message) {
		return ""
	}
	const next = "Write `login` first, and paste it when I ask."
	redaction := &event.Content{Parsed: &event.RedactionEventContent{Redacts: evt}}
	if _, err := d.bridge.Bot.SendMessage(ctx, room, event.EventRedaction, redaction, nil); err != nil {
		d.bridge.Log.Warn().Err(err).Stringer("room_id", room).Msg("Could not redact what looks like cookies")
		return "This looks like the cookies of a session, which nobody else should see. I may not delete it here: please do it yourself. " + next
	}
	return "This looked like the cookies of a session, so I have deleted it here. " + next
}

// looksSecret is whether a message may be cookies, as a JSON object or in a copied request. Rather one too many is deleted.
func looksSecret(message string) bool {
	message = strings.ToLower(strings.TrimSpace(message))
	switch {
	case strings.HasPrefix(message, "{"):
		return strings.Contains(message, ":")
	case strings.HasPrefix(message, "curl"):
		return strings.Contains(message, "cookie") || strings.Contains(message, " -b ")
	}
	return false
}
