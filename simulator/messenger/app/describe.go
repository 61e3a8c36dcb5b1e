package app

import (
	"encoding/json"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/proto/waArmadilloApplication"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
)

// Describe is a message as somebody's app shows it. Files are fetched and decrypted.
func (a *App) Describe(m Message) control.Event {
	e := control.Event{
		Kind: control.KindMessage, Chat: m.Chat.User, Sender: m.Sender.User, Device: int(m.Sender.Device), FromMe: m.FromMe,
		ID: m.ID, Time: m.At, Encrypted: m.Kind, ReplyTo: m.Metadata.GetQuotedMessage().GetStanzaID(),
	}
	e.Raw = rawOf(m)
	switch c := m.Content.(type) {
	case *consumer:
		if revoke := c.GetPayload().GetApplicationData().GetRevoke(); revoke != nil {
			e.Kind, e.Ref = control.KindRevoke, revoke.GetKey().GetID()
			return e
		}
		a.describeConsumer(&e, c.GetPayload().GetContent())
	case *waArmadilloApplication.Armadillo:
		a.describeArmadillo(&e, c.GetPayload().GetContent())
	case nil:
		if setting := m.Metadata.GetChatEphemeralSetting(); setting != nil {
			e.Text = "timer " + strconv.FormatUint(uint64(setting.GetEphemeralExpiration()), 10)
		}
	}
	return e
}

// rawOf is the message in the form of Raw.
func rawOf(m Message) json.RawMessage {
	raw := map[string]json.RawMessage{}
	put := func(name string, v proto.Message) {
		if data, err := protojson.Marshal(v); err == nil {
			raw[name] = data
		}
	}
	switch c := m.Content.(type) {
	case *consumer:
		put("consumer", c)
	case *waArmadilloApplication.Armadillo:
		put("armadillo", c)
	}
	if m.Metadata != nil {
		meta := proto.Clone(m.Metadata).(*Metadata)
		meta.FrankingKey, meta.FrankingVersion = nil, nil
		put("metadata", meta)
	}
	data, err := json.Marshal(raw)
	if err != nil {
		return nil // the event is shown without
	}
	return data
}

func (a *App) describeConsumer(e *control.Event, c *waConsumerApplication.ConsumerApplication_Content) {
	switch kind := c.GetContent().(type) {
	case *textContent:
		setText(e, kind.MessageText)
	case *richContent:
		setText(e, kind.ExtendedTextMessage.GetText())
	case *reactionC:
		e.Kind, e.Ref, e.Text = control.KindReaction, kind.ReactionMessage.GetKey().GetID(), kind.ReactionMessage.GetText()
	case *editC:
		e.Kind, e.Ref = control.KindEdit, kind.EditMessage.GetKey().GetID()
		setText(e, kind.EditMessage.GetMessage())
	case *locationC:
		l := kind.LocationMessage.GetLocation()
		e.Text = place(l.GetDegreesLatitude(), l.GetDegreesLongitude())
	case *contactC:
		t, err := kind.ContactMessage.Decode()
		if err == nil {
			e.Text = t.GetIntegral().GetVcard()
		}
	case *imageC, *videoC, *audioC, *documentC, *stickerC:
		a.describeMedia(e, kind)
	case nil:
		e.Text = "nothing"
	default:
		e.Text = contentName(kind)
	}
}

func setText(e *control.Event, t *waCommon.MessageText) {
	e.Text = t.GetText()
	for _, jid := range t.GetMentionedJID() {
		id, _, _ := strings.Cut(jid, "@")
		e.Mentions = append(e.Mentions, id)
	}
}

func place(latitude, longitude float64) string {
	return strconv.FormatFloat(latitude, 'f', 6, 64) + "," + strconv.FormatFloat(longitude, 'f', 6, 64)
}

