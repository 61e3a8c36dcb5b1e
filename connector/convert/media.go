package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Uploader is the part of bridgev2.MatrixAPI that media needs. In an encrypted room it encrypts what it uploads.
type Uploader interface {
	UploadMedia(ctx context.Context, room id.RoomID, data []byte, name, mimeType string) (id.ContentURIString, *event.EncryptedFileInfo, error)
	UploadMediaStream(ctx context.Context, room id.RoomID, size int64, requireFile bool, write bridgev2.FileStreamCallback) (id.ContentURIString, *event.EncryptedFileInfo, error)
}

// Source is remote media on its way to Matrix.
type Source struct {
	Room     id.RoomID
	Kind     event.MessageType
	Name     string // file name; needed
	MIMEType string
	Caption  string
	// Width and Height are what the sender says. For images in a known format the file's own count.
	Width  int
	Height int
	// Duration is what the sender says; one that can't be is left out. If it is zero, an MP4 file is asked for it and its
	// size.
	Duration time.Duration
	// Voice makes audio a voice message. Waveform is its loudness over time, from 0 to MaxLoudness; it may be empty.
	Voice    bool
	Waveform []int
	// Loop makes a video one that plays as a GIF does.
	Loop bool
	// Sticker makes the picture a sticker, Animated one that moves. Kind and Caption then mean nothing.
	Sticker  bool
	Animated bool
	// ThumbnailJPEG is a small picture that came with the message; it may be empty.
	ThumbnailJPEG []byte
	// Fetch writes the decrypted, verified media to an empty file. It bounds itself in time.
	Fetch func(ctx context.Context, file *os.File) error
}

// FetchError is a failure of Source.Fetch, to tell it from one of the homeserver.
type FetchError struct{ Err error }

func (e *FetchError) Error() string { return "fetch media: " + e.Err.Error() }

// Unwrap gives what Fetch returned.
func (e *FetchError) Unwrap() error { return e.Err }

// Media moves remote media to Matrix by way of a temporary file, never through memory as a whole, and makes the message
// part. The error is a *FetchError if the remote side failed, wraps bridgev2.ErrMediaTooLarge if the homeserver does
// not take files of that size, and anything else is the homeserver's.
func Media(ctx context.Context, up Uploader, src Source) (*bridgev2.ConvertedMessagePart, error) {
	var size int64
	uri, file, err := up.UploadMediaStream(ctx, src.Room, 0, true, func(w io.Writer) (*bridgev2.FileStreamResult, error) {
		temp, ok := w.(*os.File)
		if !ok {
			return nil, fmt.Errorf("upload gave a %T, not a file", w)
		}
		if err := src.Fetch(ctx, temp); err != nil {
			return nil, &FetchError{err}
		}
		info, err := temp.Stat()
		if err != nil {
			return nil, fmt.Errorf("size of fetched media: %w", err)
		}
		size = info.Size()
		if err := src.inspect(temp); err != nil {
			return nil, err
		}
		return &bridgev2.FileStreamResult{FileName: src.Name, MimeType: src.MIMEType}, nil
	})
	if err != nil {
		var fetch *FetchError
		if errors.As(err, &fetch) {
			return nil, fetch
		}
		return nil, fmt.Errorf("upload media to matrix: %w", err)
	}
	part := src.part(size)
	part.Content.URL, part.Content.File = uri, file
	if err := addThumbnail(ctx, up, src, part.Content.Info); err != nil {
		return nil, err
	}
	return part, nil
}

// part is the message part around a file of size bytes.
func (s *Source) part(size int64) *bridgev2.ConvertedMessagePart {
	content := &event.MessageEventContent{
		MsgType:  s.Kind,
		Body:     s.Name,
		FileName: s.Name,
		Mentions: &event.Mentions{},
		Info: &event.FileInfo{
			MimeType: s.MIMEType,
			Size:     int(size),
			Width:    s.Width,
			Height:   s.Height,
			Duration: int(s.Duration.Milliseconds()),
		},
	}
	if s.Caption != "" {
		content.Body = Clean(s.Caption)
	}
	part := &bridgev2.ConvertedMessagePart{Type: event.EventMessage, Content: content}
	switch {
	case s.Sticker:
		part.Type = event.EventSticker
		content.MsgType, content.FileName, content.Body = "", "", s.Name
		content.Info.IsAnimated = s.Animated
	case s.Voice:
		content.MSC3245Voice = &event.MSC3245Voice{}
		content.MSC1767Audio = &event.MSC1767Audio{Duration: content.Info.Duration, Waveform: s.Waveform}
	case s.Loop:
		content.Info.MauGIF = true
		// What clients that know looping videos look at besides.
		part.Extra = map[string]any{"info": map[string]any{
			"fi.mau.loop": true, "fi.mau.autoplay": true, "fi.mau.hide_controls": true, "fi.mau.no_audio": true,
		}}
	}
	return part
}

