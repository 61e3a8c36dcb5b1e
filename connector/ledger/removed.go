package ledger

import (
	"maps"
	"sync"
	"time"

	"maunium.net/go/mautrix/bridgev2/networkid"
)

const (
	// removedFor is how long a deleted message is remembered at least: it goes when another one comes.
	removedFor = 10 * time.Minute
	// mostRemoved bounds how many are; when there are more, only those of the last minute are kept, or none.
	mostRemoved = 1000
)

// removedList are the messages that their network deleted lately. With a message its row goes, by which a repeat would be
// recognised; and a network that is asked anew what happened since a moment tells of the message again, and then of its deletion.
// The homeserver mostly knows the repeat, but forgets it when it is restarted.
type removedList struct {
	lock sync.Mutex
	at   map[removedMessage]time.Time
}

type removedMessage struct {
	login networkid.UserLoginID
	id    networkid.MessageID
}

func (r *removedList) add(login networkid.UserLoginID, id networkid.MessageID) {
	r.lock.Lock()
	defer r.lock.Unlock()
	limit := removedFor
	if len(r.at) >= mostRemoved {
		limit = time.Minute
	}
	maps.DeleteFunc(r.at, func(_ removedMessage, at time.Time) bool { return time.Since(at) > limit })
	if r.at == nil || len(r.at) >= mostRemoved {
		r.at = make(map[removedMessage]time.Time)
	}
	r.at[removedMessage{login, id}] = time.Now()
}

func (r *removedList) has(login networkid.UserLoginID, id networkid.MessageID) bool {
	r.lock.Lock()
	defer r.lock.Unlock()
	_, removed := r.at[removedMessage{login, id}]
	return removed
}
