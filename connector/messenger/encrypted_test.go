package messenger

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	armadillo "go.mau.fi/whatsmeow/proto"
	"go.mau.fi/whatsmeow/proto/waArmadilloApplication"
	"go.mau.fi/whatsmeow/proto/waArmadilloXMA"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waMsgApplication"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
)

func TestEncryptedID(t *testing.T) {
	key := encryptedKey{Chat: 1003, Author: 1001, ID: "7530209"}
	id, err := makeEncryptedID(key)
	if err != nil || id != "messenger-e2ee:1003:1001:7530209" {
		t.Fatalf("the id is %q, error %v", id, err)
	}
	if got, err := parseEncryptedID(id); err != nil || got != key {
		t.Errorf("%q was read as %+v, error %v", id, got, err)
	}
	if !isEncrypted(id) || isEncrypted("messenger-mid.$c") || isEncrypted("whatsapp-e2ee:1:2:3") {
		t.Error("planes are not told apart")
	}
	for _, bad := range []networkid.MessageID{"", "messenger-mid.$c", "messenger-e2ee:1:2", "messenger-e2ee:1:2:", "messenger-e2ee:1:2:3:4",
		"messenger-e2ee:0:2:3", "messenger-e2ee:01:2:3", "messenger-e2ee:x:2:3", "whatsapp-e2ee:1:2:3"} {
		if got, err := parseEncryptedID(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
	for _, bad := range []encryptedKey{{}, {1, 2, ""}, {1, 2, "a:b"}, {0, 2, "a"}, {1, -2, "a"}, {1, 2, "a b"}, {1, 2, strings.Repeat("x", 300)}} {
		if id, err := makeEncryptedID(bad); err == nil {
			t.Errorf("%+v became %q", bad, id)
		}
	}
}

// testEncrypted converts messages of the encrypted plane; it has no socket and no database.
func testEncrypted(t *testing.T) *encrypted {
	t.Helper()
	c := testClient(t)
	c.known = &memory{contacts: map[int64]contact{1001: {Name: "Anna Ä 🦄"}}, threads: map[int64]thread{}}
	c.encrypted = newEncrypted(c)
	return c.encrypted
}

// The author of what a key means is told from who sends the key, and whose chat it is.
func TestResolve(t *testing.T) {
	e := testEncrypted(t) // the account is 1
	dm, group := jidOf(1001), groupJID(77)
	for name, test := range map[string]struct {
		chat   types.JID
		by     int64
		key    *waCommon.MessageKey
		author int64 // 0: an error
	}{
		"their own":               {dm, 1001, &waCommon.MessageKey{ID: proto.String("a"), FromMe: proto.Bool(true)}, 1001},
		"mine, by them":           {dm, 1001, &waCommon.MessageKey{ID: proto.String("a")}, 1},
		"theirs, by my phone":     {dm, 1, &waCommon.MessageKey{ID: proto.String("a")}, 1001},
		"mine, by my phone":       {dm, 1, &waCommon.MessageKey{ID: proto.String("a"), FromMe: proto.Bool(true)}, 1},
		"a third one's, in group": {group, 1001, &waCommon.MessageKey{ID: proto.String("a"), Participant: proto.String("1002@msgr")}, 1002},
		"nobody's, in group":      {group, 1001, &waCommon.MessageKey{ID: proto.String("a")}, 0},
		"no person's":             {group, 1001, &waCommon.MessageKey{ID: proto.String("a"), Participant: proto.String("1002@g.us")}, 0},
		"without id":              {dm, 1001, &waCommon.MessageKey{FromMe: proto.Bool(true)}, 0},
		"nothing":                 {dm, 1001, nil, 0},
	} {
		got, err := e.resolve(test.chat, test.by, test.key)
		if (err != nil) != (test.author == 0) || err == nil && got.Author != test.author {
			t.Errorf("%s: author %d, error %v; want %d", name, got.Author, err, test.author)
		}
		if err == nil && test.key.GetFromMe() == (test.by == 1) {
			// The other way round it is named the same.
			if back := e.keyOf(test.chat, got); back.GetFromMe() != (got.Author == 1) || back.GetID() != "a" {
				t.Errorf("%s: named as %v", name, back)
			}
		}
	}
}

func TestTextOf(t *testing.T) {
	c := testEncrypted(t).c
	for name, test := range map[string]struct {
		text, want string
		jids       []string
		mentions   []mention
	}{
		"none":              {"hi @1001@msgr", "hi @1001@msgr", nil, nil},
		"one":               {"🦄 @1001@msgr!", "🦄 @Anna Ä 🦄!", []string{"1001@msgr"}, []mention{{1001, 3, 10}}},
		"unknown person":    {"@1002@msgr", "@1002", []string{"1002@msgr"}, []mention{{1002, 0, 5}}},
		"twice":             {"@1001@msgr@1001@msgr", "@Anna Ä 🦄@Anna Ä 🦄", []string{"1001@msgr"}, []mention{{1001, 0, 10}, {1001, 10, 10}}},
		"not in the text":   {"hello", "hello", []string{"1001@msgr"}, nil},
		"another network's": {"@1001@s.whatsapp.net", "@1001@s.whatsapp.net", []string{"1001@s.whatsapp.net"}, nil},
		"of a device":       {"@1001@msgr", "@Anna Ä 🦄", []string{"1001:5@msgr"}, []mention{{1001, 0, 10}}},
		"malformed":         {"@@msgr @x@msgr", "@@msgr @x@msgr", []string{"@msgr", "x@msgr", "\xff"}, nil},
		"broken text":       {"a\xff\r\nb", "a�\nb", nil, nil},
	} {
		text, mentions, _ := c.textOf(&waCommon.MessageText{Text: &test.text, MentionedJID: test.jids})
		if text != test.want {
			t.Errorf("%s: %q, want %q", name, text, test.want)
		}
		if len(mentions) != len(test.mentions) {
			t.Errorf("%s: mentions %v, want %v", name, mentions, test.mentions)
			continue
		}
		for i, m := range mentions {
			if m != test.mentions[i] {
				t.Errorf("%s: mention %d is %+v, want %+v", name, i, m, test.mentions[i])
			}
		}
	}
}

func TestTimerOf(t *testing.T) {
	kind := waMsgApplication.MessageApplication_EphemeralSetting_SEEN_BASED_WITH_TIMER
	for name, test := range map[string]struct {
		setting *timerSetting
		timer   time.Duration
		kind    event.DisappearingType
	}{
		"none":       {nil, 0, ""},
		"off":        {&timerSetting{EphemeralExpiration: proto.Uint32(0)}, 0, ""},
		"a day":      {&timerSetting{EphemeralExpiration: proto.Uint32(86400)}, 24 * time.Hour, event.DisappearingTypeAfterSend},
		"after read": {&timerSetting{EphemeralExpiration: proto.Uint32(60), EphemeralityType: &kind}, time.Minute, event.DisappearingTypeAfterRead},
		"too long":   {&timerSetting{EphemeralExpiration: proto.Uint32(1<<32 - 1)}, 0, ""},
	} {
		if got := timerOf(test.setting); got.Timer != test.timer || got.Type != test.kind {
			t.Errorf("%s: %+v, want %s %s", name, got, test.timer, test.kind)
		}
	}
}

// What the server refuses decides whether, and when, it is tried again.
func TestJudgeEnd(t *testing.T) {
	e := testEncrypted(t)
	refused := func(reason events.ConnectFailureReason) error { return &refusedError{reason: reason} }
	for name, test := range map[string]struct {
		err    error
		stop   bool
		atOnce bool
		least  time.Duration
	}{
		"lost":           {errLost, false, true, 0},
		"quiet":          {errQuiet, false, true, 0},
		"replaced":       {errReplaced, true, false, 0},
		"no token":       {wire.ErrNoCAT, true, false, 0},
		"tokens refused": {wire.ErrCATRefused, false, false, catPause},
		"banned a while": {&refusedError{reason: events.ConnectFailureTempBanned, after: time.Hour}, false, false, time.Hour},
		"outdated":       {refused(events.ConnectFailureClientOutdated), false, false, outdatedPause},
		"locked":         {refused(events.ConnectFailureMainDeviceGone), true, false, 0},
		"generic":        {refused(events.ConnectFailureGeneric), false, false, refusedPause},
		"removed":        {&refusedError{reason: events.ConnectFailureLoggedOut, removed: true}, true, false, 0},
		"too early":      {&registerLaterError{time.Minute}, false, false, time.Minute},
	} {
		v := e.judge(test.err)
		if v.Stop != test.stop || v.AtOnce != test.atOnce || v.After < test.least {
			t.Errorf("%s: %+v, want stop %t, at once %t, after %s", name, v, test.stop, test.atOnce, test.least)
		}
	}
}

// A chat that is on the encrypted plane stays there whatever old rows say, and moves with its messages.
func TestSetType(t *testing.T) {
	var chat thread
	chat.setType(lightspeed.ThreadOneToOne)
	if chat.encrypted() {
		t.Error("a plain chat counts as encrypted")
	}
	chat.setType(lightspeed.ThreadEncryptedOneToOne)
	chat.setType(lightspeed.ThreadOneToOne)
	if !chat.encrypted() || chat.Type != lightspeed.ThreadEncryptedOneToOne {
		t.Errorf("after an old row the chat is %+v", chat)
	}
	chat.PlainAgain = true
	chat.setType(lightspeed.ThreadEncryptedOneToOne)
	if chat.encrypted() {
		t.Error("a row of before takes a chat back to the encrypted plane")
	}
	chat.setFolder(lightspeed.FolderCutOver)
	if !chat.encrypted() {
		t.Error("a chat that is cut over counts as plain")
	}
}

// vectorMessages are the decrypted messages of the protocol's test data.
func vectorMessages(t testing.TB) map[string][]byte {
	t.Helper()
	data, err := os.ReadFile("wire/testdata/e2ee.json")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]byte)
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for key, child := range v {
				walk(path+"/"+key, child)
			}
		case []any:
			for _, child := range v {
				walk(path, child)
			}
		case string:
			if raw, err := hex.DecodeString(v); err == nil && len(raw) > 4 {
				found[path] = raw
			}
		}
	}
	var all any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	walk("", all)
	if len(found) == 0 {
		t.Fatal("the test data has no bytes")
	}
	return found
}

