package lightspeed

import (
	"fmt"
	"slices"
)

// Table is one payload's rows, sorted by what they are about, each list in the payload's order. Ids and keys are
// Facebook's numbers, times are Unix milliseconds.
//
// Rows of one table are meant to be applied in this order: Contacts, HybridThreads, Folders, deletions by Gone, unknown
// KnownThreads, Participants with Mutes, ThreadMoves and History (of the same thread), Threads, Messages, Edits, ThreadNames
// and ThreadPictures, Reads, OwnReads, Typing, MessageDeletes and Replaced, Requests, Reactions, Departures. A message
// that is in both History and Messages is one. Reactions to a message of History belong to it.
type Table struct {
	// Sync control
	FirstBlocks   []FirstBlock
	FinallyBlocks []FinallyBlock
	SyncFailures  []SyncFailure
	ThreadRanges  []ThreadRange
	RangeQueries  []RangeQuery

	// Threads
	Threads        []Thread
	KnownThreads   []KnownThread // verifyThreadExists
	Participants   []Participant
	Departures     []Departure
	AdminStatuses  []AdminStatus
	ThreadNames    []ThreadName
	ThreadPictures []ThreadPicture
	Mutes          []Mute
	Folders        []Folder
	ThreadDeletes  []ThreadDelete
	ThreadMoves    []ThreadMove
	Requests       []MessageRequest
	HybridThreads  []HybridThread
	ReadOnly       []ReadOnly

	// Contacts
	Contacts      []Contact
	SearchResults []SearchResult

	// Messages
	Messages       []Message // live
	History        []Message // always with a MessageRange
	Replaced       []Message // deleteThenInsertMessage: Unsent ones were unsent, others mean nothing
	MessageRanges  []MessageRange
	RangeEnds      []RangeEnd
	MessageDeletes []MessageDelete
	Edits          []Edit
	Reactions      []Reaction
	LiveLocations  []LiveLocation

	// Attachments, joined to messages by message id
	Blobs    []Blob
	XMAs     []XMA
	CTAs     []CTA
	Stickers []Sticker

	// Receipts and typing
	Reads      []Read // of others
	OwnReads   []OwnRead
	Deliveries []DeliveryReceipt
	Typing     []Typing

	// Outcome of tasks
	Sent        []Sent
	SendFails   []SendFail
	TaskFails   []TaskFail
	Errors      []TaskError
	IssuedTasks []IssuedTask
}

// Report is what a payload held that was not understood.
type Report struct {
	Operations map[int]int    // unknown operations by opcode
	Procedures map[string]int // unknown procedures by name
	Columns    map[string]int // columns of a wrong type, as "procedure/index"; the rest of the row was kept
	Dropped    map[string]int // rows without what they need, by procedure
	Malformed  int            // expressions of a wrong shape
}

// Empty says whether all was understood.
func (r *Report) Empty() bool {
	return len(r.Operations)+len(r.Procedures)+len(r.Columns)+len(r.Dropped)+r.Malformed == 0
}

// Decode runs a payload and sorts its calls. Errors are those of Run.
func Decode(payload []byte) (*Table, *Report, error) {
	program, err := Run(payload)
	if err != nil {
		return nil, nil, err
	}
	d := decoder{table: new(Table), report: &Report{
		Operations: program.Operations,
		Procedures: make(map[string]int),
		Columns:    make(map[string]int),
		Dropped:    make(map[string]int),
		Malformed:  program.Malformed,
	}}
	for _, call := range program.Calls {
		d.add(call)
	}
	return d.table, d.report, nil
}

type decoder struct {
	table  *Table
	report *Report
}

func (d *decoder) add(call Call) {
	if p, ok := procedures[call.Name]; ok {
		p(d, call)
	} else if !isIgnored(call.Name) {
		d.report.Procedures[call.Name]++
	}
}

// column puts one argument of a call into a field: a *string, *int64, *bool or *float64.
type column struct {
	at int
	to any
}

// procedure sorts a call into the table.
type procedure func(d *decoder, call Call)

// rows makes the procedure that decodes calls into one of the table's lists. Calls that lack a required column, which
// would become rows about nothing, are dropped.
func rows[T any](list func(*Table) *[]T, columns func(*T) []column, required ...int) procedure {
	return func(d *decoder, call Call) {
		var row T
		if !d.fill(call, columns(&row), required) {
			d.report.Dropped[call.Name]++
			return
		}
		into := list(d.table)
		*into = append(*into, row)
	}
}

// fill answers whether all required columns were there. Missing arguments leave their field alone, extra ones are
// ignored.
func (d *decoder) fill(call Call, columns []column, required []int) bool {
	missing := len(required)
	for _, c := range columns {
		if c.at >= len(call.Args) || call.Args[c.at].Kind == Undefined {
			continue
		}
		if !assign(c.to, call.Args[c.at]) {
			d.report.Columns[fmt.Sprintf("%s/%d", call.Name, c.at)]++
			continue
		}
		if slices.Contains(required, c.at) && !isZero(c.to) {
			missing--
		}
	}
	return missing == 0
}

func assign(to any, value Value) (ok bool) {
	switch to := to.(type) {
	case *string:
		set(to, value.asString, &ok)
	case *int64:
		set(to, value.asInt, &ok)
	case *bool:
		set(to, value.asBool, &ok)
	case *float64:
		set(to, value.asFloat, &ok)
	default:
		panic(fmt.Sprintf("column of type %T", to)) // a mistake in our tables, found by their test
	}
	return ok
}

func set[T any](to *T, as func() (T, bool), ok *bool) {
	var v T
	if v, *ok = as(); *ok {
		*to = v
	}
}

func isZero(to any) bool {
	switch to := to.(type) {
	case *string:
		return *to == ""
	case *int64:
		return *to == 0
	}
	return false
}
