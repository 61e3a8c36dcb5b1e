package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
)

const (
	// overtakenFor is how long something waits for the message that it is about.
	overtakenFor = 10 * time.Minute
	// mostOvertaken bounds what waits; of more, the oldest goes.
	mostOvertaken = 500
)

// WhenThere does something about a network's message when that is here: at once, if its row is stored, else right behind
// DeliverMessage of it. A network that delivers things out of order may tell of an edit, a reaction or a deletion before it
// delivers the message. What comes too late or after a restart is forgotten, for most of what is about a message that is not
// here is about one that is never to be. do is called in the goroutine that receives, and may call Deliver; its error is that
// of WhenThere or DeliverMessage, and then it is called again when that is.
func WhenThere(ctx context.Context, login *bridgev2.UserLogin, id networkid.MessageID, do func(context.Context) error) error {
	l := of(login.Bridge)
	here, err := isHere(ctx, login, id)
	switch {
	case err != nil:
		return err
	case here:
		return do(ctx)
	case l == nil:
		return nil
	}
	l.overtaken.add(overtaken{login.ID, id, time.Now(), do})
	if here, err = isHere(ctx, login, id); err != nil || !here {
		return err
	}
	return l.overtaken.do(ctx, login.ID, id) // it came meanwhile
}

func isHere(ctx context.Context, login *bridgev2.UserLogin, id networkid.MessageID) (bool, error) {
	row, err := login.Bridge.DB.Message.GetFirstPartByID(ctx, login.ID, id)
	if err != nil {
		return false, fmt.Errorf("look for message %q: %w", id, err)
	}
	return row != nil, nil
}

// overtaken is what was told of a message before it came.
type overtaken struct {
	login networkid.UserLoginID
	id    networkid.MessageID
	at    time.Time
	do    func(context.Context) error
}

// overtakenList is in the order in which things were told.
type overtakenList struct {
	lock sync.Mutex
	list []overtaken
}

func (o *overtakenList) add(one overtaken) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.list = slices.DeleteFunc(o.list, func(old overtaken) bool { return one.at.Sub(old.at) > overtakenFor })
	if len(o.list) >= mostOvertaken {
		o.list = slices.Delete(o.list, 0, 1)
	}
	o.list = append(o.list, one)
}

// take takes out what is about a message.
func (o *overtakenList) take(login networkid.UserLoginID, id networkid.MessageID) (taken []overtaken) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.list = slices.DeleteFunc(o.list, func(one overtaken) bool {
		about := one.login == login && one.id == id
		if about {
			taken = append(taken, one)
		}
		return about
	})
	return taken
}

// do does what is about a message that has come. What fails is kept.
func (o *overtakenList) do(ctx context.Context, login networkid.UserLoginID, id networkid.MessageID) error {
	var errs []error
	for _, one := range o.take(login, id) {
		if err := one.do(ctx); err != nil {
			errs = append(errs, err)
			o.add(one)
		}
	}
	return errors.Join(errs...)
}
