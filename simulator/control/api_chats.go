package control

// SpoilRequest breaks the file of a message that the person's phone knows. How is expired, deleted or corrupt, of the
// server's copy; forget is the phone's own copy, so that it can't be sent again.
type SpoilRequest struct {
	ID  string `json:"id"`
	How string `json:"how"`
}

// CallRequest lets the acting person ring somebody: nobody can answer, the other side sees it ring and stop. Stop is how
// it ends: timeout when nobody answered, cancel when the caller gave up; empty lets it ring on.
type CallRequest struct {
	To    string `json:"to"`
	Video bool   `json:"video,omitempty"`
	Stop  string `json:"stop,omitempty"`
}

// Contact is an entry of a person's address book. An empty Name removes it.
type Contact struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ChatSettings is what a person chose for a chat on their phone, or what a companion of theirs chose and the phone
// learnt. In a request nil fields stay as they are.
type ChatSettings struct {
	Chat string `json:"chat"`
	// MutedUntil is in milliseconds since 1970; 0 is not muted, -1 for ever.
	MutedUntil *int64 `json:"muted_until,omitempty"`
	Pinned     *bool  `json:"pinned,omitempty"`
	Archived   *bool  `json:"archived,omitempty"`
	Unread     *bool  `json:"unread,omitempty"`
}

// PresenceRequest opens or closes the app on a person's phone: others who asked for it see it. Subscribe is somebody
// whose presence this person wants to see; it may be given alone.
type PresenceRequest struct {
	Available *bool  `json:"available,omitempty"`
	Subscribe string `json:"subscribe,omitempty"`
}

// NewGroup is what a person's phone creates a group from; members are person ids without the creator.
type NewGroup struct {
	Subject string   `json:"subject"`
	Members []string `json:"members"`
	// Community makes it a community: a group that is no chat, with one for announcements, which is returned. Parent is the
	// community that a group belongs to. WhatsApp only.
	Community bool   `json:"community,omitempty"`
	Parent    string `json:"parent,omitempty"`
}

// Group is a group chat as a person's phone sees it.
type Group struct {
	ID      string   `json:"id"`
	Subject string   `json:"subject"`
	Topic   string   `json:"topic,omitempty"`
	Members []string `json:"members"`
	Admins  []string `json:"admins,omitempty"`
	Parent  string   `json:"parent,omitempty"` // the community it belongs to
}

// GroupChange changes a group; empty fields stay as they are. Leave is about the acting person.
type GroupChange struct {
	Subject *string  `json:"subject,omitempty"`
	Topic   *string  `json:"topic,omitempty"`
	Add     []string `json:"add,omitempty"`
	Remove  []string `json:"remove,omitempty"`
	Promote []string `json:"promote,omitempty"`
	Demote  []string `json:"demote,omitempty"`
	// Avatar is a JPEG; an empty, non-nil one removes the picture. Announce lets only admins speak, Locked lets only them
	// change name, topic and picture.
	Avatar   *[]byte `json:"avatar,omitempty"`
	Announce *bool   `json:"announce,omitempty"`
	Locked   *bool   `json:"locked,omitempty"`
	Leave    bool    `json:"leave,omitempty"`
}
