package rooms

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// StateSecurity is the state event that says how safe a room's conversation is; its content is a Label.
var StateSecurity = event.Type{Type: "app.crosschat.security", Class: event.StateEventType}

// Guarded is what the client of a network implements whose chats can be encrypted between contact and bridge.
type Guarded interface {
	// EndToEnd answers the protocol of a chat's end-to-end encryption on the network, such as "signal"; empty if it has
	// none. It must not block. The client calls nobody when it changes; it updates the portal's bridge info.
	EndToEnd(portal *bridgev2.Portal) (protocol string)
}

// Label is the content of StateSecurity.
type Label struct {
	ContactToBridge Leg `json:"contact_to_bridge"`
	BridgeToUser    Leg `json:"bridge_to_user"`
	// BridgeSeesPlainText is always true: to translate a message it must be read.
	BridgeSeesPlainText bool `json:"bridge_sees_plain_text"`
	// Text says all of that to people.
	Text string `json:"text"`
}

// Leg is one of the two parts of a message's way.
type Leg struct {
	EndToEnd bool `json:"end_to_end"`
	// Protocol is "signal", Matrix' name of the algorithm, or empty.
	Protocol string `json:"protocol,omitempty"`
	// KeyHolders says who can read what is under way.
	KeyHolders []string `json:"key_holders"`
}

// makeLabel describes a room of a network.
func makeLabel(network, protocol string, encrypted bool) *Label {
	l := &Label{BridgeSeesPlainText: true}
	var first, second string
	if protocol != "" {
		l.ContactToBridge = Leg{EndToEnd: true, Protocol: protocol, KeyHolders: []string{"contact", "account", "bridge"}}
		first = fmt.Sprintf("Between the contact's devices and this bridge messages are end-to-end encrypted (%s): %s can't read them; "+
			"the bridge has keys, as one of the devices of your account.", protocolName(protocol), network)
	} else {
		l.ContactToBridge = Leg{KeyHolders: []string{"contact", "account", "bridge", "network"}}
		first = fmt.Sprintf("Between the contact and this bridge messages are not end-to-end encrypted: %s can read them.", network)
	}
	if encrypted {
		l.BridgeToUser = Leg{EndToEnd: true, Protocol: string(id.AlgorithmMegolmV1), KeyHolders: []string{"bridge", "room members"}}
		second = "Between this bridge and you they are end-to-end encrypted (Megolm): your homeserver can't read them."
	} else {
		l.BridgeToUser = Leg{KeyHolders: []string{"bridge", "room members", "homeserver"}}
		second = "Between this bridge and you they are not encrypted: whoever runs your homeserver can read them."
	}
	l.Text = first + " " + second + " The bridge itself sees all messages in plain text, and so can whoever runs it."
	return l
}

func protocolName(protocol string) string {
	if protocol == "signal" {
		return "Signal"
	}
	return protocol
}

// labelSetting begins the names of the settings that hold the labels as they were last sent: "crosschat_label <room>".
const labelSetting = "crosschat_label "

