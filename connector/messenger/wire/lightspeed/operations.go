package lightspeed

import (
	"encoding/base64"
	"encoding/json"
	"time"
)

// operation is one opcode: how many operands it needs, and what it does with them, not yet evaluated.
type operation struct {
	operands int
	run      func(m *machine, operands []any, depth int) Value
}

// operations are the opcodes whose meaning is known. The rest yields nothing and is counted.
var operations = map[int]operation{
	1:   {0, block},
	2:   {1, load},
	3:   {2, store},
	4:   {2, storeArray},
	5:   {1, call},
	7:   {0, skip},
	9:   {0, skip},
	16:  {1, toBlob},
	17:  {1, toInt}, // I64_OF_FLOAT
	18:  {1, toFloat},
	19:  {1, toInt}, // I64_FROM_STRING
	20:  {1, toText},
	23:  {2, branch},
	24:  {2, or},
	25:  {2, and},
	26:  {1, not},
	27:  {1, isNull},
	28:  {1, identity}, // ENFORCE_NOT_NULL
	29:  {2, equal},
	30:  {2, equal},
	31:  {2, equal},
	32:  {2, notEqual},
	33:  {2, notEqual},
	34:  {2, notEqual},
	36:  {2, compare(func(a, b int64) bool { return a > b })},
	39:  {2, compare(func(a, b int64) bool { return a >= b })},
	42:  {2, compare(func(a, b int64) bool { return a < b })},
	45:  {2, compare(func(a, b int64) bool { return a <= b })},
	48:  {0, skip}, // LOG_CONSOLE
	49:  {0, skip}, // LOGGER_LOG
	50:  {0, arrayCreate},
	51:  {2, arrayAppend},
	52:  {1, arraySize},
	53:  {0, mapCreate},
	54:  {2, mapGet},
	55:  {3, mapSet},
	60:  {0, currentTime},
	69:  {2, arithmetic(func(a, b int64) int64 { return a + b })},
	70:  {1, toInt},
	85:  {2, arithmetic(func(a, b int64) int64 { return a - b })},
	97:  {3, branch},
	99:  {2, coalesce},
	103: {0, skip}, // COMMENT
}

func skip(*machine, []any, int) Value { return Value{} }

func identity(m *machine, operands []any, depth int) Value { return m.eval(operands[0], depth) }

func block(m *machine, operands []any, depth int) Value {
	var last Value
	for _, operand := range operands {
		last = m.eval(operand, depth)
	}
	return last
}

// register names a register. Its key is a literal number, or text.
func register(key any) (string, bool) {
	value, ok := literal(key)
	if !ok || value.Kind == Undefined {
		return "", false
	}
	return value.asString()
}

func load(m *machine, operands []any, _ int) Value {
	key, ok := register(operands[0])
	if !ok {
		return m.malformed()
	}
	return m.registers[key]
}

func store(m *machine, operands []any, depth int) Value {
	key, ok := register(operands[0])
	if !ok {
		return m.malformed()
	}
	value := m.eval(operands[1], depth)
	m.registers[key] = value
	return value
}

// storeArray keeps the number and evaluates what follows; what it really does is not known.
func storeArray(m *machine, operands []any, depth int) Value {
	value, scalar := literal(operands[1])
	if !scalar {
		return m.malformed()
	}
	if key, ok := register(operands[0]); ok {
		m.registers[key] = value
	}
	return block(m, operands[2:], depth)
}

func call(m *machine, operands []any, depth int) Value {
	name, ok := operands[0].(string)
	if !ok || name == "" {
		return m.malformed()
	}
	args := make([]Value, len(operands)-1)
	for i, operand := range operands[1:] {
		args[i] = m.eval(operand, depth)
	}
	if len(m.program.Calls) >= maxCalls {
		m.err = ErrTooLong
	}
	if m.err == nil {
		m.program.Calls = append(m.program.Calls, Call{name, args})
	}
	return Value{}
}

func toBlob(m *machine, operands []any, depth int) Value {
	value := m.eval(operands[0], depth)
	raw, err := base64.StdEncoding.DecodeString(value.text)
	if value.Kind != String || err != nil {
		return m.malformed()
	}
	return Value{Kind: Bytes, text: string(raw)}
}

func toInt(m *machine, operands []any, depth int) Value {
	value := m.eval(operands[0], depth)
	if value.Kind == Undefined {
		return value
	}
	number, ok := value.asInt()
	if !ok {
		return m.malformed()
	}
	return integer(number)
}

