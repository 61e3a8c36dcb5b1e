package phone

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
)

// Inner takes a message out of the wrappers that change how it is shown but not what it is.
func Inner(m *waE2E.Message) *waE2E.Message {
	for {
		var next *waE2E.Message
		for _, wrapper := range []*waE2E.FutureProofMessage{
			m.GetEphemeralMessage(), m.GetViewOnceMessage(), m.GetViewOnceMessageV2(), m.GetViewOnceMessageV2Extension(),
			m.GetDocumentWithCaptionMessage(), m.GetEditedMessage(), m.GetLottieStickerMessage(),
		} {
			if wrapper.GetMessage() != nil {
				next = wrapper.GetMessage()
			}
		}
		if next == nil {
			return m
		}
		m = next
	}
}

// mediaType is the word for a message's kind of media in the enc's attributes; empty if it has none.
func mediaType(m *waE2E.Message) string {
	m = Inner(m)
	switch {
	case m.GetImageMessage() != nil:
		return "image"
	case m.GetStickerMessage() != nil:
		return "sticker"
	case m.GetDocumentMessage() != nil:
		return "document"
	case m.GetAudioMessage().GetPTT():
		return "ptt"
	case m.GetAudioMessage() != nil:
		return "audio"
	case m.GetVideoMessage().GetGifPlayback():
		return "gif"
	case m.GetVideoMessage() != nil:
		return "video"
	case m.GetContactMessage() != nil:
		return "vcard"
	case m.GetContactsArrayMessage() != nil:
		return "contact_array"
	case m.GetLocationMessage() != nil:
		return "location"
	case m.GetLiveLocationMessage() != nil:
		return "livelocation"
	case m.GetExtendedTextMessage().GetTitle() != "":
		return "url"
	}
	return ""
}

// stanzaType is the type attribute of the message stanza (section 7.1).
func stanzaType(m *waE2E.Message) string {
	plain := Inner(m)
	switch {
	case plain.GetReactionMessage() != nil, plain.GetEncReactionMessage() != nil:
		return "reaction"
	case plain.GetPollCreationMessage() != nil, plain.GetPollCreationMessageV2() != nil,
		plain.GetPollCreationMessageV3() != nil, plain.GetPollUpdateMessage() != nil:
		return "poll"
	case mediaType(m) != "":
		return "media"
	}
	return "text"
}

// editAttrs marks edits, revokes and removed reactions for the server, which can't look inside.
func editAttrs(m *waE2E.Message) waBinary.Attrs {
	protocol := Inner(m).GetProtocolMessage()
	switch {
	case protocol != nil && protocol.GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT:
		return waBinary.Attrs{"edit": "1"}
	case protocol != nil && protocol.Type != nil && protocol.GetType() == waE2E.ProtocolMessage_REVOKE:
		if protocol.GetKey().GetFromMe() {
			return waBinary.Attrs{"edit": "7"}
		}
		return waBinary.Attrs{"edit": "8"}
	case m.GetReactionMessage() != nil && m.GetReactionMessage().GetText() == "":
		return waBinary.Attrs{"edit": "7"}
	case m.GetPinInChatMessage() != nil:
		return waBinary.Attrs{"edit": "2"}
	}
	return nil
}

// encAttrs are the attributes of each <enc> of a message.
func encAttrs(m *waE2E.Message) waBinary.Attrs {
	attrs := waBinary.Attrs{}
	if kind := mediaType(m); kind != "" {
		attrs["mediatype"] = kind
	}
	if editAttrs(m) != nil || m.GetReactionMessage() != nil || m.GetPollUpdateMessage() != nil {
		attrs["decrypt-fail"] = "hide"
	}
	return attrs
}
