package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/event"

	"crosschat/connector/meow"
)

// What WhatsApp refuses is never tried again at once: a client that hammers is what it bars accounts for. It refuses a
// message by the number in its acknowledgement, or what a message needs (devices, keys, members, room for a file) by that
// of a reply (sections 6, 7.2 and 16 of the protocol notes, and whatsmeow's errors):
//
//	463                       the account may not start new chats for a while: fails, and that chat is not tried before
//	419, 429, 500, 503, 530   too much at once, or the server is not well: held, with growing pauses, as long as a message
//	                          may wait
//	everything else           is final and fails with its reason
//
// A whole connection is refused by events: see (*Client).onState.
const (
	codeBarred = 463
	// codeStale is also what a malformed message gets.
	codeStale = 479

	// firstHold is the first pause after WhatsApp has said that it is too much.
	firstHold = 5 * time.Second
	longHold  = time.Minute
)

// refusalCode is the number with which the server has refused something, 0 if it has not.
func refusalCode(err error) int {
	var iq *whatsmeow.IQError
	switch {
	case errors.As(err, &iq):
		return iq.Code
	case errors.Is(err, whatsmeow.ErrServerReturnedError):
		text := err.Error()
		code, _ := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1:])
		return code
	default:
		return 0
	}
}

// isBusy is whether a number means too much at once, or that the server is not well.
func isBusy(code int) bool {
	switch code {
	case 419, 429, 500, 503, 530:
		return true
	default:
		return false
	}
}

// lookupError says what a user can make of a question about somebody that was not answered.
func lookupError(ctx context.Context, err error) error {
	switch code := refusalCode(err); {
	case isBusy(code):
		return fmt.Errorf("WhatsApp answers no more such questions just now; wait a while before you ask again (error %d)", code)
	case code != 0:
		return fmt.Errorf("WhatsApp does not answer that (error %d)", code)
	case ctx.Err() != nil, meow.BrokenOff(ctx, err):
		return errors.New("WhatsApp can't be reached; try again later")
	default:
		return err
	}
}

// refused notes what a refusal means for what is sent next, and says it in the error for bridgev2. hold is for how long
// the message is to wait before it is tried again, 0 if it has failed.
func (c *Client) refused(chat types.JID, err error, tries int) (hold time.Duration, explained error) {
	switch code := refusalCode(err); {
	case code == codeBarred:
		return 0, c.bar(chat, err)
	case isBusy(code):
		return min(firstHold<<min(tries, 8), longHold), nil
	default:
		return 0, nil
	}
}

// refusal explains a number to the user, and says whether another try may help.
func refusal(code int, chat types.JID) (text string, outcome event.MessageStatus) {
	group := chat.Server == types.GroupServer
	if isBusy(code) {
		return "WhatsApp takes no more messages just now; wait a while before you try again", event.MessageStatusRetriable
	}
	switch code {
	case 401, 403:
		if group {
			return "WhatsApp does not let you write here: you are not in the group any more, or only its admins may write", event.MessageStatusFail
		}
		return "WhatsApp does not let you write here", event.MessageStatusFail
	case 404, 410:
		if group {
			return "this group is not on WhatsApp any more", event.MessageStatusFail
		}
		return "this account is not on WhatsApp any more", event.MessageStatusFail
	case 423:
		return "WhatsApp has locked your account; see WhatsApp on your phone", event.MessageStatusRetriable
	case codeStale:
		return "WhatsApp refused the message because the contact's devices have changed; try again", event.MessageStatusRetriable
	default:
		return fmt.Sprintf("WhatsApp refused the message (error %d)", code), event.MessageStatusRetriable
	}
}
