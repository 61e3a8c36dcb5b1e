package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Client calls the control API. Its methods may be called from many goroutines; each blocks until the answer is there
// or ctx ends. What the simulator refuses comes back as an *Error.
type Client struct {
	BaseURL string       // as Ready.Control has it
	HTTP    *http.Client // nil means http.DefaultClient
}

// do sends body (nil for none) and decodes the answer into out (nil to drop it).
func (c *Client) do(ctx context.Context, method, path string, body, out any) error {
	var data io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode body of %s %s: %w", method, path, err)
		}
		data = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.BaseURL+path, data)
	if err != nil {
		return fmt.Errorf("make request %s %s: %w", method, path, err)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("call the simulator: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read answer of %s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		refusal := &Error{}
		if json.Unmarshal(answer, refusal) != nil || refusal.Message == "" {
			refusal.Message = fmt.Sprintf("%s %s answered %s: %s", method, path, resp.Status, answer)
		}
		refusal.Status = resp.StatusCode
		return refusal
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode answer of %s %s: %w", method, path, err)
	}
	return nil
}

// get and post call path and decode the answer.
func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	var out T
	err := c.do(ctx, http.MethodGet, path, nil, &out)
	return out, err
}

func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	var out T
	err := c.do(ctx, http.MethodPost, path, body, &out)
	return out, err
}

func networkURL(network, rest string) string { return "/v1/" + url.PathEscape(network) + rest }

func personURL(network, person, rest string) string {
	return networkURL(network, "/people/"+url.PathEscape(person)+rest)
}

// AddPerson creates a person and their phone.
func (c *Client) AddPerson(ctx context.Context, network string, person NewPerson) (Person, error) {
	return post[Person](ctx, c, networkURL(network, "/people"), person)
}

// People lists everybody.
func (c *Client) People(ctx context.Context, network string) ([]Person, error) {
	return get[[]Person](ctx, c, networkURL(network, "/people"))
}

// Person looks one person up, with the state of their companions.
func (c *Client) Person(ctx context.Context, network, person string) (Person, error) {
	return get[Person](ctx, c, personURL(network, person, ""))
}

// SetProfile changes name, about or picture.
func (c *Client) SetProfile(ctx context.Context, network, person string, change Profile) (Person, error) {
	return post[Person](ctx, c, personURL(network, person, "/profile"), change)
}

// SetBehaviour changes what the person's phone does by itself.
func (c *Client) SetBehaviour(ctx context.Context, network, person string, change Behaviour) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/behaviour"), change, nil)
}

// SetContact names somebody in the person's address book; an empty name removes them from it.
func (c *Client) SetContact(ctx context.Context, network, person string, contact Contact) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/contacts"), contact, nil)
}

// Presence opens or closes the app on the person's phone, or subscribes to somebody's presence.
func (c *Client) Presence(ctx context.Context, network, person string, req PresenceRequest) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/presence"), req, nil)
}

// Block blocks or unblocks somebody for the person.
func (c *Client) Block(ctx context.Context, network, person, other string, blocked bool) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/block"), blockRequest{other, blocked}, nil)
}

// Reinstall gives the person's phone new keys, as after a new installation of the app.
func (c *Client) Reinstall(ctx context.Context, network, person string) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/reinstall"), nil, nil)
}

// ScanQR lets the person's phone scan the text of a QR code. It returns when the server accepted the companion.
func (c *Client) ScanQR(ctx context.Context, network, person, text string) (Companion, error) {
	return post[Companion](ctx, c, personURL(network, person, "/scan"), scanRequest{text})
}

// EnterCode types an 8-character pairing code into the person's phone.
func (c *Client) EnterCode(ctx context.Context, network, person, code string) (Companion, error) {
	return post[Companion](ctx, c, personURL(network, person, "/code"), codeRequest{code})
}

// Unlink removes a linked device from the person's phone.
func (c *Client) Unlink(ctx context.Context, network, person string, device int) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/unlink"), unlinkRequest{device}, nil)
}

// Send sends a message; it returns when the server has acknowledged it.
func (c *Client) Send(ctx context.Context, network, person string, req SendRequest) (Sent, error) {
	return post[Sent](ctx, c, personURL(network, person, "/send"), req)
}

// React adds, changes or removes the person's reaction.
func (c *Client) React(ctx context.Context, network, person string, req ReactRequest) (Sent, error) {
	return post[Sent](ctx, c, personURL(network, person, "/react"), req)
}

// Edit replaces the text of one of the person's messages.
func (c *Client) Edit(ctx context.Context, network, person string, req EditRequest) (Sent, error) {
	return post[Sent](ctx, c, personURL(network, person, "/edit"), req)
}

// Revoke deletes a message for everyone.
func (c *Client) Revoke(ctx context.Context, network, person string, target Target) (Sent, error) {
	return post[Sent](ctx, c, personURL(network, person, "/revoke"), target)
}

