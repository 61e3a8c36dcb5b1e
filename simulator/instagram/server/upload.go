package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"bytes"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
)

// The most that a file may have (section 8.1).
const (
	maxImage = 8_000_000
	maxOther = 25_000_000
)

// Codes of refused uploads. The live ones are not known.
const (
	codeBadFile = 1366046
	codeTooBig  = 1366051
)

// kinds of files that can be uploaded, with the field that their id comes in.
var uploadKinds = map[string]string{
	"image/jpeg": "image_id", "image/png": "image_id", "image/webp": "image_id", "image/gif": "gif_id",
	"video/mp4": "video_id", "video/quicktime": "video_id", "video/webm": "video_id", "video/ogg": "video_id",
	"audio/mpeg": "audio_id", "audio/mp4": "audio_id", "audio/wav": "audio_id",
}

// upload is what an upload form holds.
type upload struct {
	file     world.File
	waveform string
	fields   url.Values // those of section 5.2, where they are parts
	parts    []string   // names, in order
}

// serveUpload takes a file (section 8.1).
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request, ses *session) {
	up, err := readUpload(r)
	if err != nil {
		s.note(ses, fmt.Sprintf("upload that is no form: %v", err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	unlock := s.Direct.Lock()
	defer unlock()
	form := r.URL.Query()
	if !form.Has("fb_dtsg") {
		form = up.fields
	}
	if !s.genuine(w, r, ses, form) {
		return
	}
	s.likeBrowser(r, ses, "upload", xhrHeaders)
	if args, hit := s.faults.Strike("upload_refused", ses.subject("upload", up.file.Name)); hit {
		if to := args["to"]; to != "" {
			writeGuarded(w, shape.Object{"__ar": 1, "redirect": to})
			return
		}
		w.Write(envelopeError(args.Int("code", codeBadFile), "Upload failed")) //nolint:errcheck // the client is gone, nobody cares
		return
	}
	if refusal := s.refuseFile(up); refusal != nil {
		w.Write(refusal) //nolint:errcheck // as above
		return
	}
	f := s.store(ses, up)
	writeGuarded(w, s.uploaded(ses, f))
}

// readUpload reads the multipart form; nothing in it is trusted.
func readUpload(r *http.Request) (upload, error) {
	up := upload{fields: url.Values{}}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return up, fmt.Errorf("content type %q", r.Header.Get("Content-Type"))
	}
	reader := multipart.NewReader(r.Body, params["boundary"])
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return up, fmt.Errorf("read part: %w", err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return up, fmt.Errorf("read part %q: %w", part.FormName(), err)
		}
		up.parts = append(up.parts, part.FormName())
		switch part.FormName() {
		case "farr":
			up.file.Data, up.file.Name = data, part.FileName()
			up.file.MIMEType, _, _ = mime.ParseMediaType(part.Header.Get("Content-Type")) // broken is like none
		case "voice_clip":
			up.file.Voice = string(data) == "true"
		case "voice_clip_waveform_data":
			up.waveform = string(data)
		default:
			up.fields.Set(part.FormName(), string(data))
		}
	}
	if n := len(up.parts); n == 0 || up.parts[n-1] != "farr" {
		return up, errors.New("the last part is not the file")
	}
	return up, nil
}

// refuseFile says why a file is not taken; nil if it is.
func (s *Server) refuseFile(up upload) []byte {
	kind := up.file.MIMEType
	limit := maxOther
	if strings.HasPrefix(kind, "image/") {
		limit = maxImage
	}
	switch {
	case uploadKinds[kind] == "" || up.file.Voice && kind != "audio/mp4" || len(up.file.Data) == 0:
		return envelopeError(codeBadFile, "The type of file you're trying to attach isn't allowed")
	case len(up.file.Data) > limit:
		return envelopeError(codeTooBig, "The file you have selected is too large")
	}
	return nil
}

// store keeps an upload as a file that its owner may send.
func (s *Server) store(ses *session, up upload) *world.File {
	up.file.Owner = ses.person
	if size, _, err := image.DecodeConfig(bytes.NewReader(up.file.Data)); err == nil {
		up.file.Width, up.file.Height = size.Width, size.Height
	}
	var wave struct {
		Amplitudes []float64 `json:"amplitudes"`
		Frequency  float64   `json:"sampling_frequency"`
	}
	if up.waveform != "" {
		if err := json.Unmarshal([]byte(up.waveform), &wave); err != nil || wave.Frequency <= 0 {
			s.note(ses, fmt.Sprintf("waveform %.100q", up.waveform))
		} else {
			up.file.Waveform = wave.Amplitudes
			up.file.Millis = int(float64(len(wave.Amplitudes)) / wave.Frequency * 1000)
		}
	}
	return s.Direct.World.AddFile(up.file)
}

// uploaded is the answer: a list for images, an object for others. Ids are strings and numbers by turns.
func (s *Server) uploaded(ses *session, f *world.File) shape.Object {
	s.uploads++
	var id any = shape.ID(f.ID)
	if s.uploads%2 == 0 {
		id = f.ID
	}
	entry := shape.Object{
		"fbid": shape.ID(f.ID), "filename": f.Name, "filetype": f.MIMEType, "src": s.sign(f), "thumbnail_src": s.sign(f),
		uploadKinds[f.MIMEType]: id,
	}
	if _, hit := s.faults.Strike("upload_no_id", ses.subject("upload", f.Name)); hit {
		delete(entry, uploadKinds[f.MIMEType])
		delete(entry, "fbid")
		f.Gone = true
	}
	var metadata any = []shape.Object{entry}
	if !strings.HasPrefix(f.MIMEType, "image/") {
		metadata = shape.Object{"0": entry}
	}
	return shape.Object{"__ar": 1, "lid": s.lid(), "payload": shape.Object{"uploadID": shape.ID(f.ID), "metadata": metadata}}
}

// serveRupload takes a file by the way that mobile apps use (section 8.2, appendix A).
func (s *Server) serveRupload(w http.ResponseWriter, r *http.Request, _ *session) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	unlock := s.Direct.Lock()
	defer unlock()
	ses := s.bearer(r)
	if ses == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Header.Get("Cookie") != "" {
		s.note(ses, "rupload with cookies")
	}
	name := r.Header.Get("X-Entity-Name")
	kind := r.Header.Get("X-Entity-Type")
	if r.Header.Get("X-Entity-Length") != fmt.Sprint(len(data)) || !strings.HasSuffix(r.URL.Path, "/"+name) || name == "" ||
		len(data) == 0 || !strings.HasPrefix(r.Header.Get("User-Agent"), "Instagram ") {
		s.note(ses, "rupload whose headers do not fit its body")
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f := s.Direct.World.AddFile(world.File{Owner: ses.person, Name: name, MIMEType: kind, Data: data})
	writeJSON(w, http.StatusOK, shape.Object{"id": f.ID, "media_id": f.ID})
}
