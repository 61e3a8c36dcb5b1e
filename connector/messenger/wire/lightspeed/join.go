package lightspeed

// Attachments are what a table says is attached to one message.
type Attachments struct {
	Blobs    []Blob
	XMAs     []XMA
	CTAs     []CTA // of the XMAs, joined by CTA.Attachment
	Stickers []Sticker
}

// Empty says whether there are none.
func (a *Attachments) Empty() bool { return len(a.Blobs)+len(a.XMAs)+len(a.Stickers) == 0 }

// Attachments answers the attachments of each message of the table by message id. The server sends exact duplicates of
// blob rows; only the first is kept.
func (t *Table) Attachments() map[string]*Attachments {
	all := make(map[string]*Attachments)
	of := func(messageID string) *Attachments {
		a := all[messageID]
		if a == nil {
			a = new(Attachments)
			all[messageID] = a
		}
		return a
	}
	type blobKey struct{ message, fbid string }
	seen := make(map[blobKey]bool)
	for _, b := range t.Blobs {
		key := blobKey{b.MessageID, b.FBID}
		if b.FBID == "" || !seen[key] {
			seen[key] = true
			a := of(b.MessageID)
			a.Blobs = append(a.Blobs, b)
		}
	}
	messageOf := make(map[string]string)
	for _, x := range t.XMAs {
		messageOf[x.FBID] = x.MessageID
		a := of(x.MessageID)
		a.XMAs = append(a.XMAs, x)
	}
	for _, c := range t.CTAs {
		id := c.MessageID
		if id == "" {
			id = messageOf[c.Attachment]
		}
		if id != "" {
			a := of(id)
			a.CTAs = append(a.CTAs, c)
		}
	}
	for _, s := range t.Stickers {
		a := of(s.MessageID)
		a.Stickers = append(a.Stickers, s)
	}
	return all
}

// Gone answers the threads that the table deletes for good: servers delete a thread's rows before they insert them
// anew, which is no deletion.
func (t *Table) Gone() []int64 {
	back := make(map[int64]bool)
	for _, r := range t.KnownThreads {
		back[r.Key] = true
	}
	for _, r := range t.Threads {
		back[r.Key] = true
	}
	for _, r := range t.MessageRanges {
		back[r.ThreadKey] = true
	}
	for _, r := range t.HybridThreads {
		back[r.ThreadKey], back[r.JID] = true, true
	}
	var gone []int64
	for _, d := range t.ThreadDeletes {
		if !back[d.ThreadKey] {
			back[d.ThreadKey] = true
			gone = append(gone, d.ThreadKey)
		}
	}
	return gone
}

// AttachmentLink is where one attachment's media is.
type AttachmentLink struct {
	FBID              string
	Index             int64
	Playable, Preview Link
}

// Best is the address to download: the media itself, else its preview, else nothing.
func (l *AttachmentLink) Best() string {
	for _, address := range []string{l.Playable.URL, l.Preview.URL} {
		if address != "" {
			return address
		}
	}
	return ""
}

// Links lists where the attachments' media is.
func (a *Attachments) Links() []AttachmentLink {
	var links []AttachmentLink
	for _, b := range a.Blobs {
		links = append(links, AttachmentLink{b.FBID, b.Index, b.Playable, b.Preview})
	}
	for _, x := range a.XMAs {
		links = append(links, AttachmentLink{x.FBID, x.Index, x.Playable, x.Preview})
	}
	for _, s := range a.Stickers {
		links = append(links, AttachmentLink{s.FBID, s.Index, s.Playable, s.Preview})
	}
	return links
}
