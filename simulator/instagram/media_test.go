package instagram_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
	"crosschat/simulator/instagram/server"
)

// mediaThread is a browser with an open thread with Alice.
func (r *rig) mediaThread() (*browser, *feed, string) {
	r.Helper()
	r.history(1)
	b := r.ready(r.own)
	return b, b.follow(), b.ids(r.account(r.alice).FBID).Short
}

func (b *browser) sendFile(short, attachment, otid string) sentAnswer {
	b.Helper()
	return call[sentAnswer](b, "sendMedia", map[string]any{
		"attachment_fbid": attachment, "thread_id": short, "offline_threading_id": otid,
	})
}

// linkIn finds the first link to a file in a delta.
func linkIn(t *testing.T, e entry) string {
	t.Helper()
	const marker = `"attachment_cdn_url":"`
	_, rest, found := strings.Cut(string(e.raw), marker)
	link, _, _ := strings.Cut(rest, `"`)
	if !found || !strings.HasPrefix(link, "https://") {
		t.Fatalf("no link in %s", e.raw)
	}
	return strings.ReplaceAll(link, `\u0026`, "&")
}

func TestMediaOut(t *testing.T) {
	r := newRig(t)
	b, f, short := r.mediaThread()
	for i, test := range []struct {
		name, kind, want string
		fields           [][2]string
	}{
		{"a.jpg", "image/jpeg", "image", nil},
		{"a.gif", "image/gif", "gif", nil},
		{"a.mp4", "video/mp4", "video", nil},
		{"v.mp4", "audio/mp4", "voice", [][2]string{
			{"voice_clip", "true"}, {"voice_clip_waveform_data", `{"amplitudes":[0,0.5,1,0,0,0,0,0,0],"sampling_frequency":9}`},
		}},
	} {
		data := []byte("bytes of " + test.name)
		id := b.attachment(b.upload(test.name, test.kind, data, test.fields...))
		sent := b.sendFile(short, id, strconv.Itoa(500+i))
		e := f.deltas("NewMessage")[0]
		if e.Message.ID != sent.ID {
			t.Errorf("%s: echo is %s", test.name, e.raw)
		}
		media := r.await(r.alice, control.Match{ID: sent.ID})[0].Media
		if media == nil || media.Kind != test.want || !bytes.Equal(media.Data, data) || media.MIMEType != test.kind || media.FileName != test.name {
			t.Errorf("%s: arrived as %+v", test.name, media)
		}
		if test.want == "voice" && media.Seconds != 1 {
			t.Errorf("voice of %d s", media.Seconds)
		}
	}
	r.expectUnexpected(0)
}

func TestUploadRefusals(t *testing.T) {
	r := newRig(t)
	b, _, short := r.mediaThread()
	for name, test := range map[string]struct {
		kind   string
		data   []byte
		fields [][2]string
	}{
		"another type":     {kind: "application/pdf", data: []byte("x")},
		"broken type":      {kind: ";;", data: []byte("x")},
		"nothing":          {kind: "image/jpeg"},
		"voice as ogg":     {kind: "video/ogg", data: []byte("x"), fields: [][2]string{{"voice_clip", "true"}}},
		"image too large":  {kind: "image/jpeg", data: make([]byte, 8_000_001)},
		"other too large":  {kind: "video/mp4", data: make([]byte, 25_000_001)},
		"refused by fault": {kind: "image/jpeg", data: []byte("x")},
	} {
		if name == "refused by fault" {
			r.fault(control.Fault{Kind: "upload_refused", Args: map[string]string{"code": "1366046"}})
		}
		got := b.upload("x", test.kind, test.data, test.fields...)
		if out := b.parse(got); out.Error != 1366046 && out.Error != 1366051 {
			t.Errorf("%s: answered %.200s", name, got.body)
		}
	}
	r.expectUnexpected(0)
	for name, body := range map[string]string{
		"no boundary": "nothing", "cut off": "------WebKitFormBoundaryabcdefghijklmnop\r\nContent-Disposition: form-data; name=\"farr\"",
	} {
		req := b.request(http.MethodPost, "https://www.instagram.com/ajax/mercury/upload.php", strings.NewReader(body))
		b.xhrHeaders(req)
		req.Header.Set("Content-Type", "multipart/form-data; boundary=----WebKitFormBoundaryabcdefghijklmnop")
		if got := b.do(req); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: answered %s", name, got.Status)
		}
	}
	// The fields may be parts of the form instead.
	var fields [][2]string
	for name, values := range b.form() {
		fields = append(fields, [2]string{name, values[0]})
	}
	body, kind := uploadForm("a.jpg", "image/jpeg", []byte("x"), fields...)
	req := b.request(http.MethodPost, "https://www.instagram.com/ajax/mercury/upload.php", strings.NewReader(body))
	b.xhrHeaders(req)
	req.Header.Set("Content-Type", kind)
	if id := b.attachment(b.do(req)); id == "" {
		t.Error("fields as parts were refused")
	}
	for name, id := range map[string]string{"unknown": "1", "no number": "x", "of somebody else": "900000000000002"} {
		if code := b.code("sendMedia", map[string]any{
			"attachment_fbid": id, "thread_id": short, "offline_threading_id": "9",
		}); code != 1675030 {
			t.Errorf("%s attachment answered %d", name, code)
		}
	}
}

