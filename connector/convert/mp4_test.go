package convert

import (
	"bytes"
	"encoding/binary"
	"image"
	"testing"
	"time"
)

func box(kind string, content ...[]byte) []byte {
	body := bytes.Join(content, nil)
	return append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), append([]byte(kind), body...)...)
}

func numbers(values ...uint32) (data []byte) {
	for _, value := range values {
		data = binary.BigEndian.AppendUint32(data, value)
	}
	return data
}

// film is a file of so many units of a second's scale-th part.
func film(scale, length uint32) []byte {
	sound := box("trak", box("tkhd", make([]byte, 76), numbers(0, 0)))
	picture := box("trak", box("tkhd", make([]byte, 76), numbers(320<<16, 240<<16)))
	return bytes.Join([][]byte{
		box("ftyp", []byte("isom")), box("mdat", make([]byte, 100)),
		box("moov", box("mvhd", numbers(0, 0, 0, scale, length)), sound, picture),
	}, nil)
}

func TestInspectMP4(t *testing.T) {
	whole := Recording{Duration: 2500 * time.Millisecond, Size: image.Pt(320, 240)}
	long := bytes.Join([][]byte{
		box("ftyp"), box("moov", box("mvhd", []byte{1, 0, 0, 0}, make([]byte, 16), numbers(1000, 0, 2500))),
	}, nil)
	big := append(box("ftyp"), numbers(1, 0x6d646174, 0, 16)...) // an empty mdat of 64-bit length
	for name, test := range map[string]struct {
		data []byte
		want Recording
		ok   bool
	}{
		"a film":            {film(1000, 2500), whole, true},
		"64-bit times":      {long, Recording{Duration: whole.Duration}, true},
		"64-bit length":     {append(big, film(1000, 2500)[8+4:]...), whole, true},
		"no scale":          {film(0, 2500), Recording{Size: whole.Size}, true},
		"unknown duration":  {film(1, 1<<32-1), Recording{Size: whole.Size}, true},
		"absurd duration":   {film(1, 1<<31), Recording{Size: whole.Size}, true},
		"nothing":           {nil, Recording{}, false},
		"something else":    {[]byte("OggS and much more"), Recording{}, false},
		"cut off":           {film(1000, 2500)[:140], Recording{}, true},
		"box in no box":     {append(box("ftyp"), numbers(4, 0)...), Recording{}, true},
		"larger than it is": {append(box("ftyp"), numbers(1<<31, 0x6d6f6f76)...), Recording{}, true},
		"negative length":   {append(box("ftyp"), numbers(1, 0x6d6f6f76, 1<<31, 0)...), Recording{}, true},
		"endless":           {append(box("ftyp"), bytes.Repeat(box("free"), 5000)...), Recording{}, true},
	} {
		got, ok, err := InspectMP4(bytes.NewReader(test.data), int64(len(test.data)))
		if got != test.want || ok != test.ok || err != nil {
			t.Errorf("%s: %+v, %t (%v); want %+v, %t", name, got, ok, err, test.want, test.ok)
		}
	}
}

func FuzzInspectMP4(f *testing.F) {
	f.Add(film(1000, 2500))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, _, err := InspectMP4(bytes.NewReader(data), int64(len(data)))
		if err != nil || got.Duration < 0 || got.Duration > maxDuration || got.Size.X > maxSide || got.Size.Y > maxSide {
			t.Errorf("%x: %+v (%v)", data, got, err)
		}
	})
}
