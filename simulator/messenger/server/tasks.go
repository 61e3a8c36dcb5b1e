package server

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// Labels of tasks (section 3.6).
const (
	labelTyping       = "3"
	labelMarkRead     = "21"
	labelAddMember    = "23"
	labelSetAdmin     = "25"
	labelReact        = "29"
	labelSearch       = "30"
	labelSearchMore   = "31"
	labelRename       = "32"
	labelUnsend       = "33"
	labelSetImage     = "37"
	labelSend         = "46"
	labelAccept       = "66"
	labelAppState     = "123"
	labelCreateGroup  = "130"
	labelRemoveMember = "140"
	labelMute         = "144"
	labelFetchThreads = "145"
	labelDelete       = "146"
	labelDeleteForMe  = "155"
	labelContact      = "207"
	labelCreateThread = "209"
	labelFetchMsgs    = "228"
	labelCreateE2EE   = "388"
	labelContactList  = "452"
	labelThreadData   = "733"
	labelEdit         = "742"
)

// taskCall is a task in the hands of its handler.
type taskCall struct {
	server  *Server
	account *account
	gateway *gateway
	task    lightspeed.Task
}

// taskHandlers are the tasks that the server knows. What a handler returns is the answer; an error that is a refusal
// becomes the row that fits it, any other a failed task that is also noted as the client's mistake.
var taskHandlers = map[string]func(*taskCall) ([]lightspeed.Call, error){
	labelMarkRead: (*taskCall).markRead, labelReact: (*taskCall).react, labelSend: (*taskCall).send,
	labelUnsend: (*taskCall).unsend, labelEdit: (*taskCall).edit, labelDeleteForMe: (*taskCall).deleteForMe,
	labelFetchThreads: (*taskCall).fetchThreads, labelFetchMsgs: (*taskCall).fetchMessages,
	labelCreateThread: (*taskCall).createThread, labelCreateE2EE: (*taskCall).createEncrypted,
	labelAccept: (*taskCall).accept, labelDelete: (*taskCall).deleteThread, labelMute: (*taskCall).mute,
	labelContact: (*taskCall).contact, labelContactList: (*taskCall).contactList, labelSearch: (*taskCall).search,
	labelSearchMore: (*taskCall).searchMore, labelAppState: (*taskCall).appState, labelThreadData: (*taskCall).threadData,
	labelCreateGroup: (*taskCall).createGroup, labelAddMember: (*taskCall).addMember,
	labelRemoveMember: (*taskCall).removeMember, labelSetAdmin: (*taskCall).setAdmin, labelRename: (*taskCall).rename,
	labelSetImage: (*taskCall).setImage,
}

// refusal is why the network refuses a task that was well formed. Otid is that of a message that was not sent.
type refusal struct {
	otid    string
	message string
}

// Error is what the person is shown.
func (r *refusal) Error() string { return r.message }

func refuse(format string, args ...any) error { return &refusal{message: fmt.Sprintf(format, args...)} }

// runTask runs one task and returns the rows of its answer.
func (g *gateway) runTask(t lightspeed.Task) []lightspeed.Call {
	s := g.server
	if calls, hit := g.failTask(t); hit {
		return calls
	}
	handler := taskHandlers[t.Label]
	if handler == nil {
		s.note(g.session.account, "task "+t.Label+": "+t.Payload)
		return []lightspeed.Call{lightspeed.HandleFailedTask(t.ID, "", "Unknown task")}
	}
	calls, err := handler(&taskCall{server: s, account: g.session.account, gateway: g, task: t})
	if err == nil {
		return calls
	}
	var refused *refusal
	switch {
	case !errors.As(err, &refused):
		s.note(g.session.account, fmt.Sprintf("task %s %s: %v", t.Label, t.Payload, err))
		return []lightspeed.Call{lightspeed.HandleFailedTask(t.ID, otidOf(t), "Malformed task")}
	case refused.otid != "":
		return []lightspeed.Call{lightspeed.MarkFailed(refused.otid, refused.message)}
	default:
		return []lightspeed.Call{lightspeed.HandleFailedTask(t.ID, "", refused.message)}
	}
}

// failTask fails a task that a fault strikes.
func (g *gateway) failTask(t lightspeed.Task) ([]lightspeed.Call, bool) {
	args, hit := g.server.faults.Strike("task_fail", g.session.subject("task/"+t.Label, t.Payload))
	if !hit {
		return nil, false
	}
	standard := "task"
	if t.Label == labelSend {
		standard = "optimistic"
	}
	message := args.Text("message", "Something went wrong")
	switch args.Text("how", standard) {
	case "optimistic":
		return []lightspeed.Call{lightspeed.MarkFailed(otidOf(t), message)}, true
	case "error":
		return []lightspeed.Call{lightspeed.IssueNewError(t.ID, int64(args.Int("code", 1545012)), "Error", message)}, true
	case "silent":
		return nil, true
	default:
		return []lightspeed.Call{lightspeed.HandleFailedTask(t.ID, otidOf(t), message)}, true
	}
}

