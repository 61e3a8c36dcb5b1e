package desk

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"
	"maunium.net/go/mautrix/id"
)

// Where an answer lists what can be done next, the bot reacts to it with a number for each, so that a click does it; so does
// the number as a message. Both mean a command that could be typed as well, which is why a restart may forget them.

// choice is a command that a click gives.
type choice struct {
	key     string // the reaction
	command string
}

// offer is an answer of the bot's that can be clicked on.
type offer struct {
	room    id.RoomID
	user    id.UserID // nobody else may
	choices []choice
}

// offers are the last that were made, by the answer's event.
type offers struct {
	lock  sync.Mutex
	made  map[id.EventID]offer
	order []id.EventID
}

const (
	// mostOffers bounds what is remembered.
	mostOffers = 500
	// mostChoices is how many numbers there are as one reaction each.
	mostChoices = 9
	// meantKey is the click on a command that was meant.
	meantKey = "✅"
)

// numbered gives each command its number as a reaction, those that come first.
func numbered(list []string) (choices []choice) {
	for i, command := range list[:min(len(list), mostChoices)] {
		choices = append(choices, choice{strconv.Itoa(i+1) + "\ufe0f\u20e3", command}) // a keycap
	}
	return choices
}

// offer answers with something to choose from. It is nothing that a user could not go on without: what fails is logged.
func (d *Desk) offer(ctx context.Context, room id.RoomID, user *bridgev2.User, text string, choices []choice) {
	content := format.RenderMarkdown(strings.ReplaceAll(text, "$cmdprefix", d.bridge.Config.CommandPrefix), true, false)
	content.MsgType = event.MsgNotice
	resp, err := d.bridge.Bot.SendMessage(ctx, room, event.EventMessage, &event.Content{Parsed: &content}, nil)
	if err != nil {
		d.bridge.Log.Warn().Err(err).Stringer("room_id", room).Msg("Could not answer a command")
		return
	}
	d.offers.add(resp.EventID, offer{room, user.MXID, choices})
	for _, c := range choices {
		reaction := &event.ReactionEventContent{RelatesTo: event.RelatesTo{Type: event.RelAnnotation, EventID: resp.EventID, Key: c.key}}
		if _, err = d.bridge.Bot.SendMessage(ctx, room, event.EventReaction, &event.Content{Parsed: reaction}, nil); err != nil {
			d.bridge.Log.Warn().Err(err).Stringer("room_id", room).Msg("Could not offer a reaction to click")
			return
		}
	}
}

func (o *offers) add(evt id.EventID, one offer) {
	o.lock.Lock()
	defer o.lock.Unlock()
	if o.made == nil {
		o.made = make(map[id.EventID]offer)
	}
	o.made[evt] = one
	if o.order = append(o.order, evt); len(o.order) > mostOffers {
		delete(o.made, o.order[0])
		o.order = slices.Delete(o.order, 0, 1)
	}
}

// clicked is the command that a user's reaction to an event means, empty if none.
func (o *offers) clicked(evt id.EventID, user id.UserID, key string) string {
	o.lock.Lock()
	defer o.lock.Unlock()
	one := o.made[evt]
	bare := strings.NewReplacer("\ufe0f", "") // clients may leave out how it is shown
	i := slices.IndexFunc(one.choices, func(c choice) bool { return bare.Replace(c.key) == bare.Replace(key) })
	if i < 0 || one.user != user {
		return ""
	}
	return one.choices[i].command
}

// said is the command that a number means as a reply to an offer, or as a message after it if it replies to nothing.
func (o *offers) said(room id.RoomID, user id.UserID, number string, replyTo id.EventID) string {
	o.lock.Lock()
	defer o.lock.Unlock()
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil {
		return ""
	}
	if replyTo == "" {
		for _, evt := range slices.Backward(o.order) {
			if one := o.made[evt]; one.room == room && one.user == user {
				replyTo = evt
				break
			}
		}
	}
	one := o.made[replyTo]
	if one.user != user || n < 1 || n > len(one.choices) || one.choices[0].key == meantKey {
		return ""
	}
	return one.choices[n-1].command
}

// choose makes of an answer to an offer the command that it means; anything else stays as it is. While a question is open a
// number is its answer, unless it replies to an offer.
func (d *Desk) choose(room id.RoomID, user *bridgev2.User, message string, replyTo id.EventID) string {
	if state := commands.LoadCommandState(user); replyTo == "" && state != nil && state.Next != nil {
		return message
	}
	if command := d.offers.said(room, user.MXID, message, replyTo); command != "" {
		return command
	}
	return message
}

// onReaction is called before the library handles a reaction. One to an offer is a command, and no reaction any more.
func (d *Desk) onReaction(ctx context.Context, evt *event.Event) {
	content, ok := evt.Content.Parsed.(*event.ReactionEventContent)
	if !ok {
		return
	}
	command := d.offers.clicked(content.RelatesTo.EventID, evt.Sender, content.RelatesTo.Key)
	if command == "" {
		return
	}
	user, err := d.bridge.GetExistingUserByMXID(ctx, evt.Sender)
	if err != nil || user == nil || !user.Permissions.Commands {
		return
	}
	evt.Type = event.Type{Type: "app.crosschat.chosen", Class: event.EphemeralEventType}
	evt.Mautrix.EventSource |= event.SourceEphemeral        // so a portal ignores it, without looking for a login
	go d.Handle(ctx, evt.RoomID, evt.ID, user, command, "") // as the library does with commands
}
