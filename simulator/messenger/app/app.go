package app

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/messenger/chat"
	"crosschat/simulator/whatsapp/phone/signal"
	"crosschat/simulator/whatsapp/stanza"
)

// How many one-time prekeys an app registers, and when it adds to them.
const (
	stock    = 50
	lowStock = 10
)

// maxRetries is how often an app asks for one message.
const maxRetries = 4

// Message is a message that arrived, or that another device of the same person sent.
type Message struct {
	ID       string
	Chat     types.JID
	Sender   types.JID // with device
	FromMe   bool
	At       time.Time
	Edit     string // attribute
	Kind     string // msg, pkmsg, skmsg
	Content  Content
	Metadata *Metadata
}

// Observer is told what happens. Its methods are called from the link's goroutine, without any lock.
type Observer interface {
	// Open runs what handles a stanza, now or when the app is opened.
	Open(handle func())
	// Message says whether the message is to be confirmed to its sender.
	Message(Message) bool
	Receipt(chat, from types.JID, ids []string, kind string)
	Typing(from types.JID, typing bool, media string)
	Problem(id string, chat types.JID, what string)
}

// App is one app.
type App struct {
	person   int64
	server   *chat.Server
	observer Observer
	ctx      context.Context // for libsignal, which wants one and keeps everything in memory

	mu        sync.Mutex
	link      *chat.Link
	signal    *signal.Device
	sent      map[string]*sentMessage
	retries   map[string]int // asked for, by message and device
	groupKeys map[string]map[types.JID]bool
	// FailDecrypt is how many messages the app pretends it can't decrypt.
	failDecrypt int
}

// sentMessage is kept to be sent again when a device asks.
type sentMessage struct {
	chat        types.JID
	kind, media string
	application []byte
	tag         []byte
}

// New makes an app with fresh keys and attaches it to the encrypted plane.
func New(ctx context.Context, server *chat.Server, person int64, observer Observer) (*App, error) {
	a := &App{
		person: person, server: server, observer: observer, ctx: ctx, sent: map[string]*sentMessage{}, retries: map[string]int{},
		groupKeys: map[string]map[types.JID]bool{},
	}
	return a, a.install()
}

// install makes the Signal device and attaches it.
func (a *App) install() error {
	device, err := signal.New()
	if err != nil {
		return err
	}
	preKeys, err := device.NewPreKeys(stock)
	if err != nil {
		return err
	}
	signed := device.SignedPreKey()
	keys := chat.Keys{
		RegistrationID: device.RegistrationID(), Identity: device.Identity(),
		Signed: chat.PreKey{ID: signed.ID, Public: signed.Key}, Signature: signed.Signature,
	}
	a.mu.Lock() // nothing is handled before the link is known
	defer a.mu.Unlock()
	a.signal = device
	a.link = a.server.Attach(a.person, keys, publicKeys(preKeys), a.Deliver)
	return nil
}

// Reinstall is a new installation: new keys, all sessions and sent messages forgotten.
func (a *App) Reinstall() error {
	a.mu.Lock()
	clear(a.sent)
	clear(a.groupKeys)
	a.mu.Unlock()
	return a.install()
}

// FailDecrypt makes the app pretend that it can't decrypt the next n messages.
func (a *App) FailDecrypt(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failDecrypt = n
}

// JID is the app's device.
func (a *App) JID() types.JID { return chat.JID(a.person, 0) }

func publicKeys(keys []signal.PreKey) []chat.PreKey {
	out := make([]chat.PreKey, 0, len(keys))
	for _, k := range keys {
		out = append(out, chat.PreKey{ID: k.ID, Public: k.Key})
	}
	return out
}

func address(jid types.JID) signal.Address { return signal.Address{LID: jid.User, Device: jid.Device} }

// session makes sure that there is a session with a device. The caller holds the lock.
func (a *App) session(jid types.JID) error {
	if a.signal.HasSession(address(jid)) {
		return nil
	}
	b, err := a.link.Bundle(jid)
	if err != nil {
		return err
	}
	return a.signal.Start(a.ctx, address(jid), signalBundle(b))
}

func signalBundle(b chat.Bundle) signal.Bundle {
	out := signal.Bundle{
		RegistrationID: b.RegistrationID, Identity: b.Identity,
		Signed: signal.PreKey{ID: b.Signed.ID, Key: b.Signed.Public, Signature: b.Signature},
	}
	if b.OneTime != nil {
		out.OneTime = &signal.PreKey{ID: b.OneTime.ID, Key: b.OneTime.Public}
	}
	return out
}

// Outgoing is a message to be sent. ID and At are chosen unless given.
type Outgoing struct {
	ID       string
	Chat     types.JID
	Content  Content
	Metadata *Metadata
	At       time.Time
	// Raw sends these bytes as the application layer instead of Content, for what no app should send.
	Raw []byte
}

