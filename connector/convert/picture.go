package convert

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // decoders of what Matrix clients send
	"image/jpeg"
	"image/png"
	"io"
)

// maxPixels bounds what is decoded into memory: a small file can describe a huge picture.
const maxPixels = 40 << 20

// Dimensions reads size and MIME type from the head of a picture; ok is false for anything that is none.
func Dimensions(data []byte) (size image.Point, mimeType string, ok bool) {
	return dimensions(bytes.NewReader(data))
}

func dimensions(r io.Reader) (size image.Point, mimeType string, ok bool) {
	config, format, err := image.DecodeConfig(r)
	if err != nil || config.Width <= 0 || config.Height <= 0 {
		return image.Point{}, "", false
	}
	return image.Pt(config.Width, config.Height), "image/" + format, true
}

// Picture is what can be told of a picture in a file.
type Picture struct {
	Size     image.Point
	MIMEType string
}

// InspectPicture reads a picture's head and leaves the file at its start. ok is false if it is none of JPEG, PNG, GIF.
func InspectPicture(file io.ReadSeeker) (picture Picture, ok bool, err error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return Picture{}, false, fmt.Errorf("rewind picture: %w", err)
	}
	picture.Size, picture.MIMEType, ok = dimensions(file)
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return Picture{}, false, fmt.Errorf("rewind picture: %w", err)
	}
	return picture, ok, nil
}

// PlainPNG is whether a PNG holds whole colours of eight bits, with or without transparency, and no palette. It leaves the
// file at its start.
func PlainPNG(file io.ReadSeeker) (plain bool, err error) {
	if _, err = file.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("rewind picture: %w", err)
	}
	config, decodeErr := png.DecodeConfig(file)
	if _, err = file.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("rewind picture: %w", err)
	}
	return decodeErr == nil && (config.ColorModel == color.RGBAModel || config.ColorModel == color.NRGBAModel), nil
}

// Thumbnail makes a JPEG of the picture in file that is at most side pixels wide and high. It is nil, without an error,
// for a picture too large or too broken to decode: a thumbnail is an ornament. The file is left at its start.
func Thumbnail(file io.ReadSeeker, side int) ([]byte, error) {
	picture, ok, err := InspectPicture(file)
	if err != nil || !ok || int64(picture.Size.X)*int64(picture.Size.Y) > maxPixels {
		return nil, err
	}
	full, _, err := image.Decode(file)
	if _, seekErr := file.Seek(0, io.SeekStart); seekErr != nil {
		return nil, fmt.Errorf("rewind picture: %w", seekErr)
	}
	if err != nil {
		return nil, nil
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, shrink(full, side), &jpeg.Options{Quality: 70}); err != nil {
		return nil, fmt.Errorf("encode thumbnail: %w", err)
	}
	return out.Bytes(), nil
}

// shrink averages blocks of pixels, over white where the picture is transparent.
func shrink(full image.Image, side int) image.Image {
	from := full.Bounds()
	width, height := from.Dx(), from.Dy()
	if longest := max(width, height); longest > side {
		width, height = max(1, width*side/longest), max(1, height*side/longest)
	}
	small := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			small.SetRGBA(x, y, average(full, image.Rect(
				from.Min.X+x*from.Dx()/width, from.Min.Y+y*from.Dy()/height,
				from.Min.X+(x+1)*from.Dx()/width, from.Min.Y+(y+1)*from.Dy()/height,
			)))
		}
	}
	return small
}

func average(full image.Image, block image.Rectangle) color.RGBA {
	// A few samples of a large block look the same as all of it.
	stepX, stepY := max(1, block.Dx()/8), max(1, block.Dy()/8)
	var r, g, b, n uint64
	for y := block.Min.Y; y < block.Max.Y; y += stepY {
		for x := block.Min.X; x < block.Max.X; x += stepX {
			pr, pg, pb, pa := full.At(x, y).RGBA()
			white := uint64(0xffff - pa)
			r, g, b, n = r+uint64(pr)+white, g+uint64(pg)+white, b+uint64(pb)+white, n+1
		}
	}
	if n == 0 {
		return color.RGBA{A: 0xff}
	}
	return color.RGBA{uint8(r / n >> 8), uint8(g / n >> 8), uint8(b / n >> 8), 0xff}
}
