// Package thrift reads and writes the Thrift compact encoding and the few payloads that Instagram's typing sockets carry
// in it (instagram.md section 14). It owns bytes, not connections, and its functions may be called from any goroutine.
package thrift

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Type is a compact-protocol type as field headers have it.
type Type byte

// The types of the payloads in use. Doubles, sets and maps occur in none of them and are refused.
const (
	True   Type = 1
	False  Type = 2
	I8     Type = 3
	I16    Type = 4
	I32    Type = 5
	I64    Type = 6
	Binary Type = 8
	List   Type = 9
	Struct Type = 12
)

// maxDepth bounds the nesting that Decode follows.
const maxDepth = 16

// ErrMalformed is wrapped by every error of this package.
var ErrMalformed = errors.New("malformed thrift")

// Value is one value. Which field counts depends on Type.
type Value struct {
	Type   Type
	Int    int64   // I8, I16, I32, I64
	Bytes  []byte  // Binary
	Elem   Type    // List: the type of its elements, True for booleans
	List   []Value // List
	Fields []Field // Struct
}

// Field is one field of a struct.
type Field struct {
	ID int16
	Value
}

// Get finds a field; the zero Value is given for one that is missing.
func (v Value) Get(id int16) Value {
	for _, f := range v.Fields {
		if f.ID == id {
			return f.Value
		}
	}
	return Value{}
}

// Obj, Num32, Num64, Text and Many make values.
func Obj(fields ...Field) Value { return Value{Type: Struct, Fields: fields} }

// Num32 is an i32 or an enumeration.
func Num32(n int64) Value { return Value{Type: I32, Int: n} }

// Num64 is an i64.
func Num64(n int64) Value { return Value{Type: I64, Int: n} }

// Text is a string or binary.
func Text(s string) Value { return Value{Type: Binary, Bytes: []byte(s)} }

// Many is a list.
func Many(elem Type, values ...Value) Value { return Value{Type: List, Elem: elem, List: values} }

// Encode writes a struct. Fields come in the order they have.
func Encode(v Value) []byte { return appendValue(nil, v) }

func appendValue(b []byte, v Value) []byte {
	switch v.Type {
	case I8:
		return append(b, byte(v.Int))
	case I16, I32, I64:
		return binary.AppendVarint(b, v.Int)
	case Binary:
		return append(binary.AppendUvarint(b, uint64(len(v.Bytes))), v.Bytes...)
	case List:
		if len(v.List) < 15 {
			b = append(b, byte(len(v.List))<<4|byte(v.Elem))
		} else {
			b = binary.AppendUvarint(append(b, 0xf0|byte(v.Elem)), uint64(len(v.List)))
		}
		for _, element := range v.List {
			if element.Type == True || element.Type == False {
				b = append(b, byte(element.Type))
				continue
			}
			b = appendValue(b, element)
		}
		return b
	case Struct:
		var last int16
		for _, f := range v.Fields {
			if delta := int32(f.ID) - int32(last); delta > 0 && delta < 16 {
				b = append(b, byte(delta)<<4|byte(f.Type))
			} else {
				b = binary.AppendVarint(append(b, byte(f.Type)), int64(f.ID))
			}
			b, last = appendValue(b, f.Value), f.ID
		}
		return append(b, 0)
	default: // booleans in fields are wholly in the header
		return b
	}
}

// Decode reads a struct that takes up all of b.
func Decode(b []byte) (Value, error) {
	d := decoder{rest: b}
	v, err := d.value(Struct, maxDepth)
	if err != nil {
		return Value{}, err
	}
	if len(d.rest) > 0 {
		return Value{}, fmt.Errorf("%w: %d bytes follow the struct", ErrMalformed, len(d.rest))
	}
	return v, nil
}

type decoder struct{ rest []byte }

func (d *decoder) byte() (byte, error) {
	if len(d.rest) == 0 {
		return 0, fmt.Errorf("%w: ends early", ErrMalformed)
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b, nil
}

func (d *decoder) uvarint() (uint64, error) {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		return 0, fmt.Errorf("%w: broken number", ErrMalformed)
	}
	d.rest = d.rest[size:]
	return n, nil
}

func (d *decoder) varint(bits int) (int64, error) {
	n, size := binary.Varint(d.rest)
	if size <= 0 || n>>(bits-1) != n>>63 {
		return 0, fmt.Errorf("%w: broken number of %d bits", ErrMalformed, bits)
	}
	d.rest = d.rest[size:]
	return n, nil
}

func (d *decoder) value(t Type, depth int) (Value, error) {
	v := Value{Type: t}
	var err error
	if depth == 0 {
		return v, fmt.Errorf("%w: nested too deep", ErrMalformed)
	}
	switch t {
	case True, False:
	case I8:
		var b byte
		b, err = d.byte()
		v.Int = int64(int8(b))
	case I16:
		v.Int, err = d.varint(16)
	case I32:
		v.Int, err = d.varint(32)
	case I64:
		v.Int, err = d.varint(64)
	case Binary:
		v.Bytes, err = d.bytes()
	case List:
		err = d.list(&v, depth)
	case Struct:
		err = d.fields(&v, depth)
	default:
		err = fmt.Errorf("%w: type %d", ErrMalformed, t)
	}
	return v, err
}

func (d *decoder) bytes() ([]byte, error) {
	n, err := d.uvarint()
	if err != nil {
		return nil, err
	}
	if n > uint64(len(d.rest)) {
		return nil, fmt.Errorf("%w: %d bytes announced, %d there", ErrMalformed, n, len(d.rest))
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b, nil
}

func (d *decoder) list(v *Value, depth int) error {
	header, err := d.byte()
	if err != nil {
		return err
	}
	v.Elem = Type(header & 15)
	size := uint64(header >> 4)
	if size == 15 {
		if size, err = d.uvarint(); err != nil {
			return err
		}
	}
	// Every element takes up at least one byte, so that a list can't be longer than what is left.
	if size > uint64(len(d.rest)) {
		return fmt.Errorf("%w: list of %d in %d bytes", ErrMalformed, size, len(d.rest))
	}
	for range size {
		var element Value
		if v.Elem == True || v.Elem == False {
			var b byte
			if b, err = d.byte(); err == nil && b != byte(True) && b != byte(False) {
				err = fmt.Errorf("%w: boolean %d", ErrMalformed, b)
			}
			element.Type = Type(b)
		} else {
			element, err = d.value(v.Elem, depth-1)
		}
		if err != nil {
			return err
		}
		v.List = append(v.List, element)
	}
	return nil
}

func (d *decoder) fields(v *Value, depth int) error {
	var last int16
	for {
		header, err := d.byte()
		if err != nil {
			return err
		}
		if header == 0 {
			return nil
		}
		id := int64(last) + int64(header>>4)
		if header>>4 == 0 {
			if id, err = d.varint(16); err != nil {
				return err
			}
		}
		if id != int64(int16(id)) {
			return fmt.Errorf("%w: field id %d", ErrMalformed, id)
		}
		value, err := d.value(Type(header&15), depth-1)
		if err != nil {
			return fmt.Errorf("field %d: %w", id, err)
		}
		v.Fields = append(v.Fields, Field{int16(id), value})
		last = int16(id)
	}
}
