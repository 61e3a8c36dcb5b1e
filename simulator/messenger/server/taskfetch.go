package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

func (c *taskCall) fetchThreads() ([]lightspeed.Call, error) {
	var p struct {
		After    int64   `json:"is_after"`
		Parent   int64   `json:"parent_thread_key"`
		Key      int64   `json:"reference_thread_key"`
		Activity int64   `json:"reference_activity_timestamp"`
		Pages    int64   `json:"additional_pages_to_fetch"`
		Cursor   *string `json:"cursor"`
		Tag      any     `json:"messaging_tag"`
		Group    int64   `json:"sync_group"`
	}
	if err := c.read(&p, "trq", "is_after", "parent_thread_key", "reference_thread_key", "reference_activity_timestamp",
		"additional_pages_to_fetch", "cursor", "messaging_tag", "sync_group"); err != nil {
		return nil, err
	}
	if err := group(p.Group, lightspeed.Mailbox, lightspeed.Requests); err != nil {
		return nil, err
	}
	var older []*world.View
	if p.Parent == -1 {
		for _, v := range c.account.views(p.Group) {
			activity := v.Thread.LastActivity
			if activity < p.Activity || activity == p.Activity && p.Key != 0 && v.PlainKey() > p.Key {
				older = append(older, v)
			}
		}
	}
	page := older[:min(len(older), c.server.cfg.ThreadsPage)]
	calls := c.server.threadsWithMessages(c.account, page)
	if len(page) == 0 {
		return append(calls, lightspeed.ThreadsRange(p.Group, p.Parent, 0, false, 0)), nil
	}
	return append(calls, rangeCall(p.Group, page, len(older) > len(page))), nil
}

// fetchMessages pushes a page of history on the mailbox's stream; the answer itself holds nothing.
func (c *taskCall) fetchMessages() ([]lightspeed.Call, error) {
	var p struct {
		Thread    int64   `json:"thread_key"`
		Direction int64   `json:"direction"`
		At        int64   `json:"reference_timestamp_ms"`
		Message   string  `json:"reference_message_id"`
		Group     int64   `json:"sync_group"`
		Cursor    *string `json:"cursor"`
	}
	if err := c.read(&p, "", "thread_key", "direction", "reference_timestamp_ms", "reference_message_id", "sync_group", "cursor"); err != nil {
		return nil, err
	}
	if err := c.queueIs("mrq." + person(p.Thread)); err != nil {
		return nil, err
	}
	if p.Direction != 0 {
		return nil, fmt.Errorf("%w: direction %d", lightspeed.ErrBadRequest, p.Direction)
	}
	v, err := c.view(p.Thread)
	if err != nil {
		return nil, err
	}
	messages, more := v.Before(p.At, p.Message, c.server.cfg.MessagesPage)
	calls := c.server.historyCalls(v, messages, more, p.At)
	if len(messages) == 0 {
		calls = []lightspeed.Call{lightspeed.EndOfHistory(v.PlainKey(), p.At)}
	}
	c.gateway.push(lightspeed.Mailbox, calls)
	return nil, nil
}

func (c *taskCall) createThread() ([]lightspeed.Call, error) {
	var p struct {
		Thread    int64 `json:"thread_fbid"`
		Force     int64 `json:"force_upsert"`
		Transport int64 `json:"use_open_messenger_transport"`
		Group     int64 `json:"sync_group"`
		Metadata  int64 `json:"metadata_only"`
		Preview   int64 `json:"preview_only"`
	}
	if err := c.read(&p, "", "thread_fbid", "force_upsert", "use_open_messenger_transport", "sync_group", "metadata_only", "preview_only"); err != nil {
		return nil, err
	}
	if err := c.queueIs(person(p.Thread)); err != nil {
		return nil, err
	}
	v := c.account.View(p.Thread)
	if v == nil {
		other := c.server.world.Person(p.Thread)
		if other == nil {
			return nil, refuse("This person does not exist.")
		}
		v = c.server.world.Direct(c.account.Person, other).View(c.account.ID)
	}
	v.Told = true
	return c.server.threadCalls(c.account, v), nil
}

