package stub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// pusher sends events to the bridge as transactions, in order, many in one when they pile up. A transaction that is not
// answered with 200 is repeated until it is, as the specification demands.
type pusher struct {
	url, token string
	cancel     context.CancelFunc
	done       chan struct{}

	mu      sync.Mutex
	waiting []*Event
	wake    chan struct{} // has room for one
}

func newPusher(url, token string) *pusher {
	ctx, cancel := context.WithCancel(context.Background()) // until stop
	p := &pusher{url: url, token: token, cancel: cancel, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	go p.run(ctx)
	return p
}

func (p *pusher) stop() {
	p.cancel()
	<-p.done
}

// add never blocks.
func (p *pusher) add(e *Event) {
	p.mu.Lock()
	p.waiting = append(p.waiting, e)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *pusher) run(ctx context.Context) {
	defer close(p.done)
	for number := 1; ; {
		p.mu.Lock()
		batch := p.waiting[:min(len(p.waiting), 100)]
		p.mu.Unlock()
		if len(batch) == 0 {
			select {
			case <-p.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		if err := p.send(ctx, number, batch); err != nil {
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-ctx.Done():
				return
			}
		}
		number++
		p.mu.Lock()
		p.waiting = p.waiting[len(batch):]
		p.mu.Unlock()
	}
}

func (p *pusher) send(ctx context.Context, number int, events []*Event) error {
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		return fmt.Errorf("encode transaction: %w", err)
	}
	url := fmt.Sprintf("%s/_matrix/app/v1/transactions/%d", p.url, number)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make transaction: %w", err)
	}
	return p.do(req)
}

// ping is the homeserver's half of the appservice ping.
func (p *pusher) ping(ctx context.Context, transaction string) error {
	body, err := json.Marshal(map[string]string{"transaction_id": transaction})
	if err != nil {
		return fmt.Errorf("encode ping: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/_matrix/app/v1/ping", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make ping: %w", err)
	}
	return p.do(req)
}

func (p *pusher) do(req *http.Request) error {
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", req.Method, req.URL, resp.Status)
	}
	return nil
}
