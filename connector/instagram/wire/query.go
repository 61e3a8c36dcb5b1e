package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// variables are the variables of a call.
type variables map[string]any

// provided names a variable that the site's programs provide by themselves.
func provided(name string) string { return "__relay_internal__pv__" + name + "relayprovider" }

// provide adds the variables that all listings of threads want.
func (v variables) provide() variables {
	v[provided("IGDPinnedThreadsRenderEnabledGK")] = true
	v[provided("IGDMaxUnreadMessagesCount")] = 5
	v[provided("PolarisAIGMAccountLabelEnabled")] = false
	v[provided("IGDThreadListActionsEnabledGK")] = true
	return v
}

type rawMailbox struct {
	Seq     text      `json:"iris_inactive_subscription_uq_seq_id"`
	ID      text      `json:"id"`
	Folder  *rawPage  `json:"threads_by_folder"`
	Folders *rawPage  `json:"threads_by_system_folder_and_ig_inbox_folder"`
	Pinned  []rawNode `json:"pinned_threads_v2"`
}

// rawNode wraps a thread.
type rawNode struct {
	Thread json.RawMessage `json:"as_ig_direct_thread"`
}

// snapshot is the inbox with the number of the newest event in it.
type snapshot struct {
	Inbox
	seq int64
	at  time.Time
}

// report logs what can't be read of an answer.
func (c *Client) report(err error) {
	c.log.Warn().Err(err).Msg("Answer holds what this program can't read")
}

func (c *Client) readThread(data json.RawMessage, stubs bool) (*Thread, error) {
	var raw rawThread
	if err := unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("read thread: %w", err)
	}
	return raw.thread(stubs, c.report)
}

// inbox makes an Inbox; pinned threads are in it once.
func (c *Client) inbox(data json.RawMessage) (*Inbox, *rawMailbox, error) {
	raw := new(rawMailbox)
	if err := unmarshal(data, raw); err != nil {
		return nil, nil, fmt.Errorf("read inbox: %w", err)
	}
	inbox := &Inbox{mailbox: string(raw.ID)}
	page := raw.Folder
	if page == nil {
		page = raw.Folders
	}
	if page == nil {
		return nil, nil, errors.New("read inbox: it has no threads")
	}
	inbox.Professional = raw.Folders != nil
	inbox.Cursor, inbox.More = string(page.Info.EndCursor), page.Info.More && page.Info.EndCursor != ""
	nodes := make([]rawNode, 0, len(raw.Pinned)+len(page.Edges))
	nodes = append(nodes, raw.Pinned...)
	for _, edge := range page.Edges {
		var node rawNode
		if err := unmarshal(edge.Node, &node); err == nil {
			nodes = append(nodes, node)
		}
	}
	seen := make(map[ShortID]bool)
	for _, node := range nodes {
		thread, err := c.readThread(node.Thread, true)
		if err != nil {
			c.report(err)
			continue
		}
		if !seen[thread.IDs.Short] {
			seen[thread.IDs.Short] = true
			inbox.Threads = append(inbox.Threads, *thread)
			inbox.Professional = inbox.Professional || professional(thread.Category)
		}
	}
	return inbox, raw, nil
}

// professional says whether a category of the inbox is one that only professional accounts have.
func professional(category string) bool { return category != "" && category != "PRIMARY" }

const rootMailbox = "get_slide_mailbox_for_iris_subscription"

// snapshot lists the inbox, and says up to which event it goes.
func (c *Client) snapshot(ctx context.Context) (*snapshot, error) {
	s, err := c.ready(ctx)
	if err != nil {
		return nil, c.judge(err)
	}
	asked := time.Now()
	data, envelope, err := c.callAll(ctx, call{op: opInbox, root: rootMailbox, variables: variables{
		"device_id_for_iris_subscription":      s.DeviceID,
		provided("IGDIsProfessionalAccountGK"): false,
	}.provide()})
	if err != nil {
		return nil, err
	}
	inbox, raw, err := c.inbox(data)
	if err != nil {
		return nil, err
	}
	result := &snapshot{Inbox: *inbox, at: asked}
	if envelope.StartedAt > 0 && envelope.StartedAt < maxMillis {
		result.at = time.UnixMilli(envelope.StartedAt)
	}
	if result.seq, err = strconv.ParseInt(string(raw.Seq), 10, 64); err != nil || result.seq <= 0 {
		return nil, errors.New("read inbox: it does not say its newest event")
	}
	return result, nil
}

// Inbox lists the first page of the inbox, with stubs of messages. The cursor is not touched. Errors are SendText's.
func (c *Client) Inbox(ctx context.Context) (*Inbox, error) {
	s, err := c.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return &s.Inbox, nil
}

// InboxPage lists the page behind another one. Errors are SendText's.
func (c *Client) InboxPage(ctx context.Context, after *Inbox) (*Inbox, error) {
	if err := c.pages.Wait(ctx); err != nil {
		return nil, err
	}
	data, err := c.call(ctx, call{op: opInboxPage, root: "fetch__SlideMailbox", variables: variables{
		"count": 15, "cursor": after.Cursor, "folder": FolderInbox, "newer_than_timestamp_ms": nil, "id": after.mailbox,
	}.provide()})
	if err != nil {
		return nil, err
	}
	inbox, _, err := c.inbox(data)
	if err != nil {
		return nil, err
	}
	if inbox.mailbox == "" {
		inbox.mailbox = after.mailbox
	}
	if inbox.Cursor == after.Cursor {
		inbox.More = false // it would go round in circles
	}
	return inbox, nil
}

// requestAge is how far back message requests are listed.
const requestAge = 30 * 24 * time.Hour

// Requests lists the message requests. Errors are SendText's.
func (c *Client) Requests(ctx context.Context) (*Inbox, error) {
	s, err := c.ready(ctx)
	if err != nil {
		return nil, c.judge(err)
	}
	data, err := c.call(ctx, call{op: opRequests, root: rootMailbox, referer: "/direct/requests/", variables: variables{
		"device_id_for_iris_subscription":  s.DeviceID,
		provided("IGD30DayAgoTimestampMs"): strconv.FormatInt(time.Now().Add(-requestAge).UnixMilli(), 10),
	}.provide()})
	if err != nil {
		return nil, err
	}
	inbox, _, err := c.inbox(data)
	return inbox, err
}

// Thread fetches a thread with its newest 20 messages. ErrNotFound if there is none; other errors are SendText's.
func (c *Client) Thread(ctx context.Context, thread ShortID) (*Thread, error) {
	if err := c.pages.Wait(ctx); err != nil {
		return nil, err
	}
	data, err := c.call(ctx, call{op: opThread, root: "get_slide_thread_nullable", variables: variables{
		"thread_fbid": thread.String(), "min_uq_seq_id": nil,
		provided("IGDEnableOffMsysChatThemesQE"):   false,
		provided("IGDInitialMessagePageCount"):     pageSize,
		provided("PolarisAIGMAccountLabelEnabled"): false,
	}})
	if err != nil {
		return nil, err
	}
	var node rawNode
	if err = unmarshal(data, &node); err != nil || len(node.Thread) == 0 || string(node.Thread) == "null" {
		return nil, fmt.Errorf("read thread: %w", ErrNotFound)
	}
	return c.readThread(node.Thread, false)
}

// pageSize is the most messages that the server gives at once.
const pageSize = 20
