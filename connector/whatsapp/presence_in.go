package whatsapp

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	crosschatdb "crosschat/database"
)

// Whether contacts are online shows as their puppets' presence, for users who have switched that on. WhatsApp has to be
// asked for each contact, and tells only what the contact lets be seen.

const (
	// mostWatched bounds for how many chats presence is asked for when a connection begins.
	mostWatched = 100
	// presenceRenewal is how often somebody's being online is said again: Synapse takes who does not sync for offline after
	// half a minute.
	presenceRenewal = 20 * time.Second
	// longestOnline is after what time without news somebody no longer counts as online.
	longestOnline = 30 * time.Minute
)

// watched are the contacts whose presence was asked for over the present connection. The zero value is none.
type watched struct {
	lock   sync.Mutex
	asked  map[types.JID]bool
	online map[types.JID]time.Time // since when
}

// add is false if the contact is watched already.
func (w *watched) add(who types.JID) bool {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.asked[who] {
		return false
	}
	if w.asked == nil {
		w.asked = make(map[types.JID]bool)
	}
	w.asked[who] = true
	return true
}

// reset forgets everything and returns who was online.
func (w *watched) reset() (online []types.JID) {
	w.lock.Lock()
	defer w.lock.Unlock()
	for who := range w.online {
		online = append(online, who)
	}
	w.asked, w.online = nil, nil
	return online
}

func (w *watched) set(who types.JID, online bool) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if !online {
		delete(w.online, who)
		return
	}
	if w.online == nil {
		w.online = make(map[types.JID]time.Time)
	}
	w.online[who] = time.Now()
}

// current is who is online, without those of whom there was no news for too long.
func (w *watched) current() (online []types.JID) {
	w.lock.Lock()
	defer w.lock.Unlock()
	for who, since := range w.online {
		if time.Since(since) > longestOnline {
			delete(w.online, who)
			continue
		}
		online = append(online, who)
	}
	return online
}

// watch asks for a contact's presence, once a connection.
func (c *Client) watch(chat types.JID) {
	if _, ok := person(chat); !ok || chat == c.self || !c.watches.Load() || !c.online.Open() || !c.watched.add(chat) {
		return
	}
	c.goDo("presence", func() {
		if err := c.wa.SubscribePresence(c.ctx, chat); err != nil {
			c.log.Debug().Err(err).Msg("Could not ask for a contact's presence")
		}
	})
}

// watchAll asks for the presence of those that the user has chats with.
func (c *Client) watchAll() {
	if !c.watches.Load() {
		return
	}
	portals, err := c.network.bridge.DB.UserPortal.GetAllForLogin(c.ctx, c.login.UserLogin)
	if err != nil {
		c.fault(err, "Could not list the rooms to ask for presence")
		return
	}
	for _, portal := range portals[:min(len(portals), mostWatched)] {
		if chat, err := parseID(portal.Portal.ID); err == nil {
			c.watch(chat)
		}
	}
}

// keepPresence runs for as long as the login is connected.
func (c *Client) keepPresence() {
	ticker := time.NewTicker(presenceRenewal)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for _, who := range c.watched.current() {
				c.showPresence(c.ctx, who, event.PresenceOnline, "")
			}
		case <-c.ctx.Done():
			// What nobody renews ends by itself.
			return
		}
	}
}

// onPresence is news of a contact's presence.
func (c *Client) onPresence(evt *events.Presence) {
	who, ok := c.peer(c.ctx, evt.From, types.EmptyJID)
	if !ok || !c.watches.Load() {
		return
	}
	c.watched.set(who, !evt.Unavailable)
	c.goDo("presence", func() {
		switch {
		case !evt.Unavailable:
			c.showPresence(c.ctx, who, event.PresenceOnline, "")
		case evt.LastSeen.IsZero():
			c.showPresence(c.ctx, who, event.PresenceOffline, "")
		default:
			c.showPresence(c.ctx, who, event.PresenceOffline, "Last seen "+moment(evt.LastSeen))
		}
	})
}

func (c *Client) showPresence(ctx context.Context, who types.JID, state event.Presence, message string) {
	ghost, err := c.network.bridge.GetExistingGhostByID(ctx, mustID[networkid.UserID](who))
	if err != nil || ghost == nil {
		return
	}
	intent, ok := ghost.Intent.(*matrix.ASIntent)
	if !ok {
		return
	}
	if err = intent.Matrix.SetPresence(ctx, mautrix.ReqPresence{Presence: state, StatusMsg: message}); err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Could not show a contact's presence")
	}
}

// endPresence shows those as offline whose presence nobody tells of any more.
func (c *Client) endPresence() {
	for _, who := range c.watched.reset() {
		c.showPresence(c.ctx, who, event.PresenceOffline, "")
	}
}

// commandPresence switches the contacts' presence on and off.
func commandPresence() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "whatsapp-presence",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "Show whether your WhatsApp contacts are online, or stop it. WhatsApp tells it while you show as online, too",
			Args:        "<on|off>",
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			if len(ce.Args) != 1 || ce.Args[0] != "on" && ce.Args[0] != "off" {
				ce.Reply("Usage: `$cmdprefix whatsapp-presence <on|off>`")
				return
			}
			c := clientOf(ce)
			if c == nil {
				return
			}
			on := ce.Args[0] == "on"
			if err := c.remember(func(meta *crosschatdb.WhatsAppUserLogin) { meta.ShowPresence = on }); err != nil {
				ce.Log.Err(err).Msg("Could not store whether presence is shown")
				ce.Reply("That could not be stored; try again.")
				return
			}
			c.watches.Store(on)
			if on {
				c.watchAll()
				ce.Reply("Your contacts' presence will be shown.")
				return
			}
			c.goDo("presence", c.endPresence)
			ce.Reply("Your contacts' presence will not be shown any more.")
		},
	}
}