// otidOf finds the otid in a send's payload; empty if there is none.
func otidOf(t lightspeed.Task) string {
	_, rest, found := strings.Cut(t.Payload, `"otid":"`)
	if !found || t.Label != labelSend {
		return ""
	}
	otid, _, _ := strings.Cut(rest, `"`)
	return otid
}

// read decodes the payload strictly and checks the queue.
func (c *taskCall) read(into any, queue string, required ...string) error {
	if queue != "" && c.task.Queue != queue {
		return fmt.Errorf("%w: queue %q, want %q", lightspeed.ErrBadRequest, c.task.Queue, queue)
	}
	return lightspeed.Strict([]byte(c.task.Payload), into, required...)
}

// queueIs checks a queue that depends on the payload.
func (c *taskCall) queueIs(want string) error {
	if c.task.Queue != want {
		return fmt.Errorf("%w: queue %q, want %q", lightspeed.ErrBadRequest, c.task.Queue, want)
	}
	return nil
}

// view finds the thread that a task names, for one who may act in it.
func (c *taskCall) view(key int64) (*world.View, error) {
	v := c.account.View(key)
	if v == nil || v.PlainKey() != key {
		return nil, refuse("This conversation does not exist.")
	}
	return v, nil
}

// inThread reads a task whose queue is that of the thread that it names, for one who may act there.
func (c *taskCall) inThread(into any, thread *int64, required ...string) (*world.View, error) {
	if err := c.read(into, "", required...); err != nil {
		return nil, err
	}
	if err := c.queueIs(person(*thread)); err != nil {
		return nil, err
	}
	return c.view(*thread)
}

// message finds a message that the task names and the account can see.
func (c *taskCall) message(id string) (*world.Message, *world.View, error) {
	if m := c.server.world.Message(id); m != nil {
		if v := m.Thread.View(c.account.ID); v != nil && v.Visible(m) {
			return m, v, nil
		}
	}
	return nil, nil, refuse("This message does not exist.")
}

func group(n int64, allowed ...int64) error {
	for _, a := range allowed {
		if n == a {
			return nil
		}
	}
	return fmt.Errorf("%w: sync_group %d", lightspeed.ErrBadRequest, n)
}

func (c *taskCall) markRead() ([]lightspeed.Call, error) {
	var p struct {
		Thread    int64 `json:"thread_id"`
		Watermark int64 `json:"last_read_watermark_ts"`
		Group     int64 `json:"sync_group"`
	}
	v, err := c.inThread(&p, &p.Thread, "thread_id", "last_read_watermark_ts", "sync_group")
	if err != nil {
		return nil, err
	}
	c.server.markRead(c.account, v, p.Watermark)
	return nil, nil
}

func (c *taskCall) react() ([]lightspeed.Call, error) {
	var p struct {
		Thread      int64  `json:"thread_key"`
		At          int64  `json:"timestamp_ms"`
		Message     string `json:"message_id"`
		Actor       int64  `json:"actor_id"`
		Reaction    string `json:"reaction"`
		Style       any    `json:"reaction_style"`
		Group       int64  `json:"sync_group"`
		Attribution int64  `json:"send_attribution"`
	}
	if err := c.read(&p, "", "thread_key", "timestamp_ms", "message_id", "actor_id", "reaction", "reaction_style", "sync_group"); err != nil {
		return nil, err
	}
	if err := c.queueIs(`["reaction","` + p.Message + `"]`); err != nil {
		return nil, err
	}
	if p.Actor != c.account.ID {
		return nil, fmt.Errorf("%w: actor %d", lightspeed.ErrBadRequest, p.Actor)
	}
	m, v, err := c.message(p.Message)
	if err != nil {
		return nil, err
	}
	if v.PlainKey() != p.Thread {
		return nil, refuse("This message is not in that conversation.")
	}
	c.server.react(c.account, m, p.Reaction)
	return []lightspeed.Call{lightspeed.ReplaceReaction(p.Thread, c.account.ID, m.ID)}, nil
}

func (c *taskCall) unsend() ([]lightspeed.Call, error) {
	var p struct {
		Message string `json:"message_id"`
	}
	if err := c.read(&p, "unsend_message", "message_id"); err != nil {
		return nil, err
	}
	m, _, err := c.message(p.Message)
	if err != nil {
		return nil, err
	}
	if m.Sender != c.account.ID {
		return nil, refuse("You can't unsend somebody else's message.")
	}
	c.server.unsend(c.account, m)
	return nil, nil
}

