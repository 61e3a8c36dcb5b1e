package server

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// Limits of plain uploads (section 3.7).
const (
	maxImage = 8 << 20
	maxFile  = 25 << 20
)

// errTooLarge is what an upload over the limit is answered with; the real code is not known.
const errTooLarge = 1366046

// uploaded is what an upload request holds.
type uploaded struct {
	name, mimeType string
	data           []byte
	voice          bool
	waveform       string
}

// serveUpload takes a file (section 4.1).
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	up, err := readUpload(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	ses := s.sessionOf(r)
	sub := ses.subject("upload", up.name)
	if args, hit := s.faults.Strike("upload_error", sub); hit {
		switch {
		case args["redirect"] != "":
			s.uploadReply(w, object{"__ar": 1, "redirect": args["redirect"]})
		case args["how"] == "empty":
			s.uploadReply(w, object{"__ar": 1, "payload": object{"uploadID": "upload_0", "metadata": object{}}})
		default:
			s.uploadReply(w, uploadError(args.Int("code", errReload), "Sorry, something went wrong"))
		}
		return
	}
	query := r.URL.Query()
	if !ses.valid() || !ses.tokens[query.Get("fb_dtsg")] || !ses.tokens[query.Get("lsd")] {
		s.uploadReply(w, uploadError(errReload, "Please reload the page"))
		return
	}
	if got := r.Header.Get("Sec-Fetch-Site"); got != "same-origin" || r.Method != http.MethodPost || err != nil {
		s.note(ses.account, fmt.Sprintf("upload by %s with sec-fetch-site %q: %v", r.Method, got, err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	limit := maxFile
	if strings.HasPrefix(up.mimeType, "image/") {
		limit = maxImage
	}
	if len(up.data) > limit {
		s.uploadReply(w, uploadError(errTooLarge, "The file is too large"))
		return
	}
	s.uploadReply(w, s.keepUpload(ses.account, up))
}

func uploadError(code int, summary string) object {
	return object{"__ar": 1, "error": code, "errorSummary": summary, "errorDescription": summary + ".", "payload": nil}
}

// uploadReply answers with the prefix against scripts, as the real one always does.
func (s *Server) uploadReply(w http.ResponseWriter, body object) {
	w.Header().Set("Content-Type", "application/x-javascript; charset=utf-8")
	io.WriteString(w, "for (;;);") //nolint:errcheck // the client is gone, nobody cares
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(body) //nolint:errcheck // the client is gone, nobody cares
}

// readUpload reads the multipart body: fields, and the one file in the part farr.
func readUpload(r *http.Request) (uploaded, error) {
	var up uploaded
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return up, fmt.Errorf("content type %q is no form", r.Header.Get("Content-Type"))
	}
	parts := multipart.NewReader(http.MaxBytesReader(nil, r.Body, 2*maxFile), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return up, fmt.Errorf("read upload: %w", err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return up, fmt.Errorf("read part %q: %w", part.FormName(), err)
		}
		switch part.FormName() {
		case "farr":
			up.name, up.mimeType, up.data = part.FileName(), part.Header.Get("Content-Type"), data
		case "voice_clip":
			up.voice = string(data) == "true"
		case "voice_clip_waveform_data":
			up.waveform = string(data)
		default:
			return up, fmt.Errorf("unknown part %q", part.FormName())
		}
	}
	if up.data == nil || up.name == "" || up.mimeType == "" {
		return up, fmt.Errorf("no file in part farr")
	}
	return up, nil
}

// keepUpload puts the file on the CDN and answers in the shape of its kind.
func (s *Server) keepUpload(a *account, up uploaded) object {
	f := s.world.NewFile(up.name, up.mimeType, up.data)
	attachment := attach(f)
	if up.voice {
		attachment.Type, attachment.Waveform = lightspeed.TypeAudio, up.waveform
	}
	if attachment.Type == lightspeed.TypeVideo {
		attachment.Preview = s.world.NewFile("preview.jpg", "image/jpeg", tinyJPEG())
	}
	s.pendingUploads[upload{a.ID, f.ID}] = attachment
	url, _ := s.link(f, "")
	entry := object{"filename": f.Name, "filetype": f.MIMEType}
	payload := object{"uploadID": "upload_" + strconv.FormatInt(f.ID, 10), "metadata": object{"0": entry}}
	switch attachment.Type {
	case lightspeed.TypeImage:
		entry["image_id"], entry["fbid"], entry["src"] = f.ID, f.ID, url
		payload["metadata"] = []object{entry}
	case lightspeed.TypeAnimated:
		entry["gif_id"], entry["src"] = f.ID, url
		payload["metadata"] = []object{entry}
	case lightspeed.TypeVideo:
		entry["video_id"], entry["thumbnail_src"] = f.ID, url
	case lightspeed.TypeAudio:
		entry["audio_id"] = person(f.ID) // audio ids come as text
	default:
		entry["file_id"] = f.ID
	}
	return object{"__ar": 1, "payload": payload}
}

// attach makes an attachment of a file by its type.
func attach(f *world.File) *world.Attachment {
	a := &world.Attachment{File: f}
	switch kind, _, _ := strings.Cut(f.MIMEType, "/"); {
	case f.MIMEType == "image/gif":
		a.Type = lightspeed.TypeAnimated
	case kind == "image":
		a.Type = lightspeed.TypeImage
	case kind == "video":
		a.Type = lightspeed.TypeVideo
	case kind == "audio":
		a.Type = lightspeed.TypeAudio
	default:
		a.Type = lightspeed.TypeFile
	}
	a.Width, a.Height = dimensions(f.Data)
	return a
}
