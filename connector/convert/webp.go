package convert

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"io"
)

// WebP is what the head of a WebP picture says.
type WebP struct {
	Size     image.Point
	Animated bool
}

// webpHead is how much of a file InspectWebP looks at: container, first chunk's head, and the sizes in it.
const webpHead = 30

// InspectWebP reads a WebP picture's head and leaves the file at its start. ok is false if it is none. Source: WebP
// Container Specification (RFC 9649, section 2.7), VP8's frame header (RFC 6386, section 9.1) and VP8L's (RFC 9649,
// section 3.4).
func InspectWebP(file io.ReadSeeker) (picture WebP, ok bool, err error) {
	head := make([]byte, webpHead)
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return WebP{}, false, fmt.Errorf("rewind picture: %w", err)
	}
	n, readErr := io.ReadFull(file, head)
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return WebP{}, false, fmt.Errorf("rewind picture: %w", err)
	}
	if readErr != nil && n < webpHead {
		return WebP{}, false, nil
	}
	picture, ok = parseWebP(head)
	return picture, ok, nil
}

func parseWebP(head []byte) (picture WebP, ok bool) {
	if !bytes.HasPrefix(head, []byte("RIFF")) || string(head[8:12]) != "WEBP" {
		return WebP{}, false
	}
	const sizeMask = 1<<14 - 1
	switch string(head[12:16]) {
	case "VP8X":
		picture.Animated = head[20]&2 != 0
		picture.Size = image.Pt(1+uint24(head[24:]), 1+uint24(head[27:]))
	case "VP8L":
		bits := binary.LittleEndian.Uint32(head[21:])
		picture.Size = image.Pt(1+int(bits&sizeMask), 1+int(bits>>14&sizeMask))
	case "VP8 ":
		picture.Size = image.Pt(int(binary.LittleEndian.Uint16(head[26:])&sizeMask), int(binary.LittleEndian.Uint16(head[28:])&sizeMask))
	default:
		return WebP{}, false
	}
	return picture, picture.Size.X > 0 && picture.Size.Y > 0
}

func uint24(data []byte) int {
	return int(data[0]) | int(data[1])<<8 | int(data[2])<<16
}
