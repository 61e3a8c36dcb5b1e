package whatsapp

import (
	"fmt"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// hostileStanzas are malformed, truncated or unknown.
func hostileStanzas(peer types.JID) []waBinary.Node {
	node := func(tag string, attrs waBinary.Attrs, children ...waBinary.Node) waBinary.Node {
		return waBinary.Node{Tag: tag, Attrs: attrs, Content: children}
	}
	raw := func(tag string, attrs waBinary.Attrs, data []byte) waBinary.Node {
		return waBinary.Node{Tag: tag, Attrs: attrs, Content: data}
	}
	from := waBinary.Attrs{"from": peer}
	stanzas := []waBinary.Node{
		node("unknown", from),
		node("message", nil),
		node("message", from),
		node("message", waBinary.Attrs{"from": peer.String(), "type": "text"}),
		node("message", waBinary.Attrs{"from": peer, "type": "text", "t": "not a time"}),
		node("message", waBinary.Attrs{"from": types.NewJID("1", types.GroupServer), "type": "text"}),
		node("message", waBinary.Attrs{"from": peer, "type": "text"}, node("enc", nil)),
		node("message", waBinary.Attrs{"from": peer, "type": "text"}, node("unavailable", nil)),
		node("message", waBinary.Attrs{"from": peer, "type": "text"}, node("verified_name", nil), node("bot", nil), node("meta", nil)),
		node("ib", nil, node("offline", waBinary.Attrs{"count": "many"}), node("offline_preview", nil), node("dirty", nil)),
		node("presence", nil),
		node("presence", waBinary.Attrs{"from": peer, "last": "never"}),
		node("chatstate", nil),
		node("chatstate", from),
		node("chatstate", from, node("dancing", nil)),
		node("chatstate", from, node("composing", nil), node("paused", nil)),
		node("receipt", nil),
		node("receipt", waBinary.Attrs{"from": peer, "type": "read"}),
		node("receipt", waBinary.Attrs{"from": peer, "type": "retry"}),
		node("receipt", waBinary.Attrs{"from": types.NewJID("1", types.GroupServer)}),
		node("notification", nil),
		node("call", nil),
		node("call", from, node("offer", nil)),
		node("success", nil),
	}
	for _, kind := range []string{
		"", "unknown", "encrypt", "server_sync", "account_sync", "devices", "fbid:devices", "w:gp2", "picture", "mediaretry",
		"privacy_token", "link_code_companion_reg", "newsletter", "mex", "status", "passkey_prologue_request", "crsc_continuation",
	} {
		attrs := waBinary.Attrs{"from": peer, "type": kind}
		stanzas = append(stanzas, node("notification", attrs), node("notification", attrs, node("set", nil), node("update", nil)))
	}
	for _, kind := range []string{"pkmsg", "msg", "skmsg", "msmsg", "unknown"} {
		for _, data := range [][]byte{nil, {0}, {0x33}, []byte("truncated")} {
			enc := raw("enc", waBinary.Attrs{"v": "2", "type": kind}, data)
			stanzas = append(stanzas, node("message", waBinary.Attrs{"from": peer, "type": "text"}, enc))
		}
	}
	return stanzas
}

// TestHostileStanzas: whatever the server sends, the process lives and the next message arrives.
func TestHostileStanzas(t *testing.T) {
	w := newWorld(t)
	w.logIn()
	w.send(w.anna, w.alice, "before")
	w.awaitText("before")
	for i, stanza := range hostileStanzas(types.NewJID(w.anna.LID, types.HiddenUserServer)) {
		if err := w.server.Push(w.alice.Phone, w.companions()[0].Device, stanza); err != nil {
			t.Fatalf("push %s: %v", stanza.Tag, err)
		}
		if i%10 == 0 {
			text := fmt.Sprint("after ", i)
			w.send(w.anna, w.alice, text)
			w.awaitText(text)
		}
	}
	w.send(w.anna, w.alice, "at the end")
	w.awaitText("at the end")
}