// message puts content into an event as the library makes it.
func fbMessage(content armadillo.MessageApplicationSub) *events.FBMessage {
	return &events.FBMessage{
		Info: types.MessageInfo{ID: "1", Timestamp: time.Unix(1, 0), MessageSource: types.MessageSource{
			Chat: jidOf(1001), Sender: jidOf(1001),
		}},
		Message: content, FBApplication: &waMsgApplication.MessageApplication{},
	}
}

func armadilloOf(content *armadilloContent) armadillo.MessageApplicationSub {
	return &waArmadilloApplication.Armadillo{Payload: &waArmadilloApplication.Armadillo_Payload{
		Payload: &waArmadilloApplication.Armadillo_Payload_Content{Content: content},
	}}
}

// showable fails unless a message becomes something that can be shown.
func showable(t *testing.T, e *encrypted, content armadillo.MessageApplicationSub) []*bridgev2.ConvertedMessagePart {
	t.Helper()
	evt := fbMessage(content)
	if carriesNothing(evt) {
		return nil
	}
	converted, err := e.toMatrix(t.Context(), testPortal(), &fakematrix.Uploads{}, evt)
	if err != nil {
		if err == bridgev2.ErrIgnoringRemoteEvent {
			return nil
		}
		t.Fatalf("%v: %v", content, err)
	}
	if len(converted.Parts) == 0 {
		t.Fatalf("%v became nothing", content)
	}
	for _, part := range converted.Parts {
		if part.Content == nil || part.Content.Body == "" || strings.Contains(part.Content.Body, "the bridge failed at it") {
			t.Errorf("%v became %+v", content, part.Content)
		}
	}
	return converted.Parts
}

