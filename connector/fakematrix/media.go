package fakematrix

import (
	"context"
	"fmt"
	"os"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// UploadMediaStream implements bridgev2.MatrixAPI by way of a file, as for an encrypted room; it is recorded as
// UploadMedia.
func (i *intent) UploadMediaStream(ctx context.Context, room id.RoomID, _ int64, _ bool, write bridgev2.FileStreamCallback) (id.ContentURIString, *event.EncryptedFileInfo, error) {
	data, result, err := written(write)
	if err != nil {
		return "", nil, err
	}
	return i.UploadMedia(ctx, room, data, result.FileName, result.MimeType)
}

// DownloadMediaToFile implements bridgev2.MatrixAPI for what was uploaded before.
func (i *intent) DownloadMediaToFile(_ context.Context, uri id.ContentURIString, _ *event.EncryptedFileInfo, _ bool, read func(*os.File) error) error {
	for _, call := range i.matrix.Calls("UploadMedia") {
		if !strings.HasSuffix(string(uri), "/"+strings.TrimPrefix(string(call.EventID), "$")) {
			continue
		}
		file, err := os.CreateTemp("", "fakematrix-*")
		if err != nil {
			return err
		}
		defer os.Remove(file.Name())
		defer file.Close()
		if _, err := file.Write(call.Content.([]byte)); err != nil {
			return err
		}
		if _, err := file.Seek(0, 0); err != nil {
			return err
		}
		return read(file)
	}
	return fmt.Errorf("no media at %q", uri)
}
