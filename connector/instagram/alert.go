package instagram

import (
	"fmt"
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/meter"
)

// Alert implements wire.Handler: the user is told once of each thing, in their chat with the bot.
func (r *receiver) Alert(alert wire.Alert) {
	c := r.c
	c.log.Error().Str("alert", string(alert.Kind)).Str("operation", alert.Operation).Str("document_id", alert.DocumentID).
		Msg("Instagram needs the attention of whoever runs the bridge")
	meter.Alert(c.login.ID, string(alert.Kind))
	c.goDo("alert", func() { c.alert(alert) })
}

// mostTold bounds how many alerts a login remembers.
const mostTold = 50

func (c *Client) alert(alert wire.Alert) {
	c.telling.Lock()
	defer c.telling.Unlock()
	meta := loginMeta(c.login.UserLogin)
	name := fmt.Sprintf("%s %s %s", alert.Kind, alert.Operation, alert.DocumentID)
	if slices.Contains(meta.Told, name) {
		return
	}
	if !c.tell(alertText(alert)) {
		return
	}
	meta.Told = append(meta.Told, name)
	meta.Told = meta.Told[max(0, len(meta.Told)-mostTold):]
	if err := c.login.Save(c.ctx); err != nil {
		c.log.Error().Err(err).Msg("Could not store what the user was told")
	}
}

// alertText says what is wrong, then what to do.
func alertText(alert wire.Alert) string {
	switch alert.Kind {
	case wire.AlertStaleDocument:
		return fmt.Sprintf("Instagram has changed: it no longer knows the query %q (%s) that the bridge uses, and its new number was not found. "+
			"What needs it does not work until then. Look for a new version of the bridge, or have its administrator set "+
			"network.instagram.wire.documents.%s to the new number.", alert.Operation, alert.DocumentID, alert.Operation)
	case wire.AlertUnreadable:
		return "Instagram has told the bridge something that it can't read, and that was left out. Look at Instagram whether something is missing here, and for a new version of the bridge."
	case wire.AlertProfessional:
		return "This is a professional account. The bridge lists the chats of its primary inbox; chats that Instagram puts under General come when somebody writes in them."
	default:
		return fmt.Sprintf("Instagram behaves in a way that the bridge does not know (%s). Look for a new version of the bridge.", alert.Kind)
	}
}

// tell says something in the user's chat with the bot; false if that failed.
func (c *Client) tell(text string) bool {
	room, err := c.login.User.GetManagementRoom(c.ctx)
	if err == nil {
		content := format.TextToContent(text)
		content.MsgType = event.MsgNotice
		_, err = c.network.bridge.Bot.SendMessage(c.ctx, room, event.EventMessage, &event.Content{Parsed: &content}, nil)
	}
	if err != nil {
		c.log.Warn().Err(err).Msg("Could not tell the user something in the management room")
	}
	return err == nil
}