func (c *taskCall) deleteForMe() ([]lightspeed.Call, error) {
	var p struct {
		Thread  int64  `json:"thread_key"`
		Message string `json:"message_id"`
	}
	if err := c.read(&p, "155", "thread_key", "message_id"); err != nil {
		return nil, err
	}
	m, v, err := c.message(p.Message)
	if err != nil {
		return nil, err
	}
	v.Hidden[m.ID] = true
	c.server.append(c.account, database(v), lightspeed.DeleteMessage(v.PlainKey(), m.ID))
	return nil, nil
}

// edit changes a message, or not: what is not allowed is answered with the old text (section 10.3).
func (c *taskCall) edit() ([]lightspeed.Call, error) {
	var p struct {
		Message string `json:"message_id"`
		Text    string `json:"text"`
	}
	if err := c.read(&p, "edit_message", "message_id", "text"); err != nil {
		return nil, err
	}
	m, _, err := c.message(p.Message)
	if err != nil {
		return nil, err
	}
	old := lightspeed.Edit(m.ID, m.Text, int64(len(m.Edits)))
	if m.Sender != c.account.ID || c.server.checkEdit(m, p.Text) != nil {
		return []lightspeed.Call{old}, nil
	}
	sub := c.gateway.session.subject("task/"+labelEdit, m.ID)
	if args, lies := c.server.faults.Strike("edit_lie", sub); lies {
		if args.Text("then", "push") == "push" {
			c.server.edit(c.account, m, p.Text)
		}
		return []lightspeed.Call{old}, nil
	}
	c.server.edit(c.account, m, p.Text)
	return []lightspeed.Call{lightspeed.Edit(m.ID, m.Text, int64(len(m.Edits)))}, nil
}

// typingTask handles the one stateless task.
func (s *Server) typingTask(a *account, payload string) error {
	var p struct {
		Thread      int64 `json:"thread_key"`
		IsGroup     int   `json:"is_group_thread"`
		Typing      int   `json:"is_typing"`
		Attribution int   `json:"attribution"`
		Group       int64 `json:"sync_group"`
		Type        int64 `json:"thread_type"`
	}
	err := lightspeed.Strict([]byte(payload), &p, "thread_key", "is_group_thread", "is_typing", "attribution", "sync_group", "thread_type")
	if err != nil {
		return err
	}
	v := a.View(p.Thread)
	if v == nil {
		return fmt.Errorf("%w: no thread %d", lightspeed.ErrBadRequest, p.Thread)
	}
	if v.Thread.Group != (p.IsGroup == 1) || v.Thread.Type() != p.Type {
		return fmt.Errorf("%w: thread %d is of type %d", lightspeed.ErrBadRequest, p.Thread, v.Thread.Type())
	}
	s.typing(a, v.Thread, p.Typing == 1)
	return nil
}

func (c *taskCall) mute() ([]lightspeed.Call, error) {
	var p struct {
		Thread  int64 `json:"thread_key"`
		Mailbox int64 `json:"mailbox_type"`
		Until   int64 `json:"mute_expire_time_ms"`
		Group   int64 `json:"sync_group"`
	}
	v, err := c.inThread(&p, &p.Thread, "thread_key", "mailbox_type", "mute_expire_time_ms", "sync_group")
	if err != nil {
		return nil, err
	}
	c.server.mute(c.account, v, p.Until)
	return nil, nil
}

func (c *taskCall) accept() ([]lightspeed.Call, error) {
	var p struct {
		Thread int64 `json:"thread_key"`
		Group  int64 `json:"sync_group"`
		Folder any   `json:"ig_folder"`
	}
	if err := c.read(&p, "message_request", "thread_key", "sync_group", "ig_folder"); err != nil {
		return nil, err
	}
	if err := group(p.Group, lightspeed.Requests); err != nil {
		return nil, err
	}
	v, err := c.view(p.Thread)
	if err != nil {
		return nil, err
	}
	if v.PlainKey() != p.Thread {
		return nil, refuse("A request is accepted by its own key.")
	}
	c.server.accept(c.account, v)
	return nil, nil
}

func (c *taskCall) deleteThread() ([]lightspeed.Call, error) {
	var p struct {
		Thread int64 `json:"thread_key"`
		Remove int64 `json:"remove_type"`
		Group  int64 `json:"sync_group"`
	}
	if err := c.read(&p, "", "thread_key", "remove_type", "sync_group"); err != nil {
		return nil, err
	}
	if err := errors.Join(group(p.Group, 1, lightspeed.Requests), c.queueIs(strconv.FormatInt(p.Thread, 10))); err != nil {
		return nil, err
	}
	v, err := c.view(p.Thread)
	if err != nil {
		return nil, err
	}
	c.server.deleteForOwner(c.account, v)
	return nil, nil
}
