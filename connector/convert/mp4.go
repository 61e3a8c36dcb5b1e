package convert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"time"
)

// mostBoxes bounds how many parts of a file are looked at: no real one has as many.
const mostBoxes = 1000

// InspectMP4 reads duration and picture size out of an MP4 or QuickTime file; ok is false for any other. It looks at a few
// bytes of the file's parts and changes nothing. Source: ISO/IEC 14496-12, sections 4.2 (boxes), 8.2.2 and 8.3.2 (headers
// of movie and track).
func InspectMP4(file io.ReaderAt, size int64) (recording Recording, ok bool, err error) {
	m := mp4Reader{file: file}
	err = m.boxes(0, size, func(kind string, at, end int64) error {
		switch kind {
		case "ftyp":
			ok = true
		case "moov":
			return m.movie(at, end, &recording)
		}
		return nil
	})
	if errors.Is(err, errNotMP4) {
		return recording, ok, nil // as far as it goes
	}
	return recording, ok, err
}

var errNotMP4 = errors.New("this is no well-formed MP4 file")

type mp4Reader struct {
	file io.ReaderAt
	seen int
}

// boxes calls f for each box between two places; at is where its content begins.
func (m *mp4Reader) boxes(at, end int64, f func(kind string, at, end int64) error) error {
	for at+8 <= end {
		if m.seen++; m.seen > mostBoxes {
			return errNotMP4
		}
		head, err := m.read(at, 8)
		if err != nil {
			return err
		}
		length, content := int64(binary.BigEndian.Uint32(head)), at+8
		switch length {
		case 0:
			length = end - at // up to the end
		case 1:
			long, err := m.read(content, 8)
			if err != nil {
				return err
			}
			length, content = int64(binary.BigEndian.Uint64(long)), content+8
		}
		if length < content-at || length > end-at {
			return errNotMP4
		}
		if err = f(string(head[4:]), content, at+length); err != nil {
			return err
		}
		at += length
	}
	return nil
}

func (m *mp4Reader) read(at int64, size int) ([]byte, error) {
	data := make([]byte, size)
	if _, err := m.file.ReadAt(data, at); errors.Is(err, io.EOF) {
		return nil, errNotMP4
	} else if err != nil {
		return nil, fmt.Errorf("read media: %w", err)
	}
	return data, nil
}

func (m *mp4Reader) movie(at, end int64, recording *Recording) error {
	return m.boxes(at, end, func(kind string, at, end int64) error {
		switch kind {
		case "mvhd":
			return m.duration(at, recording)
		case "trak":
			return m.boxes(at, end, func(kind string, _, end int64) error {
				if kind != "tkhd" || recording.Size != (image.Point{}) {
					return nil
				}
				return m.trackSize(end, recording)
			})
		}
		return nil
	})
}

// duration reads a movie's header, which has two forms.
func (m *mp4Reader) duration(at int64, recording *Recording) error {
	version, err := m.read(at, 1)
	if err != nil {
		return err
	}
	var scale, length uint64
	if version[0] == 1 {
		data, err := m.read(at+4+16, 12)
		if err != nil {
			return err
		}
		scale, length = uint64(binary.BigEndian.Uint32(data)), binary.BigEndian.Uint64(data[4:])
	} else {
		data, err := m.read(at+4+8, 8)
		if err != nil {
			return err
		}
		scale, length = uint64(binary.BigEndian.Uint32(data)), uint64(binary.BigEndian.Uint32(data[4:]))
	}
	if scale == 0 || length == math.MaxUint32 || length == math.MaxUint64 {
		return nil // not known
	}
	seconds := float64(length) / float64(scale)
	if seconds > 0 && seconds <= maxDuration.Seconds() {
		recording.Duration = time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
	}
	return nil
}

// trackSize reads the end of a track's header: width and height as fixed-point numbers. Sound has none.
func (m *mp4Reader) trackSize(end int64, recording *Recording) error {
	data, err := m.read(end-8, 8)
	if err != nil {
		return err
	}
	width, height := int(binary.BigEndian.Uint32(data)>>16), int(binary.BigEndian.Uint32(data[4:])>>16)
	if width > 0 && height > 0 {
		recording.Size = image.Pt(width, height)
	}
	return nil
}
