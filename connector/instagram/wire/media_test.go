package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"crosschat/connector/metaweb/media"
	"crosschat/connector/metaweb/web"
	"crosschat/simulator/control"
)

// gif is the smallest picture there is.
var gif = []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")

func upload(thread *Thread, mime string, data []byte) Upload {
	return Upload{Thread: thread.IDs.Key, Filename: "file", MimeType: mime, Size: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

func (n *network) download(c *Client, link string) []byte {
	n.Helper()
	body, err := c.Download(n.Context(), link, media.Image, 1<<20)
	n.must(err)
	data, err := io.ReadAll(body)
	n.must(err)
	n.must(body.Close())
	return data
}

func TestMediaBothWays(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	ctx := t.Context()
	thread := n.chat(c, r)
	id, err := c.Upload(ctx, upload(thread, "image/gif", gif))
	n.must(err)
	otid := c.NewOTID()
	sent, err := c.SendMedia(ctx, Media{OTID: otid, Thread: thread.IDs, Attachment: id, ReplyTo: thread.Messages[0].ID})
	n.must(err)
	n.sees(n.alice, control.Match{Kind: "message"})
	echo := waitForEvent(t, r, "echo", func(m NewMessage) bool { return m.Message.OTID == otid })
	if echo.Message.ID != sent.ID || echo.Message.ReplyTo != thread.Messages[0].ID {
		t.Errorf("echo is %+v, want id %q", echo.Message, sent.ID)
	}

	_, err = n.Send(ctx, n.alice.ID, control.SendRequest{To: n.own.ID, Media: &control.Media{Kind: "image", Data: gif, MIMEType: "image/gif"}})
	n.must(err)
	var images ImagesContent
	waitForEvent(t, r, "picture", func(m NewMessage) bool {
		var ok bool
		images, ok = m.Message.Content.(ImagesContent)
		return ok && m.Message.Sender != c.FBID()
	})
	if len(images.Images) != 1 || images.Images[0].ID == "" {
		t.Fatalf("pictures are %+v, want one", images)
	}
	if got := n.download(c, images.Images[0].URL); !bytes.Equal(got, gif) {
		t.Errorf("downloaded %d bytes, want those that were sent", len(got))
	}

	var rejected *RejectedError
	if _, err = c.SendMedia(ctx, Media{OTID: c.NewOTID(), Thread: thread.IDs, Attachment: 5}); !errors.As(err, &rejected) {
		t.Errorf("file that was not uploaded: got %v, want a refusal", err)
	}
	n.expectNothingOdd()
}

func TestUploadRefused(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	thread := n.chat(c, r)
	n.fault(control.Fault{Kind: "upload_no_id"})
	if _, err := c.Upload(t.Context(), upload(thread, "video/mp4", gif)); !errors.Is(err, ErrNoAttachment) {
		t.Errorf("no id: got %v, want %v", err, ErrNoAttachment)
	}
	n.fault(control.Fault{Kind: "upload_refused", Args: map[string]string{"code": "1357004"}})
	if _, err := c.Upload(t.Context(), upload(thread, "image/gif", gif)); err != nil {
		t.Errorf("stale tokens: got %v, want another try with a new page", err)
	}
	n.fault(control.Fault{Kind: "upload_refused", Args: map[string]string{"to": "/consent/?flow=x"}})
	var stop *web.StopError
	if _, err := c.Upload(t.Context(), upload(thread, "image/gif", gif)); !errors.As(err, &stop) || stop.Kind != web.Consent || stop.URL == "" {
		t.Errorf("consent: got %v, want a stop", err)
	}
}

func TestHistory(t *testing.T) {
	n := newNetwork(t)
	n.must(n.AddHistory(t.Context(), n.own.ID, history(n, 45)))
	c, r := n.connected(nil)
	ctx := t.Context()
	r.waitFor(t, "inbox", func() bool { return len(r.threads[FromInbox]) == 1 })
	listed := r.threads[FromInbox][0]
	if !listed.Stubs || len(listed.Messages) == 0 || listed.IDs.Key == 0 || listed.IDs.Long == "" {
		t.Errorf("listed %+v, want stubs and ids", listed)
	}
	thread, err := c.Thread(ctx, listed.IDs.Short)
	n.must(err)
	all, more := thread.Messages, thread.More
	first := all[0].ID
	for cursor := ""; more; {
		page, err := c.History(ctx, thread.IDs.Short, first, cursor)
		n.must(err)
		all = append(page.Messages[:len(page.Messages):len(page.Messages)], all...)
		cursor, more = page.Cursor, page.More
	}
	if len(all) != 45 {
		t.Fatalf("%d messages, want 45", len(all))
	}
	for i, m := range all {
		if want := historyText(i); m.Text != want || m.Content != (TextContent{}) {
			t.Errorf("message %d is %q (%T), want %q", i, m.Text, m.Content, want)
		}
	}
	if _, err = c.History(ctx, 12345, "", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such thread: got %v, want %v", err, ErrNotFound)
	}
	n.expectNothingOdd()
}

func TestInboxPages(t *testing.T) {
	n := newNetwork(t)
	for i := range 18 {
		other := n.person(historyText(i))
		n.says(other, n.own.ID, "hello")
	}
	c := n.client(newRecorder(), n.credentials(), State{}, nil)
	inbox, err := c.Inbox(t.Context())
	n.must(err)
	seen := make(map[ShortID]bool)
	for {
		for _, thread := range inbox.Threads {
			seen[thread.IDs.Short] = true
		}
		if !inbox.More {
			break
		}
		inbox, err = c.InboxPage(t.Context(), inbox)
		n.must(err)
	}
	if len(seen) != 18 {
		t.Errorf("%d threads, want 18", len(seen))
	}
	n.expectNothingOdd()
}
