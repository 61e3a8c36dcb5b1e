package e2e_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

// traits are what a network has, or does its own way, where a scenario is the same otherwise. The zero value is a network
// that keeps to itself what it can: its servers measure files, know whose friend somebody is, and end only their own
// sessions.
type traits struct {
	// logoutEnds: a logout from Matrix ends the session on the network, too.
	logoutEnds bool
	// addressBook: people are listed as contacts by the names that the user gives them.
	addressBook bool
	// chatsAreContacts: who has a chat with the account is a contact, and nobody else.
	chatsAreContacts bool
	// clientsMeasure: size, duration and thumbnail of a file are what the sending client says; the network's servers see
	// nothing of it.
	clientsMeasure bool
	// music: sound is a voice message only if it is marked as one.
	music bool
	// pins: chats can be pinned. archives: they can be archived by clients.
	pins, archives bool
	// noArchive: there is no archive at all.
	noArchive bool
	// founder is the power level of who has made a group. speakers: groups can be for admins only.
	founder  int
	speakers bool
	// groupEncryption is how messages to a group are encrypted.
	groupEncryption string
	// progress: the bot tells how far the history of a first login is.
	progress bool
	// quotes: a reply has in it what it answers. past: what is older than the login always comes with the chat.
	quotes, past bool
	// captions are the kinds of files that can have one. Others' come as texts of their own.
	captions []string
	// takes are the types of videos and voice messages that go as they are, by their kind. The bridge makes the first of them
	// of others, or refuses those if onlyTaken.
	takes     map[string][]string
	onlyTaken bool
	// lengths: it is said of a video how long it is, and not only to be seen in the file.
	lengths bool
	// oldAge is the age of a message that the user takes back, and tooOld how an error says that this is too old. Without,
	// nothing is.
	oldAge time.Duration
	tooOld string
	// byClick: the file of a placeholder is asked for by a click only; there is no command.
	byClick bool
	// receiptsOff is the command by which the user keeps read receipts back, where they can't do it on the network.
	receiptsOff string
	// offsets: it is said of mentions where they are in a text. nested: marks stand in marks.
	offsets, nested bool
	// linkPictures: previews of links have pictures.
	linkPictures bool
	// notShown is part of what stands in place of a message of an unknown kind. noFiles says that there are none.
	notShown, noFiles string
	// onceInApp is what is said of a picture that may be seen once, and only in the network's app.
	onceInApp string
	// imageLimit is the most that the network takes of a picture, in bytes, and how an error names it.
	imageLimit     int
	imageLimitText string
	// unknown are identifiers of nobody; the bot's answer to them has one of these texts in it.
	unknown, unknownTexts []string
}

// taken is the type that a file of a kind arrives as if it goes as it is.
func (t *traits) taken(kind, mimeType string) (as string, ok bool) {
	i := slices.IndexFunc(t.takes[kind], func(taken string) bool { return strings.HasPrefix(taken, mimeType) })
	if i < 0 {
		return "", false
	}
	return t.takes[kind][i], true
}

func (whatsapp) traits() traits {
	return traits{
		logoutEnds: true, addressBook: true, clientsMeasure: true, music: true, pins: true, archives: true,
		quotes: true, linkPictures: true, nested: true, founder: 75, speakers: true, groupEncryption: "skmsg", progress: true,
		captions: []string{"image", "video", "document"}, takes: map[string][]string{"video": {"video/mp4"}, "voice": {opus}}, lengths: true,
		oldAge: 61 * time.Hour, tooOld: "two and a half days",
		imageLimit: 16 << 20, imageLimitText: "16.0 MiB",
		notShown:     "not bridged",
		unknown:      []string{"+1 555 999 9999", "whatsapp-lid-299999999999", "nobody", "+"},
		unknownTexts: []string{"not on WhatsApp", "no phone number"},
	}
}

func (messenger) traits() traits {
	return traits{
		past: true, offsets: true, founder: 50,
		captions: []string{"image", "video", "document"}, lengths: true,
		takes: map[string][]string{"video": {"video/mp4", "video/webm"}, "voice": {"audio/ogg", "audio/mp4"}}, onlyTaken: true,
		oldAge:     100 * 24 * time.Hour,
		imageLimit: 8 << 20, imageLimitText: "8.0 MiB",
		notShown:     "Look at Messenger",
		unknown:      []string{"messenger-299999999999", "299999999999", "nobody.like.that", "https://www.facebook.com/nobody.like.that"},
		unknownTexts: []string{"nobody on Messenger"},
	}
}

// traits: nothing is known by which a client could end its registration.
func (m messengerE2EE) traits() traits {
	t := m.messenger.traits()
	t.clientsMeasure, t.music, t.groupEncryption, t.past, t.offsets = true, true, "skmsg", false, false
	t.captions = []string{"image", "video"}
	t.takes = map[string][]string{"video": {"video/mp4"}, "voice": {"audio/mp4"}}
	t.imageLimit, t.imageLimitText = 100<<20, "100.0 MiB"
	t.receiptsOff = "messenger-receipts off"
	return t
}

