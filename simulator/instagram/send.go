package instagram

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/direct"
	"crosschat/simulator/instagram/world"
)

// answer is what a call that made or changed a message says.
func answer(m *world.Message) control.Sent { return control.Sent{ID: m.ID, Time: time.UnixMilli(m.At)} }

// Send sends a message. Media has no caption on this network. Kinds that Media has no word for are given as Raw.
func (n *Network) Send(_ context.Context, id string, req control.SendRequest) (control.Sent, error) {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return control.Sent{}, err
	}
	t, other, err := n.chat(p, req.To)
	if err != nil {
		return control.Sent{}, err
	}
	m, err := n.compose(p, req)
	if err != nil {
		return control.Sent{}, err
	}
	if req.ReplyTo != "" {
		m.ReplyTo = n.resolve(req.ReplyTo)
	}
	if req.Time != nil {
		m.At = req.Time.UnixMilli()
	}
	m, err = n.direct.Send(direct.Outgoing{From: p, Thread: t, To: other, Message: m})
	if err != nil {
		return control.Sent{}, refusal(err)
	}
	n.remember(req.ID, m.ID)
	return answer(m), nil
}

func (n *Network) compose(p *world.Person, req control.SendRequest) (*world.Message, error) {
	given := 0
	for _, is := range []bool{req.Text != "", req.Media != nil, len(req.Raw) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, control.Invalid("one of text, media and raw must be given, not %d", given)
	case req.ByNumber:
		return nil, control.Unsupported("a phone number")
	case req.Album != "":
		return nil, control.Unsupported("an album of several messages")
	case req.Media != nil:
		return n.media(p, req.Media)
	case len(req.Raw) > 0:
		return n.raw(p, req.Raw)
	}
	m := direct.Text(req.Text)
	return m, n.mention(m, req.Mentions)
}

// mention turns @<id> in a text into the mention of that person.
func (n *Network) mention(m *world.Message, people []string) error {
	for _, id := range people {
		p, err := n.person(id)
		if err != nil {
			return err
		}
		before, after, found := strings.Cut(m.Text, "@"+id)
		if !found {
			return control.Invalid("the text has no @%s", id)
		}
		name := "@" + p.Username
		offset, length, shift := units(before), units(name), units(name)-units("@"+id)
		for i := range m.Mentions {
			if m.Mentions[i].Offset > offset {
				m.Mentions[i].Offset += shift
			}
		}
		m.Text = before + name + after
		m.Mentions = append(m.Mentions, world.Mention{Person: p, Kind: "PROFILE", Offset: offset, Length: length})
	}
	m.Snippet = m.Text
	return nil
}

// units is the length of a text in what mentions count in.
func units(text string) int { return len(utf16.Encode([]rune(text))) }

func (n *Network) media(p *world.Person, media *control.Media) (*world.Message, error) {
	switch {
	case media.Caption != "":
		return nil, control.Unsupported("a caption")
	case len(media.Data) == 0 && media.Noise <= 0 && !media.ViewOnce:
		return nil, control.Invalid("media without data")
	}
	kind := media.Kind
	if kind == "audio" {
		kind = direct.KindVoice // there is no other audio
	}
	var preview *world.File
	if len(media.Thumbnail) > 0 {
		preview = n.file(p, &control.Media{Data: media.Thumbnail, MIMEType: "image/jpeg", FileName: "preview.jpg"})
	}
	m, ok := direct.Media(kind, n.file(p, media), preview, media.ViewOnce)
	if !ok {
		return nil, control.Unsupported("media of kind " + media.Kind)
	}
	m.Media.Waveform = media.Waveform
	return m, nil
}

// file stores the file of a message.
func (n *Network) file(p *world.Person, media *control.Media) *world.File {
	data := media.Data
	if media.Noise > 0 {
		data = make([]byte, media.Noise)
		rand.NewChaCha8([32]byte{}).Read(data) //nolint:errcheck // never fails
	}
	f := world.File{
		Owner: p, Name: media.FileName, MIMEType: media.MIMEType, Data: data, Width: media.Width, Height: media.Height,
		Millis: media.Seconds * 1000, Voice: media.Kind == direct.KindVoice,
	}
	for _, amplitude := range media.Waveform {
		const loudest = 100
		f.Waveform = append(f.Waveform, min(float64(amplitude)/loudest, 1))
	}
	return n.direct.World.AddFile(f)
}

// React adds, changes or removes a reaction.
func (n *Network) React(_ context.Context, id string, req control.ReactRequest) (control.Sent, error) {
	defer n.direct.Lock()()
	p, m, err := n.message(id, req.Chat, req.ID)
	if err != nil {
		return control.Sent{}, err
	}
	const variation = "\ufe0f" // never part of a reaction on this network
	if err := n.direct.React(p, m, strings.ReplaceAll(req.Emoji, variation, "")); err != nil {
		return control.Sent{}, refusal(err)
	}
	return control.Sent{ID: m.ID, Time: time.UnixMilli(n.direct.World.Now())}, nil
}

// Edit replaces the text of an own message.
func (n *Network) Edit(_ context.Context, id string, req control.EditRequest) (control.Sent, error) {
	defer n.direct.Lock()()
	p, m, err := n.message(id, req.Chat, req.ID)
	if err != nil {
		return control.Sent{}, err
	}
	at, err := n.direct.Edit(p, m, req.Text)
	if err != nil {
		return control.Sent{}, refusal(err)
	}
	return control.Sent{ID: m.ID, Time: time.UnixMilli(at)}, nil
}

// Revoke unsends an own message.
func (n *Network) Revoke(_ context.Context, id string, target control.Target) (control.Sent, error) {
	defer n.direct.Lock()()
	p, m, err := n.message(id, target.Chat, target.ID)
	if err != nil {
		return control.Sent{}, err
	}
	if err := n.direct.Unsend(p, m); err != nil {
		return control.Sent{}, refusal(err)
	}
	return answer(m), nil
}

// Receipt moves the person's read mark to the last of the messages.
func (n *Network) Receipt(_ context.Context, id string, req control.ReceiptRequest) error {
	defer n.direct.Lock()()
	if req.Type != "read" {
		return control.Unsupported("a receipt of type " + strconv.Quote(req.Type))
	}
	for _, message := range req.IDs {
		p, m, err := n.message(id, req.Chat, message)
		if err != nil {
			return err
		}
		n.direct.Read(p, m)
	}
	return nil
}

// Typing shows or stops the typing notice.
func (n *Network) Typing(_ context.Context, id string, req control.TypingRequest) error {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return err
	}
	t, err := n.thread(p, req.Chat)
	if err != nil {
		return err
	}
	n.direct.Typing(p, t, req.Typing)
	return nil
}

// Call leaves the line of a call that rang. How it ended is not told on this network.
func (n *Network) Call(_ context.Context, id string, req control.CallRequest) (control.Sent, error) {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return control.Sent{}, err
	}
	t, err := n.thread(p, req.To)
	if err != nil {
		return control.Sent{}, err
	}
	return answer(n.direct.Call(p, t, req.Video)), nil
}
