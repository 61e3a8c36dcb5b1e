package fakematrix

import (
	"context"
	"fmt"
	"io"
	"os"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Uploads stands for a bridgev2.MatrixAPI where only files are uploaded, without a bridge around it. It is used from one
// goroutine.
type Uploads struct {
	Files [][]byte
	Err   error // what an upload answers, if not nil
}

// UploadMedia implements bridgev2.MatrixAPI.
func (u *Uploads) UploadMedia(_ context.Context, _ id.RoomID, data []byte, _, _ string) (id.ContentURIString, *event.EncryptedFileInfo, error) {
	if u.Err != nil {
		return "", nil, u.Err
	}
	u.Files = append(u.Files, data)
	return id.ContentURIString(fmt.Sprintf("mxc://test/%d", len(u.Files))), nil, nil
}

// UploadMediaStream implements bridgev2.MatrixAPI by way of a file, as for an encrypted room.
func (u *Uploads) UploadMediaStream(ctx context.Context, room id.RoomID, _ int64, _ bool, write bridgev2.FileStreamCallback) (id.ContentURIString, *event.EncryptedFileInfo, error) {
	data, result, err := written(write)
	if err != nil {
		return "", nil, err
	}
	return u.UploadMedia(ctx, room, data, result.FileName, result.MimeType)
}

// written is what a stream writes to a file.
func written(write bridgev2.FileStreamCallback) ([]byte, *bridgev2.FileStreamResult, error) {
	file, err := os.CreateTemp("", "fakematrix-*")
	if err != nil {
		return nil, nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	result, err := write(file)
	if err != nil {
		return nil, nil, bridgev2.CallbackError{Type: "write", Wrapped: err}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(file)
	return data, result, err
}