// describeMedia fetches the file of a message.
func (a *App) describeMedia(e *control.Event, content any) {
	var t *waMediaTransport.WAMediaTransport
	var shown control.Media
	var err error
	switch kind := content.(type) {
	case *imageC:
		var m *waMediaTransport.ImageTransport
		m, err = kind.ImageMessage.Decode()
		t, e.Text = m.GetIntegral().GetTransport(), kind.ImageMessage.GetCaption().GetText()
		shown = control.Media{Kind: "image", Width: int(m.GetAncillary().GetWidth()), Height: int(m.GetAncillary().GetHeight())}
	case *videoC:
		var m *waMediaTransport.VideoTransport
		m, err = kind.VideoMessage.Decode()
		t, e.Text = m.GetIntegral().GetTransport(), kind.VideoMessage.GetCaption().GetText()
		shown = control.Media{Kind: "video", Width: int(m.GetAncillary().GetWidth()), Height: int(m.GetAncillary().GetHeight()),
			Seconds: int(m.GetAncillary().GetSeconds())}
		if m.GetAncillary().GetGifPlayback() {
			shown.Kind = "gif"
		}
	case *audioC:
		var m *waMediaTransport.AudioTransport
		m, err = kind.AudioMessage.Decode()
		t = m.GetIntegral().GetTransport()
		shown = control.Media{Kind: "audio", Seconds: int(m.GetAncillary().GetSeconds()), Waveform: m.GetAncillary().GetWaveform()}
		if kind.AudioMessage.GetPTT() {
			shown.Kind = "voice"
		}
	case *documentC:
		var m *waMediaTransport.DocumentTransport
		m, err = kind.DocumentMessage.Decode()
		t = m.GetIntegral().GetTransport()
		shown = control.Media{Kind: "document", FileName: kind.DocumentMessage.GetFileName()}
	case *stickerC:
		var m *waMediaTransport.StickerTransport
		m, err = kind.StickerMessage.Decode()
		t = m.GetIntegral().GetTransport()
		shown = control.Media{Kind: "sticker", Animated: m.GetIntegral().GetIsAnimated(),
			Width: int(m.GetAncillary().GetWidth()), Height: int(m.GetAncillary().GetHeight())}
	}
	if err != nil {
		e.MediaError = err.Error()
		return
	}
	a.attach(e, t, shown)
}

// attach puts a fetched file into an event.
func (a *App) attach(e *control.Event, t *waMediaTransport.WAMediaTransport, shown control.Media) {
	m, err := a.download(t, shown.Kind)
	if err != nil {
		e.MediaError = err.Error()
	}
	m.FileName, m.Width, m.Height, m.Seconds = shown.FileName, shown.Width, shown.Height, shown.Seconds
	m.Waveform, m.Animated, m.ViewOnce, m.Caption = shown.Waveform, shown.Animated, shown.ViewOnce, e.Text
	e.Media = m
}

func (a *App) describeArmadillo(e *control.Event, c *waArmadilloApplication.Armadillo_Content) {
	switch kind := c.GetContent().(type) {
	case *waArmadilloApplication.Armadillo_Content_ExtendedContentMessage:
		e.Text = kind.ExtendedContentMessage.GetMessageText()
		if e.Text == "" {
			e.Text = kind.ExtendedContentMessage.GetTitleText()
		}
	case *waArmadilloApplication.Armadillo_Content_RavenMessage_:
		if m, err := kind.RavenMessage.DecodeImageMessage(); err == nil && kind.RavenMessage.GetImageMessage() != nil {
			a.attach(e, m.GetIntegral().GetTransport(), control.Media{Kind: "image", ViewOnce: true})
		} else if m, err := kind.RavenMessage.DecodeVideoMessage(); err == nil {
			a.attach(e, m.GetIntegral().GetTransport(), control.Media{Kind: "video", ViewOnce: true})
		}
	case *waArmadilloApplication.Armadillo_Content_ImageGalleryMessage_:
		images, err := kind.ImageGalleryMessage.Decode()
		if err == nil && len(images) > 0 {
			a.attach(e, images[0].GetIntegral().GetTransport(), control.Media{Kind: "image"})
		}
	case nil:
		e.Text = "nothing"
	default:
		e.Text = contentName(kind)
	}
}

// ChatJID is a chat's JID from what the control API calls it.
func ChatJID(id int64, group bool) types.JID {
	if group {
		return types.NewJID(strconv.FormatInt(id, 10), types.GroupServer)
	}
	return types.JID{User: strconv.FormatInt(id, 10), Server: types.MessengerServer}
}

// Paths lists the paths of the files that a message names, given what Describe put into an event's Raw.
func Paths(raw json.RawMessage) []string {
	var parts struct {
		Consumer  json.RawMessage `json:"consumer"`
		Armadillo json.RawMessage `json:"armadillo"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return nil
	}
	var transports []*waCommon.SubProtocol
	if c := (&consumer{}); len(parts.Consumer) > 0 && protojson.Unmarshal(parts.Consumer, c) == nil {
		content := c.GetPayload().GetContent()
		transports = append(transports, content.GetImageMessage().GetImage(), content.GetVideoMessage().GetVideo(),
			content.GetAudioMessage().GetAudio(), content.GetDocumentMessage().GetDocument(), content.GetStickerMessage().GetSticker())
	}
	if c := (&waArmadilloApplication.Armadillo{}); len(parts.Armadillo) > 0 && protojson.Unmarshal(parts.Armadillo, c) == nil {
		content := c.GetPayload().GetContent()
		transports = append(transports, content.GetRavenMessage().GetImageMessage(), content.GetRavenMessage().GetVideoMessage())
		transports = append(transports, content.GetImageGalleryMessage().GetImages()...)
	}
	var paths []string
	for _, t := range transports {
		// All media transports begin alike, so one reads them all.
		var media waMediaTransport.ImageTransport
		if t == nil || proto.Unmarshal(t.GetPayload(), &media) != nil {
			continue
		}
		if path := media.GetIntegral().GetTransport().GetIntegral().GetDirectPath(); path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}
