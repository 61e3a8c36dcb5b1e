package lightspeed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits of one program. Programs have no loops, so its length bounds the work.
const (
	maxDepth = 200
	maxCalls = 1_000_000
)

// Errors of Run.
var (
	ErrNotAProgram = errors.New("payload is not a program")
	ErrTooDeep     = errors.New("program is nested too deep")
	ErrTooLong     = errors.New("program makes too many calls")
)

// Call is a call of a stored procedure with its evaluated arguments.
type Call struct {
	Name string
	Args []Value
}

// Program is what running a payload yields.
type Program struct {
	Calls []Call // in order
	// Operations counts operations that this package does not know, by opcode; they yielded nothing.
	Operations map[int]int
	// Malformed counts expressions that had the wrong shape; they yielded nothing either.
	Malformed int
}

// Run interprets a payload: JSON with a "step". A malformed or unknown expression yields nothing and is counted, so
// that the rest still counts; only what is no program fails, with one of the errors above.
func Run(payload []byte) (*Program, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var document struct {
		Step any `json:"step"`
	}
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotAProgram, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows it", ErrNotAProgram)
	}
	if _, ok := document.Step.([]any); !ok && document.Step != nil {
		return nil, fmt.Errorf("%w: its step is no list", ErrNotAProgram)
	}
	m := &machine{operations: operations, registers: make(map[string]Value), program: &Program{Operations: make(map[int]int)}}
	if document.Step != nil {
		m.eval(document.Step, 0)
	}
	if m.err != nil {
		return nil, m.err
	}
	return m.program, nil
}

type machine struct {
	operations map[int]operation
	registers  map[string]Value
	program    *Program
	err        error // once set, nothing more is evaluated
}

// eval evaluates an expression: a JSON scalar, or a list of an opcode and its operands.
func (m *machine) eval(expr any, depth int) Value {
	if m.err != nil {
		return Value{}
	}
	if depth > maxDepth {
		m.err = ErrTooDeep
		return Value{}
	}
	list, ok := expr.([]any)
	if !ok {
		value, ok := literal(expr)
		if !ok {
			m.program.Malformed++
		}
		return value
	}
	code, ok := opcode(list)
	if !ok {
		m.program.Malformed++
		return Value{}
	}
	op, ok := m.operations[code]
	if !ok {
		m.program.Operations[code]++
		return Value{}
	}
	operands := list[1:]
	if len(operands) < op.operands {
		m.program.Malformed++
		return Value{}
	}
	return op.run(m, operands, depth+1)
}

func opcode(list []any) (int, bool) {
	if len(list) == 0 {
		return 0, false
	}
	number, ok := list[0].(json.Number)
	if !ok {
		return 0, false
	}
	code, err := number.Int64()
	return int(code), err == nil && code >= 0 && code < 1<<16
}

// malformed counts an expression that yields nothing.
func (m *machine) malformed() Value {
	m.program.Malformed++
	return Value{}
}
