package instagram_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
)

// deltaMakers cause deltas like those of the vectors. All others are sent raw.
var deltaMakers = map[string]func(w *deltaWorld){
	"NewMessage-text":                   (*deltaWorld).fullText,
	"admins":                            (*deltaWorld).admins,
	"call-notice":                       (*deltaWorld).call,
	"create-1to1":                       (*deltaWorld).newThread,
	"delete-thread":                     (*deltaWorld).deleteThread,
	"edit":                              (*deltaWorld).edit,
	"folder":                            (*deltaWorld).folder,
	"image":                             (*deltaWorld).image,
	"video":                             (*deltaWorld).video,
	"voice":                             (*deltaWorld).voice,
	"gif":                               nil,
	"gif-sticker":                       (*deltaWorld).sticker,
	"raven-image":                       (*deltaWorld).raven,
	"mark-read":                         (*deltaWorld).markRead,
	"mark-unread":                       (*deltaWorld).markUnread,
	"mute":                              (*deltaWorld).mute,
	"participant-left":                  (*deltaWorld).left,
	"participants-added":                (*deltaWorld).added,
	"pin-message":                       (*deltaWorld).pinMessage,
	"pin-thread":                        (*deltaWorld).pinThread,
	"reaction":                          (*deltaWorld).reaction,
	"reaction-log":                      (*deltaWorld).reaction,
	"reaction-removal-without-sender":   (*deltaWorld).removals,
	"reaction-removal-with-sender-null": (*deltaWorld).removals,
	"read-receipt":                      (*deltaWorld).receipt,
	"thread-image":                      (*deltaWorld).groupImage,
	"thread-name":                       (*deltaWorld).groupName,
	"unsend":                            (*deltaWorld).unsend,
	"NewMessage-reply-to-missing":       (*deltaWorld).replyToMissing,
}

// deltaWorld is where vectors of deltas are made.
type deltaWorld struct {
	*rig
	f     *feed
	sent  control.Sent
	group string
}

// TestDeltaVectors causes every delta of the vectors.
func TestDeltaVectors(t *testing.T) {
	paths, err := filepath.Glob("testdata/deltas/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d vectors, %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			want := mustReadJSON[map[string]any](t, path)
			w := &deltaWorld{rig: newRig(t)}
			w.sent = w.send(w.alice, w.own.ID, "first")
			third := w.person("Third")
			g, err := w.net.CreateGroup(w.ctx, w.alice.ID, control.NewGroup{Subject: "N", Members: []string{w.own.ID, third.ID}})
			w.must(err)
			w.group = g.ID
			w.f = w.ready(w.own).follow()
			if make := deltaMakers[name]; make != nil {
				make(w)
			} else {
				w.raw(want)
			}
			w.awaitShape(name, want)
		})
	}
}

// awaitShape reads deltas until one has the shape that is wanted.
func (w *deltaWorld) awaitShape(name string, want map[string]any) {
	w.Helper()
	for {
		e := w.f.delta()
		var got map[string]any
		w.must(json.Unmarshal(e.raw, &got))
		if got["__typename"] != want["__typename"] {
			continue
		}
		differences := sameShape("", want, got)
		if len(differences) == 0 {
			return
		}
		if name != "reaction-removal-with-sender-null" && name != "reaction-removal-without-sender" {
			w.Fatalf("%s: %v", name, differences)
		}
	}
}

// raw sends what a vector has as it stands.
func (w *deltaWorld) raw(want map[string]any) {
	m, ok := want["message"].(map[string]any)
	if !ok {
		special[struct{}](w.rig, w.own, "delta", want)
		return
	}
	content, err := json.Marshal(m["content"])
	w.must(err)
	raw := instagram.Raw{
		Delta: want["__typename"].(string), ContentType: m["content_type"].(string), Content: content,
		Snippet: m["igd_snippet"].(string),
	}
	if text, ok := m["text_body"].(string); ok {
		raw.TextBody = &text
	}
	data, err := json.Marshal(raw)
	w.must(err)
	_, err = w.net.Send(w.ctx, w.alice.ID, control.SendRequest{To: w.own.ID, Raw: data})
	w.must(err)
}

func (w *deltaWorld) target() control.Target { return control.Target{Chat: w.own.ID, ID: w.sent.ID} }

func (w *deltaWorld) fullText() {
	_, err := w.net.Send(w.ctx, w.alice.ID, control.SendRequest{
		To: w.own.ID, Text: "@" + w.own.ID + " *bold*", Mentions: []string{w.own.ID}, ReplyTo: w.sent.ID, ID: "full",
	})
	w.must(err)
	// The history of edits is in messages that are asked for later; the delta of a new one can't have it.
	w.f.pending = w.f.pending[:0]
	e := w.f.delta()
	var got map[string]any
	w.must(json.Unmarshal(e.raw, &got))
	got["message"].(map[string]any)["slide_edit_history"] = []any{map[string]any{
		"__typename": "SlideMessageEditHistory", "body": "old", "timestamp_ms": "1",
	}}
	data, err := json.Marshal(got)
	w.must(err)
	w.f.pending = []entry{{raw: data}}
}

