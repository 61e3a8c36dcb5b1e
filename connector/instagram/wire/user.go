package wire

import "crosschat/connector/metaweb/media"

// User is an account as threads, messages and searches show it. Ids are 0 where they were not said.
type User struct {
	IGID       IGID
	FBID       FBID
	Username   string
	FullName   string
	PictureURL string // signed, expires
	Verified   bool
	Bot        bool
	Following  bool // by the viewer
	Blocked    bool // by the viewer
	Restricted bool // by the viewer
}

// Name is what to call somebody: the full name, else the user name. It may be empty.
func (u User) Name() string {
	if u.FullName != "" {
		return u.FullName
	}
	return u.Username
}

// PictureID tells one picture from another; the links to one change.
func (u User) PictureID() string { return media.PictureID(u.PictureURL) }
