package meow

import (
	"errors"
	"io"
	"os"

	"go.mau.fi/whatsmeow"

	"crosschat/connector/convert"
)

// cipherOverhead is what encryption adds to a file: padding and MAC.
const cipherOverhead = 32

// BoundedFile is a temporary file that a stranger's upload can't fill the disk with, whatever size they declared. It
// hides that it is an *os.File, for which the library would reserve as much space as the server announces.
type BoundedFile struct {
	file  *os.File
	limit int64
}

var _ whatsmeow.File = (*BoundedFile)(nil)

// Write implements io.Writer; over the limit it fails with bridgev2.ErrMediaTooLarge.
func (b *BoundedFile) Write(data []byte) (int, error) {
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
func (b *BoundedFile) WriteAt(data []byte, at int64) (int, error) { return b.file.WriteAt(data, at) }

// Read implements io.Reader.
func (b *BoundedFile) Read(data []byte) (int, error) { return b.file.Read(data) }

// ReadAt implements io.ReaderAt.
func (b *BoundedFile) ReadAt(data []byte, at int64) (int, error) { return b.file.ReadAt(data, at) }

// Seek implements io.Seeker.
func (b *BoundedFile) Seek(offset int64, whence int) (int64, error) {
	return b.file.Seek(offset, whence)
}

// Truncate implements whatsmeow.File.
func (b *BoundedFile) Truncate(size int64) error { return b.file.Truncate(size) }

// Stat implements whatsmeow.File.
func (b *BoundedFile) Stat() (os.FileInfo, error) { return b.file.Stat() }

// Bounded lets a download write at most limit bytes of media to an empty file, and what encryption adds.
func Bounded(file *os.File, limit int64) *BoundedFile {
	return &BoundedFile{file: file, limit: limit + cipherOverhead}
}

// ErrUnencrypted is media without key or hash: the library would fetch it unverified, but between people there is no such
// thing.
var ErrUnencrypted = errors.New("media has no key or no hash")

// Gone is whether an error of a download says that the file is not on the servers any more.
func Gone(err error) bool {
	return errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith403) ||
		errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) ||
		errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410)
}

// Damaged is whether an error of a download says that the file is not what the sender sent.
func Damaged(err error) bool {
	for _, fault := range []error{
		whatsmeow.ErrInvalidMediaHMAC, whatsmeow.ErrInvalidMediaEncSHA256, whatsmeow.ErrInvalidMediaSHA256,
		whatsmeow.ErrInvalidUnencryptedMediaSHA256, whatsmeow.ErrTooShortFile, ErrUnencrypted,
	} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}
