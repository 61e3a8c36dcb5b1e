package meow

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
)

func TestBoundedFile(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	bounded := &BoundedFile{file: file, limit: 10}
	if n, err := io.Copy(bounded, strings.NewReader("0123456789")); n != 10 || err != nil {
		t.Errorf("writing up to the limit: %d bytes, error %v", n, err)
	}
	if _, err := bounded.Write([]byte("x")); !errors.Is(err, bridgev2.ErrMediaTooLarge) {
		t.Errorf("writing over the limit: got error %v, want %v", err, bridgev2.ErrMediaTooLarge)
	}
	if _, err := bounded.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := bounded.Write([]byte("abc")); err != nil {
		t.Errorf("writing again from the start: %v", err)
	}
	if info, err := bounded.Stat(); err != nil || info.Size() != 10 {
		t.Errorf("the file is %+v, error %v", info, err)
	}
}
