package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"crosschat/connector/instagram/wire/stream"
	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/graphql"
)

// maxTypingPause is the longest pause between attempts at a socket for typing.
const maxTypingPause = time.Hour

// lasting is how long a socket must have stood for the pauses to begin anew.
const lasting = time.Minute

// hearTyping is the goroutine that hears who types, on a socket of its own. What becomes of that never ends the connection.
func (n *connection) hearTyping(ctx context.Context) error {
	select {
	case <-n.subscribed:
	case <-ctx.Done():
		return ctx.Err()
	}
	pause := n.c.cfg.TypingRetry
	for {
		began := time.Now()
		err := dgw.Guard(ctx, n.hearTypingOnce)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n.c.log.Debug().Err(err).Msg("Socket for typing has ended")
		if errors.Is(err, dgw.ErrUnauthorized) {
			<-ctx.Done() // it is not for this session
			return ctx.Err()
		}
		if time.Since(began) > lasting {
			pause = n.c.cfg.TypingRetry
		}
		timer := time.NewTimer(max(pause, retryAfter(err)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause = min(2*pause, maxTypingPause)
	}
}

// terminatedError is the server's end of a subscription.
type terminatedError struct{ update stream.Update }

func (e *terminatedError) Error() string {
	return fmt.Sprintf("subscription has ended with reason %d", e.update.Reason)
}

// retryAfter is how long the server wants to be left alone.
func retryAfter(err error) time.Duration {
	var ended *terminatedError
	if errors.As(err, &ended) {
		return min(time.Duration(min(ended.update.RetryAfter, maxMillis))*time.Millisecond, maxTypingPause)
	}
	return 0
}

func (n *connection) hearTypingOnce(ctx context.Context) error {
	conn, err := dgw.Dial(ctx, n.c.gatewayOptions(n.site, "streamcontroller", n.site.DeviceID,
		url.Values{"x-dgw-app-stream-group": {"group1"}}))
	if err != nil {
		return err
	}
	arrived := dgw.NewQueue[[]byte](maxQueued)
	return dgw.Together(ctx, conn.Serve,
		func(ctx context.Context) error {
			over := make(chan error, 1)
			if err := n.subscribeTyping(ctx, conn, arrived, over); err != nil {
				return err
			}
			select {
			case err := <-over:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		func(ctx context.Context) error {
			for {
				payload, err := arrived.Get(ctx)
				if err != nil {
					return err
				}
				if err = n.heardTyping(ctx, payload); err != nil {
					return err
				}
			}
		})
}

func (n *connection) subscribeTyping(ctx context.Context, conn *dgw.Conn, arrived *dgw.Queue[[]byte], over chan error) error {
	params, err := graphql.Encode(struct {
		Method    string `json:"x-dgw-app-XRSS-method"`
		Document  string `json:"x-dgw-app-XRSS-doc_id"`
		Hint      string `json:"x-dgw-app-XRSS-routing_hint"`
		Body      string `json:"x-dgw-app-xrs-body"`
		AcceptAck string `json:"x-dgw-app-XRS-Accept-Ack"`
		Referer   string `json:"x-dgw-app-XRSS-http_referer"`
	}{"FBGQLS:XDT_DIRECT_REALTIME_EVENT", n.c.document(opTyping), opTyping.friendly, "true", "RSAck", n.c.cfg.Site + "/direct/"})
	if err != nil {
		return err
	}
	s, err := conn.Open(ctx, dgw.OpenOptions{
		Params: []byte(params),
		Handle: func(d dgw.Delivery) {
			arrived.Put(d.Payload) // a notice that is lost among ten thousand is no loss
			d.Done(nil)
		},
		Ended: func(err error) { over <- err },
	})
	if err != nil {
		return err
	}
	body, err := graphql.Encode(struct {
		Input struct {
			User string `json:"user_id"`
		} `json:"input_data"`
		Options struct {
			OSS     bool `json:"useOSSResponseFormat"`
			Counter bool `json:"client_has_ods_usecase_counters"`
		} `json:"%options"`
	}{
		struct {
			User string `json:"user_id"`
		}{n.site.IGID.String()},
		struct {
			OSS     bool `json:"useOSSResponseFormat"`
			Counter bool `json:"client_has_ods_usecase_counters"`
		}{true, true},
	})
	if err != nil {
		return err
	}
	return s.Send(ctx, stream.Request(body))
}

// heardTyping reads data of the socket and tells the Handler.
func (n *connection) heardTyping(ctx context.Context, payload []byte) error {
	updates, err := stream.Decode(payload)
	if err != nil {
		n.c.log.Debug().Err(err).Msg("Typing notice can't be read")
		return nil
	}
	for _, u := range updates {
		if u.Ended {
			return &terminatedError{u}
		}
		if len(u.Data) == 0 {
			continue
		}
		for _, typing := range readTyping(u.Data) {
			if typing.User != n.site.IGID {
				n.c.handler.HandleTyping(ctx, typing)
			}
		}
	}
	return nil
}

// defaultTypingTTL and maxTypingTTL are for notices that don't say how long they count, or absurdly.
const (
	defaultTypingTTL = 12 * time.Second
	maxTypingTTL     = time.Minute
)

// readTyping reads who types out of what happened; what can't be read is left out.
func readTyping(data []byte) []Typing {
	var answer struct {
		Data struct {
			Event struct {
				Patches []struct {
					Path  text `json:"path"`
					Value text `json:"value"`
				} `json:"data"`
			} `json:"xdt_direct_realtime_event"`
		} `json:"data"`
	}
	if unmarshal(data, &answer) != nil {
		return nil
	}
	var list []Typing
	for _, patch := range answer.Data.Event.Patches {
		rest, ok := strings.CutPrefix(string(patch.Path), "/direct_v2/threads/")
		thread, what, _ := strings.Cut(rest, "/")
		id, valid := parseLongID(thread)
		if !ok || !valid || !strings.HasPrefix(what, "activity_indicator_id/") {
			continue
		}
		var value struct {
			Sender IGID  `json:"sender_id"`
			TTL    int64 `json:"ttl"`
			Status int   `json:"activity_status"`
		}
		if json.Unmarshal([]byte(patch.Value), &value) != nil || value.Sender == 0 {
			continue
		}
		ttl := defaultTypingTTL
		if value.TTL > 0 {
			ttl = min(time.Duration(min(value.TTL, maxTypingTTL.Milliseconds()))*time.Millisecond, maxTypingTTL)
		}
		list = append(list, Typing{id, value.Sender, value.Status != 0, ttl})
	}
	return list
}