const (
	// MaxLoudness is the top of a waveform (MSC1767).
	MaxLoudness = 1024
	// maxDuration is more than any real recording has; a sender who claims more is not believed.
	maxDuration = 7 * 24 * time.Hour
)

// maxSide is more than any real picture has; a sender who claims more is not believed.
const maxSide = 1 << 16

// inspect replaces what the sender says of a picture by what the file says, and drops what can't be.
func (s *Source) inspect(file *os.File) error {
	if s.Sticker {
		picture, ok, err := InspectWebP(file)
		if err != nil {
			return err
		} else if ok {
			s.MIMEType, s.Animated, s.Width, s.Height = "image/webp", picture.Animated, picture.Size.X, picture.Size.Y
		}
	} else if s.Kind == event.MsgImage {
		picture, ok, err := InspectPicture(file)
		if err != nil {
			return err
		} else if ok {
			s.MIMEType, s.Width, s.Height = picture.MIMEType, picture.Size.X, picture.Size.Y
		}
	} else if s.Duration == 0 && (s.Kind == event.MsgVideo || s.Kind == event.MsgAudio) {
		if err := s.inspectRecording(file); err != nil {
			return err
		}
	}
	if s.Width < 0 || s.Width > maxSide || s.Height < 0 || s.Height > maxSide {
		s.Width, s.Height = 0, 0
	}
	if s.Duration < 0 || s.Duration > maxDuration {
		s.Duration = 0
	}
	return nil
}

// inspectRecording finds out what the sender does not say.
func (s *Source) inspectRecording(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("size of media: %w", err)
	}
	recording, ok, err := InspectMP4(file, info.Size())
	if err != nil || !ok {
		return err
	}
	s.Duration = recording.Duration
	if recording.Size.X > 0 && s.Kind == event.MsgVideo {
		s.Width, s.Height = recording.Size.X, recording.Size.Y
	}
	return nil
}

// addThumbnail uploads the small picture. One that is no picture is left out: it is an ornament.
func addThumbnail(ctx context.Context, up Uploader, src Source, info *event.FileInfo) error {
	size, mimeType, ok := Dimensions(src.ThumbnailJPEG)
	if !ok {
		return nil
	}
	uri, file, err := up.UploadMedia(ctx, src.Room, src.ThumbnailJPEG, "thumbnail.jpg", mimeType)
	if err != nil {
		return fmt.Errorf("upload thumbnail to matrix: %w", err)
	}
	info.ThumbnailURL, info.ThumbnailFile = uri, file
	info.ThumbnailInfo = &event.FileInfo{
		MimeType: mimeType,
		Size:     len(src.ThumbnailJPEG),
		Width:    size.X,
		Height:   size.Y,
	}
	return nil
}

// Downloader is the part of bridgev2.MatrixAPI that outgoing media needs.
type Downloader interface {
	DownloadMediaToFile(ctx context.Context, uri id.ContentURIString, file *event.EncryptedFileInfo, writable bool, read func(*os.File) error) error
}

// Download fetches the media of a Matrix message, decrypted and verified, into a temporary file, which it gives to use
// and deletes afterwards. use may overwrite the file. A file of more than limit bytes gives bridgev2.ErrMediaTooLarge,
// one that can't be had bridgev2.ErrMediaDownloadFailed; an error of use comes back as it is.
func Download(ctx context.Context, down Downloader, content *event.MessageEventContent, limit int64, use func(file *os.File, size int64) error) error {
	if content.URL == "" && content.File == nil {
		return fmt.Errorf("%w: the message names no file", bridgev2.ErrMediaDownloadFailed)
	}
	if declared := int64(content.GetInfo().Size); declared > limit {
		return TooLarge(declared, limit)
	}
	var useErr error
	err := down.DownloadMediaToFile(ctx, content.URL, content.File, true, func(file *os.File) error {
		info, err := file.Stat()
		if err != nil {
			return fmt.Errorf("size of downloaded media: %w", err)
		}
		if info.Size() > limit {
			useErr = TooLarge(info.Size(), limit)
		} else {
			useErr = use(file, info.Size())
		}
		return useErr
	})
	if useErr != nil {
		return useErr
	}
	if err != nil {
		return fmt.Errorf("%w: %w", bridgev2.ErrMediaDownloadFailed, err)
	}
	return nil
}

// TooLarge is bridgev2.ErrMediaTooLarge with the numbers.
func TooLarge(size, limit int64) error {
	return fmt.Errorf("%w: %.1f MiB is over the limit of %.1f MiB", bridgev2.ErrMediaTooLarge, mebi(size), mebi(limit))
}

func mebi(bytes int64) float64 {
	return float64(bytes) / (1 << 20)
}
