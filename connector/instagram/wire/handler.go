package wire

import (
	"context"
	"time"

	"crosschat/connector/metaweb/web"
)

// Source says why a thread is handed over.
type Source string

// Sources of threads.
const (
	// FromInbox is the beginning: nothing is known of what happened before, neither of messages nor of settings. What is newer
	// than what is stored is to be fetched with Client.Thread and Client.History. At the first beginning these are the newest
	// threads only; Client.Listed leads to the others. Later they are all that have had activity since the end.
	FromInbox Source = "inbox"
	// FromRequests is the poll of the message requests, of which nothing else tells.
	FromRequests Source = "requests"
)

// Handler takes what a Client brings. HandleThreads, HandleEvent and SaveState are called by one goroutine of the Client, one
// at a time and in order; HandleThreads with FromRequests may be called beside them by another. All may call the Client's
// methods.
type Handler interface {
	// HandleThreads returns nil when everything about the threads is dealt with for good. With FromInbox, what happened after
	// the threads were listed comes as events behind it; an error ends Serve, and the next one lists them anew. With
	// FromRequests an error is only logged: they come again with the next poll.
	HandleThreads(ctx context.Context, threads []Thread, source Source) error
	// HandleEvent returns nil when the event is dealt with for good: then the cursor moves past it, and after the batch it is
	// acknowledged. An error ends the connection, and the event comes again on the next one. Events may come more than once in
	// any case.
	HandleEvent(ctx context.Context, event Event) error
	// SaveState stores how far things have been handled, and what spares page loads. An error ends the connection. The state
	// holds the session's tokens: it is as secret as the cookies.
	SaveState(ctx context.Context, state State) error
	// Connected is called once a connection, when it has subscribed. What was missed comes behind it. It must not block.
	Connected(ctx context.Context)
	// HandleTyping is told who types, by a goroutine of its own. It must not block for long.
	HandleTyping(ctx context.Context, typing Typing)
	// Alert is told once what somebody who runs the bridge should know, by whatever goroutine finds out. It must not block.
	Alert(alert Alert)
	// CookiesChanged is called when the cookies should be stored, by whatever goroutine made the request. It must not block
	// for long.
	CookiesChanged(cookies *web.Cookies)
}

// Typing says that somebody types, or stopped.
type Typing struct {
	Thread LongID
	User   IGID
	Active bool
	// TTL is how long it counts, if it isn't said again.
	TTL time.Duration
}

// AlertKind is what an alert is about.
type AlertKind string

// Kinds of alerts.
const (
	// AlertStaleDocument means that an operation does not work until its id is set in the config or the program is renewed.
	AlertStaleDocument AlertKind = "stale_document"
	// AlertUnreadable means that something that happened could not be read and was skipped.
	AlertUnreadable AlertKind = "unreadable"
	// AlertProfessional means that the account's inbox has parts that this client does not list.
	AlertProfessional AlertKind = "professional"
)

// Alert is something that only whoever runs the bridge can mend.
type Alert struct {
	Kind       AlertKind
	Operation  string // of a stale document, its name in Config.Documents
	DocumentID string // the one that the server does not know
}
