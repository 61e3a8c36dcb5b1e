package server_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/server"
	"crosschat/simulator/messenger/webclient"
)

func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sendFile sends an uploaded file as the client and returns the event at alice's.
func (r *rig) sendFile(f webclient.File) control.Event {
	r.Helper()
	id, err := r.client.Upload(r.ctx, f)
	id = must(r.T, id, err)
	rows := r.task(46, r.alice.ID, r.sendPayload(r.alice, "", map[string]any{"send_type": 3, "text": nil, "attachment_fbids": []int64{id}}))
	if len(rows) != 1 || rows[0].Name != "replaceOptimsiticMessage" {
		r.Fatalf("got %v", rows)
	}
	return r.await(r.alice, control.Match{ID: rows[0].Text(1)})
}

func TestUploads(t *testing.T) {
	r := talking(t, server.Config{})
	for _, c := range []struct {
		file webclient.File
		kind string
	}{
		{webclient.File{Name: "a.png", Type: "image/png", Data: picture(t)}, "image"},
		{webclient.File{Name: "a.gif", Type: "image/gif", Data: []byte("GIF")}, "gif"},
		{webclient.File{Name: "a.mp4", Type: "video/mp4", Data: []byte("MP4")}, "video"},
		{webclient.File{Name: "v.m4a", Type: "audio/mp4", Data: []byte("M4A"), Voice: true,
			Waveform: `{"amplitudes":[0,0.5,1],"sampling_frequency":9}`}, "voice"},
		{webclient.File{Name: "a.pdf", Type: "application/pdf", Data: []byte("PDF")}, "document"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			e := r.sendFile(c.file)
			if e.Media == nil || e.Media.Kind != c.kind || !bytes.Equal(e.Media.Data, c.file.Data) || e.Media.FileName != c.file.Name {
				t.Fatalf("event %+v", e)
			}
			if c.kind == "image" && (e.Media.Width != 3 || e.Media.Height != 2) {
				t.Errorf("%d×%d", e.Media.Width, e.Media.Height)
			}
			if c.kind == "voice" && !bytes.Equal(e.Media.Waveform, []byte{0, 50, 100}) {
				t.Errorf("waveform %v", e.Media.Waveform)
			}
			rows, _ := r.push("insertBlobAttachment")
			url := webclient.Find(rows, "insertBlobAttachment")[0].Text(3)
			data, err := r.client.Download(r.ctx, url)
			if err != nil || !bytes.Equal(data, c.file.Data) {
				t.Errorf("downloaded %q, error %v", data, err)
			}
		})
	}
}

func TestUploadRefuses(t *testing.T) {
	r := talking(t, server.Config{})
	file := webclient.File{Name: "a.png", Type: "image/png", Data: picture(t)}
	upload := func() error {
		_, err := r.client.Upload(r.ctx, file)
		return err
	}
	r.fault(control.Fault{Kind: "stale_tokens"})
	wantRefused(t, upload(), 1357004)
	r.load()
	r.fault(control.Fault{Kind: "upload_error", Args: map[string]string{"redirect": "/consent/1"}})
	wantRedirect(t, upload(), "/consent/1", false)
	r.fault(control.Fault{Kind: "upload_error", Args: map[string]string{"how": "empty"}})
	if err := upload(); err == nil {
		t.Error("an upload without an id went well")
	}
	r.fault(control.Fault{Kind: "http_html", Stanza: "upload"})
	if err := upload(); err == nil {
		t.Error("HTML went well")
	}
	file.Data = make([]byte, 8<<20+1)
	wantRefused(t, upload(), 1366046)
	r.clean = true
	file = webclient.File{Name: "", Type: "image/png", Data: []byte("x")}
	if err := upload(); !errors.Is(err, webclient.Status(http.StatusBadRequest)) {
		t.Errorf("no name: error %v", err)
	}
}

