package messenger_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waArmadilloApplication"
	"go.mau.fi/whatsmeow/proto/waArmadilloXMA"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"go.mau.fi/whatsmeow/proto/waMsgApplication"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger"
)

func TestTextsBothWays(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	first := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "hello 👋"})
	m := c.message(first.ID)
	if text(m) != "hello 👋" || m.Info.Chat != jid(r.alice) || m.Info.IsFromMe || m.FBApplication.GetMetadata() == nil {
		t.Errorf("got %+v", m.Info)
	}
	resp := c.say(r.alice, "hi back")
	e := r.await(r.alice, control.Match{ID: resp.ID})
	if e.Text != "hi back" || e.Chat != r.own.ID || e.FromMe || e.Encrypted == "" || e.Device == 0 {
		t.Errorf("event %+v", e)
	}
	echo := r.await(r.own, control.Match{ID: resp.ID})
	if !echo.FromMe || echo.Chat != r.alice.ID {
		t.Errorf("own event %+v", echo)
	}
	awaitEvent(c, 0, func(x *events.Receipt) bool {
		return x.MessageIDs[0] == resp.ID && x.Type == types.ReceiptTypeDelivered
	})
	r.await(r.alice, control.Match{Kind: control.KindReceipt, Ref: first.ID, Text: "delivered"})
	own := r.send(r.own, control.SendRequest{To: r.alice.ID, Text: "from my phone"})
	if m = c.message(own.ID); !m.Info.IsFromMe || m.Info.Chat != jid(r.alice) || text(m) != "from my phone" {
		t.Errorf("got %+v", m.Info)
	}
	for i := range 20 {
		c.say(r.alice, fmt.Sprint("out ", i))
		r.send(r.alice, control.SendRequest{To: r.own.ID, Text: fmt.Sprint("in ", i)})
	}
	r.await(r.alice, control.Match{Text: "out 19"})
}

func TestReactionsEditsRevokes(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "first"})
	c.message(sent.ID)
	key := &waCommon.MessageKey{RemoteJID: proto.String(jid(r.alice).String()), ID: &sent.ID, FromMe: proto.Bool(false)}
	_, err := c.SendFBMessage(r.ctx, jid(r.alice), content(&waConsumerApplication.ConsumerApplication_Content_ReactionMessage{
		ReactionMessage: &waConsumerApplication.ConsumerApplication_ReactionMessage{Key: key, Text: proto.String("❤")},
	}), nil)
	r.check(err)
	r.await(r.alice, control.Match{Kind: control.KindReaction, Ref: sent.ID, Text: "❤"})
	mine := c.say(r.alice, "old")
	key = &waCommon.MessageKey{RemoteJID: proto.String(jid(r.alice).String()), ID: &mine.ID, FromMe: proto.Bool(true)}
	_, err = c.SendFBMessage(r.ctx, jid(r.alice), content(&waConsumerApplication.ConsumerApplication_Content_EditMessage{
		EditMessage: &waConsumerApplication.ConsumerApplication_EditMessage{Key: key, Message: &waCommon.MessageText{Text: proto.String("new")}},
	}), nil)
	r.check(err)
	r.await(r.alice, control.Match{Kind: control.KindEdit, Ref: mine.ID, Text: "new"})
	_, err = c.SendFBMessage(r.ctx, jid(r.alice), revoke(key), nil)
	r.check(err)
	r.await(r.alice, control.Match{Kind: control.KindRevoke, Ref: mine.ID})

	target := control.Target{Chat: r.own.ID, ID: sent.ID}
	from := c.count()
	_, err = r.api.Edit(r.ctx, messenger.EncryptedName, r.alice.ID, control.EditRequest{Target: target, Text: "first, edited"})
	r.check(err)
	_, err = r.api.React(r.ctx, messenger.EncryptedName, r.alice.ID, control.ReactRequest{Target: control.Target{Chat: r.own.ID, ID: mine.ID}, Emoji: "😆"})
	r.check(err)
	_, err = r.api.Revoke(r.ctx, messenger.EncryptedName, r.alice.ID, target)
	r.check(err)
	edit := awaitEvent(c, from, func(m *events.FBMessage) bool { return m.Info.Edit == types.EditAttributeMessageEdit })
	if got := consumer(edit).GetPayload().GetContent().GetEditMessage(); got.GetKey().GetID() != sent.ID || got.GetMessage().GetText() != "first, edited" || !got.GetKey().GetFromMe() {
		t.Errorf("edit %v", got)
	}
	reaction := awaitEvent(c, from, func(m *events.FBMessage) bool {
		return consumer(m).GetPayload().GetContent().GetReactionMessage() != nil
	})
	if got := consumer(reaction).GetPayload().GetContent().GetReactionMessage(); got.GetKey().GetID() != mine.ID || got.GetKey().GetFromMe() {
		t.Errorf("reaction %v", got)
	}
	awaitEvent(c, from, func(m *events.FBMessage) bool {
		return consumer(m).GetPayload().GetApplicationData().GetRevoke().GetKey().GetID() == sent.ID
	})
}

