package lightspeed

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// runOne runs a program of one call "x" and answers its only argument.
func runOne(t *testing.T, expr string) (Value, *Program) {
	t.Helper()
	program, err := Run([]byte(`{"step":[1,[5,"x",` + expr + `]]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(program.Calls) != 1 || len(program.Calls[0].Args) != 1 {
		t.Fatalf("got %+v, want one call with one argument", program.Calls)
	}
	return program.Calls[0].Args[0], program
}

func TestExpressions(t *testing.T) {
	tests := []struct {
		expr string
		want Value
	}{
		{`null`, Value{}},
		{`[9]`, Value{}},
		{`true`, boolean(true)},
		{`"text"`, text("text")},
		{`1.5`, floating(1.5)},
		{`9007199254740993`, integer(9007199254740993)},
		{`[19,"9223372036854775807"]`, integer(9223372036854775807)},
		{`[19,"-1"]`, integer(-1)},
		{`[16,"aGk="]`, Value{Kind: Bytes, text: "hi"}},
		{`[17,2.0]`, integer(2)},
		{`[18,[19,"2"]]`, floating(2)},
		{`[20,[19,"2"]]`, text("2")},
		{`[23,true,"yes","no"]`, text("yes")},
		{`[23,[30,[19,"1"],[19,"1"]],"yes","no"]`, text("yes")},
		{`[23,[19,"-1"],"yes","no"]`, text("no")},
		{`[23,[19,"0"],"yes"]`, Value{}},
		{`[24,false,[19,"1"]]`, boolean(true)},
		{`[25,true,false]`, boolean(false)},
		{`[26,[19,"0"]]`, boolean(true)},
		{`[27,[9]]`, boolean(true)},
		{`[29,"a","a"]`, boolean(true)},
		{`[29,"1",[19,"1"]]`, boolean(false)},
		{`[33,[19,"1"],[19,"2"]]`, boolean(true)},
		{`[36,[19,"2"],[19,"1"]]`, boolean(true)},
		{`[39,[19,"2"],[19,"2"]]`, boolean(true)},
		{`[42,[19,"2"],[19,"2"]]`, boolean(false)},
		{`[45,"a",[19,"2"]]`, boolean(false)},
		{`[69,[19,"9223372036854775807"],[19,"1"]]`, integer(-9223372036854775808)},
		{`[85,[19,"1"],[19,"3"]]`, integer(-2)},
		{`[97,false,"a","b"]`, text("b")},
		{`[99,[9],"b"]`, text("b")},
		{`[1,[3,1,[50]],[51,[2,1],"a"],[51,[2,1],"b"],[52,[2,1]]]`, integer(2)},
		{`[1,[3,1,[53]],[55,[2,1],"k","v"],[54,[2,1],"k"]]`, text("v")},
		{`[1,[3,"name",true],[2,"name"]]`, boolean(true)},
		{`[1,[4,1,7,[3,2,"x"]],[2,1]]`, integer(7)},
		{`[2,99]`, Value{}},
		{`[49,"log"]`, Value{}},
	}
	for _, test := range tests {
		got, program := runOne(t, test.expr)
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s is %+v, want %+v", test.expr, got, test.want)
		}
		if program.Malformed != 0 || len(program.Operations) != 0 {
			t.Errorf("%s: %d malformed, unknown %v, want none", test.expr, program.Malformed, program.Operations)
		}
	}
	if got, _ := runOne(t, `[60]`); got.Kind != Int || got.number < 1_700_000_000_000 {
		t.Errorf("current time is %+v, want milliseconds", got)
	}
}

func TestMalformedExpressions(t *testing.T) {
	for _, expr := range []string{
		`[]`, `{}`, `["5","x"]`, `[1.5]`, `[-1]`, `[99999999]`, `[19]`, `[19,"12x"]`, `[19,"9223372036854775808"]`,
		`[19,true]`, `[16,"%"]`, `[17,1.5]`, `[18,"x"]`, `[20,true]`, `[5]`, `[5,7]`, `[5,""]`, `[2,[9]]`, `[2,{}]`,
		`[3,null,1]`, `[4,1,[9]]`, `[69,"1",[19,"1"]]`, `[51,"a","b"]`, `[52,1]`, `[54,1,1]`, `[55,[53],[9],1]`,
	} {
		got, program := runOne(t, expr)
		if got.Kind != Undefined || program.Malformed == 0 {
			t.Errorf("%s is %+v with %d malformed, want nothing and a count", expr, got, program.Malformed)
		}
	}
	if _, program := runOne(t, `[113,1]`); program.Operations[113] != 1 {
		t.Errorf("unknown operations are %v, want 113 once", program.Operations)
	}
}

func TestRunRefuses(t *testing.T) {
	deep := `{"step":` + strings.Repeat(`[1,`, 1000) + `1` + strings.Repeat(`]`, 1000) + `}`
	tests := []struct {
		name, payload string
		want          error
	}{
		{"nothing", ``, ErrNotAProgram},
		{"HTML", `<!DOCTYPE html><html>`, ErrNotAProgram},
		{"a list", `[1,2]`, ErrNotAProgram},
		{"cut off", `{"step":[1,[5,"x"`, ErrNotAProgram},
		{"step is text", `{"step":"x"}`, ErrNotAProgram},
		{"something behind", `{"step":[1]} {}`, ErrNotAProgram},
		{"nested 1,000 deep", deep, ErrTooDeep},
		{"nested 100,000 deep", `{"step":` + strings.Repeat(`[`, 100_000), ErrNotAProgram},
		{"no step", `{}`, nil},
		{"null step", `{"name":"x","step":null}`, nil},
	}
	for _, test := range tests {
		if _, err := Run([]byte(test.payload)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

// TestListsCannotGrow appends a list to itself over and over.
func TestListsCannotGrow(t *testing.T) {
	program := `{"step":[1,[3,1,[50]]` + strings.Repeat(`,[51,[2,1],[2,1]]`, 5000) + `,[5,"x",[52,[2,1]]]]}`
	got, err := Run([]byte(program))
	if err != nil {
		t.Fatal(err)
	}
	if size := got.Calls[0].Args[0]; size.number != maxContainer || got.Malformed == 0 {
		t.Errorf("list has %+v elements with %d refused, want %d", size, got.Malformed, maxContainer)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"ls-initial-one-thread.json", "ls-push-v4-block.json", "ls-rows-misc.json",
		"ls-opcodes.json"} {
		payload, _ := mustVector(f, name)
		f.Add(payload)
	}
	f.Add([]byte(`{"step":[1,[3,1,[53]],[55,[2,1],"k",[2,1]],[5,"insertMessage",1,true,[9],"x"]]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		table, _, err := Decode(payload)
		if err == nil {
			table.Attachments()
			table.Gone()
		}
	})
}

func BenchmarkDecodeInitial(b *testing.B) {
	payload, _ := mustVector(b, "ls-initial-one-thread.json")
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, _, err := Decode(payload); err != nil {
			b.Fatal(err)
		}
	}
}