// TestMobileUpload sends a video by the way that is left when uploads give no id (section 8.2), and sets a group's picture.
func TestMobileUpload(t *testing.T) {
	r := newRig(t)
	b, f, short := r.mediaThread()
	r.fault(control.Fault{Kind: "upload_no_id"})
	if id := b.attachment(b.upload("a.mp4", "video/mp4", []byte("mp4"))); id != "" {
		t.Errorf("upload gave id %s", id)
	}
	rupload := func(kind, name string, change func(*http.Request)) answer {
		req := b.request(http.MethodPost, "https://rupload.facebook.com/messenger_"+kind+"/"+name, strings.NewReader("mp4"))
		req.Header.Del("Cookie")
		for header, value := range map[string]string{
			"Authorization": b.bearer(), "User-Agent": "Instagram 404.0.0.48.76 Android", "Ig-U-Ds-User-Id": r.own.ID,
			"X-Entity-Name": name, "X-Entity-Type": "video/mp4", "X-Entity-Length": "3",
		} {
			req.Header.Set(header, value)
		}
		if change != nil {
			change(req)
		}
		return b.do(req)
	}
	var id struct {
		Media int64 `json:"media_id"`
	}
	got := rupload("video", "abc-0-3-1-2", nil)
	r.must(json.Unmarshal(got.body, &id))
	sent := b.sendFile(short, strconv.FormatInt(id.Media, 10), "5")
	f.deltas("NewMessage")
	if media := r.await(r.alice, control.Match{ID: sent.ID})[0].Media; media == nil || media.Kind != "video" || string(media.Data) != "mp4" {
		t.Errorf("arrived as %+v", media)
	}
	r.expectUnexpected(0)
	for name, change := range map[string]func(*http.Request){
		"no bearer":     func(r *http.Request) { r.Header.Del("Authorization") },
		"broken bearer": func(r *http.Request) { r.Header.Set("Authorization", "Bearer IGT:2:%%%") },
		"no JSON":       func(r *http.Request) { r.Header.Set("Authorization", "Bearer IGT:2:AAAA") },
		"another owner": func(r *http.Request) { r.Header.Set("Ig-U-Ds-User-Id", "1") },
	} {
		if got := rupload("video", "x", change); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", name, got.Status)
		}
	}
	if got := rupload("video", "x", func(r *http.Request) { r.Header.Set("X-Entity-Length", "4") }); got.StatusCode != http.StatusBadRequest {
		t.Errorf("wrong length: %s", got.Status)
	}

	group, err := r.net.CreateGroup(r.ctx, r.alice.ID, control.NewGroup{Subject: "G", Members: []string{r.own.ID, r.person("Third").ID}})
	r.must(err)
	f.deltas("AdminTextMessage")
	r.must(json.Unmarshal(rupload("image", r.own.ID+"_0_7", nil).body, &id))
	vars, err := json.Marshal(map[string]string{
		"ig_thread_igid": group.ID, "offline_threading_id": "7", "attachment_fbid": strconv.FormatInt(id.Media, 10),
	})
	r.must(err)
	mobile := func(doc string) answer {
		form := b.form()
		form.Set("client_doc_id", doc)
		form.Set("variables", string(vars))
		req := b.xhr("/graphql_www", form)
		req.URL.Host, req.Host = "i.instagram.com", "i.instagram.com"
		req.Header.Set("Authorization", b.bearer())
		req.Header.Set("Ig-U-Ds-User-Id", r.own.ID)
		return b.do(req)
	}
	for _, doc := range []string{"5576567352987267181917649770", "50027745118339199321503686240"} {
		if got := mobile(doc); got.StatusCode != http.StatusOK || bytes.Contains(got.body, []byte("errors")) {
			t.Errorf("picture: %s %s", got.Status, got.body)
		}
		f.deltas("ThreadImage")
	}
	if got := mobile("1"); got.StatusCode != http.StatusBadRequest {
		t.Errorf("unknown document: %s", got.Status)
	}
}

