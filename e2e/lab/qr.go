package lab

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
)

// ReadQR returns the text of the QR code in a PNG picture that shows a code and nothing else.
//
// The library's own search for a code in a photograph goes wrong with the bridge's pictures, whose modules are not all
// equally many pixels wide. Here nothing has to be searched: the dark area is the code, and only its version is unknown.
func ReadQR(data []byte) (string, error) {
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return "", fmt.Errorf("decode picture of QR code: %w", err)
	}
	area := darkArea(img)
	if area.Empty() {
		return "", errors.New("read QR code: the picture is blank")
	}
	for version := 1; version <= 40; version++ {
		modules, err := sample(img, area, 17+4*version)
		if err != nil {
			return "", fmt.Errorf("read QR code: %w", err)
		}
		// What was sampled with the wrong number of modules fails the code's own checks.
		if result, err := decoder.NewDecoder().Decode(modules, nil); err == nil {
			return result.GetText(), nil
		}
	}
	return "", errors.New("read QR code: the picture shows something else")
}

func dark(img image.Image, x, y int) bool {
	return color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y < 128
}

// darkArea is the smallest rectangle that holds all dark pixels.
func darkArea(img image.Image) image.Rectangle {
	var area image.Rectangle
	bounds := img.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if dark(img, x, y) {
				area = area.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return area
}

// sample looks at the middle of each of n by n modules.
func sample(img image.Image, area image.Rectangle, n int) (*gozxing.BitMatrix, error) {
	modules, err := gozxing.NewSquareBitMatrix(n)
	if err != nil {
		return nil, err
	}
	for row := range n {
		for column := range n {
			x := area.Min.X + (2*column+1)*area.Dx()/(2*n)
			y := area.Min.Y + (2*row+1)*area.Dy()/(2*n)
			if dark(img, x, y) {
				modules.Set(column, row)
			}
		}
	}
	return modules, nil
}
