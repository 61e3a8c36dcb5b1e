package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.mau.fi/whatsmeow"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
)

// errUnencryptedMedia is media without key or hash: the library would fetch it unverified, but between people there is
// no such thing.
var errUnencryptedMedia = errors.New("media has no key or no hash")

// downloadMedia fetches, verifies and decrypts media into an empty file. A connection that is lost meanwhile is waited
// for, up to the media deadline.
func (c *Client) downloadMedia(ctx context.Context, msg whatsmeow.DownloadableMessage, file *os.File) error {
	if len(msg.GetMediaKey()) == 0 || len(msg.GetFileEncSHA256()) == 0 || len(msg.GetFileSHA256()) == 0 {
		return errUnencryptedMedia
	}
	ctx, cancel := c.bound(ctx, c.network.Config.MediaTimeout)
	defer cancel()
	return c.whileConnected(ctx, func() error {
		if err := rewind(file); err != nil {
			return err
		}
		return c.wa.DownloadToFile(ctx, msg, &boundedFile{file: file, limit: c.network.maxFileSize.Load() + cipherOverhead})
	})
}

// cipherOverhead is what encryption adds to a file: padding and MAC.
const cipherOverhead = 32

// boundedFile is a temporary file that a stranger's upload can't fill the disk with, whatever size they declared. It
// hides that it is an *os.File, for which the library would reserve as much space as the server announces.
type boundedFile struct {
	file  *os.File
	limit int64
}

var _ whatsmeow.File = (*boundedFile)(nil)

// Write implements io.Writer; over the limit it fails with bridgev2.ErrMediaTooLarge.
func (b *boundedFile) Write(data []byte) (int, error) {
	at, err := b.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if end := at + int64(len(data)); end > b.limit {
		return 0, convert.TooLarge(end, b.limit)
	}
	return b.file.Write(data)
}

// WriteAt implements io.WriterAt; the library decrypts in place with it.
func (b *boundedFile) WriteAt(data []byte, at int64) (int, error) { return b.file.WriteAt(data, at) }

// Read implements io.Reader.
func (b *boundedFile) Read(data []byte) (int, error) { return b.file.Read(data) }

// ReadAt implements io.ReaderAt.
func (b *boundedFile) ReadAt(data []byte, at int64) (int, error) { return b.file.ReadAt(data, at) }

// Seek implements io.Seeker.
func (b *boundedFile) Seek(offset int64, whence int) (int64, error) {
	return b.file.Seek(offset, whence)
}

// Truncate implements whatsmeow.File.
func (b *boundedFile) Truncate(size int64) error { return b.file.Truncate(size) }

// Stat implements whatsmeow.File.
func (b *boundedFile) Stat() (os.FileInfo, error) { return b.file.Stat() }

// uploadMedia encrypts and uploads a file, which it overwrites. The error is ready for bridgev2.
func (c *Client) uploadMedia(ctx context.Context, file *os.File, kind whatsmeow.MediaType) (uploaded whatsmeow.UploadResponse, err error) {
	ctx, cancel := c.bound(ctx, c.network.Config.MediaTimeout)
	defer cancel()
	if err = c.online.Wait(ctx); err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err == nil {
		uploaded, err = c.wa.UploadReader(ctx, file, file, kind)
	}
	if err != nil {
		return uploaded, bridgev2.WrapErrorInStatus(fmt.Errorf("upload media: %w", err)).
			WithIsCertain(true).WithSendNotice(true).WithErrorReason(event.MessageStatusNetworkError).
			WithMessage("the file could not be uploaded to WhatsApp; try again")
	}
	return uploaded, nil
}

// whileConnected repeats f as long as it fails for want of a connection, until ctx ends.
func (c *Client) whileConnected(ctx context.Context, f func() error) error {
	for {
		if err := c.online.Wait(ctx); err != nil {
			return fmt.Errorf("wait for connection: %w", err)
		}
		err := f()
		if err == nil || !connectionLost(err) {
			return err
		}
		if !hold(ctx, resendPause) {
			return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
	}
}

func rewind(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("empty temporary file: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind temporary file: %w", err)
	}
	return nil
}
