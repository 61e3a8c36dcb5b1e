package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waArmadilloApplication"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waMsgApplication"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/lightspeed"
)

// Raw is what control.SendRequest's field of that name holds on this plane: one of Consumer and Armadillo in protojson, or
// a gallery; Metadata may stand beside it.
type Raw struct {
	Consumer  json.RawMessage `json:"consumer,omitempty"`
	Armadillo json.RawMessage `json:"armadillo,omitempty"`
	Metadata  json.RawMessage `json:"metadata,omitempty"`
	Gallery   []control.Media `json:"gallery,omitempty"`
}

func consumerOf(c *waConsumerApplication.ConsumerApplication_Content) Content {
	return &consumer{Payload: &waConsumerApplication.ConsumerApplication_Payload{
		Payload: &waConsumerApplication.ConsumerApplication_Payload_Content{Content: c},
	}}
}

func armadilloOf(c *waArmadilloApplication.Armadillo_Content) Content {
	return &waArmadilloApplication.Armadillo{Payload: &waArmadilloApplication.Armadillo_Payload{
		Payload: &waArmadilloApplication.Armadillo_Payload_Content{Content: c},
	}}
}

// Timer is a chat's disappearing timer.
type Timer struct {
	Seconds uint32
	SetAt   time.Time
}

// MetadataFor makes what stands beside the content of every message of a chat.
func MetadataFor(timer Timer) *Metadata {
	meta := &Metadata{ThreadType: waMsgApplication.MessageApplication_Metadata_DEFAULT.Enum()}
	if !timer.SetAt.IsZero() {
		meta.Ephemeral = &waMsgApplication.MessageApplication_Metadata_ChatEphemeralSetting{
			ChatEphemeralSetting: &waMsgApplication.MessageApplication_EphemeralSetting{
				EphemeralExpiration: &timer.Seconds, EphemeralSettingTimestamp: proto.Int64(timer.SetAt.Unix()),
			},
		}
	}
	return meta
}

// Compose makes the message that a request describes. quoted is the author of the message that it replies to.
func (a *App) Compose(req control.SendRequest, quoted types.JID, timer Timer) (Content, *Metadata, error) {
	meta := MetadataFor(timer)
	if req.ReplyTo != "" {
		meta.QuotedMessage = &waMsgApplication.MessageApplication_Metadata_QuotedMessage{
			StanzaID: &req.ReplyTo, Participant: proto.String(quoted.ToNonAD().String()),
		}
	}
	switch {
	case len(req.Raw) > 0:
		return a.composeRaw(req.Raw, meta)
	case req.Media != nil:
		content, err := a.mediaContent(*req.Media)
		return content, meta, err
	case req.Text == "":
		return nil, nil, control.Invalid("the message is empty")
	}
	text := &waCommon.MessageText{}
	body := req.Text
	for _, id := range req.Mentions {
		jid := id + "@" + types.MessengerServer
		body = strings.Replace(body, "@"+id, "@"+jid, 1)
		text.MentionedJID = append(text.MentionedJID, jid)
	}
	text.Text = &body
	return consumerOf(&waConsumerApplication.ConsumerApplication_Content{Content: &textContent{MessageText: text}}), meta, nil
}

func (a *App) composeRaw(data json.RawMessage, meta *Metadata) (Content, *Metadata, error) {
	var raw Raw
	if err := lightspeed.Strict(data, &raw); err != nil {
		return nil, nil, control.Invalid("raw message: %v", err)
	}
	if len(raw.Metadata) > 0 {
		if err := protojson.Unmarshal(raw.Metadata, meta); err != nil {
			return nil, nil, control.Invalid("metadata: %v", err)
		}
	}
	var content Content
	var source json.RawMessage
	switch {
	case len(raw.Gallery) > 0:
		gallery, err := a.gallery(raw.Gallery)
		return gallery, meta, err
	case len(raw.Consumer) > 0:
		content, source = &consumer{}, raw.Consumer
	case len(raw.Armadillo) > 0:
		content, source = &waArmadilloApplication.Armadillo{}, raw.Armadillo
	default:
		return nil, meta, nil
	}
	if err := protojson.Unmarshal(source, content); err != nil {
		return nil, nil, control.Invalid("raw message: %v", err)
	}
	return content, meta, nil
}

// key names a message of a chat as the app sees it.
func (a *App) key(chat types.JID, id string, author types.JID) *waCommon.MessageKey {
	mine := author.User == a.JID().User
	key := &waCommon.MessageKey{RemoteJID: proto.String(chat.String()), ID: &id, FromMe: &mine}
	if chat.Server == types.GroupServer && !mine {
		key.Participant = proto.String(author.ToNonAD().String())
	}
	return key
}

// Reaction makes a reaction; an empty emoji takes it back.
func (a *App) Reaction(chat types.JID, id string, author types.JID, emoji string) Content {
	return consumerOf(&waConsumerApplication.ConsumerApplication_Content{Content: &reactionC{
		ReactionMessage: &waConsumerApplication.ConsumerApplication_ReactionMessage{
			Key: a.key(chat, id, author), Text: &emoji, SenderTimestampMS: proto.Int64(time.Now().UnixMilli()),
		},
	}})
}

// EditOf makes an edit of one of the app's own messages.
func (a *App) EditOf(chat types.JID, id, text string) Content {
	return consumerOf(&waConsumerApplication.ConsumerApplication_Content{Content: &editC{
		EditMessage: &waConsumerApplication.ConsumerApplication_EditMessage{
			Key: a.key(chat, id, a.JID()), Message: textOf(text), TimestampMS: proto.Int64(time.Now().UnixMilli()),
		},
	}})
}

// RevokeOf takes one of the app's own messages back, or as an admin somebody else's.
func (a *App) RevokeOf(chat types.JID, id string, author types.JID) Content {
	return &consumer{Payload: &waConsumerApplication.ConsumerApplication_Payload{
		Payload: &waConsumerApplication.ConsumerApplication_Payload_ApplicationData{
			ApplicationData: &waConsumerApplication.ConsumerApplication_ApplicationData{
				ApplicationContent: &waConsumerApplication.ConsumerApplication_ApplicationData_Revoke{
					Revoke: &waConsumerApplication.ConsumerApplication_RevokeMessage{Key: a.key(chat, id, author)},
				},
			},
		},
	}}
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }
