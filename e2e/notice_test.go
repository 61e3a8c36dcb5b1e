package e2e_test

import (
	"encoding/json"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// call is what somebody does with the phone, and what is said of it.
type call struct {
	request control.CallRequest
	raw     json.RawMessage // in place of the request: the call stands in the chat
	rings   string
	became  string // what the notice says in the end, if that is something else
}

// callNotice shows the calls that the network tells of.
func callNotice(s *stage) {
	anna, portal := s.withAnna()
	for _, c := range s.side.calls() {
		from := portal.Mark()
		if c.raw != nil {
			anna.sends(control.SendRequest{To: s.me.ID, Raw: c.raw})
		} else {
			c.request.To = s.me.ID
			_, err := s.stack.Simulator.Call(s.ctx, s.side.control(), anna.ID, c.request)
			s.must(err)
		}
		evt := s.gets(portal, from, anna, "a notice of a call", saying(c.rings))
		if c.became != "" {
			s.editedTo(portal, evt.ID, anna.mxid, c.became)
		}
	}
}

func (whatsapp) calls() []call {
	return []call{
		{rings: "Incoming WhatsApp voice call"},
		{request: control.CallRequest{Video: true, Stop: "timeout"}, rings: "Incoming WhatsApp video call", became: "Missed WhatsApp video call."},
		{
			request: control.CallRequest{Stop: "accepted_elsewhere"},
			rings:   "Incoming WhatsApp voice call", became: "You took a WhatsApp voice call on another device.",
		},
		// Phones also write calls into the chat.
		{raw: json.RawMessage(`{"callLogMesssage":{"isVideo":true,"callOutcome":"MISSED","durationSecs":"0"}}`), rings: "Missed WhatsApp video call."},
	}
}

func (messenger) calls() []call {
	return []call{
		{request: control.CallRequest{Video: true}, rings: "started a video call"},
		{request: control.CallRequest{Video: true, Stop: "timeout"}, rings: "missed a video call"},
	}
}

func (instagram) calls() []call {
	return []call{
		{rings: "started an audio call"},
		{request: control.CallRequest{Video: true}, rings: "started a video chat"},
	}
}

// unknown is a message of a kind that the bridge does not know.
type unknown struct {
	raw json.RawMessage
	// says is a text of its own that the placeholder has beside the network's usual one.
	says string
}

// unsupported shows what becomes of kinds of messages that only one side has.
func unsupported(s *stage) {
	anna, portal := s.withAnna()
	traits := s.side.traits()
	for _, message := range s.side.unknowns(s) {
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: message.raw})
		s.gets(portal, from, anna, "a placeholder for "+string(message.raw), func(c *event.MessageEventContent) bool {
			return saying(traits.notShown)(c) && saying(message.says)(c)
		})
	}
	// The other way, the user is told.
	s.failsToSend()
	mark := portal.Mark()
	_, err := portal.Send(s.ctx, &event.MessageEventContent{MsgType: "org.example.dance", Body: s.text("dance")})
	s.must(err)
	s.tells(portal, mark, "unsupported message type")
	if traits.noFiles == "" {
		return
	}
	mark = portal.Mark()
	_, err = portal.SendFile(s.ctx, lab.File{Type: event.MsgFile, Name: "a.pdf", MIMEType: "application/pdf", Data: []byte("%PDF")})
	s.must(err)
	s.tells(portal, mark, traits.noFiles)
}

func (whatsapp) unknowns(*stage) []unknown {
	return []unknown{
		{json.RawMessage(`{"eventMessage":{"name":"party"}}`), "event"},
		{json.RawMessage(`{"sendPaymentMessage":{}}`), "send payment message"},
		{json.RawMessage(`{"ephemeralMessage":{"message":{"productMessage":{}}}}`), "product message"},
		{json.RawMessage(`{"scheduledCallCreationMessage":{"title":"a talk"}}`), "scheduled call"},
		{json.RawMessage(`{"interactiveMessage":{"body":{"text":"choose"}}}`), "interactive message"},
		{json.RawMessage(`{"groupInviteMessage":{"groupJID":"1@g.us","inviteCode":"x"}}`), "invitation to a group"},
	}
}

func (messenger) unknowns(*stage) []unknown {
	return []unknown{{raw: json.RawMessage(`{"shares":[{"FBID":"71003"}]}`)}, {raw: json.RawMessage(`{"sticker_id":4711}`)}}
}

func (messengerE2EE) unknowns(s *stage) []unknown {
	s.Helper()
	return []unknown{
		{raw: consumer(s, map[string]any{"pollCreationMessage": map[string]any{"name": "Where?"}})},
		{raw: consumer(s, map[string]any{"groupInviteMessage": map[string]any{"groupName": "party"}})},
		{raw: consumer(s, map[string]any{"statusTextMessage": map[string]any{}})},
		{raw: consumer(s, map[string]any{})},
		{raw: armadillo(s, map[string]any{"networkVerificationMessage": map[string]any{"codeText": "1"}})},
		{raw: armadillo(s, map[string]any{"paymentsTransactionMessage": map[string]any{"amount": "5"}})},
		{raw: armadillo(s, map[string]any{"extendedContentMessage": map[string]any{}})},
		{raw: armadillo(s, map[string]any{})},
	}
}

func (instagram) unknowns(s *stage) []unknown {
	s.Helper()
	snippet := s.text("sent a hologram")
	return []unknown{{rawOf(s, map[string]any{
		"content_type": "HOLOGRAM", "snippet": snippet, "content": map[string]any{"__typename": "SlideMessageHologramContent"},
	}), snippet}}
}
