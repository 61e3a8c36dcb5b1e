package messenger

import (
	"strings"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/types"

	"crosschat/connector/convert"
)

// textOf reads a text with the people named in it. On this plane they stand in the text as addresses, @<number>@msgr, for
// which the name is put (protocol notes, section 6.2). everybody is whether all of the chat are meant.
func (c *Client) textOf(m *waCommon.MessageText) (text string, mentions []mention, everybody bool) {
	text = strings.ReplaceAll(strings.ToValidUTF8(m.GetText(), "�"), "\r", "")
	for _, command := range m.GetCommands() {
		everybody = everybody || command.GetCommandType() == waCommon.Command_EVERYONE
	}
	named := make(map[string]int64)
	for _, jid := range m.GetMentionedJID()[:min(len(m.GetMentionedJID()), mostMentions)] {
		parsed, err := types.ParseJID(jid)
		if err != nil {
			continue
		}
		if person, ok := personOf(parsed); ok {
			named["@"+jidOf(person).String()] = person
		}
	}
	if len(named) == 0 {
		return text, nil, everybody
	}
	var out strings.Builder
	units := 0 // UTF-16 units written
	for len(text) > 0 {
		at, mark := nextMention(text, named)
		if at < 0 || len(mentions) == mostMentions {
			break
		}
		name := "@" + c.nameOf(named[mark])
		out.WriteString(text[:at] + name)
		length := convert.Units(name)
		units += convert.Units(text[:at])
		mentions = append(mentions, mention{named[mark], units, length})
		units += length
		text = text[at+len(mark):]
	}
	return out.String() + text, mentions, everybody
}

// nextMention finds the first address in a text; it is negative if there is none.
func nextMention(text string, named map[string]int64) (at int, mark string) {
	const end = "@" + types.MessengerServer
	for from := 0; ; {
		stop := strings.Index(text[from:], end)
		if stop < 0 {
			return -1, ""
		}
		stop += from + len(end)
		start := strings.LastIndexByte(text[:stop-len(end)], '@')
		if start >= 0 {
			if _, ok := named[text[start:stop]]; ok {
				return start, text[start:stop]
			}
		}
		from = stop
	}
}