// createEncrypted makes a chat on the encrypted plane, or answers with the one that is there.
func (c *taskCall) createEncrypted() ([]lightspeed.Call, error) {
	var p struct {
		Peer    int64 `json:"wa_jid"`
		Key     int64 `json:"offline_thread_key"`
		Type    int64 `json:"thread_type"`
		Folder  int64 `json:"folder_type"`
		Bump    int64 `json:"bump_timestamp_ms"`
		Subtype int64 `json:"tam_thread_subtype"`
	}
	if err := c.read(&p, "", "wa_jid", "offline_thread_key", "thread_type", "folder_type", "bump_timestamp_ms", "tam_thread_subtype"); err != nil {
		return nil, err
	}
	if err := c.queueIs(person(p.Key)); err != nil {
		return nil, err
	}
	other := c.server.world.Person(p.Peer)
	if other == nil || p.Type != lightspeed.EncryptedDirect {
		return nil, refuse("This person does not exist.")
	}
	v := c.server.encrypt(c.account.Person, other)
	v.Told = true
	calls := []lightspeed.Call{lightspeed.HybridMapping(p.Peer, v.PlainKey())}
	follow := fmt.Sprintf(`{"thread_fbid":%d,"force_upsert":0,"use_open_messenger_transport":0,"sync_group":1,"metadata_only":0,"preview_only":0}`, v.PlainKey())
	calls = append(calls, lightspeed.IssueNewTask(person(v.PlainKey()), 209, follow))
	return append(calls, c.server.threadCalls(c.account, v)...), nil
}

func (c *taskCall) contact() ([]lightspeed.Call, error) {
	var p struct {
		ID int64 `json:"contact_id"`
	}
	if err := c.read(&p, "cpq_v2", "contact_id"); err != nil {
		return nil, err
	}
	other := c.server.world.Person(p.ID)
	if other == nil {
		return nil, refuse("This person does not exist.")
	}
	return []lightspeed.Call{c.server.contact(c.account, other).DeleteThenInsert()}, nil
}

func (c *taskCall) contactList() ([]lightspeed.Call, error) {
	var p struct {
		Limit int `json:"limit"`
	}
	if err := c.read(&p, "", "limit"); err != nil {
		return nil, err
	}
	if err := c.listQueue("search_contacts"); err != nil {
		return nil, err
	}
	var calls []lightspeed.Call
	for _, other := range c.server.world.Contacts(c.account.Person) {
		if len(calls) < p.Limit {
			calls = append(calls, c.server.contact(c.account, other).DeleteThenInsert())
		}
	}
	return calls, nil
}

// listQueue checks a queue that is a list of a word and a time.
func (c *taskCall) listQueue(word string) error {
	var parts []any
	if err := json.Unmarshal([]byte(c.task.Queue), &parts); err != nil || len(parts) != 2 || parts[0] != word {
		return fmt.Errorf("%w: queue %q, want a list with %q", lightspeed.ErrBadRequest, c.task.Queue, word)
	}
	return nil
}

// searchPayload is what both search tasks carry.
type searchPayload struct {
	Query     string  `json:"query"`
	Types     []int64 `json:"supported_types"`
	Session   any     `json:"session_id"`
	Surface   int64   `json:"surface_type"`
	Selected  any     `json:"selected_participants"`
	Group     any     `json:"group_id"`
	Community any     `json:"community_id"`
	QueryID   any     `json:"query_id"`
}

var searchFields = []string{"query", "supported_types", "session_id", "surface_type", "selected_participants", "group_id",
	"community_id", "query_id"}

func (c *taskCall) search() ([]lightspeed.Call, error) {
	var p searchPayload
	if err := errors.Join(c.read(&p, "", searchFields...), c.listQueue("search_primary")); err != nil {
		return nil, err
	}
	wanted := strings.ToLower(p.Query)
	var calls []lightspeed.Call
	for _, other := range c.server.world.People() {
		if strings.Contains(strings.ToLower(other.Name), wanted) || strings.EqualFold(other.Username, wanted) && wanted != "" {
			v := other.View(c.account.ID)
			encrypted := v != nil && v.Thread.Encrypted
			calls = append(calls, lightspeed.SearchResult(p.Query, int64(len(calls)), c.server.contact(c.account, other), encrypted))
		}
	}
	return calls, nil
}

func (c *taskCall) searchMore() ([]lightspeed.Call, error) {
	var p searchPayload
	return nil, c.read(&p, "search_secondary", searchFields...)
}

func (c *taskCall) appState() ([]lightspeed.Call, error) {
	var p struct {
		State   int64  `json:"app_state"`
		Request string `json:"request_id"`
	}
	return nil, c.read(&p, "ls_presence_report_app_state", "app_state", "request_id")
}

func (c *taskCall) threadData() ([]lightspeed.Call, error) {
	var p struct {
		Thread int64 `json:"thread_key"`
	}
	if err := c.read(&p, "", "thread_key"); err != nil {
		return nil, err
	}
	if err := c.queueIs("fetch_additional_thread_data_" + person(p.Thread)); err != nil {
		return nil, err
	}
	v, err := c.view(p.Thread)
	if err != nil {
		return nil, err
	}
	return []lightspeed.Call{c.server.threadRow(v).UpdateOrInsert()}, nil
}
