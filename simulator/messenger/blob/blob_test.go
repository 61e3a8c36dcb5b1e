package blob

import (
	"bytes"
	"testing"

	"crosschat/simulator/control"
)

func TestNoiseIsTheSameEachTime(t *testing.T) {
	a, b := Made(control.Media{Noise: 1000}), Made(control.Media{Noise: 1000})
	if len(a.Data) != 1000 || !bytes.Equal(a.Data, b.Data) || a.Noise != 0 {
		t.Errorf("%d bytes, equal %t", len(a.Data), bytes.Equal(a.Data, b.Data))
	}
	if got := Made(control.Media{Data: []byte("x")}); string(got.Data) != "x" {
		t.Errorf("got %q", got.Data)
	}
}

func TestLargeFilesAreToldBySizeAndHash(t *testing.T) {
	for size, told := range map[int]bool{10: true, mostTold: true, mostTold + 1: false} {
		var m control.Media
		Tell(&m, make([]byte, size))
		if m.Size != size || len(m.SHA256) != 32 || (m.Data != nil) != told {
			t.Errorf("%d bytes: size %d, told %t", size, m.Size, m.Data != nil)
		}
	}
}
