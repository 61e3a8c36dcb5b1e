package instagram

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/direct"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// Raw is a message of any kind, as SendRequest.Raw and HistoryMessage.Raw have it.
type Raw struct {
	// Delta is the __typename of the delta that brings it, SlideUQPPNewMessage by default.
	Delta       string `json:"delta,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	// Content is the message's content with its __typename. A text "file:<name>" in it stands for the link to a file.
	Content  json.RawMessage          `json:"content,omitempty"`
	TextBody *string                  `json:"text_body,omitempty"`
	Snippet  string                   `json:"snippet,omitempty"`
	Files    map[string]control.Media `json:"files,omitempty"`
	// Posts are what a share in Content leads to.
	Posts     []RawPost `json:"posts,omitempty"`
	Forwarded bool      `json:"forwarded,omitempty"`
	// Expires is when the message vanishes, in ms since 1970.
	Expires int64 `json:"expires,omitempty"`

	// What follows is for messages of history only.
	Media     *control.Media    `json:"media,omitempty"` // instead of Content
	ReplyTo   string            `json:"reply_to,omitempty"`
	Reactions map[string]string `json:"reactions,omitempty"` // by person
}

// RawPost is a post, reel or story.
type RawPost struct {
	ID      int64    `json:"id"`
	Code    string   `json:"code"`
	Owner   string   `json:"owner"` // person
	Caption string   `json:"caption,omitempty"`
	Files   []string `json:"files"` // names in Raw.Files
	Story   bool     `json:"story,omitempty"`
}

// raw makes the message of a Raw.
func (n *Network) raw(p *world.Person, data json.RawMessage) (*world.Message, error) {
	var raw Raw
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, control.Invalid("raw is not a message of Instagram: %v", err)
	}
	return n.fromRaw(p, raw)
}

func (n *Network) fromRaw(p *world.Person, raw Raw) (*world.Message, error) {
	var content shape.Object
	if err := json.Unmarshal(raw.Content, &content); err != nil || content["__typename"] == nil {
		return nil, control.Invalid("content is not an object with a __typename: %v", err)
	}
	files := map[string]*world.File{}
	for name, media := range raw.Files {
		files[name] = n.file(p, &media)
	}
	if err := n.posts(raw.Posts, files); err != nil {
		return nil, err
	}
	linked, err := link(content, files)
	if err != nil {
		return nil, err
	}
	m := direct.Content(raw.ContentType, raw.Delta, linked.(shape.Object), raw.TextBody, raw.Snippet)
	m.Forwarded, m.Expires = raw.Forwarded, raw.Expires
	if raw.TextBody != nil {
		m.Text = *raw.TextBody
	}
	return m, nil
}

func (n *Network) posts(posts []RawPost, files map[string]*world.File) error {
	for _, given := range posts {
		owner, err := n.person(given.Owner)
		if err != nil {
			return err
		}
		post := world.Post{ID: given.ID, Code: given.Code, Owner: owner, Caption: given.Caption, Story: given.Story}
		for _, name := range given.Files {
			if files[name] == nil {
				return control.Invalid("post %s has no file %q", given.Code, name)
			}
			post.Files = append(post.Files, files[name])
		}
		n.direct.World.AddPost(post)
	}
	return nil
}

// link puts links in the places of texts that stand for them.
func link(value any, files map[string]*world.File) (any, error) {
	var err error
	switch value := value.(type) {
	case string:
		name, ok := strings.CutPrefix(value, "file:")
		if !ok {
			return value, nil
		}
		if files[name] == nil {
			return nil, control.Invalid("there is no file %q", name)
		}
		return world.Link{File: files[name]}, nil
	case map[string]any:
		for key := range value {
			if value[key], err = link(value[key], files); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range value {
			if value[i], err = link(value[i], files); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// filesOf are all files that a message shows.
func filesOf(m *world.Message) []*world.File {
	var files []*world.File
	var look func(value any)
	look = func(value any) {
		switch value := value.(type) {
		case world.Link:
			if !slices.Contains(files, value.File) {
				files = append(files, value.File)
			}
		case shape.Object:
			for _, element := range value {
				look(element)
			}
		case []any:
			for _, element := range value {
				look(element)
			}
		}
	}
	look(m.Content)
	return files
}

// AddHistory puts messages into chats as if they had long been there. Chats that are not there are made.
func (n *Network) AddHistory(_ context.Context, id string, messages []control.HistoryMessage) error {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return err
	}
	for _, given := range messages {
		if err := n.addHistory(p, given); err != nil {
			return err
		}
	}
	return nil
}

func (n *Network) addHistory(p *world.Person, given control.HistoryMessage) error {
	t, other, err := n.chat(p, given.Chat)
	if err != nil {
		return err
	}
	sender, err := n.person(given.Sender)
	if err != nil {
		return err
	}
	if given.Time.IsZero() {
		return control.Invalid("a message of history needs a time")
	}
	m, reactions, err := n.historical(sender, given)
	if err != nil {
		return err
	}
	if t == nil {
		t = n.direct.World.NewDirect(p, other)
		t.Activity = given.Time.UnixMilli()
	}
	m.Sender, m.At = sender, given.Time.UnixMilli()
	if err := n.direct.AddHistory(t, m); err != nil {
		return refusal(err)
	}
	for _, r := range reactions {
		r.At = m.At
		m.React(r.Sender, r)
	}
	for _, member := range t.Members {
		if v := member.View(t); v != nil {
			v.Read = max(v.Read, m.At)
		}
	}
	n.remember(given.ID, m.ID)
	return nil
}

// historical makes a message of history and its reactions.
func (n *Network) historical(sender *world.Person, given control.HistoryMessage) (*world.Message, []*world.Reaction, error) {
	if len(given.Raw) == 0 {
		return direct.Text(given.Text), nil, nil
	}
	var raw Raw
	if err := json.Unmarshal(given.Raw, &raw); err != nil {
		return nil, nil, control.Invalid("raw is not a message of Instagram: %v", err)
	}
	var m *world.Message
	var err error
	switch {
	case raw.Media != nil:
		m, err = n.media(sender, raw.Media)
	case len(raw.Content) > 0:
		m, err = n.fromRaw(sender, raw)
	default:
		m = direct.Text(given.Text)
	}
	if err != nil {
		return nil, nil, err
	}
	if raw.ReplyTo != "" {
		m.ReplyTo = n.resolve(raw.ReplyTo)
	}
	var reactions []*world.Reaction
	for id, emoji := range raw.Reactions {
		p, err := n.person(id)
		if err != nil {
			return nil, nil, err
		}
		reactions = append(reactions, &world.Reaction{Sender: p, Emoji: emoji})
	}
	return m, reactions, nil
}

// SpoilMedia breaks the files of a message: expired makes all links given out so far useless, until the message is asked
// for again; deleted takes them from the server; corrupt flips a bit.
func (n *Network) SpoilMedia(_ context.Context, id string, req control.SpoilRequest) error {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return err
	}
	var found *world.Message
	for _, v := range p.Views(func(*world.View) bool { return true }) {
		if m := v.Thread.Message(n.resolve(req.ID)); m != nil {
			found = m
		}
	}
	if found == nil || len(filesOf(found)) == 0 {
		return control.NotFound("%s knows no message %q with a file", id, req.ID)
	}
	for _, f := range filesOf(found) {
		switch req.How {
		case "expired":
			f.Generation++
		case "deleted":
			f.Gone = true
		case "corrupt":
			if len(f.Data) > 0 {
				f.Data = append([]byte(nil), f.Data...)
				f.Data[len(f.Data)/2] ^= 1
			}
		default:
			return control.Invalid("how is %q, not expired, deleted or corrupt", req.How)
		}
	}
	return nil
}