func TestHostileEncrypted(t *testing.T) {
	e := testEncrypted(t)
	big := strings.Repeat("x", 100_000)
	text := func(text string) *waCommon.MessageText { return &waCommon.MessageText{Text: &text} }
	junk := &waCommon.SubProtocol{Payload: []byte{0xff, 0xff, 1}, Version: proto.Int32(1)}
	other := &waCommon.SubProtocol{Version: proto.Int32(99)}
	share := func(x *waArmadilloXMA.ExtendedContentMessage) armadillo.MessageApplicationSub {
		return armadilloOf(&armadilloContent{Content: &waArmadilloApplication.Armadillo_Content_ExtendedContentMessage{ExtendedContentMessage: x}})
	}
	for name, content := range map[string]armadillo.MessageApplicationSub{
		"no content":        consumerOf(&consumerContent{}),
		"no text":           consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_MessageText{}}),
		"broken text":       consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_MessageText{MessageText: text("\xff\x00*")}}),
		"long text":         consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_MessageText{MessageText: text(big)}}),
		"nil image":         consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_ImageMessage{}}),
		"junk image":        consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_ImageMessage{ImageMessage: &waConsumerApplication.ConsumerApplication_ImageMessage{Image: junk}}}),
		"image of tomorrow": consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_ImageMessage{ImageMessage: &waConsumerApplication.ConsumerApplication_ImageMessage{Image: other, Caption: text("hi")}}}),
		"junk audio":        consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_AudioMessage{AudioMessage: &waConsumerApplication.ConsumerApplication_AudioMessage{Audio: junk}}}),
		"nil view-once":     consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_ViewOnceMessage{}}),
		"nowhere":           consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_LocationMessage{LocationMessage: &waConsumerApplication.ConsumerApplication_LocationMessage{Location: &waConsumerApplication.ConsumerApplication_Location{DegreesLatitude: proto.Float64(999)}}}}),
		"live nowhere":      consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_LiveLocationMessage{}}),
		"no cards":          consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_ContactsArrayMessage{}}),
		"junk card":         consumerOf(&consumerContent{Content: &waConsumerApplication.ConsumerApplication_Content_ContactMessage{ContactMessage: &waConsumerApplication.ConsumerApplication_ContactMessage{Contact: junk}}}),
		"nil armadillo":     armadilloOf(&armadilloContent{}),
		"nil raven":         armadilloOf(&armadilloContent{Content: &waArmadilloApplication.Armadillo_Content_RavenMessage_{}}),
		"junk raven":        armadilloOf(&armadilloContent{Content: &waArmadilloApplication.Armadillo_Content_RavenMessageMsgr{RavenMessageMsgr: &waArmadilloApplication.Armadillo_Content_RavenMessage{MediaContent: &waArmadilloApplication.Armadillo_Content_RavenMessage_VideoMessage{VideoMessage: junk}}}}),
		"empty gallery":     armadilloOf(&armadilloContent{Content: &waArmadilloApplication.Armadillo_Content_ImageGalleryMessage_{}}),
		"junk gallery":      armadilloOf(&armadilloContent{Content: &waArmadilloApplication.Armadillo_Content_ImageGalleryMessage_{ImageGalleryMessage: &waArmadilloApplication.Armadillo_Content_ImageGalleryMessage{Images: []*waCommon.SubProtocol{nil, junk}}}}),
		"nil note reply":    armadilloOf(&armadilloContent{Content: &waArmadilloApplication.Armadillo_Content_NoteReplyMessage_{}}),
		"empty share":       share(&waArmadilloXMA.ExtendedContentMessage{}),
		"endless share":     share(&waArmadilloXMA.ExtendedContentMessage{TitleText: &big, SubtitleText: proto.String("\xff")}),
		"junk in share":     share(&waArmadilloXMA.ExtendedContentMessage{AssociatedMessage: junk, Previews: []*waCommon.SubProtocol{nil, junk}, Ctas: []*waArmadilloXMA.ExtendedContentMessage_CTA{nil, {NativeURL: proto.String("messenger://location_share?lat=NaN&long=1e999")}, {NativeURL: proto.String("javascript:alert(1)")}}}),
		"call":              share(&waArmadilloXMA.ExtendedContentMessage{TargetType: waArmadilloXMA.ExtendedContentMessage_RTC_MISSED_AUDIO_CALL.Enum(), MessageText: &big}),
		"payment":           (*armadillo.Unsupported_PaymentApplication)(junk),
		"business":          (*armadillo.Unsupported_BusinessApplication)(junk),
	} {
		t.Run(name, func(t *testing.T) {
			for _, part := range showable(t, e, content) {
				if strings.Contains(part.Content.Body, "javascript:") {
					t.Errorf("the part is %q", part.Content.Body)
				}
			}
		})
	}
}

// FuzzEncrypted: whatever decrypts, nothing of it may end the process or be lost without a word.
func FuzzEncrypted(f *testing.F) {
	for _, raw := range vectorMessages(f) {
		f.Add(raw, true)
		f.Add(raw, false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, own bool) {
		var content armadillo.RealMessageApplicationSub = &waConsumerApplication.ConsumerApplication{}
		if own {
			content = &waArmadilloApplication.Armadillo{}
		}
		if proto.Unmarshal(raw, content) != nil {
			return
		}
		showable(t, testEncrypted(t), content)
	})
}
