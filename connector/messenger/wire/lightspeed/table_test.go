package lightspeed

import (
	"reflect"
	"testing"
)

// TestColumnTables calls every procedure with arguments of each type. It finds fields of a type that columns can't fill,
// and indices used twice.
func TestColumnTables(t *testing.T) {
	for name, p := range procedures {
		d := &decoder{new(Table), &Report{Columns: map[string]int{}, Dropped: map[string]int{}}}
		for _, value := range []Value{integer(7), text("x"), boolean(true), floating(1.5), {Kind: Array}} {
			args := make([]Value, 140)
			for i := range args {
				args[i] = value
			}
			p(d, Call{name, args})
		}
		if len(d.report.Columns) == 0 {
			t.Errorf("%s takes anything, want it to have columns", name)
		}
		if ignored[name] {
			t.Errorf("%s is both ignored and not", name)
		}
	}
	for _, columns := range [][]column{messageColumns(noShift)(new(Message)), messageColumns(withoutTwo)(new(Message)),
		new(Thread).insertColumns(), new(Thread).updateColumns(), new(Blob).blobColumns(), new(Blob).attachmentColumns(),
		new(XMA).columns(), new(Sticker).columns(), new(CTA).columns(), new(Contact).insertColumns(),
		new(Contact).verifyColumns()} {
		seen := map[int]bool{}
		for _, c := range columns {
			if seen[c.at] {
				t.Errorf("column %d of %T is there twice", c.at, columns[0].to)
			}
			seen[c.at] = true
		}
	}
}

func TestDecodeTolerates(t *testing.T) {
	tests := []struct {
		name, program string
		table         *Table
		report        Report
	}{
		{"unknown procedure", `[5,"somethingNew",1]`, &Table{}, Report{Procedures: map[string]int{"somethingNew": 1}}},
		{"ignored procedure", `[5,"upsertSequenceId",[19,"1"]],[5,"handleRepliesOnUnsend"]`, &Table{}, Report{}},
		{"extra arguments", `[5,"deleteMessage",[19,"1"],"m",[19,"3"],"more"]`,
			&Table{MessageDeletes: []MessageDelete{{1, "m"}}}, Report{}},
		{"missing arguments", `[5,"updateTypingIndicator",[19,"1"],[19,"2"]]`,
			&Table{Typing: []Typing{{ThreadKey: 1, Sender: 2}}}, Report{}},
		{"missing key", `[5,"insertMessage","text"]`, &Table{}, Report{Dropped: map[string]int{"insertMessage": 1}}},
		{"key of zero", `[5,"deleteMessage",[19,"0"],"m"]`, &Table{}, Report{Dropped: map[string]int{"deleteMessage": 1}}},
		{"bare number", `[5,"updateTypingIndicator",1,2,[19,"1"]]`, &Table{Typing: []Typing{{1, 2, true}}}, Report{}},
		{"number as text", `[5,"replaceOptimsiticMessage",[19,"7"],"m"]`, &Table{Sent: []Sent{{"7", "m"}}}, Report{}},
		{"wrong type", `[5,"editMessage","m",[9],[50],[19,"1"]]`, &Table{Edits: []Edit{{MessageID: "m", Count: 1}}},
			Report{Columns: map[string]int{"editMessage/2": 1}}},
		{"wrong type of a key", `[5,"editMessage",true]`, &Table{},
			Report{Columns: map[string]int{"editMessage/0": 1}, Dropped: map[string]int{"editMessage": 1}}},
		{"wide key", `[5,"deleteThread",[19,"9223372036854775807"]]`,
			&Table{ThreadDeletes: []ThreadDelete{{9223372036854775807}}}, Report{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table, report, err := Decode([]byte(`{"step":[1,` + test.program + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			assertTable(t, table, test.table)
			for _, m := range []*map[string]int{&test.report.Procedures, &test.report.Columns, &test.report.Dropped} {
				if *m == nil {
					*m = map[string]int{}
				}
			}
			test.report.Operations = map[int]int{}
			if !reflect.DeepEqual(*report, test.report) {
				t.Errorf("report %+v, want %+v", *report, test.report)
			}
		})
	}
}

func TestAttachmentsJoin(t *testing.T) {
	table := &Table{
		Blobs: []Blob{{MessageID: "m", FBID: "1"}, {MessageID: "m", FBID: "1"}, {MessageID: "m", FBID: "2"},
			{MessageID: "n", FBID: "1"}, {MessageID: "m"}, {MessageID: "m"}},
		XMAs: []XMA{{MessageID: "x", FBID: "9"}},
		CTAs: []CTA{{Attachment: "9"}, {Attachment: "nowhere"}},
	}
	all := table.Attachments()
	for id, want := range map[string]int{"m": 4, "n": 1} {
		if got := len(all[id].Blobs); got != want {
			t.Errorf("message %q has %d blobs, want %d", id, got, want)
		}
	}
	if got := len(all["x"].CTAs); got != 1 {
		t.Errorf("the share has %d actions, want 1", got)
	}
	if len(all) != 3 || all["x"].Empty() {
		t.Errorf("attachments of %d messages, want 3", len(all))
	}
}

func TestGone(t *testing.T) {
	deletes := []ThreadDelete{{1}, {2}, {3}, {4}, {5}, {5}}
	table := &Table{ThreadDeletes: deletes, KnownThreads: []KnownThread{{Key: 1}}, Threads: []Thread{{Key: 2}},
		MessageRanges: []MessageRange{{ThreadKey: 3}}, HybridThreads: []HybridThread{{ThreadKey: 4, JID: 9}}}
	if got := table.Gone(); !reflect.DeepEqual(got, []int64{5}) {
		t.Errorf("gone are %v, want 5", got)
	}
}