func (r *Rooms) loadLabels(ctx context.Context) error {
	labels, err := r.settings.WithPrefix(ctx, labelSetting)
	if err != nil {
		return err
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	for room, label := range labels {
		r.labels[id.RoomID(room)] = label
	}
	return nil
}

// labelOf is the label that a portal should have, nil if nobody is logged in who could tell.
func (r *Rooms) labelOf(ctx context.Context, key networkid.PortalKey, encrypted bool) (*Label, error) {
	portal, err := r.bridge.GetExistingPortalByKey(ctx, key)
	if err != nil || portal == nil {
		return nil, err
	}
	logins, err := r.bridge.GetUserLoginsInPortal(ctx, key)
	if err != nil || len(logins) == 0 {
		return nil, err
	}
	protocol := ""
	if guarded, ok := logins[0].Client.(Guarded); ok {
		protocol = guarded.EndToEnd(portal)
	}
	return makeLabel(r.networkOf(key.ID), protocol, encrypted), nil
}

// labelNew gives a portal's room its label while it is made. It answers the label.
func (r *Rooms) labelNew(ctx context.Context, key networkid.PortalKey, req *mautrix.ReqCreateRoom) *Label {
	label, err := r.labelOf(ctx, key, r.library != nil && r.library.Config.Encryption.Default)
	if err != nil || label == nil {
		return nil // the next look at the portal makes up for it
	}
	req.InitialState = append(req.InitialState, &event.Event{Type: StateSecurity, Content: event.Content{Parsed: label}})
	return label
}

// noteLabel remembers what label a room has.
func (r *Rooms) noteLabel(ctx context.Context, room id.RoomID, label *Label) {
	text := label.String()
	r.lock.Lock()
	r.labels[room] = text
	r.lock.Unlock()
	if err := r.settings.Set(ctx, labelSetting+room.String(), text); err != nil {
		r.log.Warn().Err(err).Msg("Could not remember a room's security label; it will be sent again")
	}
}

// forgetLabel is called before a room is deleted.
func (r *Rooms) forgetLabel(ctx context.Context, room id.RoomID) {
	r.lock.Lock()
	_, known := r.labels[room]
	delete(r.labels, room)
	r.lock.Unlock()
	if !known {
		return
	}
	if err := r.settings.Set(ctx, labelSetting+room.String(), ""); err != nil {
		r.log.Warn().Err(err).Msg("Could not forget the security label of a deleted room")
	}
}

// String is the label in JSON.
func (l *Label) String() string {
	text, err := json.Marshal(l)
	if err != nil {
		return err.Error() // a struct of strings has none
	}
	return string(text)
}

// isEncrypted is whether a room is, as far as the bridge was told.
func (r *Rooms) isEncrypted(ctx context.Context, room id.RoomID) (bool, error) {
	if r.library == nil {
		return false, nil
	}
	return r.library.StateStore.IsEncrypted(ctx, room)
}

// relabel sends a room's label if it is another than the one that it has.
func (r *Rooms) relabel(ctx context.Context, seen look) error {
	encrypted, err := r.isEncrypted(ctx, seen.room)
	if err != nil {
		return fmt.Errorf("look up whether %s is encrypted: %w", seen.room, err)
	}
	label, err := r.labelOf(ctx, seen.key, encrypted)
	if err != nil || label == nil {
		return err
	}
	r.lock.Lock()
	same := r.labels[seen.room] == label.String()
	r.lock.Unlock()
	if same {
		return nil
	}
	if _, err = r.bot.SendState(ctx, seen.room, StateSecurity, "", &event.Content{Parsed: label}, time.Now()); err != nil {
		return fmt.Errorf("send security label of %s: %w", seen.room, err)
	}
	r.noteLabel(ctx, seen.room, label)
	return nil
}

// onEncryption is called when somebody has switched encryption on in a room.
func (r *Rooms) onEncryption(ctx context.Context, evt *event.Event) {
	if portal, err := r.bridge.GetPortalByMXID(ctx, evt.RoomID); err == nil && portal != nil {
		r.Review(portal)
	}
}

func (r *Rooms) securityCommands() []commands.CommandHandler {
	return []commands.CommandHandler{
		&commands.FullHandler{
			Name: "security",
			Help: commands.HelpMeta{Section: commands.HelpSectionGeneral, Description: "Say who can read along in this chat, and who has the keys"},
			Func: r.showSecurity,
		},
		&commands.FullHandler{
			Name:    "encrypt",
			Aliases: []string{"enable-encryption"},
			Help:    commands.HelpMeta{Section: commands.HelpSectionChats, Description: "Encrypt this room from now on. It can't be undone"},
			Func:    r.encrypt,
		},
	}
}

func (r *Rooms) showSecurity(ce *commands.Event) {
	if ce.Portal != nil {
		encrypted, err := r.isEncrypted(ce.Ctx, ce.RoomID)
		var label *Label
		if err == nil {
			label, err = r.labelOf(ce.Ctx, ce.Portal.PortalKey, encrypted)
		}
		switch {
		case err != nil:
			ce.Log.Err(err).Msg("Could not tell how safe a room is")
			ce.Reply("That could not be found out just now; try again.")
		case label == nil:
			ce.Reply("Nobody is logged in to this chat's network any more, so nothing is bridged here.")
		default:
			ce.Reply("%s", label.Text)
		}
		return
	}
	lines := []string{"The bridge translates between two encryptions, so it sees all messages in plain text, and so can whoever runs it. " +
		"Send `$cmdprefix security` in a chat to see what holds there."}
	if r.library == nil || !r.library.Config.Encryption.Default {
		lines = append(lines, "New rooms are not encrypted on the Matrix side. `$cmdprefix encrypt` in a room encrypts it.")
	} else {
		lines = append(lines, "New rooms are encrypted on the Matrix side.")
	}
	ce.Reply(strings.Join(lines, "\n\n"))
}

// encrypt switches encryption on in the room of a command.
func (r *Rooms) encrypt(ce *commands.Event) {
	switch {
	case r.library == nil || r.library.Crypto == nil:
		ce.Reply("This bridge does not encrypt. Whoever runs it can switch that on in its config (`encryption`).")
		return
	case ce.Portal == nil && ce.RoomID != ce.User.ManagementRoom:
		ce.Reply("Send this in a chat that is bridged, or in your chat with me.")
		return
	case ce.Portal != nil && loginFor(ce.Ctx, ce.Portal, ce.User) == nil && !ce.User.Permissions.Admin:
		ce.Reply("Only those whose account this chat belongs to can encrypt it.")
		return
	}
	encrypted, err := r.isEncrypted(ce.Ctx, ce.RoomID)
	if err == nil && encrypted {
		ce.Reply("This room is encrypted already.")
		return
	}
	if err == nil {
		// Who is in the room must be known before the first message is encrypted for them.
		if _, err = r.library.Bot.Members(ce.Ctx, ce.RoomID); err == nil {
			_, err = r.library.Bot.SendStateEvent(ce.Ctx, ce.RoomID, event.StateEncryption, "", r.encryptionContent())
		}
	}
	if err != nil {
		ce.Log.Warn().Err(err).Msg("Could not encrypt a room")
		ce.Reply("The room could not be encrypted: the homeserver refused it or can't be reached. In a room that you made, give me the power to change its settings, or switch encryption on yourself.")
		return
	}
	ce.Reply("This room is encrypted from now on. What was written before stays as it is, and encryption can't be switched off again.")
	if ce.Portal != nil {
		r.Review(ce.Portal)
	}
}

func (r *Rooms) encryptionContent() *event.EncryptionEventContent {
	content := &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}
	if rotation := r.library.Config.Encryption.Rotation; rotation.EnableCustom {
		content.RotationPeriodMillis, content.RotationPeriodMessages = rotation.Milliseconds, rotation.Messages
	}
	return content
}

// commandSetPowerLevel takes the place of the library's command, which wants to find the library's bot unwrapped.
func commandSetPowerLevel(library *matrix.Connector) *commands.FullHandler {
	handler := *matrix.CommandSetPowerLevel
	run := handler.Func
	handler.Func = func(ce *commands.Event) {
		ce.Bot = library.BotIntent()
		run(ce)
	}
	return &handler
}
