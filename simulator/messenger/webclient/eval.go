// Package webclient is a small Messenger web client for the tests of the simulated servers, written from messenger.md
// alone and sharing nothing with them but the frame codec, which frozen vectors check. It does one thing at a time, takes
// no care of what goes wrong beyond reporting it, and is no example of a good client.
//
// A Client belongs to one goroutine; a Gateway has one more that reads.
package webclient

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Row is one stored procedure call with evaluated arguments: nil, bool, string, int64 or float64.
type Row struct {
	Name string
	Args []any
}

// Int, Text and Bool are an argument of the row; the zero value if it is missing or of another type.
func (r Row) Int(at int) int64 { return arg[int64](r, at) }

// Text is an argument as text.
func (r Row) Text(at int) string { return arg[string](r, at) }

// Bool is an argument as a bool.
func (r Row) Bool(at int) bool { return arg[bool](r, at) }

func arg[T any](r Row, at int) T {
	var zero T
	if at >= len(r.Args) {
		return zero
	}
	v, _ := r.Args[at].(T)
	return v
}

// evaluator is the state of one payload (section 3.1).
type evaluator struct {
	registers map[string]any
	rows      []Row
	depth     int
}

// Evaluate reads a payload. An empty one has no rows.
func Evaluate(payload string) ([]Row, error) {
	if payload == "" {
		return nil, nil
	}
	var p struct {
		Step json.RawMessage `json:"step"`
	}
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		return nil, fmt.Errorf("parse payload: %w", err)
	}
	e := evaluator{registers: map[string]any{}}
	_, err := e.eval(p.Step)
	return e.rows, err
}

func (e *evaluator) eval(raw json.RawMessage) (any, error) {
	if len(raw) == 0 || raw[0] != '[' {
		var literal any
		err := json.Unmarshal(raw, &literal)
		return literal, err
	}
	if e.depth++; e.depth > 100 {
		return nil, fmt.Errorf("payload is too deep")
	}
	defer func() { e.depth-- }()
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("empty expression")
	}
	op, err := strconv.Atoi(string(parts[0]))
	if err != nil {
		return nil, fmt.Errorf("operation %s: %w", parts[0], err)
	}
	return e.run(op, parts[1:])
}

func (e *evaluator) run(op int, parts []json.RawMessage) (any, error) {
	if op == 23 {
		return e.branch(parts)
	}
	values := make([]any, len(parts))
	for i, part := range parts {
		var err error
		if values[i], err = e.eval(part); err != nil {
			return nil, err
		}
	}
	want := map[int]int{2: 1, 3: 2, 5: 1, 19: 1, 26: 1, 30: 2, 69: 2}[op]
	if len(values) < want {
		return nil, fmt.Errorf("operation %d with %d operands", op, len(values))
	}
	switch op {
	case 2:
		return e.registers[fmt.Sprint(values[0])], nil
	case 3:
		e.registers[fmt.Sprint(values[0])] = values[1]
	case 5:
		name, ok := values[0].(string)
		if !ok {
			return nil, fmt.Errorf("procedure %v", values[0])
		}
		e.rows = append(e.rows, Row{name, values[1:]})
	case 19:
		return strconv.ParseInt(fmt.Sprint(values[0]), 10, 64)
	case 26:
		b, _ := values[0].(bool)
		return !b, nil
	case 30:
		return values[0] == values[1], nil
	case 69:
		a, _ := values[0].(int64)
		b, _ := values[1].(int64)
		return a + b, nil
	case 1, 9, 49:
	default:
		return nil, fmt.Errorf("unknown operation %d", op)
	}
	return nil, nil
}

// branch evaluates one side only.
func (e *evaluator) branch(parts []json.RawMessage) (any, error) {
	if len(parts) < 2 {
		return nil, fmt.Errorf("branch with %d operands", len(parts))
	}
	condition, err := e.eval(parts[0])
	if err != nil {
		return nil, err
	}
	n, _ := condition.(int64)
	yes, _ := condition.(bool)
	switch {
	case n > 0 || yes:
		return e.eval(parts[1])
	case len(parts) > 2:
		return e.eval(parts[2])
	}
	return nil, nil
}

// Find lists the rows of a procedure.
func Find(rows []Row, name string) []Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Name != name })
}