func TestDownloads(t *testing.T) {
	now := time.Now()
	r := newRig(t, server.Config{Now: func() time.Time { return now }})
	data := bytes.Repeat([]byte("video"), 500_000)
	sent, err := r.server.Send(r.ctx, r.alice.ID, control.SendRequest{To: r.own.ID, Media: &control.Media{
		Kind: "video", MIMEType: "video/mp4", Data: data, Caption: "look",
	}})
	sent = must(t, sent, err)
	url := func() string {
		row := webclient.Find(r.load().Table, "insertBlobAttachment")[0]
		if row.Text(32) != sent.ID || row.Int(29) != 4 || row.Int(5) == 0 || row.Text(8) == "" {
			t.Errorf("row %v", row.Args)
		}
		return row.Text(3)
	}
	first := url()
	got, err := r.client.Download(r.ctx, first)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
	r.fault(control.Fault{Kind: "no_range", Stanza: "media"})
	if got, err = r.client.Download(r.ctx, first); err != nil || len(got) != len(data) {
		t.Errorf("without ranges: %d bytes, error %v", len(got), err)
	}
	forbidden := func(what, target string) {
		t.Helper()
		if _, err := r.client.Download(r.ctx, target); !errors.Is(err, webclient.Status(http.StatusForbidden)) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	forbidden("changed name", strings.Replace(first, "_n.mp4", "_x.mp4", 1))
	forbidden("changed signature", strings.Replace(first, "oh=", "oh=0", 1))
	r.special(r.own, "expire", server.Expire{Message: sent.ID})
	forbidden("expired", first)
	if _, err = r.client.Download(r.ctx, url()); err != nil {
		t.Errorf("new link: %v", err)
	}
	second := url()
	now = now.Add(25 * time.Hour)
	forbidden("a day later", second)
	r.special(r.own, "expire", server.Expire{Message: sent.ID, Gone: true})
	forbidden("gone", url())
}

func TestDownloadFaults(t *testing.T) {
	r := newRig(t, server.Config{})
	data := picture(t)
	_, err := r.server.Send(r.ctx, r.alice.ID, control.SendRequest{To: r.own.ID, Media: &control.Media{
		Kind: "image", MIMEType: "image/png", Data: data,
	}})
	r.check(err)
	url := webclient.Find(r.load().Table, "insertBlobAttachment")[0].Text(3)
	r.fault(control.Fault{Kind: "media_status", Args: map[string]string{"status": "500"}})
	if _, err := r.client.Download(r.ctx, url); !errors.Is(err, webclient.Status(500)) {
		t.Errorf("error %v", err)
	}
	r.fault(control.Fault{Kind: "media_corrupt"})
	if got, err := r.client.Download(r.ctx, url); err != nil || bytes.Equal(got, data) || len(got) != len(data) {
		t.Errorf("error %v", err)
	}
	r.fault(control.Fault{Kind: "media_truncate"})
	if _, err := r.client.Download(r.ctx, url); err == nil {
		t.Error("no error")
	}
}

func TestKindsOfContent(t *testing.T) {
	r := newRig(t, server.Config{})
	r.connect()
	send := func(raw server.Raw) []webclient.Row {
		_, err := r.server.Send(r.ctx, r.alice.ID, control.SendRequest{To: r.own.ID, Raw: []byte(mustJSON(t, raw))})
		r.check(err)
		rows, _ := r.push("insertMessage")
		return rows
	}
	file := control.Media{Kind: "image", MIMEType: "image/png", Data: picture(t)}
	rows := send(server.Raw{Files: []control.Media{file, file, file}})
	if got := webclient.Find(rows, "insertBlobAttachment"); len(got) != 3 || got[2].Int(23) != 2 {
		t.Errorf("album: %s", names(rows))
	}
	rows = send(server.Raw{Text: "see", Shares: []*lightspeed.XMA{{
		Title: "Example", ActionURL: "https://l.facebook.com/l.php?u=x", Actions: []lightspeed.Action{{ID: 5, Type: "xma_web_url"}},
	}}})
	share, action := webclient.Find(rows, "insertXmaAttachment")[0], webclient.Find(rows, "insertAttachmentCta")[0]
	if share.Text(32) == "" || share.Text(32) != action.Text(1) || share.Text(58) != "Example" || action.Text(7) != "xma_web_url" {
		t.Errorf("share %v, action %v", share.Args, action.Args)
	}
	if row := webclient.Find(send(server.Raw{Text: "Alice called you.", Admin: true}), "insertMessage")[0]; !row.Bool(12) {
		t.Errorf("admin message %v", row.Args)
	}
	once := file
	once.ViewOnce = true
	if row := webclient.Find(send(server.Raw{Files: []control.Media{once}}), "insertAttachment")[0]; row.Int(34) != 8 || row.Int(114) != 1 {
		t.Errorf("view once %v", row.Args)
	}
	sticker := file
	sticker.Kind = "sticker"
	rows = send(server.Raw{Files: []control.Media{sticker}, Sticker: 369239263222822})
	if row := webclient.Find(rows, "insertStickerAttachment")[0]; row.Int(27) != 369239263222822 {
		t.Errorf("sticker %v", row.Args)
	}
	r.fault(control.Fault{Kind: "duplicate_rows", Person: r.own.ID})
	rows = send(server.Raw{Files: []control.Media{file}})
	if got := webclient.Find(rows, "insertBlobAttachment"); len(got) != 2 || got[0].Text(34) != got[1].Text(34) {
		t.Errorf("duplicate: %s", names(rows))
	}
	if row := webclient.Find(send(server.Raw{Text: "nice", ReplyKind: 2, Snippet: "story"}), "insertMessage")[0]; row.Int(25) != 2 || row.Text(27) != "story" {
		t.Errorf("story reply %v", row.Args)
	}
	if _, err := r.server.Send(r.ctx, r.alice.ID, control.SendRequest{To: r.own.ID}); err == nil {
		t.Error("an empty message went out")
	}
	if _, err := r.server.Send(r.ctx, r.alice.ID, control.SendRequest{To: r.own.ID, Raw: []byte(`{"bad":1}`)}); err == nil {
		t.Error("an unknown raw message went out")
	}
}