func consumer(m *events.FBMessage) *waConsumerApplication.ConsumerApplication {
	c, _ := m.Message.(*waConsumerApplication.ConsumerApplication)
	return c
}

func revoke(key *waCommon.MessageKey) *waConsumerApplication.ConsumerApplication {
	return &waConsumerApplication.ConsumerApplication{Payload: &waConsumerApplication.ConsumerApplication_Payload{
		Payload: &waConsumerApplication.ConsumerApplication_Payload_ApplicationData{
			ApplicationData: &waConsumerApplication.ConsumerApplication_ApplicationData{
				ApplicationContent: &waConsumerApplication.ConsumerApplication_ApplicationData_Revoke{
					Revoke: &waConsumerApplication.ConsumerApplication_RevokeMessage{Key: key},
				},
			},
		},
	}}
}

func TestReceiptsAndTypingEncrypted(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	one := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "one"})
	two := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "two"})
	c.message(two.ID)
	r.check(c.MarkRead(r.ctx, []string{one.ID, two.ID}, time.Now(), jid(r.alice), jid(r.alice)))
	r.await(r.alice, control.Match{Kind: control.KindReceipt, Ref: one.ID, Text: "read"})
	r.await(r.alice, control.Match{Kind: control.KindReceipt, Ref: two.ID, Text: "read"})
	r.await(r.own, control.Match{Kind: control.KindReceipt, Ref: two.ID, Text: "read"})
	mine := c.say(r.alice, "mine")
	r.await(r.alice, control.Match{ID: mine.ID})
	r.check(r.api.Receipt(r.ctx, messenger.EncryptedName, r.alice.ID, control.ReceiptRequest{Chat: r.own.ID, IDs: []string{mine.ID}, Type: "read"}))
	awaitEvent(c, 0, func(x *events.Receipt) bool { return x.Type == types.ReceiptTypeRead && x.MessageIDs[0] == mine.ID })
	r.check(c.SendPresence(r.ctx, types.PresenceAvailable))
	r.check(c.SendChatPresence(r.ctx, jid(r.alice), types.ChatPresenceComposing, ""))
	r.await(r.alice, control.Match{Kind: control.KindTyping, Text: "composing"})
	r.check(r.api.Typing(r.ctx, messenger.EncryptedName, r.alice.ID, control.TypingRequest{Chat: r.own.ID, Typing: true, Media: "audio"}))
	awaitEvent(c, 0, func(x *events.ChatPresence) bool { return x.State == types.ChatPresenceComposing && x.Media == "audio" })
	r.check(r.api.Receipt(r.ctx, messenger.EncryptedName, r.own.ID, control.ReceiptRequest{Chat: r.alice.ID, IDs: []string{one.ID}, Type: "read"}))
	awaitEvent(c, 0, func(x *events.Receipt) bool { return x.Type == types.ReceiptTypeReadSelf && x.MessageIDs[0] == one.ID })
}