// TestNoise sends a file that is only described.
func TestNoise(t *testing.T) {
	r := newRig(t)
	b, f, _ := r.mediaThread()
	sent, err := r.net.Send(r.ctx, r.alice.ID, control.SendRequest{
		To: r.own.ID, Media: &control.Media{Kind: "video", MIMEType: "video/mp4", Noise: 9 << 20},
	})
	r.must(err)
	media := r.await(r.own, control.Match{ID: sent.ID})[0].Media
	if media.Size != 9<<20 || media.Data != nil {
		t.Errorf("event tells of %d bytes and has %d", media.Size, len(media.Data))
	}
	target, err := b.fetch(linkIn(t, f.deltas("NewMessage")[0])).Location()
	r.must(err)
	got := b.fetch(target.String()).body
	if sum := sha256.Sum256(got); !bytes.Equal(sum[:], media.SHA256) {
		t.Errorf("%d other bytes came", len(got))
	}
}

// TestDownload fetches files, until their links are no longer good.
func TestDownload(t *testing.T) {
	now := time.Now()
	r := newRigWith(t, server.Config{LinkLife: time.Hour, Now: func() time.Time { return now }})
	b, f, _ := r.mediaThread()
	send := func(kind, mime string) (string, control.Sent) {
		sent, err := r.net.Send(r.ctx, r.alice.ID, control.SendRequest{To: r.own.ID, Media: &control.Media{
			Kind: kind, MIMEType: mime, Data: []byte("0123456789"), Width: 2, Height: 2,
		}})
		r.must(err)
		return linkIn(t, f.deltas("NewMessage")[0]), sent
	}
	link, sent := send("image", "image/jpeg")
	if got := b.fetch(link); got.StatusCode != http.StatusOK || string(got.body) != "0123456789" || got.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("image: %s %q", got.Status, got.body)
	}
	for what, broken := range map[string]string{
		"no signature": strings.Replace(link, "&oh=", "&x=", 1), "another time": strings.Replace(link, "&oe=", "&oe=F", 1),
	} {
		if got := b.fetch(broken); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", what, got.Status)
		}
	}
	r.must(r.net.SpoilMedia(r.ctx, r.own.ID, control.SpoilRequest{ID: sent.ID, How: "expired"}))
	if got := b.fetch(link); got.StatusCode != http.StatusForbidden {
		t.Errorf("expired: %s", got.Status)
	}
	// The message, asked for again, has a link that is good.
	short := b.ids(r.account(r.alice).FBID).Short
	thread := call[json.RawMessage](b, "thread", map[string]any{"thread_fbid": short})
	fresh := linkIn(t, entry{raw: thread})
	if got := b.fetch(fresh); got.StatusCode != http.StatusOK {
		t.Errorf("fresh link: %s", got.Status)
	}
	r.must(r.net.SpoilMedia(r.ctx, r.own.ID, control.SpoilRequest{ID: sent.ID, How: "corrupt"}))
	if got := b.fetch(fresh); string(got.body) == "0123456789" {
		t.Error("corrupt file is whole")
	}
	r.must(r.net.SpoilMedia(r.ctx, r.own.ID, control.SpoilRequest{ID: sent.ID, How: "deleted"}))
	if got := b.fetch(fresh); got.StatusCode != http.StatusNotFound {
		t.Errorf("deleted: %s", got.Status)
	}
	link, _ = send("image", "image/png")
	now = now.Add(2 * time.Hour)
	if got := b.fetch(link); got.StatusCode != http.StatusForbidden {
		t.Errorf("too old: %s", got.Status)
	}

	link, _ = send("video", "video/mp4")
	got := b.fetch(link)
	target, err := got.Location()
	if got.StatusCode != http.StatusFound || err != nil || target.Host != "video.xx.fbcdn.net" {
		t.Fatalf("video: %s to %v", got.Status, target)
	}
	head := b.request(http.MethodHead, target.String(), nil)
	head.Header.Del("Cookie")
	if got := b.do(head); got.Header.Get("Accept-Ranges") != "bytes" || got.ContentLength != 10 {
		t.Errorf("head: %+v", got.Header)
	}
	part := b.request(http.MethodGet, target.String(), nil)
	part.Header.Del("Cookie")
	part.Header.Set("Range", "bytes=2-4")
	if got := b.do(part); got.StatusCode != http.StatusPartialContent || string(got.body) != "234" {
		t.Errorf("range: %s %q", got.Status, got.body)
	}
	r.expectUnexpected(0)
	withCookies := b.request(http.MethodGet, target.String(), nil)
	b.do(withCookies)
	r.expectUnexpected(1)
}

