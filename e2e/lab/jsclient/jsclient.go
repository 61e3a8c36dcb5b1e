// Package jsclient is a Matrix user whose client none of us wrote: matrix-js-sdk with its Rust crypto, as Element has it.
// The client runs as a process of Node.js; client.mjs says what it can be asked for. What
// it judges and what it warns of is thus what a user of Element would meet.
package jsclient

import (
	"bufio"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"crosschat/e2e/lab"
)

//go:embed client.mjs package.json package-lock.json
var files embed.FS

// oldestNode is the first version of Node.js that the SDK runs on.
const oldestNode = 20

// Ensure fetches the SDK, once for each version of it, and returns the folder that it is in. It needs Node.js and npm; its
// error says which is missing.
func Ensure(ctx context.Context) (string, error) {
	version, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask for the version of Node.js (apt-get install nodejs npm): %w", err)
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(version)), "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
		return "", fmt.Errorf("version %s of Node.js is too old: install %d or newer", strings.TrimSpace(string(version)), oldestNode)
	}
	cache, err := lab.CacheDir()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, name := range []string{"client.mjs", "package.json", "package-lock.json"} {
		data, _ := files.ReadFile(name) // embedded
		hash.Write(data)
	}
	dir := filepath.Join(cache, "jsclient-"+hex.EncodeToString(hash.Sum(nil)[:6]))
	if _, err = os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, install(ctx, cache, dir)
}

// install makes dir whole or not at all: somebody else may be at it, too.
func install(ctx context.Context, cache, dir string) error {
	temp, err := os.MkdirTemp(cache, "jsclient-new-")
	if err != nil {
		return fmt.Errorf("make folder for the client: %w", err)
	}
	defer os.RemoveAll(temp)
	if err = os.CopyFS(temp, files); err != nil {
		return fmt.Errorf("write the client: %w", err)
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch matrix-js-sdk with npm: %w: %s", err, out)
	}
	if err = os.Rename(temp, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return fmt.Errorf("keep the client: %w", err)
		}
	}
	return nil
}

// Event is what the client was shown, decrypted.
type Event struct {
	ID        string         `json:"id"`
	Room      string         `json:"room"`
	Sender    string         `json:"sender"`
	Type      string         `json:"type"`
	StateKey  *string        `json:"state_key"`
	Time      int64          `json:"time"` // milliseconds since 1970
	Encrypted bool           `json:"encrypted"`
	Failure   string         `json:"failure"` // why it could not be decrypted (yet)
	Content   map[string]any `json:"content"`
	Relates   map[string]any `json:"relates"`
	Redacts   string         `json:"redacts"`
}

// Client is one logged-in client. Its methods may be called from any goroutine.
type Client struct {
	User, Device string
	// Patience is how long Await waits.
	Patience time.Duration

	process *lab.Process
	in      io.WriteCloser

	mu      sync.Mutex
	next    int
	waiting map[int]chan<- answer
	events  []Event
	changed chan struct{} // closed and replaced at each event, and for good when the process has ended
	ended   bool
}

type answer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
	Event  *Event          `json:"event"`
}

// Start runs a client from the folder that Ensure returned, logs a user in and returns when they are in sync. What the SDK
// prints goes to logPath.
func Start(ctx context.Context, dir, logPath, homeserver, localpart, password string) (*Client, error) {
	cmd := exec.Command("node", filepath.Join(dir, "client.mjs"))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("open the client's input: %w", err)
	}
	out, w := io.Pipe()
	cmd.Stdout = w
	c := &Client{Patience: 60 * time.Second, in: in, waiting: make(map[int]chan<- answer), changed: make(chan struct{})}
	if c.process, err = lab.StartProcess("matrix-js-sdk", logPath, cmd); err != nil {
		return nil, err
	}
	go func() {
		<-c.process.Done()
		_ = w.Close()
	}()
	go c.listen(out)
	var self struct {
		User   string `json:"user_id"`
		Device string `json:"device_id"`
	}
	if err = c.Do(ctx, "login", map[string]any{"homeserver": homeserver, "user": localpart, "password": password}, &self); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	c.User, c.Device = self.User, self.Device
	return c, nil
}

// Stop ends the client's process.
func (c *Client) Stop() error {
	if c == nil {
		return nil
	}
	return c.process.Stop(5 * time.Second)
}

func (c *Client) listen(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var a answer
		if json.Unmarshal(line, &a) == nil {
			c.handle(a)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	close(c.changed)
	for id, waiting := range c.waiting {
		waiting <- answer{ID: id, Error: "the client has ended"}
	}
	clear(c.waiting)
}

func (c *Client) handle(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.Event != nil {
		c.events = append(c.events, *a.Event)
		close(c.changed)
		c.changed = make(chan struct{})
	} else if waiting, ok := c.waiting[a.ID]; ok {
		delete(c.waiting, a.ID)
		waiting <- a
	}
}

// Do has the client do something and decodes its result into result, unless that is nil.
func (c *Client) Do(ctx context.Context, action string, args map[string]any, result any) error {
	done := make(chan answer, 1)
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return fmt.Errorf("%s: the client has ended", action)
	}
	c.next++
	request := map[string]any{"id": c.next, "do": action}
	for key, value := range args {
		request[key] = value
	}
	c.waiting[c.next] = done
	line, err := json.Marshal(request)
	if err == nil {
		_, err = c.in.Write(append(line, '\n'))
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: ask the client: %w", action, err)
	}
	select {
	case a := <-done:
		if a.Error != "" {
			return fmt.Errorf("%s: %s", action, a.Error)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(a.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", action, ctx.Err())
	}
}

// Send sends an event, encrypted where the room is, and returns its id.
func (c *Client) Send(ctx context.Context, room, kind string, content map[string]any) (string, error) {
	var sent struct{ Event string }
	err := c.Do(ctx, "send", map[string]any{"room": room, "type": kind, "content": content}, &sent)
	return sent.Event, err
}

// Say sends a text and returns its event's id.
func (c *Client) Say(ctx context.Context, room, text string) (string, error) {
	return c.Send(ctx, room, "m.room.message", map[string]any{"msgtype": "m.text", "body": text})
}

// Mark is where the list of events ends now, for Await.
func (c *Client) Mark() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.events)
}

// Await waits for an event that was shown at mark from or later and matches.
func (c *Client) Await(ctx context.Context, from int, what string, match func(Event) bool) (Event, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	for {
		c.mu.Lock()
		news, changed, ended := c.events[min(from, len(c.events)):], c.changed, c.ended
		c.mu.Unlock()
		for _, e := range news {
			if match(e) {
				return e, nil
			}
		}
		if ended {
			return Event{}, fmt.Errorf("wait for %s: the client has ended", what)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, fmt.Errorf("wait for %s: %w; the client was shown %s", what, ctx.Err(), describe(news))
		}
	}
}

func describe(events []Event) string {
	var b strings.Builder
	for _, e := range events[max(0, len(events)-20):] {
		content, _ := json.Marshal(e.Content)
		fmt.Fprintf(&b, "\n  %s %s by %s in %s %s %s", e.ID, e.Type, e.Sender, e.Room, content, e.Failure)
	}
	return b.String()
}