// Send encrypts a message for every device of its chat and hands it over. It returns the id.
func (a *App) Send(ctx context.Context, out Outgoing) (string, error) {
	attrs := attributesOf(out.Content)
	application, tag, err := encode(out.Content, out.Metadata)
	if err != nil {
		return "", err
	}
	if out.Raw != nil {
		application = out.Raw
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if out.ID == "" {
		out.ID = a.link.NewMessageID()
	}
	a.sent[out.ID] = &sentMessage{out.Chat, attrs.kind, attrs.media, application, tag}
	content, err := a.encrypt(out, attrs, application)
	if err != nil {
		return "", fmt.Errorf("send %s to %s: %w", out.ID, out.Chat, err)
	}
	var traceID [16]byte
	copy(traceID[:], tag)
	content = append(content,
		stanza.New("franking", nil, stanza.New("franking_tag", nil, tag)),
		stanza.New("trace", nil, stanza.New("request_id", nil, traceID[:])))
	n := stanza.New("message", stanza.Attrs{"id": out.ID, "to": out.Chat, "type": attrs.kind}, content)
	if attrs.edit != "" {
		n = stanza.With(n, "edit", attrs.edit)
	}
	if !out.At.IsZero() {
		n = stanza.With(n, "t", strconv.FormatInt(out.At.Unix(), 10))
	}
	return out.ID, a.link.Send(ctx, n)
}

// encrypt makes the parts of a message: participants, and in groups one for all.
func (a *App) encrypt(out Outgoing, attrs attributes, application []byte) ([]stanza.Node, error) {
	devices, err := a.link.Recipients(out.Chat)
	if err != nil {
		return nil, err
	}
	group := out.Chat.Server == types.GroupServer
	var groupKey []byte
	if group {
		if groupKey, err = a.signal.GroupKey(a.ctx, out.Chat.String(), address(a.JID())); err != nil {
			return nil, err
		}
	}
	var to []stanza.Node
	for _, jid := range devices {
		e := envelope{application: application}
		if group {
			e = envelope{groupKey: groupKey, group: out.Chat.String()}
		} else if jid.User == a.JID().User {
			e.dsm = out.Chat.String()
		}
		enc, err := a.encFor(jid, e, attrs, group)
		if err != nil {
			return nil, err
		}
		to = append(to, stanza.New("to", stanza.Attrs{"jid": jid}, enc))
	}
	content := []stanza.Node{stanza.New("participants", nil, to)}
	if to == nil {
		content[0].Content = []stanza.Node{}
	}
	if attrs.hide {
		content = append(content, stanza.New("meta", stanza.Attrs{"decrypt-fail": "hide"}))
	}
	if !group {
		return content, nil
	}
	plain, err := envelope{application: application, backup: out.ID}.transport()
	if err != nil {
		return nil, err
	}
	sealed, err := a.signal.EncryptGroup(a.ctx, out.Chat.String(), address(a.JID()), plain)
	if err != nil {
		return nil, err
	}
	return append(content, stanza.New("enc", encAttrs(sealed.Kind, attrs, false), sealed.Data)), nil
}

// encFor encrypts for one device.
func (a *App) encFor(jid types.JID, e envelope, attrs attributes, group bool) (stanza.Node, error) {
	if err := a.session(jid); err != nil {
		return stanza.Node{}, err
	}
	plain, err := e.transport()
	if err != nil {
		return stanza.Node{}, err
	}
	sealed, err := a.signal.Encrypt(a.ctx, address(jid), plain)
	if err != nil {
		return stanza.Node{}, err
	}
	return stanza.New("enc", encAttrs(sealed.Kind, attrs, group), sealed.Data), nil
}

func encAttrs(kind string, attrs attributes, keyOnly bool) stanza.Attrs {
	out := stanza.Attrs{"v": "3", "type": kind}
	if attrs.media != "" && !keyOnly {
		out["mediatype"] = attrs.media
	}
	if attrs.hide {
		out["decrypt-fail"] = "hide"
	}
	return out
}

// Read marks messages of a chat read. Sender counts in groups.
func (a *App) Read(ctx context.Context, to types.JID, sender types.JID, ids []string) error {
	n := stanza.New("receipt", stanza.Attrs{
		"id": ids[0], "type": "read", "to": to, "t": strconv.FormatInt(time.Now().Unix(), 10),
	})
	if to.Server == types.GroupServer {
		n = stanza.With(n, "participant", sender.ToNonAD())
	}
	if len(ids) > 1 {
		var items []stanza.Node
		for _, id := range ids[1:] {
			items = append(items, stanza.New("item", stanza.Attrs{"id": id}))
		}
		n.Content = []stanza.Node{stanza.New("list", nil, items)}
	}
	return a.sendNode(ctx, n)
}

// Typing shows or stops the typing notice; media is audio while recording.
func (a *App) Typing(ctx context.Context, to types.JID, typing bool, media string) error {
	state := stanza.New("paused", nil)
	if typing {
		state = stanza.New("composing", nil)
		if media != "" {
			state = stanza.With(state, "media", media)
		}
	}
	return a.sendNode(ctx, stanza.New("chatstate", stanza.Attrs{"to": to}, state))
}

func (a *App) sendNode(ctx context.Context, n stanza.Node) error {
	a.mu.Lock()
	link := a.link
	a.mu.Unlock()
	return link.Send(ctx, n)
}

// registration is the registration id as the wire has it.
func (a *App) registration() []byte {
	return binary.BigEndian.AppendUint32(nil, a.signal.RegistrationID())
}
