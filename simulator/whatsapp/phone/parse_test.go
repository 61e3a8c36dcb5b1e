package phone

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

const testKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

func TestParseQR(t *testing.T) {
	keys := testKey + "," + testKey + "," + testKey
	for _, test := range []struct {
		name, text, ref string
	}{
		{"today's form", "https://wa.me/settings/linked_devices#2@abc," + keys + ",1", "2@abc"},
		{"old form", "2@abc," + keys, "2@abc"},
		{"with white space", "  2@abc," + keys + ",1\n", "2@abc"},
		{"empty", "", ""},
		{"a web page", "https://example.com/#section", ""},
		{"a contact's code", "https://wa.me/qr/ABCDEFGH", ""},
		{"no keys", "2@abc", ""},
		{"a field too many", "2@abc," + keys + ",1,2", ""},
		{"no ref", "," + keys + ",1", ""},
		{"short key", "2@abc,AAAA," + testKey + "," + testKey, ""},
		{"not base64", "2@abc,!," + testKey + "," + testKey, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			qr, err := parseQR(test.text)
			if qr.ref != test.ref {
				t.Errorf("ref is %q, want %q", qr.ref, test.ref)
			}
			if (test.ref == "") != errors.Is(err, ErrNotLinkingQR) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func FuzzParseQR(f *testing.F) {
	f.Add("https://wa.me/settings/linked_devices#2@abc," + testKey + "," + testKey + "," + testKey + ",1")
	f.Add("#,,,,")
	f.Fuzz(func(t *testing.T, text string) {
		qr, err := parseQR(text)
		if err == nil && (len(qr.noise) != 32 || len(qr.identity) != 32 || len(qr.advSecret) != 32 || qr.ref == "") {
			t.Errorf("accepted %q as %+v", text, qr)
		}
	})
}

func TestParseCode(t *testing.T) {
	for text, want := range map[string]string{
		"ABCD-1234": "ABCD1234", "abcd1234": "ABCD1234", " ABCD-1234 ": "ABCD1234",
		"": "", "ABCD-123": "", "ABCD-12345": "", "ABCD-123O": "", "ABCD-1230": "", "ABCDÄ234": "",
	} {
		got, err := parseCode(text)
		if got != want || (want == "") != errors.Is(err, ErrNotCode) {
			t.Errorf("parseCode(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestPadding(t *testing.T) {
	for size := range 20 {
		plain := bytes.Repeat([]byte{9}, size)
		got, err := unpad(pad(plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %v, %v", size, got, err)
		}
	}
	for _, bad := range [][]byte{nil, {0}, {2}, {1, 17}, {200}} {
		if got, err := unpad(bad); err == nil {
			t.Errorf("unpad(%v) = %v, want an error", bad, got)
		}
	}
}

func TestWrappedKey(t *testing.T) {
	public := bytes.Repeat([]byte{5}, 32)
	wrapped, err := wrapKey("ABCD1234", public)
	if err != nil || len(wrapped) != 80 {
		t.Fatalf("wrapped to %d bytes, %v", len(wrapped), err)
	}
	if got, err := unwrapKey("ABCD1234", wrapped); err != nil || !bytes.Equal(got, public) {
		t.Errorf("unwrapped %x, %v", got, err)
	}
	if got, err := unwrapKey("ABCD1235", wrapped); err != nil || bytes.Equal(got, public) {
		t.Errorf("with a wrong code: %x, %v", got, err)
	}
	if _, err := unwrapKey("ABCD1234", wrapped[1:]); err == nil {
		t.Error("a short wrapping was accepted")
	}
}

func TestParseBundleRefuses(t *testing.T) {
	good := func() waBinary.Node {
		return node("user", nil,
			leaf("registration", make([]byte, 4)), leaf("identity", make([]byte, 32)),
			node("skey", nil, leaf("id", make([]byte, 3)), leaf("value", make([]byte, 32)), leaf("signature", make([]byte, 64))),
			node("key", nil, leaf("id", make([]byte, 3)), leaf("value", make([]byte, 32))))
	}
	if _, err := parseBundle(good(), good()); err != nil {
		t.Fatalf("good bundle: %v", err)
	}
	for i, name := range []string{"registration", "identity", "skey", "key"} {
		short := good()
		short.GetChildren()[i] = leaf(name, []byte{1})
		if _, err := parseBundle(short, short); err == nil {
			t.Errorf("a bundle with a bad %s was accepted", name)
		}
	}
	absent := node("user", nil, node("error", waBinary.Attrs{"code": "404", "text": "item-not-found"}))
	if _, err := parseBundle(absent, absent); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("bundle of an unknown device: %v", err)
	}
}

func TestKinds(t *testing.T) {
	text := &waE2E.Message{Conversation: proto.String("x")}
	image := &waE2E.Message{ImageMessage: &waE2E.ImageMessage{}}
	protocol := func(kind waE2E.ProtocolMessage_Type, fromMe bool) *waE2E.Message {
		return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type: kind.Enum(), Key: &waCommon.MessageKey{FromMe: proto.Bool(fromMe)},
		}}
	}
	wrap := func(m *waE2E.Message) *waE2E.FutureProofMessage { return &waE2E.FutureProofMessage{Message: m} }
	for _, test := range []struct {
		name              string
		message           *waE2E.Message
		kind, media, edit string
	}{
		{"text", text, "text", "", ""},
		{"image", image, "media", "image", ""},
		{"view once", &waE2E.Message{ViewOnceMessageV2: wrap(image)}, "media", "image", ""},
		{"disappearing", &waE2E.Message{EphemeralMessage: wrap(text)}, "text", "", ""},
		{"voice", &waE2E.Message{AudioMessage: &waE2E.AudioMessage{PTT: proto.Bool(true)}}, "media", "ptt", ""},
		{"gif", &waE2E.Message{VideoMessage: &waE2E.VideoMessage{GifPlayback: proto.Bool(true)}}, "media", "gif", ""},
		{"reaction", &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Text: proto.String("x")}}, "reaction", "", ""},
		{"no reaction", &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Text: proto.String("")}}, "reaction", "", "7"},
		{"edit", &waE2E.Message{EditedMessage: wrap(protocol(waE2E.ProtocolMessage_MESSAGE_EDIT, true))}, "text", "", "1"},
		{"own revoke", protocol(waE2E.ProtocolMessage_REVOKE, true), "text", "", "7"},
		{"admin revoke", protocol(waE2E.ProtocolMessage_REVOKE, false), "text", "", "8"},
		{"timer", protocol(waE2E.ProtocolMessage_EPHEMERAL_SETTING, false), "text", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			edit, _ := editAttrs(test.message)["edit"].(string)
			if kind, media := stanzaType(test.message), mediaType(test.message); kind != test.kind || media != test.media ||
				edit != test.edit {
				t.Errorf("got %q %q %q, want %q %q %q", kind, media, edit, test.kind, test.media, test.edit)
			}
		})
	}
}
