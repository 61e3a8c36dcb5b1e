package lightspeed

// Contact is deleteThenInsertContact, verifyContactRowExists or verifyContactParticipantExist. The last says name and
// id only.
type Contact struct {
	ID             int64
	Name           string
	FirstName      string
	Username       string
	SecondaryName  string
	PictureURL     string
	PictureExpires int64
	LargeURL       string
	LargeExpires   int64
	Type           int64
	PageType       int64
	Blocked        bool
	BlockedStatus  int64
	CanMessage     bool
	Self           bool
}

// Avatar is the best picture and when its link expires, both empty if there is none.
func (c *Contact) Avatar() (url string, expires int64) {
	if c.LargeURL != "" {
		return c.LargeURL, c.LargeExpires
	}
	return c.PictureURL, c.PictureExpires
}

func (c *Contact) insertColumns() []column {
	return []column{
		{0, &c.ID}, {2, &c.PictureURL}, {4, &c.PictureExpires}, {5, &c.LargeURL}, {7, &c.LargeExpires}, {9, &c.Name},
		{14, &c.BlockedStatus}, {18, &c.FirstName}, {19, &c.Type}, {26, &c.CanMessage}, {41, &c.SecondaryName},
		{43, &c.Username}, {48, &c.PageType},
	}
}

func (c *Contact) verifyColumns() []column {
	return []column{
		{0, &c.ID}, {2, &c.PictureURL}, {3, &c.Name}, {4, &c.Type}, {6, &c.PictureExpires}, {10, &c.Blocked},
		{11, &c.BlockedStatus}, {12, &c.CanMessage}, {13, &c.Self}, {20, &c.SecondaryName}, {21, &c.FirstName},
	}
}

func (c *Contact) participantColumns() []column { return []column{{0, &c.ID}, {2, &c.Name}} }

// SearchResult is insertSearchResult.
type SearchResult struct {
	ID          string
	Type        int64
	ThreadType  ThreadType
	Name        string
	PictureURL  string
	Context     string
	Verified    bool
	OtherUser   int64
	E2EEDefault bool
	CutOver     bool
}

func (r *SearchResult) columns() []column {
	return []column{
		{1, &r.ID}, {3, &r.Type}, {4, (*int64)(&r.ThreadType)}, {5, &r.Name}, {6, &r.PictureURL}, {8, &r.Context},
		{12, &r.Verified}, {23, &r.OtherUser}, {28, &r.E2EEDefault}, {29, &r.CutOver},
	}
}