func TestMediaBothWays(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	var picture bytes.Buffer
	r.check(png.Encode(&picture, image.NewGray(image.Rect(0, 0, 30, 20))))
	uploaded, err := c.Upload(r.ctx, picture.Bytes(), whatsmeow.MediaImage)
	r.check(err)
	msg := &waConsumerApplication.ConsumerApplication_ImageMessage{Caption: &waCommon.MessageText{Text: proto.String("look")}}
	r.check(msg.Set(&waMediaTransport.ImageTransport{
		Integral: &waMediaTransport.ImageTransport_Integral{Transport: &waMediaTransport.WAMediaTransport{
			Integral: &waMediaTransport.WAMediaTransport_Integral{
				FileSHA256: uploaded.FileSHA256, MediaKey: uploaded.MediaKey, FileEncSHA256: uploaded.FileEncSHA256, DirectPath: &uploaded.DirectPath,
			},
			Ancillary: &waMediaTransport.WAMediaTransport_Ancillary{
				FileLength: &uploaded.FileLength, Mimetype: proto.String("image/png"),
				Thumbnail: &waMediaTransport.WAMediaTransport_Ancillary_Thumbnail{ThumbnailWidth: proto.Uint32(30), ThumbnailHeight: proto.Uint32(20)},
			},
		}},
		Ancillary: &waMediaTransport.ImageTransport_Ancillary{Width: proto.Uint32(30), Height: proto.Uint32(20)},
	}))
	resp, err := c.SendFBMessage(r.ctx, jid(r.alice), content(&waConsumerApplication.ConsumerApplication_Content_ImageMessage{ImageMessage: msg}), nil)
	r.check(err)
	e := r.await(r.alice, control.Match{ID: resp.ID})
	if e.Media == nil || !bytes.Equal(e.Media.Data, picture.Bytes()) || e.Media.Caption != "look" || e.Media.Width != 30 {
		t.Fatalf("event %+v", e)
	}
	for _, kind := range []string{"image", "video", "gif", "voice", "audio", "document", "sticker"} {
		sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Media: &control.Media{
			Kind: kind, Data: picture.Bytes(), MIMEType: "image/png", FileName: "f.bin", Seconds: 3,
		}})
		m := c.message(sent.ID)
		transport, media := mediaOf(t, consumer(m).GetPayload().GetContent())
		data, err := c.DownloadFB(r.ctx, transport.GetIntegral(), media)
		if err != nil || !bytes.Equal(data, picture.Bytes()) {
			t.Errorf("%s: %d bytes, error %v", kind, len(data), err)
		}
	}
	expired := r.send(r.alice, control.SendRequest{To: r.own.ID, Media: &control.Media{Kind: "image", Data: picture.Bytes(), MIMEType: "image/png"}})
	transport, media := mediaOf(t, consumer(c.message(expired.ID)).GetPayload().GetContent())
	for _, how := range []string{"corrupt", "expired"} {
		r.check(r.api.SpoilMedia(r.ctx, messenger.EncryptedName, r.alice.ID, control.SpoilRequest{ID: expired.ID, How: how}))
		if _, err = c.DownloadFB(r.ctx, transport.GetIntegral(), media); err == nil {
			t.Errorf("%s file was downloaded", how)
		}
	}
}

func mediaOf(t *testing.T, c *waConsumerApplication.ConsumerApplication_Content) (*waMediaTransport.WAMediaTransport, whatsmeow.MediaType) {
	t.Helper()
	switch {
	case c.GetImageMessage() != nil:
		m, err := c.GetImageMessage().Decode()
		return must(t, m, err).GetIntegral().GetTransport(), whatsmeow.MediaImage
	case c.GetVideoMessage() != nil:
		m, err := c.GetVideoMessage().Decode()
		return must(t, m, err).GetIntegral().GetTransport(), whatsmeow.MediaVideo
	case c.GetAudioMessage() != nil:
		m, err := c.GetAudioMessage().Decode()
		return must(t, m, err).GetIntegral().GetTransport(), whatsmeow.MediaAudio
	case c.GetDocumentMessage() != nil:
		m, err := c.GetDocumentMessage().Decode()
		return must(t, m, err).GetIntegral().GetTransport(), whatsmeow.MediaDocument
	default:
		m, err := c.GetStickerMessage().Decode()
		return must(t, m, err).GetIntegral().GetTransport(), whatsmeow.MediaImage
	}
}

