package messenger

import (
	"strings"
	"testing"

	"crosschat/connector/messenger/wire/lightspeed"
)

func TestChatsAreMarkedAsWhatTheyAre(t *testing.T) {
	c := testClient(t)
	c.known = &memory{
		contacts: map[int64]contact{7: {Name: "Anna"}, 8: {Name: "A shop", Page: true}, metaAI: {Name: "Meta AI"}},
		threads: map[int64]thread{
			7: {Type: lightspeed.ThreadOneToOne}, 8: {Type: lightspeed.ThreadOneToOne}, metaAI: {Type: lightspeed.ThreadAIBot},
			9:  {Type: lightspeed.ThreadMarketplace, Name: "Bicycle", Members: map[int64]bool{1: false, 7: false}},
			10: {Type: lightspeed.ThreadGroup, About: "our plans", Members: map[int64]bool{1: false, 7: true}},
		},
	}
	for key, want := range map[int64]string{7: "", 8: "A page on Facebook", 9: "Marketplace", 10: "our plans", metaAI: "An AI of Meta"} {
		info := c.chatInfo(key)
		if info.Topic == nil || !strings.Contains(*info.Topic, want) || want == "" && *info.Topic != "" {
			t.Errorf("chat %d has topic %v, want %q", key, info.Topic, want)
		}
	}
	for person, want := range map[int64]bool{7: false, 8: true, metaAI: true} {
		known, _ := c.known.contact(person)
		if info := c.userInfo(person, known); *info.IsBot != want {
			t.Errorf("person %d counts as a program: %t, want %t", person, *info.IsBot, want)
		}
	}
}

// A chat that moves from one plane to the other, and back, keeps its room.
func TestCutoverKeepsThePortal(t *testing.T) {
	c := testClient(t)
	c.known = &memory{threads: map[int64]thread{7: {Type: lightspeed.ThreadOneToOne}}}
	before := c.portalKey(7)
	for _, kind := range []lightspeed.ThreadType{lightspeed.ThreadEncryptedOneToOne, lightspeed.ThreadOneToOne, 0} {
		c.known.threads[7] = thread{Type: kind, Folder: lightspeed.FolderCutOver}
		if got := c.portalKey(7); got != before {
			t.Errorf("as type %d the chat's portal is %+v, was %+v", kind, got, before)
		}
	}
}
