package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/graphql"
)

// Types of requests over the gateway.
const (
	requestSyncParams = 1 // database query with parameters
	requestCursor     = 2 // database query with a cursor
	requestTasks      = 3
	requestStateless  = 4
)

type gatewayRequest struct {
	AppID     string `json:"app_id"`
	Payload   string `json:"payload"`
	RequestID uint16 `json:"request_id"`
	Type      int    `json:"type"`
}

// encodeRequest wraps a payload and gives it its number.
func (c *Client) encodeRequest(s *site, kind int, payload any) (raw []byte, requestID uint16, err error) {
	text, err := graphql.Encode(payload)
	if err != nil {
		return nil, 0, err
	}
	requestID = c.nextRequestID()
	request, err := graphql.Encode(gatewayRequest{s.info.AppID, text, requestID, kind})
	return []byte(request), requestID, err
}

// nextRequestID counts up and leaves out 0, which means a push.
func (c *Client) nextRequestID() uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requestID++; c.requestID == 0 {
		c.requestID = 1
	}
	return c.requestID
}

type taskEntry struct {
	FailureCount *int   `json:"failure_count"`
	Label        string `json:"label"`
	Payload      string `json:"payload"`
	Queue        string `json:"queue_name"`
	ID           int64  `json:"task_id"`
}

// encodeTasks makes a batch and answers the ids of its tasks.
func (c *Client) encodeTasks(s *site, tasks []task.Task) ([]byte, []int64, error) {
	entries, ids := make([]taskEntry, len(tasks)), make([]int64, len(tasks))
	c.mu.Lock()
	for i, t := range tasks {
		entries[i] = taskEntry{nil, t.Label, t.Payload, t.Queue, c.taskID}
		ids[i] = c.taskID
		c.taskID++
	}
	c.mu.Unlock()
	raw, _, err := c.encodeRequest(s, requestTasks, struct {
		Epoch   int64       `json:"epoch_id"`
		Tasks   []taskEntry `json:"tasks"`
		Version string      `json:"version_id"`
	}{c.ids.Next(time.Now()), entries, s.info.Version})
	return raw, ids, err
}

// encodeQuery asks for a database: with parameters from its beginning, or with a cursor from there on.
func (c *Client) encodeQuery(s *site, id int64, d Database) ([]byte, uint16, error) {
	var cursor, params *string
	kind := requestCursor
	if d.SendSyncParams {
		text := s.syncParams(d.SyncChannel)
		kind, params = requestSyncParams, &text
	} else if d.Cursor != "" {
		cursor = &d.Cursor
	}
	return c.encodeRequest(s, kind, struct {
		Database     int64       `json:"database"`
		Cursor       *string     `json:"last_applied_cursor"`
		SyncParams   *string     `json:"sync_params"`
		Epoch        int64       `json:"epoch_id"`
		Version      json.Number `json:"version"`
		FailureCount *int        `json:"failure_count"`
	}{id, cursor, params, c.ids.Next(time.Now()), json.Number(s.info.Version), nil})
}

// decodeResponse reads Data of the gateway. A push has number 0.
func (c *Client) decodeResponse(data []byte) (requestID uint16, table *lightspeed.Table, err error) {
	var response struct {
		RequestID graphql.Int `json:"request_id"`
		Payload   *string     `json:"payload"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err = decoder.Decode(&response); err != nil || response.Payload == nil {
		return 0, nil, fmt.Errorf("read gateway data: %w", ErrNotJSON)
	}
	table, unknown, err := lightspeed.Decode([]byte(*response.Payload))
	if err != nil {
		return 0, nil, fmt.Errorf("read gateway data: %w", err)
	}
	c.report("gateway", unknown)
	return uint16(response.RequestID), table, nil
}

// Run has tasks done in one request and answers the server's table. A task that the server says failed is a
// *RejectedError, with the table. Other errors: ErrNotConnected when nothing was sent, *UncertainError when it isn't
// known whether it was done, the context's.
func (c *Client) Run(ctx context.Context, tasks ...task.Task) (*lightspeed.Table, error) {
	n, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	table, ids, err := n.exchange(ctx, tasks)
	if err != nil {
		return nil, uncertain(err)
	}
	return table, rejection(table, ids)
}

// exchange sends a batch and waits for its answer.
func (n *connection) exchange(ctx context.Context, tasks []task.Task) (*lightspeed.Table, []int64, error) {
	raw, ids, err := n.c.encodeTasks(n.site, tasks)
	if err != nil {
		return nil, nil, err
	}
	answer, err := n.conn.Request(ctx, raw)
	if err != nil {
		return nil, nil, err
	}
	_, table, err := n.c.decodeResponse(answer)
	if err != nil {
		return nil, nil, &UncertainError{Err: err}
	}
	n.c.notify(table)
	return table, ids, nil
}

// uncertain marks the errors after which something may have been done.
func uncertain(err error) error {
	if isTransport(err) {
		return &UncertainError{Err: err}
	}
	return err
}

// rejection looks for the failure of one of a batch's tasks.
func rejection(table *lightspeed.Table, ids []int64) error {
	ours := make(map[int64]bool, len(ids))
	for _, id := range ids {
		ours[id] = true
	}
	for _, f := range table.TaskFails {
		if ours[f.TaskID] {
			return &RejectedError{Message: f.Message}
		}
	}
	for _, e := range table.Errors {
		if ours[e.TaskID] {
			return &RejectedError{Code: e.Code, Message: failure.Text(e.Title, e.Message)}
		}
	}
	return nil
}

// Notify sends a stateless task: nothing says whether it was done. Errors are ErrNotConnected and the connection's.
func (c *Client) Notify(ctx context.Context, t task.Task) error {
	n, err := c.connected(ctx)
	if err != nil {
		return err
	}
	raw, _, err := c.encodeRequest(n.site, requestStateless, struct {
		Label   string `json:"label"`
		Payload string `json:"payload"`
		Version string `json:"version"`
	}{t.Label, t.Payload, n.site.info.Version})
	if err != nil {
		return err
	}
	return n.conn.Notify(ctx, raw)
}
