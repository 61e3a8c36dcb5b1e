package lightspeed

import (
	"encoding/json"
	"math"
	"strconv"
)

// Kind is the type of a Value.
type Kind byte

// Kinds of values. The zero Value is Undefined, which null is too.
const (
	Undefined Kind = iota
	Bool
	Int
	Float
	String
	Bytes
	Array
	Map
)

// Value is what an expression yields. It is immutable.
type Value struct {
	Kind   Kind
	truth  bool
	number int64
	float  float64
	text   string // String, Bytes
	list   []Value
	fields map[string]Value
}

func boolean(b bool) Value     { return Value{Kind: Bool, truth: b} }
func integer(i int64) Value    { return Value{Kind: Int, number: i} }
func floating(f float64) Value { return Value{Kind: Float, float: f} }
func text(s string) Value      { return Value{Kind: String, text: s} }

// literal makes a value of a JSON scalar.
func literal(v any) (Value, bool) {
	switch v := v.(type) {
	case nil:
		return Value{}, true
	case bool:
		return boolean(v), true
	case string:
		return text(v), true
	case json.Number:
		// A bare number is a float on the wire; one that is whole keeps its digits, beyond 2^53 too.
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return integer(i), true
		}
		f, err := strconv.ParseFloat(v.String(), 64)
		return floating(f), err == nil
	}
	return Value{}, false
}

// The as… methods convert where it does no harm, and say whether they could.

func (v Value) asString() (string, bool) {
	switch v.Kind {
	case String:
		return v.text, true
	case Int:
		return strconv.FormatInt(v.number, 10), true
	}
	return "", false
}

func (v Value) asInt() (int64, bool) {
	switch v.Kind {
	case Int:
		return v.number, true
	case Float:
		if v.float == math.Trunc(v.float) && math.Abs(v.float) <= 1<<53 {
			return int64(v.float), true
		}
	case String:
		i, err := strconv.ParseInt(v.text, 10, 64)
		return i, err == nil
	}
	return 0, false
}

func (v Value) asBool() (bool, bool) {
	switch {
	case v.Kind == Bool:
		return v.truth, true
	case v.Kind == Int && (v.number == 0 || v.number == 1):
		return v.number == 1, true
	}
	return false, false
}

func (v Value) asFloat() (float64, bool) {
	switch v.Kind {
	case Float:
		return v.float, true
	case Int:
		return float64(v.number), true
	}
	return 0, false
}

// holds says whether a condition is met.
func (v Value) holds() bool {
	return v.Kind == Bool && v.truth || v.Kind == Int && v.number > 0
}

// equal compares scalars; lists and maps equal nothing.
func (v Value) equal(w Value) bool {
	if v.Kind != w.Kind {
		return false
	}
	switch v.Kind {
	case Undefined:
		return true
	case Bool:
		return v.truth == w.truth
	case Int:
		return v.number == w.number
	case Float:
		return v.float == w.float
	case String, Bytes:
		return v.text == w.text
	}
	return false
}
