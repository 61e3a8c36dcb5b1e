package lightspeed

// Sent is replaceOptimsiticMessage (the wire's spelling): the message with our id got the server's.
type Sent struct {
	OTID      string
	MessageID string
}

func (s *Sent) columns() []column { return []column{{0, &s.OTID}, {1, &s.MessageID}} }

// SendFail is markOptimisticMessageFailed or updateSubscriptErrorMessage: a message was refused.
type SendFail struct {
	OTID    string
	Message string
}

func (f *SendFail) markColumns() []column { return []column{{0, &f.OTID}, {1, &f.Message}} }
func (f *SendFail) noteColumns() []column { return []column{{1, &f.OTID}, {2, &f.Message}} }

// TaskFail is handleFailedTask.
type TaskFail struct {
	TaskID  int64
	OTID    string
	Message string
}

func (f *TaskFail) columns() []column { return []column{{0, &f.TaskID}, {1, &f.OTID}, {2, &f.Message}} }

// TaskError is issueNewError.
type TaskError struct {
	TaskID  int64
	Code    int64
	Title   string
	Message string
}

func (e *TaskError) columns() []column {
	return []column{{0, &e.TaskID}, {1, &e.Code}, {2, &e.Title}, {3, &e.Message}}
}

// IssuedTask is issueNewTask: the server wants the client to run this task.
type IssuedTask struct {
	Queue   string
	Label   int64
	Payload string // JSON, to be sent as it is
}

func (t *IssuedTask) columns() []column {
	return []column{{0, &t.Queue}, {1, &t.Label}, {2, &t.Payload}}
}
