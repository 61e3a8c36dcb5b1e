package convert

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

const (
	// oggPage is the longest page of an Ogg stream (RFC 3533, section 6).
	oggPage = 65307
	// opusRate is the clock of Opus in Ogg, whatever the recording's own (RFC 7845, section 4).
	opusRate = 48000
)

// InspectOpus says whether a file is Opus in Ogg, and how long it plays; the duration is 0 if the file doesn't tell. The
// file is left at its start.
func InspectOpus(file io.ReadSeeker) (duration time.Duration, ok bool, err error) {
	defer func() {
		if _, seekErr := file.Seek(0, io.SeekStart); seekErr != nil && err == nil {
			err = fmt.Errorf("rewind recording: %w", seekErr)
		}
	}()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, false, fmt.Errorf("rewind recording: %w", err)
	}
	head := make([]byte, 64)
	n, err := io.ReadFull(file, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, false, fmt.Errorf("read recording: %w", err)
	}
	at := bytes.Index(head[:n], []byte("OpusHead"))
	if !bytes.HasPrefix(head[:n], []byte("OggS")) || at < 0 || at+12 > n {
		return 0, false, nil
	}
	skipped := int64(binary.LittleEndian.Uint16(head[at+10:]))
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, false, fmt.Errorf("size of recording: %w", err)
	}
	if _, err := file.Seek(max(0, size-oggPage), io.SeekStart); err != nil {
		return 0, false, fmt.Errorf("read end of recording: %w", err)
	}
	end, err := io.ReadAll(io.LimitReader(file, oggPage))
	if err != nil {
		return 0, false, fmt.Errorf("read end of recording: %w", err)
	}
	return lastGranule(end, skipped), true, nil
}

// lastGranule is the time at which the last page ends.
func lastGranule(end []byte, skipped int64) time.Duration {
	page := bytes.LastIndex(end, []byte("OggS"))
	if page < 0 || len(end) < page+14 {
		return 0
	}
	samples := int64(binary.LittleEndian.Uint64(end[page+6:])) - skipped
	if samples <= 0 || samples > int64(maxDuration/time.Second)*opusRate {
		return 0
	}
	return time.Duration(samples) * time.Second / opusRate
}
