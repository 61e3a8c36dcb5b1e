package instagram

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/ledger"
	"crosschat/connector/metalogin"
	"crosschat/connector/metaweb/web"
)

// receiver takes what the wire brings to a login, in the wire's goroutines.
type receiver struct{ c *Client }

var _ wire.Handler = (*receiver)(nil)

// Connected implements wire.Handler.
func (r *receiver) Connected(context.Context) {
	r.c.online.Set(true)
	r.c.login.BridgeState.Send(status.BridgeState{StateEvent: status.StateConnected})
	r.c.FillChats()
}

// SaveState implements wire.Handler.
func (r *receiver) SaveState(ctx context.Context, state wire.State) error {
	return metalogin.StoreState(ctx, &r.c.network.db.Instagram().Meta, r.c.login.ID, state)
}

// CookiesChanged implements wire.Handler.
func (r *receiver) CookiesChanged(*web.Cookies) {
	c := r.c
	if err := metalogin.StoreCredentials(context.WithoutCancel(c.ctx), &c.network.db.Instagram().Meta, c.login.ID, c.session.credentials); err != nil {
		c.log.Error().Err(err).Msg("Could not store changed cookies")
	}
}

// HandleTyping implements wire.Handler. Typing is not kept by anyone: it is queued and forgotten.
func (r *receiver) HandleTyping(_ context.Context, typing wire.Typing) {
	c := r.c
	short, ok := c.known.threadByLong(typing.Thread)
	if !ok || typing.User == c.self || typing.User == 0 {
		return
	}
	t, _ := c.known.thread(short)
	key, ok := c.portalKey(short, t)
	if !ok || t.hidden() {
		return
	}
	event := &simplevent.Typing{EventMeta: c.meta(bridgev2.RemoteEventTyping, key, c.as(typing.User), time0)}
	if typing.Active {
		event.Timeout = min(max(typing.TTL, time.Second), longestTyping)
	}
	c.login.QueueRemoteEvent(event)
}

// longestTyping is more than any client counts one notice.
const longestTyping = 15 * time.Second

