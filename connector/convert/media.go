package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

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
	content := &event.MessageEventContent{
		MsgType:  src.Kind,
		Body:     src.Name,
		Mentions: &event.Mentions{},
		URL:      uri,
		File:     file,
		Info: &event.FileInfo{
			MimeType: src.MIMEType,
			Size:     int(size),
			Width:    src.Width,
			Height:   src.Height,
		},
	}
	content.FileName = src.Name
	if src.Caption != "" {
		content.Body = Clean(src.Caption)
	}
	if err := addThumbnail(ctx, up, src, content.Info); err != nil {
		return nil, err
	}
	return &bridgev2.ConvertedMessagePart{Type: event.EventMessage, Content: content}, nil
}

// maxSide is more than any real picture has; a sender who claims more is not believed.
const maxSide = 1 << 16

// inspect replaces what the sender says of an image by what the file says.
func (s *Source) inspect(file *os.File) error {
	if s.Kind == event.MsgImage {
		picture, ok, err := InspectPicture(file)
		if err != nil {
			return err
		} else if ok {
			s.MIMEType, s.Width, s.Height = picture.MIMEType, picture.Size.X, picture.Size.Y
		}
	}
	if s.Width < 0 || s.Width > maxSide || s.Height < 0 || s.Height > maxSide {
		s.Width, s.Height = 0, 0
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
