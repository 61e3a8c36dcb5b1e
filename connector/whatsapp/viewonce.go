package whatsapp

import (
	"fmt"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/convert"
)

// viewOnceParts shows view-once media as the config wants it. show converts it.
func (c *Client) viewOnceParts(word string, show func() ([]*bridgev2.ConvertedMessagePart, error)) ([]*bridgev2.ConvertedMessagePart, error) {
	if !c.network.Config.ViewOnceMedia {
		return notice(fmt.Sprintf("A view-once %s came. WhatsApp shows it on your phone, once.", word)), nil
	}
	parts, err := show()
	if err != nil {
		return nil, err
	}
	mark := convert.Notice(fmt.Sprintf("A view-once %s: your phone would show it only once.", word))
	return append([]*bridgev2.ConvertedMessagePart{mark}, parts...), nil
}