// HandleThreads implements wire.Handler. The oldest come first, so that the newest end on top.
func (r *receiver) HandleThreads(ctx context.Context, threads []wire.Thread, source wire.Source) error {
	c := r.c
	if !c.work.Begin() {
		return errNobody
	}
	defer c.work.Done()
	for i := range slices.Backward(threads) {
		t := &threads[i]
		waits, err := c.listed(ctx, t, source)
		if err != nil {
			return err
		}
		if !waits {
			if err = c.bring(ctx, t.IDs.Short, t, source, time.Time{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// HandleEvent implements wire.Handler: it returns nil when the event is in Matrix or in our database.
func (r *receiver) HandleEvent(ctx context.Context, event wire.Event) error {
	c := r.c
	if !c.work.Begin() {
		return errNobody
	}
	defer c.work.Done()
	short := event.At().Thread
	if message, ok := event.(wire.NewMessage); ok && short == 0 {
		short = message.Message.Thread
	}
	if short == 0 {
		c.log.Debug().Type("event_type", event).Msg("Ignored an event that is in no thread")
		return nil
	}
	var heard time.Time
	if message, ok := event.(wire.NewMessage); ok {
		heard = message.Message.Time
	}
	t, ok := c.known.thread(short)
	if !ok {
		fetched, err := c.fetchThread(ctx, short)
		if errors.Is(err, errNoThread) {
			c.log.Debug().Type("event_type", event).Msg("Ignored an event in a thread that there is not")
			return nil
		} else if err != nil {
			return err
		}
		// It brings the event along, if that is a message.
		if err = c.bring(ctx, short, fetched, sourceEvent, heard); err != nil {
			return err
		}
		t, _ = c.known.thread(short)
	} else if _, ok := event.(wire.NewMessage); ok && t.Owed {
		if err := c.bring(ctx, short, nil, sourceEvent, heard); err != nil && !errors.Is(err, errNoThread) {
			return err
		}
	}
	return c.handle(ctx, short, t, event)
}

// sourceEvent is a thread of which the first is heard by an event.
const sourceEvent wire.Source = "event"

// handle brings one event of a thread that is known.
func (c *Client) handle(ctx context.Context, short wire.ShortID, t thread, event wire.Event) error {
	key, ok := c.portalKey(short, t)
	if !ok {
		c.log.Warn().Type("event_type", event).Stringer("thread", short).Msg("Ignored an event in a chat with nobody")
		return nil
	}
	switch e := event.(type) {
	case wire.NewMessage:
		return c.message(ctx, key, t, e.Message)
	case wire.MessageEdited:
		return c.whenThere(ctx, e.Message, func(ctx context.Context) error { return c.edited(ctx, e.Message, e.Text, e.Time) })
	case wire.MessageUnsent:
		return c.whenThere(ctx, e.Message, func(ctx context.Context) error { return c.unsent(ctx, e.Message) })
	case wire.ReactionAdded:
		if err := c.noteReaction(ctx, e.Message, e.Reaction); err != nil {
			return err
		}
		return c.whenThere(ctx, e.Message, func(ctx context.Context) error { return c.reacted(ctx, t, e.Message, e.Reaction) })
	case wire.ReactionRemoved:
		mid, r, err := c.removedReaction(ctx, e.Message, e.Reaction)
		if err != nil || mid == "" {
			return err
		}
		return c.whenThere(ctx, mid, func(ctx context.Context) error { return c.unreacted(ctx, t, mid, r) })
	case wire.PeerRead:
		return c.read(ctx, key, t, e.Receipt)
	case wire.SelfRead:
		return c.receipt(ctx, key, c.as(c.self), e.UpTo)
	case wire.MarkedUnread:
		return c.markedUnread(ctx, short, key, e.Unread)
	case wire.ThreadHidden:
		return c.hideThread(ctx, short, key)
	case wire.MessagesPinned:
		c.log.Debug().Msg("Pinned messages are not bridged")
		return nil
	default:
		return c.changeThread(ctx, short, event)
	}
}

// read moves somebody's read receipt.
func (c *Client) read(ctx context.Context, key networkid.PortalKey, t thread, r wire.ReadReceipt) error {
	sender, err := c.sender(ctx, t, r.Reader, nil)
	if err != nil || sender.Sender == "" {
		return err
	}
	return c.receipt(ctx, key, sender, r.UpTo)
}

func (c *Client) receipt(ctx context.Context, key networkid.PortalKey, reader bridgev2.EventSender, upTo time.Time) error {
	if upTo.UnixMilli() <= 0 {
		return nil
	}
	meta := c.meta(bridgev2.RemoteEventReadReceipt, key, reader, upTo)
	return c.deliver(ctx, "", meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Receipt{EventMeta: meta, ReadUpTo: upTo}
	})
}

func (c *Client) markedUnread(ctx context.Context, short wire.ShortID, key networkid.PortalKey, unread bool) error {
	if _, _, err := c.known.learn(ctx, func(change *change) {
		change.thread(short, func(t *thread) { t.Unread = unread })
	}); err != nil {
		return err
	}
	meta := c.meta(bridgev2.RemoteEventMarkUnread, key, c.as(c.self), time0)
	return c.deliver(ctx, "", meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.MarkUnread{EventMeta: meta, Unread: unread}
	})
}

// hideThread follows the account, which has deleted a chat for itself.
func (c *Client) hideThread(ctx context.Context, short wire.ShortID, key networkid.PortalKey) error {
	meta := c.meta(bridgev2.RemoteEventChatDelete, key, c.as(c.self), time0)
	err := c.deliver(ctx, "", meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.ChatDelete{EventMeta: meta, OnlyForMe: true}
	})
	if err != nil {
		return err
	}
	return c.learn(ctx, func(change *change) { change.forget(short) })
}

// time0 is the time of what has none: now.
var time0 time.Time

// meta is the head of an event.
func (c *Client) meta(kind bridgev2.RemoteEventType, key networkid.PortalKey, sender bridgev2.EventSender, at time.Time) simplevent.EventMeta {
	if at.UnixMilli() <= 0 {
		at = time.Now()
	}
	return simplevent.EventMeta{
		Type: kind, PortalKey: key, Sender: sender, Timestamp: at,
		LogContext: func(log zerolog.Context) zerolog.Context { return log.Str("portal_id", string(key.ID)) },
	}
}

// deliver is the ledger's. key is that of ledger.DeliverOnce, empty for what sends no event.
func (c *Client) deliver(ctx context.Context, key string, meta simplevent.EventMeta, build func(simplevent.EventMeta) bridgev2.RemoteEvent) error {
	return ledger.DeliverOnce(ctx, c.login, key, meta, build)
}
