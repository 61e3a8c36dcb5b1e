package stream

import (
	"encoding/binary"
	"errors"
)

// Types of the compact coding.
const (
	typeStop   = 0
	typeTrue   = 1
	typeFalse  = 2
	typeByte   = 3
	typeI16    = 4
	typeI32    = 5
	typeI64    = 6
	typeDouble = 7
	typeBinary = 8
	typeList   = 9
	typeSet    = 10
	typeMap    = 11
	typeStruct = 12
)

// ErrMalformed is a payload that can't be read.
var ErrMalformed = errors.New("thrift payload is malformed")

// maxNesting bounds structures in structures.
const maxNesting = 32

// writer writes structures; fields must come in the order of their numbers.
type writer struct {
	out  []byte
	last []int16 // number of the last field, for each open structure
}

func newWriter() *writer { return &writer{last: []int16{0}} }

func (w *writer) field(number int16, kind byte) {
	top := len(w.last) - 1
	w.out = append(w.out, byte(number-w.last[top])<<4|kind)
	w.last[top] = number
}

func (w *writer) number(field int16, value int64) {
	w.field(field, typeI64)
	w.out = binary.AppendVarint(w.out, value)
}

func (w *writer) text(field int16, value string) {
	w.field(field, typeBinary)
	w.out = binary.AppendUvarint(w.out, uint64(len(value)))
	w.out = append(w.out, value...)
}

func (w *writer) noTexts(field int16) {
	w.field(field, typeList)
	w.out = append(w.out, typeBinary)
}

func (w *writer) begin(field int16) {
	w.field(field, typeStruct)
	w.last = append(w.last, 0)
}

func (w *writer) end() {
	w.out = append(w.out, typeStop)
	w.last = w.last[:len(w.last)-1]
}

// finish ends the outermost structure.
func (w *writer) finish() []byte { return append(w.out, typeStop) }

// value is what a field holds, as far as anybody here wants to know.
type value struct {
	number int64
	bytes  []byte
	list   []value
	fields map[int16]value // of a structure
}

type reader struct {
	rest []byte
}

func (r *reader) byte() (byte, error) {
	if len(r.rest) == 0 {
		return 0, ErrMalformed
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b, nil
}

func (r *reader) varint() (int64, error) {
	v, size := binary.Varint(r.rest)
	if size <= 0 {
		return 0, ErrMalformed
	}
	r.rest = r.rest[size:]
	return v, nil
}

// length reads a length; nothing can have more parts than there are bytes left.
func (r *reader) length() (int, error) {
	v, size := binary.Uvarint(r.rest)
	if size <= 0 || v > uint64(len(r.rest)-size) {
		return 0, ErrMalformed
	}
	r.rest = r.rest[size:]
	return int(v), nil
}

func (r *reader) take(n int) ([]byte, error) {
	if n > len(r.rest) {
		return nil, ErrMalformed
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b, nil
}

// structure reads fields up to the stop. A field that comes twice counts once, the last time.
func (r *reader) structure(depth int) (map[int16]value, error) {
	if depth > maxNesting {
		return nil, ErrMalformed
	}
	fields := make(map[int16]value)
	last := int16(0)
	for {
		head, err := r.byte()
		if err != nil || head == typeStop {
			return fields, err
		}
		if delta := head >> 4; delta != 0 {
			last += int16(delta)
		} else {
			number, err := r.varint()
			if err != nil {
				return nil, err
			}
			last = int16(number)
		}
		if fields[last], err = r.value(head&15, depth, false); err != nil {
			return nil, err
		}
	}
}

// value reads one value. In lists a bool is a byte, in fields it is in the type.
func (r *reader) value(kind byte, depth int, inList bool) (v value, err error) {
	switch kind {
	case typeTrue, typeFalse:
		if inList {
			_, err = r.byte()
		} else if kind == typeTrue {
			v.number = 1
		}
	case typeByte:
		_, err = r.byte()
	case typeI16, typeI32, typeI64:
		v.number, err = r.varint()
	case typeDouble:
		_, err = r.take(8)
	case typeBinary:
		var n int
		if n, err = r.length(); err == nil {
			v.bytes, err = r.take(n)
		}
	case typeList, typeSet:
		v.list, err = r.list(depth)
	case typeMap:
		err = r.skipMap(depth)
	case typeStruct:
		v.fields, err = r.structure(depth + 1)
	default:
		err = ErrMalformed
	}
	return v, err
}

func (r *reader) list(depth int) ([]value, error) {
	head, err := r.byte()
	if err != nil || depth > maxNesting {
		return nil, ErrMalformed
	}
	n := int(head >> 4)
	if n == 15 {
		if n, err = r.length(); err != nil {
			return nil, err
		}
	}
	list := make([]value, 0, min(n, 64))
	for range n {
		v, err := r.value(head&15, depth+1, true)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (r *reader) skipMap(depth int) error {
	n, err := r.length()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := r.byte()
	if err != nil || depth > maxNesting {
		return ErrMalformed
	}
	for range n {
		for _, kind := range []byte{kinds >> 4, kinds & 15} {
			if _, err = r.value(kind, depth+1, true); err != nil {
				return err
			}
		}
	}
	return nil
}