func (instagram) traits() traits {
	return traits{
		chatsAreContacts: true, past: true, pins: true, noArchive: true, linkPictures: true, offsets: true, founder: 50,
		takes:      map[string][]string{"video": {"video/mp4", "video/webm"}, "voice": {"audio/mp4"}},
		oldAge:     100 * 24 * time.Hour,
		imageLimit: 8_000_000, imageLimitText: "7.6 MiB",
		onceInApp: "view-once picture came. It can only be seen in Instagram's app",
		notShown:  "Look at Instagram", noFiles: "Instagram has no files", byClick: true,
		unknown:      []string{"instagram-399999999999", "@nobody.like.that", "https://www.instagram.com/nobody.like.that/"},
		unknownTexts: []string{"nobody on Instagram"},
	}
}

// identifiers are what starts a chat with somebody.
func (whatsapp) identifiers(p control.Person) []string {
	return []string{"+" + p.Phone, "whatsapp-lid-" + p.LID}
}

func (messenger) identifiers(p control.Person) []string {
	return []string{p.ID, "messenger-" + p.ID}
}

// id is the network's part of a person's id in Matrix.
func (whatsapp) id(p control.Person) string  { return p.LID }
func (messenger) id(p control.Person) string { return p.ID }

// refusal is a way in which the network does not take a message.
type refusal struct {
	fault  control.Fault
	words  string // what the user is told
	status event.MessageStatus
}

func (whatsapp) refusals(p control.Person) []refusal {
	by := func(code string) control.Fault {
		return control.Fault{Kind: "ack_error", Stanza: "message", Person: p.ID, Args: map[string]string{"error": code}}
	}
	return []refusal{
		{by("403"), "WhatsApp does not let you write here", event.MessageStatusFail},
		{by("479"), "try again", event.MessageStatusRetriable},
	}
}

func (messenger) refusals(p control.Person) []refusal {
	how := func(how, why string) control.Fault {
		return control.Fault{Kind: "task_fail", Stanza: "task/46", Person: p.ID, Args: map[string]string{"how": how, "message": why}}
	}
	var all []refusal
	for _, kind := range []string{"optimistic", "task", "error"} {
		why := "No, says " + kind
		all = append(all, refusal{how(kind, why), "Messenger refused this: ", event.MessageStatusRetriable})
	}
	return all
}

// lostAnswers are faults that take the answer to a message away.
func (whatsapp) lostAnswers(p control.Person) []control.Fault {
	return []control.Fault{{Kind: "close_before", Person: p.ID, Args: map[string]string{"point": "message_ack"}}}
}

func (messenger) lostAnswers(p control.Person) []control.Fault {
	return []control.Fault{
		{Kind: "close_after", Stanza: "task/46", Person: p.ID},
		{Kind: "task_fail", Stanza: "task/46", Person: p.ID, Args: map[string]string{"how": "silent"}},
	}
}

// sendsHuge has somebody send a file that is said to be larger than any homeserver allows, and returns a word of its address.
func (whatsapp) sendsHuge(s *stage, p *person) string {
	s.Helper()
	hash := make([]byte, 32)
	hash[0] = 1
	huge, err := json.Marshal(map[string]any{"documentMessage": map[string]any{
		"directPath": "/v/document/huge.enc?x=1", "mediaKey": hash, "fileSHA256": hash, "fileEncSHA256": hash,
		"fileLength": "5368709120", "fileName": "huge.zip", "mimetype": "application/zip",
	}})
	s.must(err)
	p.sends(control.SendRequest{To: s.me.ID, Raw: huge})
	return "huge.enc"
}

func (m messenger) sendsHuge(s *stage, p *person) string {
	s.Helper()
	thread, err := strconv.ParseInt(p.ID, 10, 64)
	s.must(err)
	row := func(name string, length int, columns map[int]any) []any {
		call := make([]any, length+1)
		call[0] = name
		for at, value := range columns {
			call[at+1] = value
		}
		return call
	}
	const id = "mid.$huge"
	at := time.Now().UnixMilli()
	s.must(s.stack.Simulator.Special(s.ctx, m.control(), s.me.ID, "rows", map[string]any{"database": 1, "calls": [][]any{
		row("insertMessage", 81, map[int]any{3: thread, 5: at, 6: at, 7: at, 8: id, 10: thread}),
		row("insertBlobAttachment", 49, map[int]any{
			0: "huge.zip", 1: int64(5368709120), 2: true, 3: "https://cdn.fbsbx.com/huge.enc", 6: "application/zip", 23: 0,
			27: thread, 29: 6, 30: "application/zip", 31: at, 32: id, 34: "990099",
		}),
	}}, nil))
	return "huge.enc"
}

// unanswered are faults of the web: nothing is answered there, for longer than anybody waits.
var unanswered = control.Fault{Kind: "http_delay", Times: -1, Args: map[string]string{"ms": "600000"}}

func (whatsapp) hang() []control.Fault {
	return []control.Fault{{Kind: "ignore", Times: -1}, {Kind: "deaf"}}
}

func (messenger) hang() []control.Fault {
	return []control.Fault{{Kind: "drop_answer", Times: -1}, {Kind: "stall", Times: -1}, unanswered}
}

func (messengerE2EE) hang() []control.Fault {
	return []control.Fault{{Kind: "ignore", Times: -1}, {Kind: "deaf"}}
}

func (instagram) hang() []control.Fault {
	return []control.Fault{unanswered, {Kind: "deaf"}}
}
