package whatsapp

import (
	"context"
	"fmt"
	"io"
	"os"

	"go.mau.fi/whatsmeow"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/meow"
)

// downloadMedia fetches, verifies and decrypts media into an empty file. A connection that is lost meanwhile is waited
// for, up to the media deadline.
func (c *Client) downloadMedia(ctx context.Context, msg whatsmeow.DownloadableMessage, file *os.File) error {
	if len(msg.GetMediaKey()) == 0 || len(msg.GetFileEncSHA256()) == 0 || len(msg.GetFileSHA256()) == 0 {
		return meow.ErrUnencrypted
	}
	ctx, cancel := c.bound(ctx, c.network.Config.MediaTimeout)
	defer cancel()
	return c.whileConnected(ctx, func() error {
		if err := rewind(file); err != nil {
			return err
		}
		return c.wa.DownloadToFile(ctx, msg, meow.Bounded(file, c.network.maxFileSize.Load()))
	})
}

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
		if err == nil || !meow.ConnectionLost(err) {
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
