package whatsapp

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

// testJPEG makes a picture that does not compress to nothing.
func testJPEG(t *testing.T, width, height int) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			picture.Set(x, y, color.RGBA{R: uint8(x), G: uint8(y), B: uint8(x * y), A: 255})
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, nil); err != nil {
		t.Fatalf("encode picture: %v", err)
	}
	return out.Bytes()
}