func TestArmadilloContentAndTimer(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	location := &waArmadilloApplication.Armadillo{Payload: &waArmadilloApplication.Armadillo_Payload{
		Payload: &waArmadilloApplication.Armadillo_Payload_Content{Content: &waArmadilloApplication.Armadillo_Content{
			Content: &waArmadilloApplication.Armadillo_Content_ExtendedContentMessage{ExtendedContentMessage: &waArmadilloXMA.ExtendedContentMessage{
				TargetType: waArmadilloXMA.ExtendedContentMessage_MSG_LOCATION_SHARING_V2.Enum(), TitleText: proto.String("Shared location"),
			}},
		}},
	}}
	resp, err := c.SendFBMessage(r.ctx, jid(r.alice), location, nil)
	r.check(err)
	if e := r.await(r.alice, control.Match{ID: resp.ID}); e.Text != "Shared location" {
		t.Errorf("event %+v", e)
	}
	picture := control.Media{Kind: "image", Data: []byte("x"), MIMEType: "image/jpeg", Width: 10, Height: 10}
	once := picture
	once.ViewOnce = true
	sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Media: &once})
	armadillo, _ := c.message(sent.ID).Message.(*waArmadilloApplication.Armadillo)
	if armadillo.GetPayload().GetContent().GetRavenMessage() == nil {
		t.Errorf("view once: %v", armadillo)
	}
	sent = r.send(r.alice, control.SendRequest{To: r.own.ID, Raw: []byte(`{"gallery":[{"kind":"image","mime_type":"image/jpeg","data":"eA=="},{"kind":"image","mime_type":"image/jpeg","data":"eQ=="}]}`)})
	armadillo, _ = c.message(sent.ID).Message.(*waArmadilloApplication.Armadillo)
	if got := len(armadillo.GetPayload().GetContent().GetImageGalleryMessage().GetImages()); got != 2 {
		t.Errorf("%d pictures", got)
	}
	_, err = r.api.Call(r.ctx, messenger.EncryptedName, r.alice.ID, control.CallRequest{To: r.own.ID, Stop: "timeout"})
	r.check(err)
	awaitEvent(c, 0, func(m *events.FBMessage) bool {
		a, _ := m.Message.(*waArmadilloApplication.Armadillo)
		return a.GetPayload().GetContent().GetExtendedContentMessage().GetTargetType() == waArmadilloXMA.ExtendedContentMessage_RTC_MISSED_AUDIO_CALL
	})
	r.check(r.api.Special(r.ctx, messenger.EncryptedName, r.alice.ID, "timer", messenger.TimerChange{Chat: r.own.ID, Seconds: 60}, nil))
	changed := awaitEvent(c, 0, func(m *events.FBMessage) bool { return m.Message == nil })
	if got := changed.FBApplication.GetMetadata().GetChatEphemeralSetting().GetEphemeralExpiration(); got != 60 {
		t.Errorf("timer of %d s", got)
	}
	sent = r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "soon gone", ReplyTo: resp.ID})
	m := c.message(sent.ID)
	if got := m.FBApplication.GetMetadata(); got.GetChatEphemeralSetting().GetEphemeralExpiration() != 60 || got.GetQuotedMessage().GetStanzaID() != resp.ID {
		t.Errorf("metadata %v", got)
	}
	_, err = c.SendFBMessage(r.ctx, jid(r.alice), textMessage("timed"), &waMsgApplication.MessageApplication_Metadata{
		Ephemeral: &waMsgApplication.MessageApplication_Metadata_ChatEphemeralSetting{
			ChatEphemeralSetting: &waMsgApplication.MessageApplication_EphemeralSetting{
				EphemeralExpiration: proto.Uint32(3600), EphemeralSettingTimestamp: proto.Int64(time.Now().Unix() + 5),
			},
		},
	})
	r.check(err)
	r.await(r.alice, control.Match{Text: "timed"})
	sent = r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "an hour"})
	if got := c.message(sent.ID).FBApplication.GetMetadata().GetChatEphemeralSetting().GetEphemeralExpiration(); got != 3600 {
		t.Errorf("timer of %d s", got)
	}
}

func TestUndecryptableBothWays(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	n := 2
	r.check(r.api.SetBehaviour(r.ctx, messenger.EncryptedName, r.alice.ID, control.Behaviour{FailDecrypt: &n}))
	resp := c.say(r.alice, "again please")
	if e := r.await(r.alice, control.Match{ID: resp.ID}); e.Text != "again please" {
		t.Errorf("event %+v", e)
	}
	r.fault(control.Fault{Kind: "corrupt", Stanza: "message"})
	sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "garbled once"})
	awaitEvent(c, 0, func(u *events.UndecryptableMessage) bool { return u.Info.ID == sent.ID })
	if m := c.message(sent.ID); text(m) != "garbled once" {
		t.Errorf("got %q", text(m))
	}
	r.fault(control.Fault{Kind: "unavailable", Stanza: "message"})
	sent = r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "never"})
	awaitEvent(c, 0, func(u *events.UndecryptableMessage) bool { return u.Info.ID == sent.ID && u.IsUnavailable })
}

func TestOfflineQueueAndDrops(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	c.Disconnect()
	var last control.Sent
	for i := range 5 {
		last = r.send(r.alice, control.SendRequest{To: r.own.ID, Text: fmt.Sprint("missed ", i)})
	}
	r.send(r.own, control.SendRequest{To: r.alice.ID, Text: "own while away"})
	c.connect()
	c.message(last.ID)
	r.fault(control.Fault{Kind: "drop", Stanza: "message"})
	dropped := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "dropped"})
	r.fault(control.Fault{Kind: "close"})
	if m := c.message(dropped.ID); text(m) != "dropped" {
		t.Errorf("got %q", text(m))
	}
	r.fault(control.Fault{Kind: "withhold", Stanza: "message"})
	id := "7507804160000000777"
	_, err := c.SendFBMessage(r.ctx, jid(r.alice), textMessage("once"), nil, whatsmeow.SendRequestExtra{ID: id, Timeout: 300 * time.Millisecond})
	if err == nil {
		t.Error("ack came")
	}
	_, err = c.SendFBMessage(r.ctx, jid(r.alice), textMessage("once"), nil, whatsmeow.SendRequestExtra{ID: id})
	r.check(err)
	c.say(r.alice, "after")
	r.await(r.alice, control.Match{Text: "after"})
	events, err := r.api.Timeline(r.ctx, messenger.EncryptedName, r.alice.ID, 0)
	r.check(err)
	count := 0
	for _, e := range events {
		if e.Text == "once" {
			count++
		}
	}
	if count != 1 {
		t.Errorf("the repeated message arrived %d times", count)
	}
}