// Receipt marks messages as read or played.
func (c *Client) Receipt(ctx context.Context, network, person string, req ReceiptRequest) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/receipt"), req, nil)
}

// Typing shows or stops the typing notice.
func (c *Client) Typing(ctx context.Context, network, person string, req TypingRequest) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/typing"), req, nil)
}

// Call lets the person ring somebody.
func (c *Client) Call(ctx context.Context, network, person string, req CallRequest) (Sent, error) {
	return post[Sent](ctx, c, personURL(network, person, "/call"), req)
}

// IssueToken gives somebody the person's trusted-contact token.
func (c *Client) IssueToken(ctx context.Context, network, person, other string) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/token"), tokenRequest{other}, nil)
}

// CreateGroup lets the person create a group.
func (c *Client) CreateGroup(ctx context.Context, network, person string, group NewGroup) (Group, error) {
	return post[Group](ctx, c, personURL(network, person, "/groups"), group)
}

// ChangeGroup lets the person change a group that they are in.
func (c *Client) ChangeGroup(ctx context.Context, network, person, group string, change GroupChange) (Group, error) {
	return post[Group](ctx, c, personURL(network, person, "/groups/"+url.PathEscape(group)), change)
}

// Group asks how the person sees a group.
func (c *Client) Group(ctx context.Context, network, person, group string) (Group, error) {
	return get[Group](ctx, c, personURL(network, person, "/groups/"+url.PathEscape(group)))
}

// Timeline returns what happened on the person's phone, from index from on.
func (c *Client) Timeline(ctx context.Context, network, person string, from int) ([]Event, error) {
	return get[[]Event](ctx, c, personURL(network, person, "/timeline?from="+strconv.Itoa(from)))
}

// Await blocks until the person's timeline has what match selects, and returns these events. When timeout passes first,
// the error lists what is there instead.
func (c *Client) Await(ctx context.Context, network, person string, match Match, timeout time.Duration) ([]Event, error) {
	req := AwaitRequest{Match: match, Timeout: int(timeout.Milliseconds())}
	return post[[]Event](ctx, c, personURL(network, person, "/await"), req)
}

// AddHistory gives the person's phone messages from before a companion is linked.
func (c *Client) AddHistory(ctx context.Context, network, person string, messages []HistoryMessage) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/history"), messages, nil)
}

// SpoilMedia breaks the file of a message that the person's phone knows.
func (c *Client) SpoilMedia(ctx context.Context, network, person string, req SpoilRequest) error {
	return c.do(ctx, http.MethodPost, personURL(network, person, "/spoil"), req, nil)
}

// SetChat mutes, pins or archives a chat on the person's phone.
func (c *Client) SetChat(ctx context.Context, network, person string, change ChatSettings) (ChatSettings, error) {
	return post[ChatSettings](ctx, c, personURL(network, person, "/chats"), change)
}

// Chat asks what the person's phone knows of a chat's settings, whoever of the person's devices made them.
func (c *Client) Chat(ctx context.Context, network, person, chat string) (ChatSettings, error) {
	return get[ChatSettings](ctx, c, personURL(network, person, "/chats/"+url.PathEscape(chat)))
}

// AddFault breaks something; the answer has the fault's ID.
func (c *Client) AddFault(ctx context.Context, network string, fault Fault) (Fault, error) {
	return post[Fault](ctx, c, networkURL(network, "/faults"), fault)
}

// Faults lists the faults with how often each struck.
func (c *Client) Faults(ctx context.Context, network string) ([]Fault, error) {
	return get[[]Fault](ctx, c, networkURL(network, "/faults"))
}

// RemoveFault ends a fault.
func (c *Client) RemoveFault(ctx context.Context, network, id string) error {
	return c.do(ctx, http.MethodDelete, networkURL(network, "/faults/"+url.PathEscape(id)), nil, nil)
}

// Log returns what crossed the network's wire, from index from on.
func (c *Client) Log(ctx context.Context, network string, from int) ([]LogEntry, error) {
	return get[[]LogEntry](ctx, c, networkURL(network, "/log?from="+strconv.Itoa(from)))
}

// AwaitLog blocks until the log has what match selects, and returns these entries.
func (c *Client) AwaitLog(ctx context.Context, network string, match LogMatch, timeout time.Duration) ([]LogEntry, error) {
	req := AwaitLogRequest{Match: match, Timeout: int(timeout.Milliseconds())}
	return post[[]LogEntry](ctx, c, networkURL(network, "/log/await"), req)
}

// Unexpected lists requests that the simulator does not know.
func (c *Client) Unexpected(ctx context.Context, network string) ([]Unexpected, error) {
	return get[[]Unexpected](ctx, c, networkURL(network, "/unexpected"))
}
