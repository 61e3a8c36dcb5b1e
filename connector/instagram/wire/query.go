package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"crosschat/connector/metaweb/graphql"
	"crosschat/connector/metaweb/web"
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
			inbox.Professional = inbox.Professional || thread.Category != "" && thread.Category != "PRIMARY"
		}
	}
	return inbox, raw, nil
}

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

// History fetches up to 20 messages: those before cursor if it is set, else those before message if that is set, else the
// newest. ErrNotFound if there is no such thread; other errors are SendText's.
func (c *Client) History(ctx context.Context, thread ShortID, before MessageID, cursor string) (*Page, error) {
	if err := c.pages.Wait(ctx); err != nil {
		return nil, err
	}
	v := variables{
		"id": thread.String(), "after": nil, "before": nil, "first": pageSize, "last": nil, "newer_than_message_id": nil,
		"older_than_message_id": nil, provided("IGDInitialMessagePageCount"): pageSize,
	}
	if cursor != "" {
		v["after"] = cursor
	} else if before != "" {
		v["older_than_message_id"] = before
	}
	data, err := c.call(ctx, call{op: opMessages, root: "fetch__SlideThread", variables: v})
	if err != nil {
		return nil, err
	}
	var node struct {
		Thread *struct {
			Messages *rawPage `json:"slide_messages"`
		} `json:"as_ig_direct_thread"`
	}
	if err = unmarshal(data, &node); err != nil || node.Thread == nil || node.Thread.Messages == nil {
		return nil, fmt.Errorf("read history: %w", ErrNotFound)
	}
	page := node.Thread.Messages.page(thread, c.report)
	if page.Cursor == cursor {
		page.More = false // it would go round in circles
	}
	return page, nil
}

// Resolve finds the ids of a thread by its key. ErrNotFound if there is none (a chat that nobody has begun); other errors
// are SendText's.
func (c *Client) Resolve(ctx context.Context, key ThreadKey) (ThreadIDs, error) {
	if err := c.allowed(false); err != nil {
		return ThreadIDs{}, err
	}
	s, err := c.ready(ctx)
	if err == nil {
		var envelope *graphql.Envelope
		envelope, err = c.navigate(ctx, s, key)
		var reload *ReloadError
		if errors.As(err, &reload) {
			if s, err = c.loadAgain(ctx, s, reload.Reason); err == nil {
				envelope, err = c.navigate(ctx, s, key)
			}
		}
		if err == nil {
			return readRoute(envelope.Payload, key)
		}
	}
	return ThreadIDs{}, fmt.Errorf("resolve thread: %w", c.judge(err))
}

func (c *Client) navigate(ctx context.Context, s *site, key ThreadKey) (*graphql.Envelope, error) {
	route := "/direct/t/" + key.String() + "/"
	form := s.form()
	for name, value := range map[string]string{
		"__jssesw": "1", "client_previous_actor_id": s.ViewerID, "route_url": route, "routing_namespace": s.Namespace,
		"__crn": "comet.igweb.PolarisDirectInboxRoute",
	} {
		form.Set(name, value)
	}
	request := web.Request{URL: c.cfg.Site + c.cfg.NavigationPath, Header: c.header(s, route)}
	request.Header.Set("Priority", "u=1, i")
	request.Form(form)
	response, err := c.web.Do(ctx, request)
	var status *web.StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, c.explain(err, false)
	}
	envelope, err := graphql.Read(response.Body)
	if err != nil {
		return nil, &ReloadError{Reason: "answer is not JSON", Err: err}
	}
	if envelope.Failure != nil {
		if stop := envelope.Target(c.web); stop != nil {
			return nil, stop
		}
		return nil, c.classify(envelope.Failure, operation{}, "")
	}
	return envelope, nil
}

// readRoute finds the ids in the definition of a route.
func readRoute(payload json.RawMessage, key ThreadKey) (ThreadIDs, error) {
	var answer struct {
		Payload struct {
			Result struct {
				Exports struct {
					Root struct {
						Props struct {
							Short ShortID `json:"thread_fbid"`
							Long  LongID  `json:"thread_igid"`
						} `json:"props"`
					} `json:"rootView"`
				} `json:"exports"`
			} `json:"result"`
		} `json:"payload"`
	}
	if err := unmarshal(payload, &answer); err != nil {
		return ThreadIDs{}, fmt.Errorf("resolve thread: %w", ErrNotFound)
	}
	props := answer.Payload.Result.Exports.Root.Props
	ids := ThreadIDs{key, props.Short, props.Long}
	if !ids.Complete() {
		return ThreadIDs{}, fmt.Errorf("resolve thread: %w", ErrNotFound)
	}
	return ids, nil
}