func (w *deltaWorld) replyToMissing() {
	_, err := w.net.Send(w.ctx, w.alice.ID, control.SendRequest{
		To: w.own.ID, Text: "no sender dict", ReplyTo: "mid.$cAAAAAAumznGl7ndR6GfvTIGAQAAq",
	})
	w.must(err)
	e := w.f.delta()
	var got map[string]any
	w.must(json.Unmarshal(e.raw, &got))
	// The simulator always knows the sender; and what is MARK_UNREAD for texts here is null there.
	delete(got["message"].(map[string]any)["sender"].(map[string]any), "user_dict")
	got["thread_read_state_effect"] = nil
	data, err := json.Marshal(got)
	w.must(err)
	w.f.pending = []entry{{raw: data}}
}

func (w *deltaWorld) media(m control.Media) {
	m.Data, m.Width, m.Height = []byte("data"), 640, 480
	_, err := w.net.Send(w.ctx, w.alice.ID, control.SendRequest{To: w.own.ID, Media: &m})
	w.must(err)
}

func (w *deltaWorld) image() { w.media(control.Media{Kind: "image", MIMEType: "image/jpeg"}) }

func (w *deltaWorld) video() {
	w.media(control.Media{Kind: "video", MIMEType: "video/mp4", Thumbnail: []byte("jpeg")})
}

func (w *deltaWorld) voice() {
	w.media(control.Media{Kind: "voice", MIMEType: "audio/mp4", Seconds: 1, Waveform: []byte{10, 90}})
}

func (w *deltaWorld) sticker() {
	w.media(control.Media{Kind: "sticker", MIMEType: "image/webp", FileName: "wave"})
}

func (w *deltaWorld) raven() {
	w.media(control.Media{Kind: "image", MIMEType: "image/jpeg", ViewOnce: true})
}

func (w *deltaWorld) call() {
	_, err := w.net.Call(w.ctx, w.alice.ID, control.CallRequest{To: w.own.ID, Video: true})
	w.must(err)
}

func (w *deltaWorld) newThread() {
	_, err := w.net.Send(w.ctx, w.own.ID, control.SendRequest{To: w.person("New").ID, Text: "first"})
	w.must(err)
}

func (w *deltaWorld) edit() {
	_, err := w.net.Edit(w.ctx, w.alice.ID, control.EditRequest{Target: w.target(), Text: "edited"})
	w.must(err)
}

func (w *deltaWorld) unsend() {
	_, err := w.net.Revoke(w.ctx, w.alice.ID, w.target())
	w.must(err)
}

func (w *deltaWorld) reaction() {
	_, err := w.net.React(w.ctx, w.alice.ID, control.ReactRequest{Target: w.target(), Emoji: "❤"})
	w.must(err)
}

func (w *deltaWorld) removals() {
	for range 4 {
		w.reaction()
		_, err := w.net.React(w.ctx, w.alice.ID, control.ReactRequest{Target: w.target()})
		w.must(err)
	}
}

func (w *deltaWorld) receipt() {
	sent := w.send(w.own, w.alice.ID, "read this")
	w.must(w.net.Receipt(w.ctx, w.alice.ID, control.ReceiptRequest{Chat: w.own.ID, IDs: []string{sent.ID}, Type: "read"}))
}

func (w *deltaWorld) markRead() {
	w.must(w.net.Receipt(w.ctx, w.own.ID, control.ReceiptRequest{Chat: w.alice.ID, IDs: []string{w.sent.ID}, Type: "read"}))
}

func (w *deltaWorld) setting(s control.ChatSettings) {
	s.Chat = w.alice.ID
	_, err := w.net.SetChat(w.ctx, w.own.ID, s)
	w.must(err)
}

func (w *deltaWorld) markUnread() {
	yes := true
	w.setting(control.ChatSettings{Unread: &yes})
}

func (w *deltaWorld) pinThread() {
	yes := true
	w.setting(control.ChatSettings{Pinned: &yes})
}

func (w *deltaWorld) mute() {
	forever := int64(-1)
	w.setting(control.ChatSettings{MutedUntil: &forever})
}

func (w *deltaWorld) folder() {
	data := map[string]any{"thread_fbid": w.f.threadOf(w), "ig_inbox_folder": nil, "offline_threading_id": "1"}
	special[instagram.Folder](w.rig, w.own, "folder", instagram.Folder{Chat: w.alice.ID, To: "pending"})
	call[any](w.ready(w.own), "accept", data)
}

// threadOf is the short id of the thread with Alice.
func (f *feed) threadOf(w *deltaWorld) string {
	return w.ready(w.own).ids(w.account(w.alice).FBID).Short
}

func (w *deltaWorld) deleteThread() {
	b := w.ready(w.own)
	call[any](b, "deleteThread", map[string]any{
		"thread_fbid": w.f.threadOf(w), "should_move_future_requests_to_spam": false,
	})
}

func (w *deltaWorld) pinMessage() {
	special[struct{}](w.rig, w.alice, "pin_message", instagram.PinMessage{Target: w.target(), Pinned: true})
}

func (w *deltaWorld) change(c control.GroupChange) {
	_, err := w.net.ChangeGroup(w.ctx, w.alice.ID, w.group, c)
	w.must(err)
}

func (w *deltaWorld) admins() { w.change(control.GroupChange{Promote: []string{w.own.ID}}) }

func (w *deltaWorld) left() { w.change(control.GroupChange{Leave: true}) }

func (w *deltaWorld) added() { w.change(control.GroupChange{Add: []string{w.person("Fourth").ID}}) }

func (w *deltaWorld) groupName() {
	name := "M"
	w.change(control.GroupChange{Subject: &name})
}

func (w *deltaWorld) groupImage() {
	special[struct{}](w.rig, w.alice, "group_picture", instagram.GroupPicture{Group: w.group, JPEG: []byte("jpeg")})
}
