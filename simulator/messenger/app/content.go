package app

import (
	"strings"

	"go.mau.fi/whatsmeow/proto/waArmadilloApplication"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
)

// Short names for the kinds of content of a consumer message.
type (
	consumer    = waConsumerApplication.ConsumerApplication
	textContent = waConsumerApplication.ConsumerApplication_Content_MessageText
	richContent = waConsumerApplication.ConsumerApplication_Content_ExtendedTextMessage
	imageC      = waConsumerApplication.ConsumerApplication_Content_ImageMessage
	videoC      = waConsumerApplication.ConsumerApplication_Content_VideoMessage
	audioC      = waConsumerApplication.ConsumerApplication_Content_AudioMessage
	documentC   = waConsumerApplication.ConsumerApplication_Content_DocumentMessage
	stickerC    = waConsumerApplication.ConsumerApplication_Content_StickerMessage
	locationC   = waConsumerApplication.ConsumerApplication_Content_LocationMessage
	liveC       = waConsumerApplication.ConsumerApplication_Content_LiveLocationMessage
	contactC    = waConsumerApplication.ConsumerApplication_Content_ContactMessage
	contactsC   = waConsumerApplication.ConsumerApplication_Content_ContactsArrayMessage
	onceC       = waConsumerApplication.ConsumerApplication_Content_ViewOnceMessage
	reactionC   = waConsumerApplication.ConsumerApplication_Content_ReactionMessage
	editC       = waConsumerApplication.ConsumerApplication_Content_EditMessage
	pollC       = waConsumerApplication.ConsumerApplication_Content_PollCreationMessage
	voteC       = waConsumerApplication.ConsumerApplication_Content_PollUpdateMessage
)

// attributes are what a message's stanza says of its content (the table of section 5.6).
type attributes struct {
	kind  string // type
	media string // mediatype
	edit  string
	hide  bool // decrypt-fail
}

func attributesOf(content Content) attributes {
	switch c := content.(type) {
	case *waArmadilloApplication.Armadillo:
		return attributes{kind: "media", media: "document"}
	case *consumer:
		if data := c.GetPayload().GetApplicationData(); data.GetRevoke() != nil {
			edit := "8"
			if data.GetRevoke().GetKey().GetFromMe() {
				edit = "7"
			}
			return attributes{kind: "text", edit: edit, hide: true}
		}
		return consumerAttributes(c.GetPayload().GetContent())
	}
	return attributes{kind: "text"}
}

func consumerAttributes(c *waConsumerApplication.ConsumerApplication_Content) attributes {
	media := func(kind string) attributes { return attributes{kind: "media", media: kind} }
	switch kind := c.GetContent().(type) {
	case *imageC:
		return media("image")
	case *videoC:
		return media("video")
	case *stickerC:
		return media("sticker")
	case *documentC:
		return media("document")
	case *audioC:
		if kind.AudioMessage.GetPTT() {
			return media("ptt")
		}
		return media("audio")
	case *locationC, *liveC:
		return media("location")
	case *contactC:
		return media("vcard")
	case *contactsC:
		return media("contact_array")
	case *onceC:
		if kind.ViewOnceMessage.GetVideoMessage() != nil {
			return media("video")
		}
		return media("image")
	case *reactionC:
		return attributes{kind: "reaction", hide: true}
	case *editC:
		return attributes{kind: "text", edit: "1", hide: true}
	case *pollC:
		return attributes{kind: "poll"}
	case *voteC:
		return attributes{kind: "poll", hide: true}
	}
	return attributes{kind: "text"}
}

// contentName names a kind of content for a timeline: the type without its package.
func contentName(v any) string {
	name := strings.TrimPrefix(typeName(v), "*")
	at := strings.LastIndexByte(name, '_')
	return name[at+1:]
}
