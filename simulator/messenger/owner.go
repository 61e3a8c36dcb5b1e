package messenger

import (
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/app"
)

// owner is whoever holds an app with an encrypted device: what reaches it becomes events, and habits are followed. Its
// methods are called by the goroutine that delivers stanzas.
type owner struct {
	simulation *Simulation
	id         string
	app        *app.App
}

var _ app.Observer = (*owner)(nil)

// Open implements app.Observer: a closed app handles nothing until it is opened.
func (o *owner) Open(handle func()) {
	habits, err := o.simulation.Plain.Habits(o.id)
	if err == nil && habits.Offline {
		o.simulation.mu.Lock()
		o.simulation.backlog[o.id] = append(o.simulation.backlog[o.id], handle)
		o.simulation.mu.Unlock()
		return
	}
	handle()
}

// record appends an event. It fails only for people who don't exist, who have no app.
func (o *owner) record(e control.Event) { _, _ = o.simulation.Plain.Record(o.id, e) }

// Message implements app.Observer.
func (o *owner) Message(m app.Message) bool {
	e := o.app.Describe(m)
	if err := o.settle(m); err != nil {
		o.Problem(m.ID, m.Chat, err.Error())
	}
	o.record(e)
	if setting := m.Metadata.GetChatEphemeralSetting(); setting != nil {
		at := time.Unix(setting.GetEphemeralSettingTimestamp(), 0)
		if err := o.simulation.Plain.SetTimer(o.id, e.Chat, int64(setting.GetEphemeralExpiration()), at); err != nil {
			o.Problem(m.ID, m.Chat, err.Error())
		}
	}
	habits, err := o.simulation.Plain.Habits(o.id)
	if err != nil || m.FromMe {
		return err == nil
	}
	if e.Kind == control.KindMessage {
		o.follow(m, e, habits.AutoRead && !habits.HideReads, habits.Echo)
	}
	return !habits.HoldDelivery
}

// settle makes the plain plane know what a real client's message means for the chat: it is encrypted from now on, and an
// answer accepts a request. Apps have done so before they send.
func (o *owner) settle(m app.Message) error {
	if m.Sender.Device == 0 || m.Chat.Server != types.MessengerServer {
		return nil
	}
	if m.FromMe {
		if _, err := o.simulation.Plain.Encrypt(o.id, m.Chat.User); err != nil {
			return err
		}
		return o.simulation.Plain.Accept(o.id, m.Chat.User)
	}
	_, err := o.simulation.Plain.Encrypt(m.Sender.User, o.id)
	return err
}

// follow does what the app does by itself with a message. Echoes answer real clients only, whose device is not 0.
func (o *owner) follow(m app.Message, e control.Event, read, echo bool) {
	ctx := o.simulation.ctx
	if read {
		if err := o.app.Read(ctx, m.Chat, m.Sender, []string{m.ID}); err != nil {
			o.Problem(m.ID, m.Chat, err.Error())
		}
	}
	if echo && m.Sender.Device != 0 && e.Text != "" && e.Media == nil {
		if _, err := o.simulation.sendEncrypted(ctx, o.id, control.SendRequest{To: e.Chat, Text: e.Text}); err != nil {
			o.Problem(m.ID, m.Chat, err.Error())
		}
	}
}

// Receipt implements app.Observer.
func (o *owner) Receipt(chat, from types.JID, ids []string, kind string) {
	text := map[string]string{"": "delivered", "inactive": "delivered", "read": "read", "read-self": "read"}[kind]
	if text == "" {
		return
	}
	for _, id := range ids {
		o.record(control.Event{
			Kind: control.KindReceipt, Chat: chat.User, Sender: from.User, Device: int(from.Device), Ref: id, Text: text,
			FromMe: from.User == o.id,
		})
	}
}

// Typing implements app.Observer.
func (o *owner) Typing(from types.JID, typing bool, media string) {
	text := "paused"
	if typing {
		text = "composing"
		if media == "audio" {
			text = "recording"
		}
	}
	o.record(control.Event{Kind: control.KindTyping, Chat: from.User, Sender: from.User, Text: text})
}

// Problem implements app.Observer.
func (o *owner) Problem(id string, chat types.JID, what string) {
	o.record(control.Event{Kind: control.KindProblem, Chat: chat.User, ID: id, Text: what})
}

// plain says whether a message id is one of the plain plane.
func plain(id string) bool { return strings.HasPrefix(id, "mid.") }
