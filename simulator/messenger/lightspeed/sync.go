package lightspeed

// Databases that clients sync (section 3.5).
const (
	Mailbox  = 1
	Contacts = 2
	Requests = 95 // message requests and threads that live on the encrypted plane
	Metadata = 104
)

// epoch is the epoch that answers name; clients don't look at it.
const epoch = 7001

// Channel is the sync channel of a database.
func Channel(database int64) int64 {
	switch database {
	case Mailbox:
		return 1
	case Contacts, Requests:
		return 2
	default:
		return 0
	}
}

// Block is what begins the rows of one sync transaction.
type Block struct {
	Database       int64
	Current, Next  string
	Status         int64
	SendSyncParams bool
	SequenceID     int64 // only the newer layout has it
}

// First begins a transaction.
func (b Block) First() Call {
	return Call{"executeFirstBlockForSyncTransaction", []any{
		b.Database, int64(epoch), b.Current, b.Next, b.Status, b.SendSyncParams, int64(0), false, Channel(b.Database),
	}}
}

// FirstV4 begins a transaction in the layout that servers use since September 2026.
func (b Block) FirstV4() Call {
	return Call{"executeFirstBlockForSyncTransactionV4", []any{
		b.Database, int64(epoch), b.Current, b.Next, b.SequenceID, b.Status, b.SendSyncParams, int64(0), false,
		Channel(b.Database),
	}}
}

// Finally ends a transaction.
func (b Block) Finally() Call {
	return Call{"executeFinallyBlockForSyncTransaction", []any{true, b.Database, int64(epoch)}}
}

// HandleSyncFailure says that a database can't be synced.
func HandleSyncFailure(database int64, message string) Call {
	return Call{"handleSyncFailure", []any{database, message}}
}

// ThreadsRange says how far the list of threads of a sync group was told: down to the thread minKey of time minActivity.
func ThreadsRange(group, parent, minActivity int64, more bool, minKey int64) Call {
	return Call{"upsertSyncGroupThreadsRange", []any{group, parent, minActivity, more, false, minKey}}
}

// ThreadsRangesQuery names a parent under which there are threads.
func ThreadsRangesQuery(parent int64) Call {
	return call("threadsRangesQuery", 9, columns{
		0: parent, 1: false, 2: false, 3: int64(0), 6: int64(9999999999999), 7: int64(0), 8: false,
	})
}

// RemoveTask says that a task is done.
func RemoveTask(id int64) Call { return Call{"removeTask", []any{id}} }

// HandleFailedTask says that a task was refused as a whole.
func HandleFailedTask(id int64, otid, message string) Call {
	return Call{"handleFailedTask", []any{id, otid, message}}
}

// IssueNewError is the failure of a task that has no otid.
func IssueNewError(task, code int64, title, message string) Call {
	return Call{"issueNewError", []any{task, code, title, message}}
}

// IssueNewTask asks the client to run another task.
func IssueNewTask(queue string, label int64, payload string) Call {
	return call("issueNewTask", 10, columns{
		0: queue, 1: label, 2: payload, 4: int64(0), 5: int64(0), 6: int64(0), 7: int64(1), 9: int64(0),
	})
}