func toFloat(m *machine, operands []any, depth int) Value {
	number, ok := m.eval(operands[0], depth).asFloat()
	if !ok {
		return m.malformed()
	}
	return floating(number)
}

func toText(m *machine, operands []any, depth int) Value {
	s, ok := m.eval(operands[0], depth).asString()
	if !ok {
		return m.malformed()
	}
	return text(s)
}

func branch(m *machine, operands []any, depth int) Value {
	if m.eval(operands[0], depth).holds() {
		return m.eval(operands[1], depth)
	}
	if len(operands) > 2 {
		return m.eval(operands[2], depth)
	}
	return Value{}
}

func or(m *machine, operands []any, depth int) Value {
	a := m.eval(operands[0], depth)
	return boolean(a.holds() || m.eval(operands[1], depth).holds())
}

func and(m *machine, operands []any, depth int) Value {
	a := m.eval(operands[0], depth)
	return boolean(a.holds() && m.eval(operands[1], depth).holds())
}

func not(m *machine, operands []any, depth int) Value {
	return boolean(!m.eval(operands[0], depth).holds())
}

func isNull(m *machine, operands []any, depth int) Value {
	return boolean(m.eval(operands[0], depth).Kind == Undefined)
}

func equal(m *machine, operands []any, depth int) Value {
	return boolean(m.eval(operands[0], depth).equal(m.eval(operands[1], depth)))
}

func notEqual(m *machine, operands []any, depth int) Value {
	return boolean(!m.eval(operands[0], depth).equal(m.eval(operands[1], depth)))
}

func compare(holds func(a, b int64) bool) func(*machine, []any, int) Value {
	return func(m *machine, operands []any, depth int) Value {
		a, b := m.eval(operands[0], depth), m.eval(operands[1], depth)
		return boolean(a.Kind == Int && b.Kind == Int && holds(a.number, b.number))
	}
}

func arithmetic(f func(a, b int64) int64) func(*machine, []any, int) Value {
	return func(m *machine, operands []any, depth int) Value {
		a, b := m.eval(operands[0], depth), m.eval(operands[1], depth)
		if a.Kind != Int || b.Kind != Int {
			return m.malformed()
		}
		return integer(f(a.number, b.number))
	}
}

func arrayCreate(*machine, []any, int) Value { return Value{Kind: Array} }

// arrayAppend makes a longer copy, so that no list can contain itself.
func arrayAppend(m *machine, operands []any, depth int) Value {
	list, item := m.eval(operands[0], depth), m.eval(operands[1], depth)
	if list.Kind != Array || len(list.list) >= maxContainer {
		return m.malformed()
	}
	longer := append(list.list[:len(list.list):len(list.list)], item)
	return m.putBack(operands[0], Value{Kind: Array, list: longer})
}

// maxContainer bounds a list or map, which are copied on each change.
const maxContainer = 1024

// putBack gives the register an operand was loaded from its new value: the network's lists and maps change in place.
func (m *machine) putBack(operand any, value Value) Value {
	expr, ok := operand.([]any)
	if !ok || len(expr) != 2 || expr[0] != json.Number("2") {
		return value
	}
	if key, ok := register(expr[1]); ok {
		m.registers[key] = value
	}
	return value
}

func arraySize(m *machine, operands []any, depth int) Value {
	list := m.eval(operands[0], depth)
	if list.Kind != Array {
		return m.malformed()
	}
	return integer(int64(len(list.list)))
}

func mapCreate(*machine, []any, int) Value { return Value{Kind: Map} }

func mapGet(m *machine, operands []any, depth int) Value {
	fields := m.eval(operands[0], depth)
	key, ok := m.eval(operands[1], depth).asString()
	if fields.Kind != Map || !ok {
		return m.malformed()
	}
	return fields.fields[key]
}

func mapSet(m *machine, operands []any, depth int) Value {
	old := m.eval(operands[0], depth)
	key, ok := m.eval(operands[1], depth).asString()
	if old.Kind != Map || !ok || len(old.fields) >= maxContainer {
		return m.malformed()
	}
	fields := make(map[string]Value, len(old.fields)+1)
	for k, v := range old.fields {
		fields[k] = v
	}
	fields[key] = m.eval(operands[2], depth)
	return m.putBack(operands[0], Value{Kind: Map, fields: fields})
}

func currentTime(*machine, []any, int) Value { return integer(time.Now().UnixMilli()) }

func coalesce(m *machine, operands []any, depth int) Value {
	if value := m.eval(operands[0], depth); value.Kind != Undefined {
		return value
	}
	return m.eval(operands[1], depth)
}
