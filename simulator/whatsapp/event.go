package whatsapp

import (
	"encoding/json"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp/phone"
)

// event is a message in the API's words.
func (p *person) event(m phone.Message) control.Event {
	e := control.Event{
		Time: m.Time, Kind: control.KindMessage, ID: m.ID, FromMe: m.FromMe, Encrypted: m.Encrypted,
		Chat: p.network.idOf(m.Chat), Sender: p.network.idOf(m.Sender), Device: int(m.Sender.Device),
		Raw: raw(m.Content),
	}
	content := phone.Inner(m.Content)
	if r := content.GetReactionMessage(); r != nil {
		e.Kind, e.Ref, e.Text = control.KindReaction, r.GetKey().GetID(), r.GetText()
		return e
	}
	if update := content.GetPollUpdateMessage(); update != nil {
		p.voteEvent(&e, m, update)
		return e
	}
	if protocol := content.GetProtocolMessage(); protocol != nil {
		p.protocolEvent(&e, protocol)
		return e
	}
	p.fill(&e, content)
	if e.Media = mediaOf(m.Content); e.Media != nil && !m.Own {
		data, err := p.phone.Download(m.Content)
		if err != nil {
			e.MediaError = err.Error()
		}
		tell(e.Media, data)
	}
	return e
}

// protocolEvent tells edits and revokes from other protocol messages, which stay messages without a text.
func (p *person) protocolEvent(e *control.Event, protocol *waE2E.ProtocolMessage) {
	switch {
	case protocol.GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT:
		e.Kind, e.Ref = control.KindEdit, protocol.GetKey().GetID()
		p.fill(e, phone.Inner(protocol.GetEditedMessage()))
	case protocol.Type != nil && protocol.GetType() == waE2E.ProtocolMessage_REVOKE:
		e.Kind, e.Ref = control.KindRevoke, protocol.GetKey().GetID()
	}
}

// fill takes over a message's text, the message it answers, and whom it mentions.
func (p *person) fill(e *control.Event, m *waE2E.Message) {
	e.Text = textOf(m)
	context := contextOf(m)
	e.ReplyTo = context.GetStanzaID()
	for _, mentioned := range context.GetMentionedJID() {
		if jid, err := types.ParseJID(mentioned); err == nil {
			e.Mentions = append(e.Mentions, p.network.idOf(jid))
		}
	}
}

func textOf(m *waE2E.Message) string {
	for _, text := range []string{
		m.GetConversation(), m.GetExtendedTextMessage().GetText(), m.GetImageMessage().GetCaption(),
		m.GetVideoMessage().GetCaption(), m.GetDocumentMessage().GetCaption(),
	} {
		if text != "" {
			return text
		}
	}
	return ""
}

func contextOf(m *waE2E.Message) *waE2E.ContextInfo {
	for _, holder := range []interface{ GetContextInfo() *waE2E.ContextInfo }{
		m.GetExtendedTextMessage(), m.GetImageMessage(), m.GetVideoMessage(), m.GetAudioMessage(), m.GetDocumentMessage(),
		m.GetStickerMessage(), m.GetLocationMessage(), m.GetLiveLocationMessage(), m.GetContactMessage(),
		m.GetPollCreationMessage(), m.GetPollCreationMessageV3(),
	} {
		if c := holder.GetContextInfo(); c != nil {
			return c
		}
	}
	return nil
}

// mediaOf describes the file in a message, without its bytes; nil if there is none.
func mediaOf(message *waE2E.Message) *control.Media {
	m := phone.Inner(message)
	out := describeMedia(m)
	if out != nil {
		out.Caption = textOf(m)
		out.ViewOnce = m != message && message.GetDocumentWithCaptionMessage() == nil && message.GetEphemeralMessage() == nil
	}
	return out
}

func describeMedia(m *waE2E.Message) *control.Media {
	switch {
	case m.GetImageMessage() != nil:
		i := m.GetImageMessage()
		return &control.Media{
			Kind: "image", MIMEType: i.GetMimetype(), Width: int(i.GetWidth()), Height: int(i.GetHeight()),
			Thumbnail: i.GetJPEGThumbnail(),
		}
	case m.GetVideoMessage() != nil:
		v := m.GetVideoMessage()
		kind := "video"
		if v.GetGifPlayback() {
			kind = "gif"
		}
		return &control.Media{
			Kind: kind, MIMEType: v.GetMimetype(), Width: int(v.GetWidth()), Height: int(v.GetHeight()),
			Seconds: int(v.GetSeconds()), Thumbnail: v.GetJPEGThumbnail(),
		}
	case m.GetAudioMessage() != nil:
		a := m.GetAudioMessage()
		kind := "audio"
		if a.GetPTT() {
			kind = "voice"
		}
		return &control.Media{Kind: kind, MIMEType: a.GetMimetype(), Seconds: int(a.GetSeconds()), Waveform: a.GetWaveform()}
	case m.GetDocumentMessage() != nil:
		d := m.GetDocumentMessage()
		return &control.Media{
			Kind: "document", MIMEType: d.GetMimetype(), FileName: d.GetFileName(), Thumbnail: d.GetJPEGThumbnail(),
		}
	case m.GetStickerMessage() != nil:
		s := m.GetStickerMessage()
		return &control.Media{
			Kind: "sticker", MIMEType: s.GetMimetype(), Width: int(s.GetWidth()), Height: int(s.GetHeight()),
			Animated: s.GetIsAnimated(), Thumbnail: s.GetPngThumbnail(),
		}
	}
	return nil
}

// raw is a message as JSON; one that can't be shown so is left out.
func raw(m *waE2E.Message) json.RawMessage {
	data, err := protojson.Marshal(m)
	if err != nil {
		return nil
	}
	return data
}