func TestMediaFaults(t *testing.T) {
	r := newRig(t)
	b, f, _ := r.mediaThread()
	_, err := r.net.Send(r.ctx, r.alice.ID, control.SendRequest{To: r.own.ID, Media: &control.Media{
		Kind: "image", MIMEType: "image/jpeg", Data: []byte(strings.Repeat("x", 1000)),
	}})
	r.must(err)
	link := linkIn(t, f.deltas("NewMessage")[0])
	r.fault(control.Fault{Kind: "media_corrupt"})
	if got := b.fetch(link); strings.Trim(string(got.body), "x") == "" || len(got.body) != 1000 {
		t.Error("the file is whole")
	}
	r.fault(control.Fault{Kind: "media_unsized"})
	if got := b.fetch(link); len(got.body) != 1000 || got.ContentLength != -1 {
		t.Errorf("the file has %d bytes, announced as %d", len(got.body), got.ContentLength)
	}
	r.fault(control.Fault{Kind: "media_truncate"})
	req := b.request(http.MethodGet, link, nil)
	req.Header.Del("Cookie")
	if got, err := b.try(req); err == nil {
		t.Errorf("the file came as a whole: %d bytes", len(got.body))
	}
	r.fault(control.Fault{Kind: "http_status", Stanza: "media/GET", Args: map[string]string{"status": "500"}})
	if got := b.fetch(link); got.StatusCode != http.StatusInternalServerError {
		t.Errorf("answered %s", got.Status)
	}
}

// TestShare sends a reel and follows it to its video (section 7.2).
func TestShare(t *testing.T) {
	r := newRig(t)
	b, f, _ := r.mediaThread()
	raw, err := json.Marshal(instagram.Raw{
		ContentType: "MESSAGE_INLINE_SHARE", Snippet: "Alice sent a reel",
		Content: json.RawMessage(`{"__typename":"SlideMessageXMAContent","xma_text_body":null,"xma":{
			"__typename":"SlideMessagePortraitXMA","target_id":"3400000000000000001","attachment_cdn_url":"file:preview"}}`),
		Files: map[string]control.Media{
			"preview": {Data: []byte("jpeg"), MIMEType: "image/jpeg"},
			"video":   {Data: []byte("mp4"), MIMEType: "video/mp4", Width: 720, Height: 1280, Seconds: 3},
		},
		Posts: []instagram.RawPost{
			{ID: 3400000000000000001, Code: "Cabc", Owner: r.alice.ID, Caption: "look", Files: []string{"video"}},
			{ID: 3400000000000000002, Owner: r.alice.ID, Files: []string{"preview", "video"}, Story: true},
		},
	})
	r.must(err)
	_, err = r.net.Send(r.ctx, r.alice.ID, control.SendRequest{To: r.own.ID, Raw: raw})
	r.must(err)
	if got := b.fetch(linkIn(t, f.deltas("NewMessage")[0])); string(got.body) != "jpeg" {
		t.Errorf("preview is %q", got.body)
	}
	get := func(path string) answer {
		req := b.request(http.MethodGet, "https://www.instagram.com"+path, nil)
		b.xhrHeaders(req)
		return b.do(req)
	}
	var info struct {
		Items []struct {
			Code   string
			Videos []struct {
				Width int
				URL   string
			} `json:"video_versions"`
			Caption struct{ Text string }
		}
	}
	r.must(json.Unmarshal(get("/api/v1/media/3400000000000000001/info/").body, &info))
	if len(info.Items) != 1 || len(info.Items[0].Videos) != 2 || info.Items[0].Videos[1].Width != 720 || info.Items[0].Caption.Text != "look" {
		t.Errorf("info is %+v", info)
	}
	if got := get("/api/v1/feed/reels_media/?media_id=3400000000000000002&reel_ids=" + r.alice.ID); !bytes.Contains(got.body, []byte("carousel_media")) {
		t.Errorf("reels are %s", got.body)
	}
	if got := get("/api/v1/media/1/info/"); got.StatusCode != http.StatusNotFound {
		t.Errorf("unknown post: %s", got.Status)
	}
	if got := get("/api/v1/feed/reels_media/?media_id=3400000000000000001&reel_ids=" + r.alice.ID); !bytes.Contains(got.body, []byte(`"reels":{}`)) {
		t.Errorf("a post is no story: %s", got.body)
	}
	r.expectUnexpected(0)
}
