package page

import (
	"math/bits"
	"slices"
	"strings"
)

// maxBit bounds a bitmap; real ids stay far below.
const maxBit = 1 << 20

// Bitmap compresses a set of numbers the way the sites do: as a row of bits, the first bit and then the length of each
// run of equal bits in Elias gamma code, six bits a letter. Numbers out of range are left out.
func Bitmap(numbers []int64) string {
	set := slices.DeleteFunc(slices.Clone(numbers), func(n int64) bool { return n < 0 || n > maxBit })
	if len(set) == 0 {
		return ""
	}
	slices.Sort(set)
	set = slices.Compact(set)
	var w bitWriter
	w.bit(set[0] == 0)
	if set[0] > 0 {
		w.gamma(uint(set[0]))
	}
	for start := 0; start < len(set); {
		end := start + 1
		for end < len(set) && set[end] == set[end-1]+1 {
			end++
		}
		w.gamma(uint(end - start))
		if end < len(set) {
			w.gamma(uint(set[end] - set[end-1] - 1))
		}
		start = end
	}
	return w.String()
}

const bitLetters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"

type bitWriter struct {
	out   strings.Builder
	group byte
	count int
}

func (w *bitWriter) bit(set bool) {
	w.group <<= 1
	if set {
		w.group |= 1
	}
	if w.count++; w.count == 6 {
		w.out.WriteByte(bitLetters[w.group])
		w.group, w.count = 0, 0
	}
}

// gamma writes n > 0: as many zeros as it has bits less one, then its bits.
func (w *bitWriter) gamma(n uint) {
	size := bits.Len(n)
	for range size - 1 {
		w.bit(false)
	}
	for i := size - 1; i >= 0; i-- {
		w.bit(n>>i&1 == 1)
	}
}

// String pads the last group with zeros.
func (w *bitWriter) String() string {
	for w.count > 0 {
		w.bit(false)
	}
	return w.out.String()
}
